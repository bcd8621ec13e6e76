package frame

import (
	"fmt"
	"slices"

	"deeprc/collective"
)

// skewSample is the number of left rows of each rank that are looked at for frequent keys.
const skewSample = 4096

// shuffle partitions both sides by their keys. Rows of frequent keys of the left side stay spread
// over the ranks, and the right rows of these go to all ranks; right and full joins, whose right
// rows without a partner must stay single, have no frequent keys. Collective.
func (j *joiner) shuffle(c collective.Comm, l, r *Table) (*Table, *Table, error) {
	lc, err := keyColumns(l, j.leftOn)
	if err != nil {
		return nil, nil, fmt.Errorf("frame: join: %w", err)
	}
	lh := hashes(l.mem, lc, l.rows)
	defer free(l.mem, lh)
	var often []uint64
	if j.kind != Right && j.kind != Full {
		if often, err = frequent(c, lh); err != nil {
			return nil, nil, fmt.Errorf("frame: join: %w", err)
		}
	}
	rank, counts := rankOf(l.mem, lh, c.Size())
	defer free(l.mem, rank)
	next := c.Rank()
	if len(often) > 0 {
		for i, h := range lh {
			if _, yes := slices.BinarySearch(often, h); yes {
				counts[rank[i]]--
				rank[i] = uint32(next)
				counts[next]++
				next = (next + 1) % c.Size()
			}
		}
	}
	left, err := send(c, l, rank, counts)
	if err != nil {
		return nil, nil, err
	}
	rc, err := keyColumns(r, j.rigOn)
	if err != nil {
		left.Release()
		return nil, nil, fmt.Errorf("frame: join: %w", err)
	}
	rh := hashes(r.mem, rc, r.rows)
	defer free(r.mem, rh)
	var right *Table
	if len(often) == 0 {
		right, err = scatter(c, r, rh)
	} else {
		right, err = scatterOften(c, r, rh, often)
	}
	if err != nil {
		left.Release()
		return nil, nil, err
	}
	return left, right, nil
}

// frequent are the hashes, sorted, of keys that have more than half a rank's share of all
// rows, as far as a sample can tell; the same on all ranks. Collective.
func frequent(c collective.Comm, h []uint64) ([]uint64, error) {
	rows, err := collective.AllReduceOne(c, int64(len(h)), collective.Sum)
	if err != nil {
		return nil, err
	}
	if rows == 0 {
		return nil, nil
	}
	// a rank's part of the sample is as its part of the rows
	n := int(int64(skewSample) * int64(c.Size()) * int64(len(h)) / rows)
	n = min(n, len(h))
	mine := make([]int64, n)
	for i := range mine {
		mine[i] = int64(h[i*len(h)/n])
	}
	// only what is frequent here can be frequent: a rank sends few hashes
	slices.Sort(mine)
	var few []int64 // hash, count
	total := skewSample * c.Size()
	for i := 0; i < n; {
		k := i
		for k < n && mine[k] == mine[i] {
			k++
		}
		if (k-i)*8*c.Size() > n {
			few = append(few, mine[i], int64(k-i))
		}
		i = k
	}
	all, _, err := collective.AllGatherV(c, few)
	if err != nil {
		return nil, err
	}
	count := map[int64]int64{}
	for i := 0; i < len(all); i += 2 {
		count[all[i]] += all[i+1]
	}
	var often []uint64
	for hash, k := range count {
		if k*2*int64(c.Size()) > int64(total) {
			often = append(often, uint64(hash))
		}
	}
	slices.Sort(often)
	return often, nil
}

// scatterOften is scatter, but that rows of the frequent hashes go to all ranks.
func scatterOften(c collective.Comm, t *Table, h, often []uint64) (*Table, error) {
	var everywhere []uint32
	rank, counts := rankOf(t.mem, h, c.Size())
	defer free(t.mem, rank)
	for i, x := range h {
		if _, yes := slices.BinarySearch(often, x); yes {
			everywhere = append(everywhere, uint32(i))
			counts[rank[i]]--
			rank[i] = noRow
		}
	}
	order := alloc[uint32](t.mem, t.rows+len(everywhere)*c.Size())
	defer free(t.mem, order)
	at := make([]int, c.Size())
	n := make([]int, c.Size())
	next := 0
	for r := range at {
		n[r] = int(counts[r]) + len(everywhere)
		at[r] = next + copy(order[next:], everywhere)
		next += n[r]
	}
	for i, r := range rank {
		if r != noRow {
			order[at[r]] = uint32(i)
			at[r]++
		}
	}
	return exchange(c, t, order[:next], n)
}
