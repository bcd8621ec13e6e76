package frame

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// Filter keeps the rows in which an expression (see [Expr]) is true: not those where it is false or
// missing. Collective; no rows move.
func Filter(c collective.Comm, t *Table, expression string) (*Table, error) {
	x, err := Compile(expression, t.schema)
	if err == nil && x.Type().ID() != arrow.BOOL {
		err = fmt.Errorf("frame: filter: %s is %s, not a bool", quote(expression), x.root.what())
	}
	if err == nil {
		err = wrap("filter", fitsRows(t.rows))
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	keep, err := x.eval(c, t, "filter")
	if err != nil {
		return nil, err
	}
	defer releaseArrays(keep)
	return t.rowsWhere(func(chunk, _ int, rows []uint32) []uint32 {
		k := see(keep[chunk])
		for i := range k.n {
			if k.bit(i) && !k.isNull(i) {
				rows = append(rows, uint32(i))
			}
		}
		return rows
	}), nil
}

// rowsWhere is the rows of t that which appends, ascending, for each chunk, whose first row on this rank is
// first. Chunks of which all rows are kept are shared.
func (t *Table) rowsWhere(which func(chunk, first int, rows []uint32) []uint32) *Table {
	most := 0
	for _, r := range t.chunks {
		most = max(most, int(r.NumRows()))
	}
	space := alloc[uint32](t.mem, most)
	defer free(t.mem, space)
	var chunks []arrow.Record
	first := 0
	for k, r := range t.chunks {
		rows := which(k, first, space[:0])
		first += int(r.NumRows())
		if len(rows) == int(r.NumRows()) {
			r.Retain()
			chunks = append(chunks, r)
			continue
		}
		cols := make([]arrow.Array, r.NumCols())
		for i := range cols {
			cols[i] = take(t.mem, r.Column(i), rows)
		}
		chunks = append(chunks, array.NewRecord(t.schema, cols, int64(len(rows))))
		releaseArrays(cols)
	}
	return t.with(chunks...)
}
