package frame

import (
	"fmt"
	"slices"

	"deeprc/collective"
)

// sortFactor and groupFactor are the memory of a sort and a groupby in units of their input.
const (
	sortFactor  = 3.5
	groupFactor = 4
)

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
	buckets, err := toBuckets(c, t, n, true, func(t *Table) ([]uint32, []uint32, error) {
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

// eachBucket makes a file-backed table of what op makes of each bucket; collective.
func eachBucket(c collective.Comm, buckets []*Table, op func(b *Table) (*Table, error)) (*Table, error) {
	out := &spilled{}
	defer out.abort()
	var err error
	for _, b := range buckets {
		var t *Table
		if t, err = op(b); err != nil {
			break
		}
		if err = out.add(t); err != nil {
			break
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	t, err := out.file.Finish()
	return t, collective.Agree(c, err)
}

// hashBuckets is a bucketing by a hash of the key columns; a missing cell is a value like others.
func hashBuckets(on []string, n int) bucketing {
	return func(t *Table) ([]uint32, []uint32, error) {
		cols, err := keyColumns(t, on)
		if err != nil {
			return nil, nil, err
		}
		h := hashes(t.mem, cols, t.rows)
		defer free(t.mem, h)
		bucket, _ := rankOf(t.mem, h, n)
		return nil, bucket, nil
	}
}

// spilled groups bucket by bucket; collective.
func (p *groupPlan) spilled(c collective.Comm, t *Table, n int) (*Table, error) {
	rows := t.sub(p.needed)
	defer rows.Release()
	buckets, err := toBuckets(c, rows, n, true, hashBuckets(p.keyNames, n*c.Size()))
	if err != nil {
		return nil, err
	}
	defer func() { releaseAll(buckets) }()
	return eachBucket(c, buckets, func(b *Table) (*Table, error) {
		inOrder, err := byNumber(b)
		if err != nil {
			return nil, wrap("groupby", err)
		}
		defer inOrder.Release()
		out, err := p.aggregate(inOrder, false)
		return out, wrap("groupby", err)
	})
}
