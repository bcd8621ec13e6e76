package frame

import (
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// groupFactor is the memory of a groupby in units of its input.
const groupFactor = 4

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

// partBytes is the memory that the parts of t's rows take if each row is a group of its own.
func (p *groupPlan) partBytes(t *Table) int64 {
	keys := t.sub(p.keyNames)
	defer keys.Release()
	n := keys.Bytes()
	for _, q := range p.parts {
		i, _ := t.index(q.column)
		switch {
		case slices.Contains([]string{"min", "max", "first", "last"}, q.fn):
			cells := t.sub([]string{q.column})
			n += cells.Bytes()
			cells.Release()
		case q.fn == "sum" && !arrow.IsFloating(t.schema.Field(i).Type.ID()):
			n += 16 * int64(t.rows)
		default:
			n += 8 * int64(t.rows)
		}
	}
	return n
}

// spilled groups t's rows, which have the needed columns only, bucket by bucket. Unless some aggregate needs all rows of a group at once, only what each slice of the rows
// comes to moves, so that a key with many rows is no more in its bucket than one with few. Collective.
func (p *groupPlan) spilled(c collective.Comm, t *Table, n int) (*Table, error) {
	var first func(slice *Table) (*Table, error)
	if !p.holistic {
		var err error
		if n, err = spillBuckets(c, t.mem, groupFactor, max(t.Bytes(), p.partBytes(t))); err != nil {
			return nil, err
		}
		first = func(slice *Table) (*Table, error) {
			parts, err := p.partial(slice)
			return parts, wrap("groupby", err)
		}
	}
	buckets, err := toBuckets(c, t, n, true, first, hashBuckets(p.keyNames, n*c.Size()))
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
		out, err := p.aggregate(inOrder, !p.holistic)
		return out, wrap("groupby", err)
	})
}
