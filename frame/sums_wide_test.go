package frame

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// TestWideFloat: the nearest float64, after math/big.
func TestWideFloat(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		w := wide{rng.Uint64(), uint64(int64(rng.Uint64()) >> rng.IntN(64))}
		if rng.IntN(2) == 0 {
			w.lo &= math.MaxUint64 << rng.IntN(64) // often half way between two
		}
		x := new(big.Int).Lsh(big.NewInt(int64(w.hi)), 64)
		x.Add(x, new(big.Int).SetUint64(w.lo))
		want, _ := new(big.Float).SetInt(x).Float64()
		if got := w.float64(); got != want {
			t.Fatalf("%v: %v, want %v", x, got, want)
		}
	}
}

// TestGroupByMeans: the mean of whole numbers is that of their exact sum, on any number of ranks; a median between infinities is one.
func TestGroupByMeans(t *testing.T) {
	for _, n := range ranksOfTest {
		err := collective.RunLocal(n, func(c collective.Comm) error {
			m := checked(t)
			lo, hi := collective.Share(3, c.Rank(), n)
			tab := int64Table(m, []string{"k", "x"}, make([]int64, hi-lo), []int64{1 << 53, 1, -1 << 53}[lo:hi])
			defer tab.Release()
			out, err := GroupBy(c, tab, []string{"k"}, Agg{Column: "x", Func: "mean"})
			if err != nil {
				return err
			}
			defer out.Release()
			if v, _ := out.Float64s("x_mean"); len(v) == 1 && v[0] != 1.0/3 {
				t.Errorf("on %d: %v", n, v)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A rank with too many rows for 32-bit numbers is an error of all, before anything is done.
func TestAggregateFitsRows(t *testing.T) {
	for name, op := range map[string]func(c collective.Comm, t *Table) (*Table, error){
		"aggregate": func(c collective.Comm, t *Table) (*Table, error) {
			return ScalarAggregate(c, t, Agg{Column: "x", Func: "sum"})
		},
		"describe": Describe,
	} {
		err := collective.RunLocal(2, func(c collective.Comm) error {
			_, err := op(c, &Table{schema: arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil), rows: c.Rank() * int(noRow)})
			if err == nil || !strings.Contains(err.Error(), "frame: "+name+": 4294967295 rows on one rank") {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
