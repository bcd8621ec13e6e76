package frame

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// TestSplittersAtScale simulates the choice of splitters on as many in-process ranks as a cluster has:
// the busiest handles far fewer than P² sampled keys, and all get their share of the rows.
// DEEPRC_TEST_RANKS sets the number of ranks; 10752 takes a minute or so and 4.5 GB.
//
// Rows stay where they are, and what a rank would get is counted: their exchange is between every
// two ranks, so that P ranks in one process hold P² of every count, 0.9 GB each at 10,752
// ranks. [TestSortManyRanks] has whole sorts.
func TestSplittersAtScale(t *testing.T) {
	p := 1024
	if s := os.Getenv("DEEPRC_TEST_RANKS"); s != "" {
		var err error
		if p, err = strconv.Atoi(s); err != nil || p < 1 {
			t.Fatalf("DEEPRC_TEST_RANKS=%s: want a number of ranks", s)
		}
	}
	// All ranks' splitters are P² rows, 1.8 GB at 10,752; a collection looks at as many stacks as there are ranks.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(4 << 30))
	busiest, fullest := simulateSplitters(t, p)
	t.Logf("%d ranks: the busiest handles %d sampled keys (P² is %d); rows of a rank: at most %d, mean %d", p, busiest, p*p, fullest, rowsEach)
	if limit := max(p, 2*sampleKeys*int(math.Ceil(math.Sqrt(float64(p))))); busiest > limit || fullest > 2*rowsEach {
		t.Errorf("%d ranks: the busiest handles %d keys, want at most %d; the fullest gets %d rows, want at most %d", p, busiest, limit, fullest, 2*rowsEach)
	}
}

// rowsEach is the number of rows of a simulated rank.
const rowsEach = 64

// simulateSplitters returns the number of keys at the busiest of p ranks and of rows of the fullest.
func simulateSplitters(t *testing.T, p int) (busiest, fullest int) {
	most, load := make([]int, p), make([]atomic.Int64, p)
	err := collective.RunLocal(p, func(c collective.Comm) error {
		rng := rand.New(rand.NewPCG(uint64(c.Rank()), 0))
		cells := make([]int64, rowsEach)
		for i := range cells {
			cells[i] = int64(rng.ExpFloat64() * 1e6)
		}
		tab := newTable(nil, []arrow.Field{{Name: "k", Type: arrow.PrimitiveTypes.Int64, Nullable: true}},
			[]arrow.Array{arrayOf(nil, arrow.PrimitiveTypes.Int64, cells, nil)}, rowsEach)
		defer tab.Release()
		keys := []SortKey{{Column: "k"}}
		first := int64(c.Rank() * rowsEach)
		split, busy, err := splitters(c, tab, keys, first, p)
		if err != nil {
			return err
		}
		defer split.Release()
		most[c.Rank()] = busy
		rank, _, err := rangeOf(tab, keys, first, split, p)
		if err != nil {
			return err
		}
		for _, r := range rank {
			load[r].Add(1)
		}
		free(tab.mem, rank)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range load {
		fullest = max(fullest, int(load[i].Load()))
	}
	return slices.Max(most), fullest
}
