package frame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"deeprc/collective"
)

// sampleKeys is the number of sampled rows for each rank of a sort. A rank's share of
// all rows then differs from the mean by a relative 1/√sampleKeys or so (one standard deviation).
const sampleKeys = 256

// splitters are parts−1 rows that cut the sorted table into parts of about equal length, on every
// rank, in order, with their numbers in column rowColumn. first is the number of this rank's first row;
// busy is the number of rows that this rank sorted on the way. Collective.
//
// No rank sees all of the sample, which has sampleKeys·P rows: rank 0 cuts a thin sample of it
// into about √P ranges, whose sample rows go to as many ranks; these sort theirs
// and pick the rows at the right places. The busiest rank handles O(sampleKeys·√P + P)
// rows, where one that sorts the samples of all ranks, P of each, handles P².
func splitters(c collective.Comm, t *Table, keys []SortKey, first int64, parts int) (split *Table, busy int, err error) {
	rows, err := collective.AllReduceOne(c, int64(t.rows), collective.Sum)
	if err != nil {
		return nil, 0, fmt.Errorf("frame: sort: %w", err)
	}
	sample := withNumbers(t, keys, evenly(t.rows, sampleKeys*parts, rows, first), first)
	defer sample.Release()
	return splittersOf(c, sample, keys, parts)
}

// splittersOf are [splitters] from a sample of the rows, their key columns and numbers. Collective.
func splittersOf(c collective.Comm, sample *Table, keys []SortKey, parts int) (split *Table, busy int, err error) {
	s := &selection{c: c, keys: append(slices.Clone(keys), SortKey{Column: rowColumn})}
	p := c.Size()
	leaders := int(math.Ceil(math.Sqrt(float64(p))))
	coarse, err := s.coarse(sample, leaders)
	if err != nil {
		return nil, 0, err
	}
	defer coarse.Release()
	rank, counts, err := rangeOf(sample, s.keys, -1, coarse, leaders)
	if err != nil {
		return nil, 0, fmt.Errorf("frame: sort: %w", err)
	}
	defer free(sample.mem, rank)
	all := make([]int64, p)
	for i, r := range rank {
		rank[i] = uint32(int(r) * p / leaders)
	}
	for l, n := range counts {
		all[l*p/leaders] = n
	}
	mine, err := send(c, sample, rank, all)
	if err != nil {
		return nil, 0, err
	}
	defer mine.Release()
	split, err = s.pick(mine, parts)
	return split, s.most, err
}

// selection is the choice of splitters on one rank.
type selection struct {
	c    collective.Comm
	keys []SortKey // the last is the row's number
	most int       // rows that this rank handled at once
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

// coarse is parts−1 rows that cut the sample into about equal parts, on every rank.
func (s *selection) coarse(sample *Table, parts int) (*Table, error) {
	n, err := collective.AllReduceOne(s.c, int64(sample.rows), collective.Sum)
	if err != nil {
		return nil, fmt.Errorf("frame: sort: %w", err)
	}
	first, err := collective.ExclusiveScan(s.c, int64(sample.rows))
	if err != nil {
		return nil, fmt.Errorf("frame: sort: %w", err)
	}
	thin := sample.pick(evenly(sample.rows, sampleKeys*parts, n, first))
	defer thin.Release()
	counts := make([]int64, s.c.Size())
	counts[0] = int64(thin.rows)
	zero := alloc[uint32](sample.mem, thin.rows)
	defer free(sample.mem, zero)
	root, err := send(s.c, thin, zero, counts)
	if err != nil {
		return nil, err
	}
	defer root.Release()
	return s.cut(root, 0, int64(root.rows), parts)
}

// pick cuts the sample, of which each rank has a range, into parts.
func (s *selection) pick(mine *Table, parts int) (*Table, error) {
	n, err := collective.AllReduceOne(s.c, int64(mine.rows), collective.Sum)
	if err != nil {
		return nil, fmt.Errorf("frame: sort: %w", err)
	}
	first, err := collective.ExclusiveScan(s.c, int64(mine.rows))
	if err != nil {
		return nil, fmt.Errorf("frame: sort: %w", err)
	}
	return s.cut(mine, first, n, parts)
}

// cut sorts t's rows, which are those from first on of n sorted ones, and gives every
// rank the rows at the ends of all parts but the last.
func (s *selection) cut(t *Table, first, n int64, parts int) (*Table, error) {
	s.most = max(s.most, t.rows)
	cols, err := sortColumns(t, s.keys)
	if err != nil {
		return nil, fmt.Errorf("frame: sort: %w", err)
	}
	sorted := sortLocal(t, cols)
	defer sorted.Release()
	var rows []uint32
	for p := int64(1); p < int64(parts); p++ {
		at := p * n / int64(parts)
		if at >= first && at < first+int64(t.rows) {
			rows = append(rows, uint32(at-first))
		}
	}
	chosen := sorted.pick(rows)
	defer chosen.Release()
	return Replicate(s.c, chosen)
}
