package frame

import (
	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// partners says, by row of the left and of the right side, which have a partner; nil for a side
// of which the join does not ask.
type partners struct{ left, right []uint8 }

// partners are those of tables of so many rows, none of which has one yet.
func (j *joiner) partners(m *Memory, left, right int) *partners {
	has := &partners{}
	l, r := j.asks()
	if l {
		has.left = alloc[uint8](m, left)
	}
	if r {
		has.right = alloc[uint8](m, right)
	}
	return has
}

// asks reports of which sides the join must know the rows that have a partner.
func (j *joiner) asks() (left, right bool) {
	return j.kind != Inner && j.kind != Right, j.kind == Right || j.kind == Full
}

func (h *partners) free(m *Memory) {
	free(m, h.left)
	free(m, h.right)
}

// mark notes the rows of p.
func (h *partners) mark(p *pairs) {
	if h.left != nil {
		for _, i := range p.left {
			h.left[i] = 1
		}
	}
	if h.right != nil {
		for _, i := range p.right {
			h.right[i] = 1
		}
	}
}

// settle makes the partners of copies those that they have on any rank, and one rank's copy the one
// that counts as a row of its own. Collective.
func (j *joiner) settle(c collective.Comm, m *met, has *partners) error {
	for s, own := range [][]uint8{has.left, has.right} {
		rows := m.copies[s]
		if own == nil || len(rows) == 0 {
			continue
		}
		all := alloc[uint8](m.l.mem, len(rows))
		defer free(m.l.mem, all)
		for i, r := range rows {
			all[i] = own[r]
		}
		if err := collective.AllReduce(c, all, collective.Max); err != nil {
			return err
		}
		leftOut := uint8(1)
		if j.kind == Semi {
			leftOut = 0
		}
		for i, r := range rows {
			if own[r] = leftOut; i%c.Size() == c.Rank() {
				own[r] = all[i]
			}
		}
	}
	return nil
}

// complete makes the pairs the rows that the kind of join keeps; of a side of which has says nothing they have no
// rows without a partner. If the pairs are in the order of the left rows, so is the result but for
// right rows without a partner, which follow.
func (j *joiner) complete(m *Memory, p *pairs, has *partners) {
	switch j.kind {
	case Semi, Anti:
		want := uint8(1)
		if j.kind == Anti {
			want = 0
		}
		p.left, p.right = p.left[:0], p.right[:0]
		p.grow(m, len(has.left))
		for i, h := range has.left {
			if h == want {
				p.left, p.right = append(p.left, uint32(i)), append(p.right, noRow)
			}
		}
		return
	case Left, Full:
		p.outer(m, has.left)
	}
	p.grow(m, len(p.left)+lone(has.right))
	for i, h := range has.right {
		if h == 0 {
			p.left, p.right = append(p.left, noRow), append(p.right, uint32(i))
		}
	}
}

// lone counts the rows without a partner.
func lone(has []uint8) int {
	n := 0
	for _, h := range has {
		n += 1 - int(h)
	}
	return n
}

// outer adds the left rows without a partner, in their place if the pairs are ordered by left row.
func (p *pairs) outer(m *Memory, has []uint8) {
	missing := lone(has)
	if missing == 0 {
		return
	}
	if !p.ordered {
		p.grow(m, len(p.left)+missing)
		for i, h := range has {
			if h == 0 {
				p.left, p.right = append(p.left, uint32(i)), append(p.right, noRow)
			}
		}
		return
	}
	q := &pairs{ordered: true}
	q.grow(m, len(p.left)+missing)
	k := 0
	for i, h := range has {
		if h == 0 {
			q.left, q.right = append(q.left, uint32(i)), append(q.right, noRow)
		}
		for ; k < len(p.left) && p.left[k] == uint32(i); k++ {
			q.left, q.right = append(q.left, uint32(i)), append(q.right, p.right[k])
		}
	}
	p.free(m)
	*p = *q
}

// result is the rows of the pairs.
func (j *joiner) result(l, r *Table, p *pairs) (*Table, error) {
	rightOnly := (j.kind == Right || j.kind == Full) && hasNoRow(p.left)
	if rightOnly {
		if err := fitsRows(2 * len(p.left)); err != nil {
			return nil, err
		}
	}
	arrays := make([]arrow.Array, 0, len(j.fields))
	for i, k := range j.key {
		if a := l.Record().Column(i); k >= 0 && rightOnly {
			arrays = append(arrays, takeEither(l.mem, a, r.Record().Column(k), p))
		} else {
			arrays = append(arrays, take(l.mem, a, p.left))
		}
	}
	for _, i := range j.right {
		arrays = append(arrays, take(l.mem, r.Record().Column(i), p.right))
	}
	return newTable(l.mem, j.fields, arrays, len(p.left)), nil
}

// takeEither is the cells of the pairs' left rows, or of the right ones where there is no left one.
func takeEither(m *Memory, left, right arrow.Array, p *pairs) arrow.Array {
	n := len(p.left)
	rows := alloc[uint32](m, n)
	defer free(m, rows)
	for i, r := range p.left {
		if rows[i] = noRow; r == noRow {
			rows[i] = p.right[i]
		}
	}
	l, r := take(m, left, p.left), take(m, right, rows)
	defer l.Release()
	defer r.Release()
	both := concatenate(m, left.DataType(), []arrow.Array{l, r})
	defer both.Release()
	for i, r := range p.left {
		if rows[i] = uint32(i); r == noRow {
			rows[i] += uint32(n)
		}
	}
	return take(m, both, rows)
}
