package frame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

func TestRolling(t *testing.T) {
	rec := record("g s, t d32, x f64, i i32", `b 2020-01-02 8 1; a 2020-01-04 4 -; a 2020-01-01 1 7; b 2020-01-01 - 2; a 2020-01-02 - 5; a 2020-01-03 2 3; a 2020-01-07 16 9`)
	agg := func(col, fn string) Agg { return Agg{Column: col, Func: fn, As: "r"} }
	for _, c := range []struct {
		g    RollingAgg
		want string // the column, of a in time, then b
	}{
		{RollingAgg{Agg: agg("x", "sum"), Rows: 2}, "1 1 2 6 20 - 8"},
		{RollingAgg{Agg: agg("x", "sum"), Rows: 2, MinPeriods: 2}, "- - - 6 20 - -"},
		{RollingAgg{Agg: agg("x", "sum")}, "1 1 3 7 23 - 8"},
		{RollingAgg{Agg: agg("x", "mean"), Rows: 3, Center: true}, "1 1.5 3 7.333333333333333 10 8 8"},
		{RollingAgg{Agg: agg("x", "sum"), Span: "3d"}, "1 1 3 6 16 - 8"},
		{RollingAgg{Agg: agg("x", "sum"), Span: "3d", Center: true}, "1 3 6 6 16 8 8"},
		{RollingAgg{Agg: agg("x", "sum"), Span: "2d", Center: true}, "1 2 6 4 16 8 8"},
		{RollingAgg{Agg: agg("x", "count"), Rows: 2}, "1 1 1 2 2 0 1"},
		{RollingAgg{Agg: Agg{Column: "t", Func: "count", As: "r"}, Rows: 3}, "1 2 3 3 3 1 2"},
		{RollingAgg{Agg: agg("i", "sum"), Rows: 2}, "7 12 8 3 9 2 3"},
		{RollingAgg{Agg: agg("i", "min"), Rows: 3}, "7 5 3 3 3 2 1"},
		{RollingAgg{Agg: agg("i", "max"), Rows: 2}, "7 7 5 3 9 2 2"},
		{RollingAgg{Agg: agg("x", "first"), Rows: 2}, "1 1 2 2 4 - 8"},
		{RollingAgg{Agg: agg("x", "last"), Rows: 2}, "1 1 2 4 16 - 8"},
		{RollingAgg{Agg: agg("g", "max"), Rows: 2}, "a a a a a b b"},
		{RollingAgg{Agg: agg("x", "median"), Rows: 3}, "1 1 1.5 3 4 - 8"},
		{RollingAgg{Agg: Agg{Column: "x", Func: "quantile", Q: 1, As: "r"}}, "1 1 2 4 16 - 8"},
		{RollingAgg{Agg: agg("x", "var")}, "- - 0.5 2.333333333333333 48.25 - -"},
	} {
		var want []string
		keys := strings.Split("a 2020-01-01 1 7;a 2020-01-02 - 5;a 2020-01-03 2 3;a 2020-01-04 4 -;a 2020-01-07 16 9;b 2020-01-01 - 2;b 2020-01-02 8 1", ";")
		for i, x := range strings.Fields(c.want) {
			want = append(want, keys[i]+" "+x)
		}
		wantRows(t, fmt.Sprintf("%+v", c.g), rec, strings.Join(want, ";"), false, func(c0 collective.Comm, t *Table) (*Table, error) {
			return Rolling(c0, t, []string{"g"}, "t", c.g)
		})
	}
}

// A great value leaves nothing behind when the window has passed it.
func TestRollingForgets(t *testing.T) {
	rows := []string{"2020-01-01 1e18", "2020-01-02 +Inf", "2020-01-03 NaN"}
	for i := range 20 {
		rows = append(rows, fmt.Sprintf("2020-02-%02d 1e-9", i+1))
	}
	rec := record("t d32, x f64", strings.Join(rows, ";"))
	tab := cut(onlyRank(t), checked(t), rec, 0)
	defer tab.Release()
	for fn, want := range map[string]float64{"sum": 3e-9, "mean": 1e-9, "var": 0, "std": 0, "median": 1e-9} {
		out, err := Rolling(onlyRank(t), tab, nil, "t", RollingAgg{Agg: Agg{Column: "x", Func: fn, As: "r"}, Rows: 3})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := out.Float64s("r")
		for _, x := range got[6:] {
			if math.Abs(x-want) > 1e-24 {
				t.Errorf("%s: %v, want %v", fn, x, want)
			}
		}
		out.Release()
	}
}

// onlyRank is a world of one rank.
func onlyRank(t *testing.T) (c collective.Comm) {
	if err := collective.RunLocal(1, func(one collective.Comm) error { c = one; return nil }); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRollingAll compares every function with one that looks at each window's cells.
func TestRollingAll(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 0))
		n := rng.IntN(200)
		var rows []string
		type cell struct {
			g, day int
			x      float64
			ok     bool
		}
		var all []cell
		for range n {
			c := cell{rng.IntN(3), rng.IntN(60), float64(rng.IntN(20)) / 4, rng.IntN(4) > 0}
			all = append(all, c)
			text := "-"
			if c.ok {
				text = fmt.Sprint(c.x)
			}
			rows = append(rows, fmt.Sprintf("%d %d %s", c.g, c.day*86400, text))
		}
		slices.SortStableFunc(all, func(a, b cell) int { return (a.g-b.g)*1000 + a.day - b.day })
		rec := record("g i64, e i64, x f64", strings.Join(rows, ";"))
		rec = asTime(rec)
		for _, window := range []RollingAgg{{Rows: 1}, {Rows: 4}, {Rows: 5, Center: true, MinPeriods: 2}, {Span: "10d"}, {Span: "7d", Center: true}, {Span: "8d", Center: true}, {}, {Rows: 1000}} {
			for _, fn := range []string{"sum", "mean", "min", "max", "count", "var", "std", "median", "quantile", "first", "last"} {
				window.Agg = Agg{Column: "x", Func: fn, Q: 0.3, As: "r"}
				tab := cut(onlyRank(t), checked(t), rec, seed)
				out, err := Rolling(onlyRank(t), tab, []string{"g"}, "e", window)
				tab.Release()
				if err != nil {
					t.Fatal(err)
				}
				got, err := out.Float64s("r")
				if err != nil {
					t.Fatal(err)
				}
				out.Release()
				for i, c := range all {
					var in []float64
					first := slices.IndexFunc(all, func(o cell) bool { return o.g == c.g })
					for k, o := range all {
						if o.g != c.g {
							continue
						}
						d := float64(o.day - c.day)
						inside := false
						switch {
						case window.Rows > 0 && window.Center:
							inside = k >= i-window.Rows/2 && k <= i+(window.Rows-1)/2
						case window.Rows > 0:
							inside = k > i-window.Rows && k <= i
						case window.Span != "":
							var s float64
							fmt.Sscanf(window.Span, "%fd", &s)
							inside = d > -s && d <= 0
							if window.Center {
								inside = d > -s/2 && d <= s/2
							}
						default:
							inside = k >= first && k <= i
						}
						if inside && o.ok {
							in = append(in, o.x)
						}
					}
					want := byFormula(fn, in, 0.3)
					if fn != "count" && len(in) < window.MinPeriods {
						want = math.NaN()
					}
					if !(math.Abs(got[i]-want) < 1e-12 || got[i] != got[i] && want != want) {
						t.Fatalf("seed %d %+v row %d: %v, want %v of %v", seed, window, i, got[i], want, in)
					}
				}
			}
		}
	}
}

// asTime makes the second column of rec timestamps in seconds.
func asTime(rec arrow.Record) arrow.Record {
	a, err := castColumn(nil, rec.Column(1), &arrow.TimestampType{Unit: arrow.Second})
	if err != nil {
		panic(err)
	}
	fields, cols := rec.Schema().Fields(), slices.Clone(rec.Columns())
	fields[1].Type, cols[1] = a.DataType(), a
	return newTable(nil, fields, cols, int(rec.NumRows())).Record()
}

// byFormula is an aggregate by its formula; NaN is missing.
func byFormula(fn string, x []float64, q float64) float64 {
	n := float64(len(x))
	if fn == "count" {
		return n
	}
	if len(x) == 0 {
		return math.NaN()
	}
	sum, m2 := 0., 0.
	for _, v := range x {
		sum += v
	}
	for _, v := range x {
		m2 += (v - sum/n) * (v - sum/n)
	}
	sorted := slices.Sorted(slices.Values(x))
	quantile := func(q float64) float64 {
		at := q * (n - 1)
		k := int(at)
		if k+1 == len(x) {
			return sorted[k]
		}
		return sorted[k]*(1-at+float64(k)) + sorted[k+1]*(at-float64(k))
	}
	switch fn {
	case "sum":
		return sum
	case "mean":
		return sum / n
	case "var", "std":
		if n < 2 {
			return math.NaN()
		}
		if fn == "std" {
			return math.Sqrt(m2 / (n - 1))
		}
		return m2 / (n - 1)
	case "median":
		return quantile(0.5)
	case "quantile":
		return quantile(q)
	case "min":
		return sorted[0]
	case "max":
		return sorted[len(x)-1]
	case "first":
		return x[0]
	}
	return x[len(x)-1]
}

// The squares of these numbers are beyond float64.
func TestRollingSpreadOfGreatNumbers(t *testing.T) {
	rec := record("t d32, x f64", `2020-01-01 1e200; 2020-01-02 1e200; 2020-01-03 1e200`)
	wantRows(t, "var", rec, `2020-01-01 1e+200 -; 2020-01-02 1e+200 0; 2020-01-03 1e+200 0`, true, func(c collective.Comm, t *Table) (*Table, error) {
		return Rolling(c, t, nil, "t", RollingAgg{Agg: Agg{Column: "x", Func: "var", As: "r"}, Rows: 2})
	})
}

func TestRollingErrors(t *testing.T) {
	rec := record("g s, t d32, x f64, i i64", `b 2020-01-31 1 9223372036854775807; a 2020-01-31 2 2; b 2020-01-31 4 5`)
	x := Agg{Column: "x", Func: "sum", As: "r"}
	for _, c := range []struct {
		g    RollingAgg
		want string
	}{
		{RollingAgg{Agg: x, Rows: -1}, `frame: rolling: column "r": a window of -1 rows`},
		{RollingAgg{Agg: x, Rows: 2, Span: "1d"}, `frame: rolling: column "r": give the window either in rows or as a span of time`},
		{RollingAgg{Agg: x, Center: true}, `column "r": an expanding window has no centre; give rows or a span`},
		{RollingAgg{Agg: x, Rows: 2, MinPeriods: 3}, `column "r": a window of 2 rows never has 3 cells`},
		{RollingAgg{Agg: x, Span: "1mo"}, `column "r": span "1mo": months and years differ in length; give days`},
		{RollingAgg{Agg: x, Span: "1h"}, `column "r": span "1h": the time column counts in steps of 1d`},
		{RollingAgg{Agg: Agg{Column: "x", Func: "sum", As: "t"}, Rows: 2}, `two columns of the result would be named "t"; choose another name`},
		{RollingAgg{Agg: Agg{Column: "x", Func: "count_distinct"}, Rows: 2}, `count_distinct of a window is not supported`},
		{RollingAgg{Agg: Agg{Column: "x", Func: "quantile", Q: 2}, Rows: 2}, `quantile 2 of column "x": want 0 to 1`},
		{RollingAgg{Agg: Agg{Column: "i", Func: "sum"}, Rows: 2}, `the sum of column "i" does not fit 64 bits; cast it to float64`},
	} {
		wantError(t, rec, c.want, func(c0 collective.Comm, t *Table) (*Table, error) { return Rolling(c0, t, []string{"g"}, "t", c.g) })
	}
}
