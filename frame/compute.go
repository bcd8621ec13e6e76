package frame

import (
	"errors"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// Compute makes column name of an expression (see [Expr]), behind the others or in place of the
// column with that name, which the expression may use. Collective; rows move only for lag and lead.
func Compute(c collective.Comm, t *Table, name, expression string) (*Table, error) {
	x, err := Compile(expression, t.schema)
	if err == nil && name == "" {
		err = errors.New("frame: compute: the new column has no name")
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	cells, err := x.eval(c, t, "compute")
	if err != nil {
		return nil, err
	}
	return t.put(name, x.Type(), cells), nil
}

// put is t with a column of type dt, given by chunk and taken over, in place of the one with that name or
// behind the others.
func (t *Table) put(name string, dt arrow.DataType, cells []arrow.Array) *Table {
	fields := slices.Clone(t.schema.Fields())
	at := len(fields)
	if i := t.schema.FieldIndices(name); len(i) > 0 {
		at = i[0]
	} else {
		fields = append(fields, arrow.Field{})
	}
	fields[at] = arrow.Field{Name: name, Type: dt, Nullable: true}
	out := &Table{mem: t.mem, schema: arrow.NewSchema(fields, nil), rows: t.rows}
	for k, r := range t.chunks {
		cols := append(slices.Clone(r.Columns()), nil)[:len(fields)]
		cols[at] = cells[k]
		out.chunks = append(out.chunks, array.NewRecord(out.schema, cols, r.NumRows()))
		cells[k].Release()
	}
	return out
}
