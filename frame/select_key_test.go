package frame

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"deeprc/collective"
)

func TestSelectKeys(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		all := make([]uint64, 1+rng.IntN(500))
		for i := range all {
			all[i] = rng.Uint64() >> (seed * 8)
			if seed == 3 {
				all[i] = math.MaxUint64
			}
		}
		sorted := slices.Sorted(slices.Values(all))
		n := int64(len(all))
		ks := []int64{0, n - 1, n / 2, n / 2, n / 3, max(0, n-2)}
		for _, ranks := range ranksOfTest {
			if err := collective.RunLocal(ranks, func(c collective.Comm) error {
				lo, hi := collective.Share(len(all)*(c.Rank()%2), c.Rank(), c.Size()) // even ranks have none
				if ranks == 1 {
					lo, hi = 0, len(all)
				}
				mine := all[lo:hi]
				if c.Rank() == c.Size()-1 && ranks > 1 { // what the others lack
					mine = nil
					for i, x := range all {
						own := false
						for r := 1; r < ranks-1; r += 2 {
							a, b := collective.Share(len(all), r, ranks)
							own = own || a <= i && i < b
						}
						if !own {
							mine = append(mine, x)
						}
					}
				}
				got, err := selectKeys(c, checked(t), mine, ks)
				for i, k := range ks {
					if err == nil && got[i] != sorted[k] {
						t.Errorf("seed %d, %d ranks: key %d of %d is %x, want %x", seed, ranks, k, n, got[i], sorted[k])
					}
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestSortable(t *testing.T) {
	x := []float64{math.Inf(-1), -math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1, math.MaxFloat64, math.Inf(1), math.NaN()}
	for i, a := range x {
		if b := wordFloat(sortable(a)); b != a && a == a || a != a && b == b {
			t.Errorf("%v becomes %v", a, b)
		}
		if i > 0 && sortable(x[i-1]) >= sortable(a) {
			t.Errorf("%v is not below %v", x[i-1], a)
		}
	}
	if sortable(math.Copysign(0, -1)) != sortable(0) {
		t.Error("-0 is not 0")
	}
}

func TestBetween(t *testing.T) {
	inf, top := math.Inf(1), math.MaxFloat64
	for _, c := range [][4]float64{{2, 4, .25, 2.5}, {-top, top, .5, 0}, {top, top, .3, top}, {-inf, -inf, .5, -inf}, {-inf, 5, .5, -inf}, {5, inf, .5, inf}} {
		if got := between(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%g of the way from %g to %g is %g, want %g", c[2], c[0], c[1], got, c[3])
		}
	}
	if got := between(-inf, inf, .5); !math.IsNaN(got) {
		t.Errorf("half way between the infinities is %g", got)
	}
}
