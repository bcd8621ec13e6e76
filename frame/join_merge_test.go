package frame

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// slowMerge is slowJoin's rows in the order of a merge join.
func slowMerge(l, r arrow.Record, on []string, kind JoinKind) []string {
	cols := make([]arrow.Array, l.NumCols())
	for i := range cols {
		var err error
		if cols[i], err = array.Concatenate([]arrow.Array{l.Column(i), r.Column(i)}, (*Memory)(nil)); err != nil {
			panic(err)
		}
	}
	both := array.NewRecord(l.Schema(), cols, l.NumRows()+r.NumRows())
	var keys []SortKey
	for _, n := range on {
		keys = append(keys, SortKey{Column: n})
	}
	rows, from := slowJoinRows(l, r, on, kind)
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	nl := int(l.NumRows())
	key := func(p [2]int) int { // a row of both
		if p[0] < 0 {
			return nl + p[1]
		}
		return p[0]
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := from[a], from[b]
		if d := slowCompare(both, keys, key(x), key(y)); d != 0 {
			return d
		}
		if d := key(x) - key(y); d != 0 {
			return d
		}
		return x[1] - y[1]
	})
	out := make([]string, len(rows))
	for i, k := range order {
		out[i] = rows[k]
	}
	return out
}

// TestMergeJoin: the rows and their order are those of all pairs, sorted, also of heavy keys on either side and from files.
func TestMergeJoin(t *testing.T) {
	for seed := range seeds(6) {
		rng := rand.New(rand.NewPCG(seed, 0))
		sizes := [][2]int{{300, 60}, {40, 200}, {0, 30}, {30, 0}}[seed%4]
		l, r := someTable(nil, rng, rng.IntN(sizes[0]+1), 1+rng.IntN(20)), someTable(nil, rng, rng.IntN(sizes[1]+1), 1+rng.IntN(20))
		for _, on := range [][]string{{"k"}, {"s"}, {"b"}, {"k", "i"}, {"s", "b"}, {"f", "s", "b"}} {
			for kind := Inner; kind <= Anti; kind++ {
				want := slowMerge(l, r, on, kind)
				run := func(c collective.Comm, tabs []*Table) (*Table, error) {
					return Join(c, tabs[0], tabs[1], JoinOptions{Kind: kind, On: on, Algorithm: Merge})
				}
				for n, rows := range onRanks(t, seed, []arrow.Record{l, r}, run) {
					same(t, fmt.Sprintf("seed %d: %v join on %v, %d ranks", seed, kind, on, n), rows, want)
				}
				for _, n := range []int{1, 3} {
					parts := make([][]string, n)
					err := collective.RunLocal(n, func(c collective.Comm) error {
						m := limited(t, 2<<10)
						a, b := cut(c, m, l, seed), cut(c, m, r, seed+1)
						defer a.Release()
						defer b.Release()
						out, err := run(c, []*Table{a, b})
						if err != nil {
							return err
						}
						defer out.Release()
						parts[c.Rank()] = rowsOf(out.Record())
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
					same(t, fmt.Sprintf("seed %d: %v join on %v from files, %d ranks", seed, kind, on, n), slices.Concat(parts...), want)
				}
			}
		}
	}
}

// TestMergeJoinSplitsHeavyKeys: no rank has far more than its share where all left rows are of one key.
func TestMergeJoinSplitsHeavyKeys(t *testing.T) {
	const rows, ranks = 3000, 3
	err := collective.RunLocal(ranks, func(c collective.Comm) error {
		m := checked(t)
		column := func(name string, n int) *Table {
			a := arrayOf(m, arrow.PrimitiveTypes.Int64, make([]int64, n), nil)
			return newTable(m, []arrow.Field{{Name: name, Type: a.DataType(), Nullable: true}}, []arrow.Array{a}, n)
		}
		l, r := column("k", rows/ranks), column("k", 1)
		defer l.Release()
		defer r.Release()
		out, err := Join(c, l, r, JoinOptions{Kind: Full, On: []string{"k"}, Algorithm: Merge})
		if err != nil {
			return err
		}
		defer out.Release()
		if n := out.NumRows(); n < 2*rows/3 || n > 2*ranks*rows/3 {
			return fmt.Errorf("%d rows of %d on this rank", n, ranks*rows)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestJoinErrors(t *testing.T) {
	for _, c := range []struct {
		o    JoinOptions
		want string
	}{
		{JoinOptions{}, "frame: join: 0 key columns on the left and 0 key columns on the right: want at least one, and as many on both sides"},
		{JoinOptions{On: []string{"i6"}}, `frame: join: left: no column "i6"; did you mean "i64"?; columns: f64, f32, i64, i8, u32, holes, s, dict, us, ns, sec, day`},
		{JoinOptions{LeftOn: []string{"i64"}, RightOn: []string{"s"}}, `frame: join: column "i64" of the left table is int64, column "s" of the right one large_utf8; cast one of them`},
		{JoinOptions{On: []string{"i64"}, Kind: Full, Plan: Broadcast}, "frame: join: a full join keeps rows of both sides, so neither can be broadcast"},
		{JoinOptions{On: []string{"i64"}, Algorithm: Merge, Plan: Shuffle}, "frame: join: a merge join has one way to bring rows together: leave the plan at auto, or join by hash"},
	} {
		for _, n := range []int{1, 2} {
			err := collective.RunLocal(n, func(comm collective.Comm) error {
				tab := sampleTable(checked(t))
				defer tab.Release()
				out, err := Join(comm, tab, tab, c.o)
				if err == nil {
					out.Release()
				}
				return err
			})
			if err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("%d ranks: %v\nwant %s", n, err, c.want)
			}
		}
	}
}
