package frame

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// exprShift is lag or lead.
type exprShift struct {
	of   *exprNode
	by   []*exprNode // keys of the series; none: the whole table
	rows int64       // how far before a row the value lies; negative: behind
}

// move computes a lag or lead for all the rank's rows; the caller releases it. Collective.
func (e *evaluation) move(c collective.Comm, n *exprNode, op string) (arrow.Array, error) {
	s := n.shift
	var cols []arrow.Array
	var fields []arrow.Field
	defer func() { releaseArrays(cols) }()
	var err error
	for i, arg := range append([]*exprNode{s.of}, s.by...) {
		var parts []arrow.Array
		parts, err = e.arrays(arg)
		if err == nil {
			cols = append(cols, concatenate(e.t.mem, arg.typ, parts))
			fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: arg.typ, Nullable: true})
		}
		releaseArrays(parts)
		if err != nil {
			break
		}
	}
	if err == nil {
		err = fitsRows(e.t.rows)
	}
	if err := collective.Agree(c, wrap(op, err)); err != nil {
		return nil, err
	}
	for _, a := range cols {
		a.Retain()
	}
	t := newTable(e.t.mem, fields, append([]arrow.Array(nil), cols...), e.t.rows)
	defer t.Release()
	if len(s.by) == 0 {
		return shiftRows(c, t, s.rows)
	}
	return shiftSeries(c, t, s.rows)
}

// shiftRows gives each row of the whole table the cell of t's only column that lies n rows before it:
// a repartition in order, with bounds that lie n rows before this table's. Collective.
func shiftRows(c collective.Comm, t *Table, n int64) (arrow.Array, error) {
	all, err := collective.AllGatherOne(c, int64(t.rows))
	if err != nil {
		return nil, err
	}
	var total int64
	bounds := make([]int64, len(all)+1) // the first row of each rank
	for r, k := range all {
		total += k
		bounds[r+1] = total
	}
	n = max(-total, min(n, total))
	lo, hi := bounds[c.Rank()], bounds[c.Rank()+1]
	counts := make([]int, len(all))
	first := int64(-1)
	var sent int64
	for r := range counts {
		from, to := max(lo, bounds[r]-n), min(hi, bounds[r+1]-n)
		if counts[r] = int(max(0, to-from)); to > from {
			if first < 0 {
				first = from - lo
			}
			sent += to - from
		}
	}
	order := alloc[uint32](t.mem, int(sent))
	defer free(t.mem, order)
	for i := range order {
		order[i] = uint32(first + int64(i))
	}
	come, err := exchange(c, t, order, counts)
	if err != nil {
		return nil, err
	}
	defer come.Release()
	rows := alloc[uint32](t.mem, t.rows) // of what came
	defer free(t.mem, rows)
	next := uint32(0)
	for i := range rows {
		rows[i] = noRow
		if g := lo + int64(i) - n; g >= 0 && g < total {
			rows[i] = next
			next++
		}
	}
	return take(t.mem, column0(come), rows), nil
}

// column0 is the first column of t, of its rows on this rank; t owns it.
func column0(t *Table) arrow.Array { return t.Record().Column(0) }

// shiftSeries gives each row the cell of column 0 that lies n rows before it among the rows with
// the same keys, which are the other columns. Only the first and last n rows of each key on a rank can have
// to do with other ranks; they meet by key, where the same is done with them, and go back. Collective.
func shiftSeries(c collective.Comm, t *Table, n int64) (arrow.Array, error) {
	from, edge := shiftLocal(t, n)
	defer free(t.mem, from)
	if c.Size() == 1 {
		free(t.mem, edge)
		return take(t.mem, column0(t), from), nil
	}
	rows := alloc[uint32](t.mem, t.rows)[:0]
	for i, e := range edge {
		if e {
			rows = append(rows, uint32(i))
		}
	}
	free(t.mem, edge)
	defer func() { free(t.mem, rows[:cap(rows)]) }()
	edges, err := shiftEdges(c, t, rows, n)
	if err != nil {
		return nil, err
	}
	defer edges.Release()
	// The cells are those of t, and behind them those of edges. What t has is right; between edges rows are left out.
	for i, r := range rows {
		if from[r] == noRow {
			from[r] = uint32(t.rows + i)
		}
	}
	both := concatenate(t.mem, t.schema.Field(0).Type, []arrow.Array{column0(t), edges})
	defer both.Release()
	return take(t.mem, both, from), nil
}

// shiftEdges is the shifted cells of some rows of each rank, ascending. Collective.
func shiftEdges(c collective.Comm, t *Table, rows []uint32, n int64) (arrow.Array, error) {
	m := t.mem
	some := t.pick(rows)
	defer some.Release()
	home, place := alloc[uint32](m, len(rows)), alloc[uint32](m, len(rows)) // where each row is to go back to
	defer free(m, home)
	defer free(m, place)
	for i := range home {
		home[i], place[i] = uint32(c.Rank()), uint32(i)
	}
	var keys []string
	for _, f := range t.schema.Fields()[1:] {
		keys = append(keys, f.Name)
	}
	tagged := some.extend([]arrow.Field{{Name: "home", Type: arrow.PrimitiveTypes.Uint32}, {Name: "place", Type: arrow.PrimitiveTypes.Uint32}},
		func(arrow.Record) []arrow.Array { return []arrow.Array{uint32Array(m, home), uint32Array(m, place)} })
	defer tagged.Release()
	met, err := PartitionBy(c, tagged, keys...)
	if err != nil {
		return nil, err
	}
	defer met.Release()
	if err := collective.Agree(c, wrap("lag", fitsRows(met.rows))); err != nil {
		return nil, err
	}
	series := met.sub(append([]string{t.schema.Field(0).Name}, keys...))
	defer series.Release()
	from, edge := shiftLocal(series, n)
	defer free(m, from)
	free(m, edge)
	owner, at := see(met.Record().Column(len(keys)+1)), see(met.Record().Column(len(keys)+2))
	counts := make([]int, c.Size())
	order := alloc[uint32](m, met.rows)
	defer free(m, order)
	for i, r := range values[uint32](&owner) { // rows came in the order of the ranks
		order[i] = uint32(i)
		counts[r]++
	}
	back := newTable(m, []arrow.Field{{Name: "x", Type: t.schema.Field(0).Type, Nullable: true}, {Name: "place", Type: arrow.PrimitiveTypes.Uint32, Nullable: true}},
		[]arrow.Array{take(m, column0(series), from), uint32Array(m, values[uint32](&at))}, met.rows)
	defer back.Release()
	come, err := exchange(c, back, order, counts)
	if err != nil {
		return nil, err
	}
	defer come.Release()
	where := see(come.Record().Column(1))
	for i, p := range values[uint32](&where) {
		place[p] = uint32(i)
	}
	return take(m, column0(come), place), nil
}

func uint32Array(m *Memory, v []uint32) arrow.Array {
	b := newBuffer(m, 4*len(v))
	copy(view[uint32](b), v)
	return newArray(arrow.PrimitiveTypes.Uint32, len(v), 0, nil, b)
}

// shiftLocal is, for each row of this rank, the row n before it with the same keys, which are all columns but
// the first, or noRow; and whether the row is among the first or last n of its key. The caller frees both.
func shiftLocal(t *Table, n int64) (from []uint32, edge []bool) {
	m := t.mem
	from, edge = alloc[uint32](m, t.rows), alloc[bool](m, t.rows)
	if t.rows == 0 {
		return from, edge
	}
	var cols []column
	for _, a := range t.Record().Columns()[1:] {
		cols = append(cols, see(a))
	}
	g := groupRows(m, cols)
	defer g.free()
	start := alloc[uint32](m, len(g.first)+1) // of each group in rows, which are ordered by group
	defer free(m, start)
	rows := alloc[uint32](m, t.rows)
	defer free(m, rows)
	group := alloc[uint32](m, t.rows) // of each row
	defer free(m, group)
	for i, id := range g.id {
		group[g.rowAt(i)] = id
		start[id+1]++
	}
	for i := 1; i < len(start); i++ {
		start[i] += start[i-1]
	}
	next := alloc[uint32](m, len(g.first))
	defer free(m, next)
	copy(next, start)
	for r, id := range group {
		rows[next[id]] = uint32(r)
		next[id]++
	}
	reach := max(n, -n)
	for id := range g.first {
		lo, hi := int64(start[id]), int64(start[id+1])
		for p := lo; p < hi; p++ {
			r := rows[p]
			from[r] = noRow
			edge[r] = p-lo < reach || hi-1-p < reach
			if q := p - n; q >= lo && q < hi {
				from[r] = rows[q]
			}
		}
	}
	return from, edge
}
