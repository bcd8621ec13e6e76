package frame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// replicated runs op on parts of rec and wants the same rows on every rank.
func replicated(t *testing.T, rec arrow.Record, op func(c collective.Comm, t *Table) (*Table, error)) []string {
	t.Helper()
	var first []string
	for n, rows := range onRanks(t, 5, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) { return op(c, tabs[0]) }) {
		rows = printed(rows)
		if first == nil {
			first = rows[:len(rows)/n]
		}
		for i, r := range rows {
			if len(rows) != n*len(first) || r != first[i%len(first)] {
				t.Fatalf("%d ranks: row %d is %s, want %s", n, i, r, first[i%len(first)])
			}
		}
	}
	return first
}

// Every number of ranks gives the same bits.
func TestScalarAggregate(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var rows []string
		var x []float64
		for range rng.IntN(100) {
			if v := rng.NormFloat64() * math.Pow(10, float64(rng.IntN(5))); rng.IntN(4) > 0 {
				x = append(x, v)
				rows = append(rows, fmt.Sprint(v))
			} else {
				rows = append(rows, "-")
			}
		}
		rec := record("x f64", strings.Join(rows, ";"))
		var aggs []Agg
		for _, fn := range aggFuncs {
			aggs = append(aggs, Agg{Column: "x", Func: fn, Q: 0.3})
		}
		got := strings.Fields(replicated(t, rec, func(c collective.Comm, t *Table) (*Table, error) { return ScalarAggregate(c, t, aggs...) })[0])
		for i, g := range aggs {
			want := byFormula(g.Func, x, 0.3)
			if g.Func == "count_distinct" {
				want = float64(len(x))
			}
			v := math.NaN()
			fmt.Sscan(got[i], &v)
			if !(math.Abs(v-want) <= 1e-12*math.Abs(want) || v != v && want != want) {
				t.Errorf("seed %d: %s is %v, want %v of %v", seed, g.Func, got[i], want, x)
			}
		}
	}
}

func TestScalarAggregateTypes(t *testing.T) {
	rec := record("g s, t d32, i i64, u u64, b b", `b 2020-01-31 9223372036854775807 18446744073709551615 true; - 2019-01-01 -9223372036854775808 - true; aa 2020-01-31 - 0 false; b - 3 - -`)
	for _, c := range []struct {
		g    Agg
		want string
	}{
		{Agg{Column: "g", Func: "count"}, "3"}, {Agg{Column: "g", Func: "count_distinct"}, "2"}, {Agg{Column: "g", Func: "min"}, "aa"},
		{Agg{Column: "g", Func: "last"}, "b"}, {Agg{Column: "t", Func: "min"}, "2019-01-01"}, {Agg{Column: "t", Func: "first"}, "2020-01-31"},
		{Agg{Column: "i", Func: "sum"}, "2"}, {Agg{Column: "b", Func: "sum"}, "2"}, {Agg{Column: "b", Func: "mean"}, "0.6666666666666666"}, {Agg{Column: "b", Func: "max"}, "true"},
		{Agg{Column: "u", Func: "sum"}, "18446744073709551615"}, {Agg{Column: "u", Func: "max"}, "18446744073709551615"},
	} {
		if got := replicated(t, rec, func(c0 collective.Comm, t *Table) (*Table, error) { return ScalarAggregate(c0, t, c.g) }); got[0] != c.want {
			t.Errorf("%+v: %s, want %s", c.g, got[0], c.want)
		}
	}
	rec = record("t d32, g s, v i64", "2020-01-31 a 9223372036854775807; - b 1")
	for _, c := range []struct {
		g    Agg
		want string
	}{
		{Agg{Column: "v", Func: "sum"}, `frame: aggregate: the sum of column "v" does not fit 64 bits; cast it to float64`},
		{Agg{Column: "t", Func: "mean"}, `frame: aggregate: column "t" is date32, which has no mean`},
	} {
		wantError(t, rec, c.want, func(c0 collective.Comm, t *Table) (*Table, error) {
			return ScalarAggregate(c0, t, Agg{Column: "g", Func: "count"}, c.g)
		})
	}
}

func TestDescribe(t *testing.T) {
	rec := record("g s, t d32, i i32, x f64, e f64", `b 2020-01-31 4 0.5 -; - 2019-01-01 2 - -; aa 2020-01-31 1 NaN -; b - 3 -1 -`)
	got := replicated(t, rec, Describe)
	want := []string{
		"g large_utf8 3 1 2 - - aa - - - b",
		"t date32 3 1 2 - - 2019-01-01 - - - 2020-01-31",
		"i int32 4 0 4 2.5 1.2909944487358056 1 1.75 2.5 3.25 4",
		"x float64 3 1 3 NaN NaN -1 -0.25 0.5 NaN NaN",
		"e float64 0 4 0 - - - - - - -",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s\nwant %s", got[i], want[i])
		}
	}
}
