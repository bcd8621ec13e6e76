package frame

import (
	"fmt"
	"slices"

	"deeprc/collective"
)

// Unique keeps of all rows with equal cells in the given columns, or in all columns if none are given, the first one
// of the whole table. Missing cells equal each other. Each rank's rows keep their order. Collective.
func Unique(c collective.Comm, t *Table, columns ...string) (*Table, error) {
	if len(columns) == 0 {
		columns = t.Names()
	}
	first, err := unique(t, columns)
	if first, err = agreed(c, first, wrap("unique", err)); err != nil {
		return nil, err
	}
	defer first.Release()
	if c.Size() == 1 {
		return first.Retain(), nil
	}
	mine, err := PartitionBy(c, first, columns...)
	if err != nil {
		return nil, err
	}
	defer mine.Release()
	out, err := unique(mine, columns)
	return agreed(c, out, wrap("unique", err))
}

// unique is the first row of each group of this rank's rows.
func unique(t *Table, columns []string) (*Table, error) {
	if err := fitsRows(t.rows); err != nil {
		return nil, err
	}
	cols, err := keyColumns(t, columns)
	if err != nil {
		return nil, err
	}
	g := groupRows(t.mem, cols)
	defer g.free()
	slices.Sort(g.first)
	return t.pick(g.first), nil
}

// Union is the different rows of two tables of the same columns. Like [Intersect] and [Subtract] it takes each row once,
// missing cells equal each other, and rows have no particular order. Collective.
func Union(c collective.Comm, a, b *Table) (*Table, error) {
	return setOperation(c, "union", a, b, func(inA, inB bool) bool { return true })
}

// Intersect is the different rows that both tables have. Collective.
func Intersect(c collective.Comm, a, b *Table) (*Table, error) {
	return setOperation(c, "intersect", a, b, func(inA, inB bool) bool { return inA && inB })
}

// Subtract is the different rows of a that b does not have. Collective.
func Subtract(c collective.Comm, a, b *Table) (*Table, error) {
	return setOperation(c, "subtract", a, b, func(inA, inB bool) bool { return inA && !inB })
}

func setOperation(c collective.Comm, op string, a, b *Table, keep func(inA, inB bool) bool) (*Table, error) {
	var err error
	if d, e := schemaText(a.schema), schemaText(b.schema); d != e {
		err = fmt.Errorf("the second table has other columns: %s", difference(d, e, "the first table"))
	}
	if err := collective.Agree(c, wrap(op, err)); err != nil {
		return nil, err
	}
	ua, err := Unique(c, a) // all equal rows of a are on one rank then,
	if err != nil {
		return nil, err
	}
	defer ua.Release()
	ub, err := Unique(c, b) // and those of b on the same
	if err != nil {
		return nil, err
	}
	defer ub.Release()
	both := a.with()
	for _, t := range []*Table{ua, ub} {
		for _, r := range t.chunks {
			r.Retain()
			both.chunks = append(both.chunks, r)
			both.rows += int(r.NumRows())
		}
	}
	defer func() { both.Release() }()
	if err := collective.Agree(c, wrap(op, fitsRows(both.rows))); err != nil {
		return nil, err
	}
	cols, err := keyColumns(both, both.Names())
	if err != nil {
		return nil, fmt.Errorf("frame: %s: %w", op, err)
	}
	g := groupRows(a.mem, cols)
	defer g.free()
	in := make([][2]bool, len(g.first))
	for i, id := range g.id {
		side := 0
		if int(g.rowAt(i)) >= ua.rows {
			side = 1
		}
		in[id][side] = true
	}
	var rows []uint32
	for id, r := range g.first {
		if keep(in[id][0], in[id][1]) {
			rows = append(rows, r)
		}
	}
	slices.Sort(rows)
	return both.pick(rows), nil
}
