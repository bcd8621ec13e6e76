package frame

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
)

// limited is memory with a limit that must all be given back, and whose scratch folder must be empty, when the test ends.
func limited(t testing.TB, limit int64) *Memory {
	under := memory.NewCheckedAllocator(memory.NewGoAllocator())
	dir := t.TempDir()
	t.Cleanup(func() {
		under.AssertSize(t, 0)
		if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
			t.Errorf("left in the scratch folder: %v, %v", files, err)
		}
	})
	return NewMemory(MemoryOptions{Limit: limit, Scratch: dir, Under: under})
}

// onFiles is a table's rows in a file.
func onFiles(t *Table) (*Table, error) {
	s := &spilled{}
	defer s.abort()
	if err := s.add(t); err != nil {
		return nil, err
	}
	return s.file.Finish()
}

// TestSpills: operators whose input is four times the memory limit give the rows that they give without one, and stay near it.
func TestSpills(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 0))
	l, r := someTable(nil, rng, 4_000, 3_000), someTable(nil, rng, 2_500, 3_000)
	skewed := someTable(nil, rng, 1_000, 2)
	few := someTable(nil, rng, 8, 2)
	ops := map[string]struct {
		in      []arrow.Record
		ordered bool
		run     func(c collective.Comm, tabs []*Table) (*Table, error)
	}{
		"sort": {[]arrow.Record{l}, true, func(c collective.Comm, tabs []*Table) (*Table, error) {
			return Sort(c, tabs[0], SortKey{"s", true, false}, SortKey{"f", false, true})
		}},
		"sort of equal keys": {[]arrow.Record{l}, true, func(c collective.Comm, tabs []*Table) (*Table, error) {
			return Sort(c, tabs[0], SortKey{Column: "b"})
		}},
		"groupby": {[]arrow.Record{l}, false, func(c collective.Comm, tabs []*Table) (*Table, error) {
			return GroupBy(c, tabs[0], []string{"k", "b"}, Agg{Column: "i", Func: "sum"}, Agg{Column: "s", Func: "first"}, Agg{Column: "s", Func: "last"}, Agg{Column: "i", Func: "median"}, Agg{Column: "s", Func: "count_distinct"})
		}},
	}
	for kind := Inner; kind <= Anti; kind++ {
		ops[fmt.Sprint(kind, " join")] = struct {
			in      []arrow.Record
			ordered bool
			run     func(c collective.Comm, tabs []*Table) (*Table, error)
		}{[]arrow.Record{l, r}, false, func(c collective.Comm, tabs []*Table) (*Table, error) {
			return Join(c, tabs[0], tabs[1], JoinOptions{Kind: kind, On: []string{"k"}})
		}}
		ops[fmt.Sprint("merging ", kind, " join")] = struct {
			in      []arrow.Record
			ordered bool
			run     func(c collective.Comm, tabs []*Table) (*Table, error)
		}{[]arrow.Record{l, r}, true, func(c collective.Comm, tabs []*Table) (*Table, error) {
			return Join(c, tabs[0], tabs[1], JoinOptions{Kind: kind, On: []string{"k"}, Algorithm: Merge})
		}}
		ops[fmt.Sprint("skewed ", kind, " join")] = struct {
			in      []arrow.Record
			ordered bool
			run     func(c collective.Comm, tabs []*Table) (*Table, error)
		}{[]arrow.Record{skewed, few}, false, func(c collective.Comm, tabs []*Table) (*Table, error) {
			return Join(c, tabs[0], tabs[1], JoinOptions{Kind: kind, On: []string{"s"}})
		}}
	}
	ranks := []int{1, 3}
	if testing.Short() {
		ranks = ranks[1:]
	}
	for name, op := range ops {
		var bytes int64
		for _, rec := range op.in {
			for _, a := range rec.Columns() {
				c := see(a)
				bytes += c.bytes()
			}
		}
		t.Run(name, func(t *testing.T) {
			for _, n := range ranks {
				limit := bytes / int64(n) / 4
				got, want, peaks := make([][]string, n), make([][]string, n), make([]float64, n)
				err := collective.RunLocal(n, func(c collective.Comm) error {
					for _, m := range []*Memory{nil, limited(t, limit)} {
						var tabs []*Table
						for i, rec := range op.in {
							tab := cut(c, nil, rec, uint64(5+i))
							if m != nil {
								tab.mem = m
								var err error
								if tab, err = onFiles(tab); err != nil {
									return err
								}
							}
							defer tab.Release()
							tabs = append(tabs, tab)
						}
						out, err := op.run(c, tabs)
						if err != nil {
							return err
						}
						if m == nil {
							want[c.Rank()] = rowsOf(out.Record())
						} else {
							peaks[c.Rank()] = float64(m.Peak()) / float64(limit)
							got[c.Rank()] = rowsOf(out.Record())
						}
						out.Release()
					}
					return nil
				})
				if err != nil {
					t.Fatalf("%d ranks: %v", n, err)
				}
				g, w := slices.Concat(got...), slices.Concat(want...)
				if !op.ordered {
					slices.Sort(g)
					slices.Sort(w)
				}
				same(t, fmt.Sprintf("%d ranks", n), g, w)
				t.Logf("%d ranks: peak %.2f of the limit of %d bytes", n, slices.Max(peaks), limit)
			}
		})
	}
}
