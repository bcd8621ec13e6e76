package frame

import (
	"errors"
	"math"

	"deeprc/collective"
)

// gridRanks is the number of ranks up to which a rankGrid has one row: so few messages to one
// rank cost no more than making two groups.
const gridRanks = 64

// A rankGrid is the P ranks of a group in about √P rows of consecutive ranks, of lengths that differ by
// one at most. Rows of a table go between all ranks and a few leaders along a row and a column
// of it, so that each rank has to do with some 2·√P others instead of P.
type rankGrid struct {
	row     collective.Comm // of this rank
	col     collective.Comm // the ranks at its place of every row; nil if it is the only row, or one of them has no such place
	leaders int             // the first so many ranks of the first row
	most    int             // rows of a table that this rank has held at once
}

// newRankGrid makes the groups of this rank; collective. The caller closes them.
func newRankGrid(c collective.Comm) (*rankGrid, error) {
	p := c.Size()
	if p <= gridRanks {
		return &rankGrid{row: c, leaders: 1}, nil
	}
	rows := int(math.Sqrt(float64(p)))
	g := &rankGrid{leaders: p / rows}
	var row, col []int
	place := 0
	for i := range rows {
		lo, hi := collective.Share(p, i, rows)
		if lo <= c.Rank() && c.Rank() < hi {
			place = c.Rank() - lo
			for r := lo; r < hi; r++ {
				row = append(row, r)
			}
		}
	}
	var err error
	if g.row, err = c.Sub(row); err != nil || place >= g.leaders {
		return g, err
	}
	for i := range rows {
		lo, _ := collective.Share(p, i, rows)
		col = append(col, lo+place)
	}
	if g.col, err = c.Sub(col); err != nil {
		err = errors.Join(err, g.row.Close())
	}
	return g, err
}

func (g *rankGrid) close() error {
	if g.leaders == 1 {
		return nil
	}
	err := g.row.Close()
	if g.col != nil {
		err = errors.Join(err, g.col.Close())
	}
	return err
}

// toLeaders sends each row of t to a leader; counts are the rows for each rank of
// the row, 0 for those that are not leaders. Collective.
func (g *rankGrid) toLeaders(t *Table, leader []uint32, counts []int64) (*Table, error) {
	along, err := send(g.row, t, leader, counts)
	if err != nil {
		return nil, err
	}
	g.most = max(g.most, along.rows)
	if g.col == nil {
		return along, nil
	}
	defer along.Release()
	first := alloc[uint32](t.mem, along.rows)
	defer free(t.mem, first)
	counts = make([]int64, g.col.Size())
	counts[0] = int64(along.rows)
	up, err := send(g.col, along, first, counts)
	if err == nil {
		g.most = max(g.most, up.rows)
	}
	return up, err
}

// toAll gives every rank the rows of all leaders, in their order; others have none. Collective.
func (g *rankGrid) toAll(t *Table) (*Table, error) {
	part := t.Retain() // the rows of the leader of this column
	if g.col != nil {
		part.Release()
		var err error
		if part, err = Replicate(g.col, t); err != nil {
			return nil, err
		}
	}
	defer part.Release()
	all, err := Replicate(g.row, part)
	if err == nil {
		g.most = max(g.most, all.rows)
	}
	return all, err
}
