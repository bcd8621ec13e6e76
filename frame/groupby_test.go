package frame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// plain prints cells of a row, with −0 as 0 and floats to 12 digits, since sums have an order.
func plain(rec arrow.Record, i int, names ...string) string {
	var cells []string
	for k, a := range rec.Columns() {
		if len(names) > 0 && !slices.Contains(names, rec.ColumnName(k)) {
			continue
		}
		v := a.ValueStr(i)
		if f, ok := a.(*array.Float64); ok && f.IsValid(i) {
			v = strconv.FormatFloat(f.Value(i)+0, 'g', 12, 64)
		}
		cells = append(cells, v)
	}
	return strings.Join(cells, " | ")
}

// slowGroups are the rows of each key, in order.
func slowGroups(rec arrow.Record, keys []string) map[string][]int {
	groups := map[string][]int{}
	for i := range int(rec.NumRows()) {
		k := plain(rec, i, keys...)
		groups[k] = append(groups[k], i)
	}
	return groups
}

func slowAggregate(rec arrow.Record, rows []int, a Agg) string {
	col := rec.Column(rec.Schema().FieldIndices(a.Column)[0])
	var cells []int
	for _, i := range rows {
		if col.IsValid(i) {
			cells = append(cells, i)
		}
	}
	number := func(i int) float64 {
		switch c := col.(type) {
		case *array.Int64:
			return float64(c.Value(i))
		case *array.Int16:
			return float64(c.Value(i))
		case *array.Float64:
			return c.Value(i)
		case *array.Boolean:
			if c.Value(i) {
				return 1
			}
			return 0
		}
		panic(col.DataType())
	}
	show := func(f float64) string { return strconv.FormatFloat(f+0, 'g', 12, 64) }
	less := func(i, k int) int { return slowCompare(rec, []SortKey{{Column: a.Column}}, i, k) }
	switch a.Func {
	case "count":
		return strconv.Itoa(len(cells))
	case "count_distinct":
		seen := map[string]bool{}
		for _, i := range cells {
			seen[plain(rec, i, a.Column)] = true
		}
		return strconv.Itoa(len(seen))
	}
	if len(cells) == 0 {
		return array.NullValueStr
	}
	sum := 0.0
	for _, i := range cells {
		if a.Func != "min" && a.Func != "max" && a.Func != "first" && a.Func != "last" {
			sum += number(i)
		}
	}
	mean := sum / float64(len(cells))
	switch a.Func {
	case "first":
		return plain(rec, cells[0], a.Column)
	case "last":
		return plain(rec, cells[len(cells)-1], a.Column)
	case "min":
		return plain(rec, slices.MinFunc(cells, less), a.Column)
	case "max":
		return plain(rec, slices.MaxFunc(cells, less), a.Column)
	case "sum":
		if _, ok := col.(*array.Float64); ok {
			return show(sum)
		}
		return strconv.FormatInt(int64(sum), 10)
	case "mean":
		return show(mean)
	case "var", "std":
		if len(cells) < 2 {
			return array.NullValueStr
		}
		ss := 0.0
		for _, i := range cells {
			ss += (number(i) - mean) * (number(i) - mean)
		}
		ss /= float64(len(cells) - 1)
		if a.Func == "std" {
			ss = math.Sqrt(ss)
		}
		return show(ss)
	}
	slices.SortFunc(cells, less)
	q := a.Q
	if a.Func == "median" {
		q = 0.5
	}
	at := q * float64(len(cells)-1)
	lo := int(at)
	v := number(cells[lo])
	if at > float64(lo) {
		v += (at - float64(lo)) * (number(cells[lo+1]) - v)
	}
	return show(v)
}

func TestGroupBy(t *testing.T) {
	var aggs []Agg
	for _, f := range aggFuncs {
		for _, c := range []string{"k", "i", "b", "f", "s"} {
			if c == "s" && !slices.Contains([]string{"count", "count_distinct", "min", "max", "first", "last"}, f) {
				continue
			}
			aggs = append(aggs, Agg{Column: c, Func: f, Q: 0.3})
		}
	}
	for seed := range seeds(6) {
		rng := rand.New(rand.NewPCG(seed, 0))
		rec := someTable(nil, rng, rng.IntN(900), 1+rng.IntN(12))
		for _, keys := range [][]string{{"k"}, {"s"}, {"f"}, {"k", "s"}, {"f", "b"}} {
			for _, some := range [][]Agg{aggs, slices.DeleteFunc(slices.Clone(aggs), func(a Agg) bool { // the second kind may be aggregated before rows move
				return a.Func == "count_distinct" || a.Func == "median" || a.Func == "quantile"
			}), nil} {
				var want []string
				for key, rows := range slowGroups(rec, keys) {
					for _, a := range some {
						key += " | " + slowAggregate(rec, rows, a)
					}
					want = append(want, key)
				}
				slices.Sort(want)
				for _, n := range ranksOfTest {
					var parts = make([][]string, n)
					err := collective.RunLocal(n, func(c collective.Comm) error {
						tab := cut(c, checked(t), rec, seed)
						defer tab.Release()
						g, err := GroupBy(c, tab, keys, some...)
						if err != nil {
							return err
						}
						defer g.Release()
						for i := range g.rows {
							parts[c.Rank()] = append(parts[c.Rank()], plain(g.Record(), i))
						}
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
					got := slices.Concat(parts...)
					slices.Sort(got)
					same(t, fmt.Sprintf("seed %d by %v on %d", seed, keys, n), got, want)
				}
			}
		}
	}
}

func TestGroupByErrors(t *testing.T) {
	for _, c := range []struct {
		keys []string
		agg  Agg
		want string
	}{
		{nil, Agg{}, "frame: groupby: no key column is given"},
		{[]string{"i6"}, Agg{}, `frame: groupby: no column "i6"; did you mean "i64"?; columns: f64, f32, i64, i8, u32, holes, s, dict, us, ns, sec, day`},
		{[]string{"i64"}, Agg{Column: "f64", Func: "meen"}, `frame: groupby: there is no aggregate "meen"; did you mean mean?`},
		{[]string{"i64"}, Agg{Column: "s", Func: "mean"}, `frame: groupby: column "s" is large_utf8, which has no mean`},
		{[]string{"i64"}, Agg{Column: "f64", Func: "quantile", Q: 7}, `frame: groupby: quantile 7 of column "f64": want 0 to 1`},
		{[]string{"i64"}, Agg{Column: "f64", Func: "sum", As: "i64"}, `frame: groupby: two columns of the result would be named "i64"; name one with As`},
		{[]string{"i64", "i64"}, Agg{Column: "f64", Func: "sum"}, `frame: groupby: key column "i64" is given twice`},
	} {
		err := collective.RunLocal(1, func(comm collective.Comm) error {
			tab := sampleTable(checked(t))
			defer tab.Release()
			g, err := GroupBy(comm, tab, c.keys, c.agg)
			if err == nil {
				g.Release()
			}
			return err
		})
		if err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
}

// TestGroupBySums: only a sum that leaves 64 bits is an error, on every rank, not one that some rows or some ranks have on the way.
func TestGroupBySums(t *testing.T) {
	const most, least = math.MaxInt64, math.MinInt64
	for _, c := range []struct {
		typ   arrow.DataType
		cells []int64 // of a uint64 column its bits
		want  string
	}{
		{arrow.PrimitiveTypes.Int64, []int64{most, most, least, least, 5, 6}, "9"},
		{arrow.PrimitiveTypes.Int64, []int64{most, 1, 1, least, 0, 0}, "1"},
		{arrow.PrimitiveTypes.Int64, []int64{most, 0, 0, 0, 0, 0}, "9223372036854775807"},
		{arrow.PrimitiveTypes.Int64, []int64{least, -1, 1, 0, 0, 0}, "-9223372036854775808"},
		{arrow.PrimitiveTypes.Int64, []int64{most, 0, 0, 0, 0, 1}, ""},
		{arrow.PrimitiveTypes.Int64, []int64{least, 0, -1, 0, 0, 0}, ""},
		{arrow.PrimitiveTypes.Uint64, []int64{-1, 0, 0, 0, 0, 0}, "18446744073709551615"},
		{arrow.PrimitiveTypes.Uint64, []int64{-1, 0, 0, 0, 0, 1}, ""},
	} {
		for _, n := range ranksOfTest {
			var rows []string
			err := collective.RunLocal(n, func(comm collective.Comm) error {
				m := checked(t)
				lo, hi := collective.Share(len(c.cells), comm.Rank(), n)
				k := arrayOf(m, arrow.PrimitiveTypes.Int64, make([]int64, hi-lo), nil)
				x := arrayOf(m, c.typ, c.cells[lo:hi], nil)
				tab := newTable(m, []arrow.Field{{Name: "k", Type: k.DataType(), Nullable: true}, {Name: "x", Type: c.typ, Nullable: true}}, []arrow.Array{k, x}, hi-lo)
				defer tab.Release()
				out, err := GroupBy(comm, tab, []string{"k"}, Agg{Column: "x", Func: "sum"})
				if err != nil {
					return err
				}
				defer out.Release()
				if out.NumRows() > 0 {
					rows = rowsOf(out.Record())
				}
				return nil
			})
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), `the sum of column "x" does not fit 64 bits; cast it to float64`) {
					t.Errorf("%v on %d: %v", c.cells, n, err)
				}
			} else if err != nil || len(rows) != 1 || rows[0] != "0 | "+c.want {
				t.Errorf("%v on %d: %v, %v; want %s", c.cells, n, rows, err, c.want)
			}
		}
	}
}

// TestGroupByHeavyKey: the rows of a key that has a great part of them, here the missing one, do not move, though the other keys all differ.
func TestGroupByHeavyKey(t *testing.T) {
	const ranks, each = 4, 1000
	err := collective.RunLocal(ranks, func(c collective.Comm) error {
		m := checked(t)
		k := make([]int64, each)
		for i := range k {
			k[i] = int64(c.Rank()*each + i)
		}
		a := arrayOf(m, arrow.PrimitiveTypes.Int64, k, func(i int) bool { return i%2 == 0 })
		tab := newTable(m, []arrow.Field{{Name: "k", Type: a.DataType(), Nullable: true}}, []arrow.Array{a}, each)
		defer tab.Release()
		p, err := planGroupBy(tab, []string{"k"}, []Agg{{Column: "k", Func: "count"}})
		if err != nil {
			return err
		}
		if twice, err := p.worthwhile(c, tab); err != nil || !twice {
			return fmt.Errorf("aggregated before rows move: %v, %v", twice, err)
		}
		out, err := GroupBy(c, tab, []string{"k"}, Agg{Column: "k", Func: "count"})
		if err != nil {
			return err
		}
		defer out.Release()
		n, err := collective.AllReduceOne(c, int64(out.NumRows()), collective.Sum)
		if err == nil && n != ranks*each/2+1 {
			err = fmt.Errorf("%d groups", n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestUniqueAndSets(t *testing.T) {
	for seed := range seeds(6) {
		rng := rand.New(rand.NewPCG(seed, 0))
		at := []int{1, 2, 4}
		narrow := func(r arrow.Record) arrow.Record {
			fields := make([]arrow.Field, len(at))
			for i, k := range at {
				fields[i] = r.Schema().Field(k)
			}
			return project(arrow.NewSchema(fields, nil), r, at)
		}
		a, b := narrow(someTable(nil, rng, rng.IntN(300), 3)), narrow(someTable(nil, rng, rng.IntN(300), 3))
		in := func(r arrow.Record) map[string]bool {
			m := map[string]bool{}
			for i := range int(r.NumRows()) {
				m[plain(r, i)] = true
			}
			return m
		}
		inA, inB := in(a), in(b)
		for name, op := range map[string]struct {
			run  func(collective.Comm, *Table, *Table) (*Table, error)
			keep func(a, b bool) bool
		}{
			"unique":    {func(c collective.Comm, a, b *Table) (*Table, error) { return Unique(c, a) }, func(a, b bool) bool { return a }},
			"union":     {Union, func(a, b bool) bool { return a || b }},
			"intersect": {Intersect, func(a, b bool) bool { return a && b }},
			"subtract":  {Subtract, func(a, b bool) bool { return a && !b }},
		} {
			var want []string
			for _, m := range []map[string]bool{inA, inB} {
				for k := range m {
					if op.keep(inA[k], inB[k]) && !slices.Contains(want, k) {
						want = append(want, k)
					}
				}
			}
			slices.Sort(want)
			for n, rows := range onRanks(t, seed, []arrow.Record{a, b}, func(c collective.Comm, tabs []*Table) (*Table, error) {
				return op.run(c, tabs[0], tabs[1])
			}) {
				for i := range rows {
					rows[i] = strings.ReplaceAll(rows[i], "-0", "0")
					rows[i] = strings.ReplaceAll(rows[i], "+Inf", "+Inf")
				}
				slices.Sort(rows)
				same(t, fmt.Sprintf("seed %d: %s on %d", seed, name, n), rows, want)
			}
		}
	}
}
