package frame

import (
	"math/rand/v2"
	"slices"

	"deeprc/collective"
)

// sampleKeys is the number of sampled rows for each rank of a sort. A rank's share of
// all rows then differs from the mean by a relative 1/√sampleKeys or so (one standard deviation).
const sampleKeys = 256

// splitters are parts−1 rows that cut the sorted table into parts of about equal length, on every
// rank, in order, with their numbers in column rowColumn. first is the number of this rank's first row;
// busy is the number of rows that this rank held at once on the way. Collective.
//
// Few ranks need no more than rank 0, which sorts the sample of sampleKeys·P rows. Of many, no rank
// sees all of it: rank 0 cuts a thin sample into as many ranges as a [rankGrid] has leaders, about √P; these
// sort the sample rows of one range each, and pick those at the right places. The busiest rank holds
// O(sampleKeys·√P + P) rows and exchanges messages with O(√P) ranks; one that sorts the samples of
// all ranks, P of each, holds P².
func splitters(c collective.Comm, t *Table, keys []SortKey, first int64, parts int) (split *Table, busy int, err error) {
	rows, err := collective.AllReduceOne(c, int64(t.rows), collective.Sum)
	if err != nil {
		return nil, 0, wrap("sort", err)
	}
	sample := withNumbers(t, keys, evenly(t.rows, sampleKeys*parts, rows, first), first)
	defer sample.Release()
	return splittersOf(c, sample, keys, parts)
}

// splittersOf are [splitters] from a sample of the rows, their key columns and numbers. Collective.
func splittersOf(c collective.Comm, sample *Table, keys []SortKey, parts int) (split *Table, busy int, err error) {
	g, err := newRankGrid(c)
	if err != nil {
		return nil, 0, wrap("sort", err)
	}
	s := &selection{g, c, append(slices.Clone(keys), SortKey{Column: rowColumn})}
	split, err = s.choose(sample, parts, g.leaders)
	if cerr := g.close(); err == nil && cerr != nil {
		split.Release()
		return nil, 0, wrap("sort", cerr)
	}
	return split, g.most, err
}

// selection is the choice of splitters on one rank.
type selection struct {
	*rankGrid
	c    collective.Comm
	keys []SortKey // the last is the row's number
}

// choose is the rows that cut the sample, which the first leaders sort, into parts, on every rank.
func (s *selection) choose(sample *Table, parts, leaders int) (*Table, error) {
	leader, counts, err := s.leaderOf(sample, leaders)
	if err != nil {
		return nil, err
	}
	defer free(sample.mem, leader)
	mine, err := s.toLeaders(sample, leader, counts)
	if err != nil {
		return nil, err
	}
	defer mine.Release()
	n, before := int64(mine.rows), int64(0) // of this range and those below it
	if leaders > 1 {
		if n, err = collective.AllReduceOne(s.row, n, collective.Sum); err != nil {
			return nil, wrap("sort", err)
		}
		if before, err = collective.ExclusiveScan(s.row, int64(mine.rows)); err != nil {
			return nil, wrap("sort", err)
		}
	}
	chosen, err := ends(mine, s.keys, before, n, parts)
	if err != nil {
		return nil, wrap("sort", err)
	}
	defer chosen.Release()
	return s.toAll(chosen)
}

// evenly picks k of all rows, one at random in each of k even stretches of the whole table, since
// rows at even distances could be of one hour of the day; those among the n from first on.
func evenly(n, k int, all, first int64) []uint32 {
	if int64(k) >= all {
		rows := make([]uint32, n)
		for i := range rows {
			rows[i] = uint32(i)
		}
		return rows
	}
	var rows []uint32
	step := float64(all) / float64(k)
	for i := max(0, int64(float64(first)/step)-1); i < int64(k); i++ {
		jitter := rand.New(rand.NewPCG(uint64(i), 0)).Float64()
		at := int64((float64(i) + jitter) * step)
		if at >= first+int64(n) {
			break
		}
		if at >= first {
			rows = append(rows, uint32(at-first))
		}
	}
	return rows
}

// leaderOf is the leader that sorts each row of the sample, and the rows for each rank of a row.
// The caller frees the former.
func (s *selection) leaderOf(sample *Table, leaders int) (leader []uint32, counts []int64, err error) {
	if leaders == 1 {
		counts = make([]int64, s.row.Size())
		counts[0] = int64(sample.rows)
		return alloc[uint32](sample.mem, sample.rows), counts, nil
	}
	rows, err := collective.AllReduceOne(s.c, int64(sample.rows), collective.Sum)
	if err != nil {
		return nil, nil, wrap("sort", err)
	}
	first, err := collective.ExclusiveScan(s.c, int64(sample.rows))
	if err != nil {
		return nil, nil, wrap("sort", err)
	}
	thin := sample.pick(evenly(sample.rows, sampleKeys*leaders, rows, first))
	defer thin.Release()
	ranges, err := s.choose(thin, leaders, 1)
	if err != nil {
		return nil, nil, err
	}
	defer ranges.Release()
	leader, counts, err = rangeOf(sample, s.keys, -1, ranges, s.row.Size())
	return leader, counts, wrap("sort", err)
}

// ends sorts t's rows, which are those from first on of n sorted ones, and picks the rows
// at the ends of all parts but the last.
func ends(t *Table, keys []SortKey, first, n int64, parts int) (*Table, error) {
	cols, err := sortColumns(t, keys)
	if err != nil {
		return nil, err
	}
	sorted := sortLocal(t, cols)
	defer sorted.Release()
	var rows []uint32
	for p := int64(1); p < int64(parts); p++ {
		at := p * n / int64(parts)
		if at >= first+int64(t.rows) {
			break
		}
		if at >= first {
			rows = append(rows, uint32(at-first))
		}
	}
	return sorted.pick(rows), nil
}
