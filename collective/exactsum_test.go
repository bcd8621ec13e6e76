package collective

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// wide is a finite float64 of any exponent.
func wide(r *rand.Rand) float64 {
	for {
		if x := math.Float64frombits(r.Uint64()); !math.IsNaN(x) && !math.IsInf(x, 0) {
			return x
		}
	}
}

func bigSum(xs []float64) float64 {
	sum := new(big.Float).SetPrec(4096)
	for _, x := range xs {
		sum.Add(sum, new(big.Float).SetFloat64(x))
	}
	f, _ := sum.Float64()
	return f
}

func exactOf(xs []float64) float64 {
	var s ExactSum
	for _, x := range xs {
		s.Add(x)
	}
	return s.Float64()
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestExactSumAgainstBig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := []func() float64{
		func() float64 { return wide(r) },
		func() float64 { return math.Ldexp(r.Float64()-0.5, -1070+r.IntN(8)) }, // subnormal
		func() float64 { return math.Ldexp(1, r.IntN(120)-60) },                // ties
		func() float64 { return float64(r.IntN(2001)-1000) / 10 },
		func() float64 { return math.Copysign(math.MaxFloat64, r.Float64()-0.5) },
	}
	for trial := range 4000 {
		f := draw[trial%len(draw)]
		xs := make([]float64, 1+r.IntN(40))
		for i := range xs {
			xs[i] = f()
			if i > 0 && r.IntN(4) == 0 {
				xs[i] = -xs[i-1] // cancellation
			}
		}
		want := bigSum(xs)
		if got := exactOf(xs); !same(got, want) {
			t.Fatalf("trial %d: sum of %v is %v (%x), want %v (%x)", trial, xs, got, math.Float64bits(got), want, math.Float64bits(want))
		}
	}
}

func TestExactSumHalfEven(t *testing.T) {
	ulp := math.Ldexp(1, -52)
	for _, c := range []struct {
		xs   []float64
		want float64
	}{
		{[]float64{1, ulp / 2}, 1},
		{[]float64{1, ulp / 2, math.SmallestNonzeroFloat64}, 1 + ulp},
		{[]float64{1 + ulp, ulp / 2}, 1 + 2*ulp},
		{[]float64{2 - ulp, ulp / 2}, 2},
		{[]float64{-1, -ulp / 2, -math.SmallestNonzeroFloat64}, -1 - ulp},
		{[]float64{1e308, 1e308, -1e308}, 1e308},
		{[]float64{math.MaxFloat64, math.Ldexp(1, 969)}, math.MaxFloat64},
		{[]float64{math.MaxFloat64, math.Ldexp(1, 970)}, math.Inf(1)},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, math.Inf(1)},
		{[]float64{-math.MaxFloat64, -math.MaxFloat64}, math.Inf(-1)},
		{[]float64{math.Inf(1), 3}, math.Inf(1)},
		{[]float64{math.Inf(-1), math.Inf(1)}, math.NaN()},
		{[]float64{math.NaN(), 1}, math.NaN()},
		{nil, 0},
	} {
		if got := exactOf(c.xs); !same(got, c.want) {
			t.Errorf("sum of %v is %v, want %v", c.xs, got, c.want)
		}
	}
}

func TestExactSumOrderAndRanks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	xs := make([]float64, 5000)
	for i := range xs {
		xs[i] = math.Ldexp(r.NormFloat64(), r.IntN(200)-100)
	}
	want := exactOf(xs)
	for range 20 {
		r.Shuffle(len(xs), func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
		var a, b ExactSum
		for i, x := range xs {
			if i%3 == 0 {
				a.Add(x)
			} else {
				b.Add(x)
			}
		}
		a.Merge(&b)
		if got := a.Float64(); got != want {
			t.Fatalf("another order gives %v, want %v", got, want)
		}
	}
	for _, n := range []int{1, 2, 5} {
		err := RunLocal(n, func(c Comm) error {
			var s [2]ExactSum
			for i := c.Rank(); i < len(xs); i += n {
				s[0].Add(xs[i])
				s[1].Add(-xs[i])
			}
			if c.Rank() == n-1 {
				s[1].Add(math.Inf(-1))
			}
			if err := AllReduceExact(c, s[:]); err != nil {
				return err
			}
			if got := s[0].Float64(); got != want {
				t.Errorf("%d ranks: %v, want %v", n, got, want)
			}
			if got := s[1].Float64(); !math.IsInf(got, -1) {
				t.Errorf("%d ranks: %v, want -Inf", n, got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestExactSumHeadroom starts just below the forced normalise with all limbs as full as they can be.
func TestExactSumHeadroom(t *testing.T) {
	x := math.Float64frombits(0x432fffffffffffff)
	var s ExactSum
	s.Add(x)
	for i := range s.limb {
		s.limb[i] *= exactAdds - 2
	}
	s.adds = exactAdds - 2
	s.Add(x)
	s.Add(x)
	if s.adds > 1 {
		t.Fatalf("%d additions pending, want a normalise", s.adds)
	}
	if got, want := s.Float64(), x*exactAdds; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func BenchmarkExactSumAdd(b *testing.B) {
	var s ExactSum
	for i := range b.N {
		s.Add(float64(i) * 0.1)
	}
	if s.Float64() < 0 {
		b.Fatal("negative")
	}
}
