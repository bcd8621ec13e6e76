package frame

import (
	"deeprc/collective"
)

// joinFactor is the memory of a join in units of its inputs: the inputs after the shuffle, codes
// and row numbers by part, pairs and a result of the inputs' size.
const joinFactor = 4

// spilled joins bucket by bucket; collective.
func (j *joiner) spilled(c collective.Comm, l, r *Table, n int) (*Table, error) {
	keepL, keepR := j.keeps()
	own := [2]int{c.Rank() * n, n}
	lb, err := toBuckets(c, l, n, false, joinBuckets(j.leftOn, n*c.Size(), 0, keepL, own))
	if err != nil {
		return nil, err
	}
	defer func() { releaseAll(lb) }()
	rb, err := toBuckets(c, r, n, false, joinBuckets(j.rigOn, n*c.Size(), 0, keepR, own))
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
	if err := collective.Agree(c, wrap("join", err)); err != nil {
		return nil, err
	}
	t, err := out.file.Finish()
	return agreed(c, t, err)
}

// joinBuckets is a bucketing by a hash of the key columns; each depth has another. Rows without a whole key
// have no partner: they are spread over own, a bucket and as many from it on, or left out unless they are kept.
func joinBuckets(on []string, n, depth int, keep bool, own [2]int) bucketing {
	return func(t *Table) ([]uint32, []uint32, error) {
		cols, err := keyColumns(t, on)
		if err != nil {
			return nil, nil, err
		}
		h := hashes(t.mem, cols, t.rows)
		defer free(t.mem, h)
		for range depth {
			for i, x := range h {
				h[i] = x*0xD6E8FEB86659FD93 ^ x>>29
			}
		}
		bucket, _ := rankOf(t.mem, h, n)
		whole, done := allValid(t.mem, cols)
		defer done()
		if whole != nil && keep {
			for i := range bucket {
				if whole[i>>3]>>(i&7)&1 == 0 {
					bucket[i] = uint32(own[0] + i%own[1])
				}
			}
		}
		rows, bucket := onlyWhole(t.mem, cols, bucket, keep)
		return rows, bucket, nil
	}
}

// mostDepth is how often a bucket that is too large is split again.
const mostDepth = 3

// bucket joins two buckets and adds the rows to out. One that is too large, by what is free and for its share, is split by another
// hash, or where that does not help, since a few keys have all its rows, joined in pieces.
func (j *joiner) bucket(out *spilled, l, r *Table, depth int) error {
	bytes := l.Bytes() + r.Bytes()
	switch {
	case l.mem.room(bytes * joinFactor * 3 / 4), bytes <= l.mem.limited()/bucketShare:
		return j.inPieces(out, l, r, max(1, l.rows, r.rows))
	case depth > mostDepth:
		larger := l
		if r.Bytes() > l.Bytes() {
			larger = r
		}
		return j.inPieces(out, l, r, max(1, int(int64(larger.rows)*l.mem.limited()/bucketShare/max(1, larger.Bytes())/4)))
	}
	n := int(min(bytes*bucketShare/l.mem.limit+2, mostBuckets))
	keepL, keepR := j.keeps()
	lb, err := splitBucket(l, n, joinBuckets(j.leftOn, n, depth, keepL, [2]int{0, n}))
	if err != nil {
		return err
	}
	defer releaseAll(lb)
	rb, err := splitBucket(r, n, joinBuckets(j.rigOn, n, depth, keepR, [2]int{0, n}))
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

// inPieces joins the larger side, step rows of it at a time, with all rows of the other, which are in memory. Only after the last
// piece it is known which of these have a partner.
func (j *joiner) inPieces(out *spilled, l, r *Table, step int) error {
	m := l.mem
	cutLeft := l.Bytes() >= r.Bytes()
	piece, whole := l, r
	if !cutLeft {
		piece, whole = r, l
	}
	whole = whole.copied()
	defer whole.Release()
	has := j.partners(m, l.rows, r.rows)
	defer has.free(m)
	for lo := 0; lo == 0 || lo < piece.rows; lo += step {
		hi := min(piece.rows, lo+step)
		part := piece.slice(lo, hi)
		of := partners{left: has.left, right: has.right}
		pl, pr := part, whole
		if !cutLeft {
			pl, pr = whole, part
			if of.right != nil {
				of.right = of.right[lo:hi]
			}
		} else if of.left != nil {
			of.left = of.left[lo:hi]
		}
		err := j.piece(out, pl, pr, of, cutLeft, hi == piece.rows)
		part.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// piece adds the pairs of one piece to out, and its rows without a partner; of the other side those, if it is the last piece.
func (j *joiner) piece(out *spilled, l, r *Table, has partners, cutLeft, last bool) error {
	p, err := j.pairs(l, r, false)
	if err != nil {
		return err
	}
	defer p.free(l.mem)
	has.mark(p)
	switch {
	case last:
	case cutLeft:
		has.right = nil
	default:
		has.left = nil
	}
	j.complete(l.mem, p, &has)
	t, err := j.result(l, r, p)
	if err != nil {
		return err
	}
	return out.add(t)
}

// splitBucket puts a bucket's rows in n smaller ones.
func splitBucket(t *Table, n int, of bucketing) ([]*Table, error) {
	b := &bucketFiles{ranks: 1, n: n, of: of, m: t.mem}
	defer b.abort()
	step := max(1, int(int64(t.rows)*t.mem.limit/sliceShare/max(1, t.Bytes())))
	for lo := 0; lo == 0 || lo < t.rows; lo += step {
		if err := b.split(t, lo, min(t.rows, lo+step)); err != nil {
			return nil, err
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
