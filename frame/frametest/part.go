package frametest

import (
	"math/rand/v2"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/frame"
)

// Part is one rank's rows of the table, in m, in one or several chunks. Where the table
// is cut depends on the seed and the number of ranks: evenly, anywhere, all rows on one
// rank, or one row on each rank but one.
func (s Spec) Part(m *frame.Memory, rank, ranks int) (*frame.Table, error) {
	rec := s.Record(m)
	defer rec.Release()
	rng := rand.New(rand.NewPCG(s.Seed, uint64(ranks)<<32))
	at := cuts(rng, s.Rows, ranks)
	lo, hi := at[rank], at[rank+1]
	chunks := rng.IntN(4)
	rng = rand.New(rand.NewPCG(s.Seed, uint64(ranks)<<32|uint64(rank)+1))
	ends := []int{lo, hi}
	for range chunks {
		ends = append(ends, lo+rng.IntN(hi-lo+1))
	}
	slices.Sort(ends)
	var parts []arrow.Record
	for i, end := range ends[1:] {
		parts = append(parts, rec.NewSlice(int64(ends[i]), int64(end)))
	}
	return frame.NewTable(m, rec.Schema(), parts...)
}

// cuts are the first rows of each rank's part, and the end.
func cuts(rng *rand.Rand, rows, ranks int) []int {
	at := make([]int, ranks+1)
	at[ranks] = rows
	switch kind := rng.IntN(4); {
	case kind == 0:
		for r := range at {
			at[r] = rows * r / ranks
		}
	case kind == 1: // all on one
		for r := rng.IntN(ranks) + 1; r < ranks; r++ {
			at[r] = rows
		}
	case kind == 2 && rows >= ranks: // one row on each but one
		most := rng.IntN(ranks)
		for r := 1; r < ranks; r++ {
			at[r] = at[r-1] + 1
			if r-1 == most {
				at[r] = at[r-1] + rows - ranks + 1
			}
		}
	default:
		for r := 1; r < ranks; r++ {
			at[r] = rng.IntN(rows + 1)
		}
		slices.Sort(at)
	}
	return at
}
