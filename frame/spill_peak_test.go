package frame

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// numbersTable is a table of int64 columns k, of n cells of so many values, and x.
func numbersTable(m *Memory, n, keys int) *Table {
	rng := rand.New(rand.NewPCG(1, 1))
	k, x := make([]int64, n), make([]int64, n)
	for i := range k {
		k[i], x[i] = rng.Int64N(int64(keys)), int64(i)
	}
	return int64Table(m, []string{"k", "x"}, k, x)
}

func int64Table(m *Memory, names []string, cells ...[]int64) *Table {
	var fields []arrow.Field
	var arrays []arrow.Array
	for i, name := range names {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int64, Nullable: true})
		arrays = append(arrays, arrayOf(m, arrow.PrimitiveTypes.Int64, cells[i], nil))
	}
	return newTable(m, fields, arrays, len(cells[0]))
}

// TestSpillPeak: operators on four times the memory limit take no more than twice the limit, whatever the keys.
func TestSpillPeak(t *testing.T) {
	const n, limit = 200_000, 800_000
	for name, c := range map[string]struct {
		keys int
		op   func(c collective.Comm, t *Table) (*Table, error)
	}{
		"sort": {n, func(c collective.Comm, t *Table) (*Table, error) { return Sort(c, t, SortKey{Column: "k"}) }},
		"groupby": {n, func(c collective.Comm, t *Table) (*Table, error) {
			return GroupBy(c, t, []string{"k"}, Agg{Column: "x", Func: "mean"})
		}},
		"groupby, one key": {1, func(c collective.Comm, t *Table) (*Table, error) {
			return GroupBy(c, t, []string{"k"}, Agg{Column: "x", Func: "std"})
		}},
		"groupby, holistic": {n, func(c collective.Comm, t *Table) (*Table, error) {
			return GroupBy(c, t, []string{"k"}, Agg{Column: "x", Func: "median"})
		}},
		"join": {n, func(c collective.Comm, t *Table) (*Table, error) {
			return Join(c, t, t, JoinOptions{On: []string{"k"}})
		}},
		"semi join": {n, func(c collective.Comm, t *Table) (*Table, error) {
			return Join(c, t, t, JoinOptions{Kind: Semi, On: []string{"k"}})
		}},
		"merge join": {n, func(c collective.Comm, t *Table) (*Table, error) {
			return Join(c, t, t, JoinOptions{Algorithm: Merge, On: []string{"k"}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := limited(t, limit)
			err := collective.RunLocal(1, func(comm collective.Comm) error {
				in := numbersTable(nil, n, c.keys)
				in.mem = m
				f, err := in.Offload()
				in.mem = nil
				in.Release()
				if err != nil {
					return err
				}
				defer f.Release()
				m.peak.Store(0)
				out, err := c.op(comm, f)
				if err != nil {
					return err
				}
				out.Release()
				return nil
			})
			if peak := float64(m.Peak()) / limit; err != nil || peak > 2 {
				t.Errorf("%v; a peak of %.2f times the limit", err, peak)
			}
		})
	}
}

// A buffer of a spill is counted, and those of many together leave most of the limit.
func TestSpillBuffers(t *testing.T) {
	m := limited(t, 1<<20)
	in := int64Table(m, []string{"k"}, []int64{1})
	defer in.Release()
	before := m.Used()
	for range 64 {
		s, err := newSpill(m, in.schema, 64)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Abort()
	}
	if used := m.Used() - before; used < 1<<17 || used > 1<<18+1<<17 {
		t.Errorf("64 spills take %d bytes", used)
	}
}

// Steps of a large limit do not overflow.
func TestRowsIn(t *testing.T) {
	tab := int64Table(nil, []string{"k"}, make([]int64, 1000))
	defer tab.Release()
	for bytes, want := range map[int64]int{1 << 62: 1000, 80: 10, 1: 1, 0: 1} {
		if got := tab.rowsIn(bytes); got != want {
			t.Errorf("%d bytes: %d rows, want %d", bytes, got, want)
		}
	}
}

// TestSemiJoinOfText: one key on both sides makes no cross product.
func TestSemiJoinOfText(t *testing.T) {
	const n = 2000
	for kind, want := range map[JoinKind]int{Semi: n, Anti: 0} {
		m := checked(t)
		err := collective.RunLocal(1, func(c collective.Comm) error {
			b := array.NewLargeStringBuilder(m)
			defer b.Release()
			for range n {
				b.Append("a")
			}
			tab := newTable(m, []arrow.Field{{Name: "k", Type: arrow.BinaryTypes.LargeString, Nullable: true}}, []arrow.Array{b.NewArray()}, n)
			defer tab.Release()
			out, err := Join(c, tab, tab, JoinOptions{Kind: kind, On: []string{"k"}})
			if err != nil {
				return err
			}
			defer out.Release()
			if out.rows != want || m.Peak() > 1<<20 {
				t.Errorf("%v: %d rows, a peak of %d bytes", kind, out.rows, m.Peak())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// checkFirst finds partners whose codes other keys have, too.
func TestCheckFirst(t *testing.T) {
	m := checked(t)
	l, r := int64Table(m, []string{"k"}, []int64{3, 1, 7}), int64Table(m, []string{"k"}, []int64{1, 2, 3, 3})
	defer l.Release()
	defer r.Release()
	lc, _ := keyColumns(l, []string{"k"})
	rc, _ := keyColumns(r, []string{"k"})
	k := &codes{of: [][]uint64{make([]uint64, 3), make([]uint64, 4)}}
	build := &side{code: k.of[1]}
	p := &pairs{left: []uint32{0, 1, 2}, right: []uint32{0, 0, 0}}
	p.checkFirst(m, k, lc, rc, build)
	if len(p.left) != 2 || p.left[0] != 0 || p.right[0] != 2 || p.left[1] != 1 || p.right[1] != 0 {
		t.Errorf("%v %v", p.left, p.right)
	}
}
