package frame

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// TestPartitionByRange: each rank's rows, sorted, one after the other are the sorted table, and equal keys are on one rank.
func TestPartitionByRange(t *testing.T) {
	for seed := range seeds(4) {
		rng := rand.New(rand.NewPCG(seed, 3))
		rec := someTable(nil, rng, rng.IntN(900), 1+rng.IntN(30))
		keys := []SortKey{{"s", true, false}, {"k", false, true}}
		run := func(op func(c collective.Comm, t *Table) (*Table, error)) map[int][]string {
			return onRanks(t, seed, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) { return op(c, tabs[0]) })
		}
		want := run(func(c collective.Comm, t *Table) (*Table, error) { return Sort(c, t, keys...) })[1]
		for n, got := range run(func(c collective.Comm, t *Table) (*Table, error) {
			mine, err := PartitionByRange(c, t, keys)
			if err != nil {
				return nil, err
			}
			defer mine.Release()
			ids := []int64{}
			own, err := Unique(collective.Local(1)[0], mine, "s", "k")
			if err != nil {
				return nil, err
			}
			defer own.Release()
			all, err := Unique(c, mine, "s", "k")
			if err != nil {
				return nil, err
			}
			defer all.Release()
			ids = append(ids, int64(own.rows), int64(all.rows))
			if err := collective.AllReduce(c, ids, collective.Sum); err != nil {
				return nil, err
			}
			if ids[0] != ids[1] {
				return nil, fmt.Errorf("%d keys are on %d ranks", ids[1], ids[0])
			}
			return sortWhole(mine, keys)
		}) {
			same(t, fmt.Sprintf("seed %d on %d", seed, n), got, want)
		}
	}
	err := collective.RunLocal(2, func(c collective.Comm) error {
		tab := sampleTable(checked(t))
		defer tab.Release()
		_, err := PartitionByRange(c, tab, nil)
		return err
	})
	if want := "frame: partition by range: no key column is given"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
