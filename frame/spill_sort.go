package frame

import (
	"fmt"
	"slices"

	"deeprc/collective"
)

// sortFactor is the memory of a sort in units of its input.
const sortFactor = 3.5

// sortSpilled sorts bucket by bucket, each a range of the sorted table; collective.
func sortSpilled(c collective.Comm, t *Table, keys []SortKey, n int) (*Table, error) {
	first, err := collective.ExclusiveScan(c, int64(t.rows))
	if err != nil {
		return nil, fmt.Errorf("frame: sort: %w", err)
	}
	split, _, err := splitters(c, t, keys, first, n*c.Size())
	if err != nil {
		return nil, err
	}
	defer split.Release()
	numbered := append(slices.Clone(keys), SortKey{Column: rowColumn})
	buckets, err := toBuckets(c, t, n, true, nil, func(t *Table) ([]uint32, []uint32, error) {
		bucket, _, err := rangeOf(t, numbered, -1, split, n*c.Size())
		return nil, bucket, err
	})
	if err != nil {
		return nil, err
	}
	defer func() { releaseAll(buckets) }()
	return eachBucket(c, buckets, func(b *Table) (*Table, error) {
		whole := b.copied()
		defer whole.Release()
		cols, err := sortColumns(whole, numbered)
		if err == nil {
			err = fitsRows(whole.rows)
		}
		if err != nil {
			return nil, fmt.Errorf("frame: sort: %w", err)
		}
		sorted := sortLocal(whole, cols)
		defer sorted.Release()
		return sorted.sub(t.Names()), nil
	})
}
