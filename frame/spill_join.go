package frame

import (
	"fmt"

	"deeprc/collective"
)

// joinFactor is the memory of a join in units of its inputs: the inputs after the shuffle, codes
// and row numbers by part, pairs and a result of the inputs' size.
const joinFactor = 4

// spilled joins bucket by bucket; collective.
func (j *joiner) spilled(c collective.Comm, l, r *Table, n int) (*Table, error) {
	lb, err := toBuckets(c, l, n, false, hashBuckets(j.leftOn, n*c.Size(), 0))
	if err != nil {
		return nil, err
	}
	defer func() { releaseAll(lb) }()
	rb, err := toBuckets(c, r, n, false, hashBuckets(j.rigOn, n*c.Size(), 0))
	if err != nil {
		return nil, err
	}
	defer func() { releaseAll(rb) }()
	out := &spilled{}
	defer out.abort()
	for b := range lb {
		if err = j.bucket(out, lb[b], rb[b], 1); err != nil {
			break
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	t, err := out.file.Finish()
	return t, collective.Agree(c, err)
}

// hashBuckets is a bucketing by a hash of the key columns; each depth has another.
func hashBuckets(on []string, n, depth int) bucketing {
	return func(t *Table) ([]uint32, error) {
		cols, err := keyColumns(t, on)
		if err != nil {
			return nil, err
		}
		h := hashes(t.mem, cols, t.rows)
		defer free(t.mem, h)
		for range depth {
			for i, x := range h {
				h[i] = x*0xD6E8FEB86659FD93 ^ x>>29
			}
		}
		bucket, _ := rankOf(t.mem, h, n)
		return bucket, nil
	}
}

// mostDepth is how often a bucket that is too large is split again.
const mostDepth = 3

// bucket joins two buckets and adds the rows to out. One that is too large is split by another
// hash; where that does not help, since a few keys have all its rows, by left rows, as far as the kind of join allows.
func (j *joiner) bucket(out *spilled, l, r *Table, depth int) error {
	m := l.mem
	bytes := l.Bytes() + r.Bytes()
	if m.room(bytes*joinFactor*3/4) || depth > mostDepth && j.kind != Inner && j.kind != Left && j.kind != Semi && j.kind != Anti {
		lw, rw := l.copied(), r.copied()
		defer lw.Release()
		defer rw.Release()
		t, err := j.local(lw, rw)
		if err != nil {
			return err
		}
		return out.add(t)
	}
	if depth > mostDepth {
		rw := r.copied()
		defer rw.Release()
		step := max(1, int(int64(l.rows)*m.limited()/bucketShare/max(1, l.Bytes())/4))
		for lo := 0; lo == 0 || lo < l.rows; lo += step {
			piece := l.slice(lo, min(l.rows, lo+step))
			t, err := j.local(piece, rw)
			piece.Release()
			if err != nil {
				return err
			}
			if err := out.add(t); err != nil {
				return err
			}
		}
		return nil
	}
	n := int(min(bytes*bucketShare/m.limit+2, mostBuckets))
	lb, err := splitBucket(l, n, hashBuckets(j.leftOn, n, depth))
	if err != nil {
		return err
	}
	defer releaseAll(lb)
	rb, err := splitBucket(r, n, hashBuckets(j.rigOn, n, depth))
	if err != nil {
		return err
	}
	defer releaseAll(rb)
	for b := range lb {
		if err := j.bucket(out, lb[b], rb[b], depth+1); err != nil {
			return err
		}
	}
	return nil
}

// splitBucket puts a bucket's rows in n smaller ones.
func splitBucket(t *Table, n int, of bucketing) ([]*Table, error) {
	b := &bucketFiles{ranks: 1, n: n, of: of, m: t.mem}
	defer b.abort()
	if t.rows == 0 {
		if err := b.put(t, 0); err != nil {
			return nil, err
		}
	}
	step := max(1, int(int64(t.rows)*t.mem.limit/sliceShare/max(1, t.Bytes())))
	for lo := 0; lo < t.rows; lo += step {
		piece := t.slice(lo, min(t.rows, lo+step))
		err := b.put(piece, 0)
		piece.Release()
		if err != nil {
			return nil, fmt.Errorf("frame: spill: %w", err)
		}
	}
	return b.finish()
}

// copied is t with its rows in memory, one chunk.
func (t *Table) copied() *Table {
	c := t.Retain()
	c.Record()
	return c
}
