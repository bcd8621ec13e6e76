package frame

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// MeltOptions says how [Melt] turns columns into rows. All ranks pass the same.
type MeltOptions struct {
	ID     []string // columns that are repeated
	Values []string // columns that become rows; nil means all others. They have one type
	// Variable and Value name the new columns; "" means variable and value.
	Variable, Value string
}

// Melt makes of each row one for each value column, next to each other in the order of those:
// the ID columns, the value column's name as text, and its cell. Collective, but no rows move.
func Melt(c collective.Comm, t *Table, o MeltOptions) (*Table, error) {
	id, values, fields, err := o.bind(t)
	if err == nil {
		for _, r := range t.chunks {
			err = fitsRows(int(r.NumRows()) * len(values))
			if err != nil {
				break
			}
		}
	}
	if err := collective.Agree(c, wrap("melt", err)); err != nil {
		return nil, err
	}
	names := textColumn(t.mem, o.Values)
	defer names.Release()
	out := &Table{mem: t.mem, schema: arrow.NewSchema(fields, nil)}
	for _, r := range t.chunks {
		part := meltChunk(t.mem, r, id, values, fields, names)
		out.chunks = append(out.chunks, part.chunks...)
		out.rows += part.rows
	}
	return out, nil
}

func (o *MeltOptions) bind(t *Table) (id, values []int, fields []arrow.Field, err error) {
	if o.Variable == "" {
		o.Variable = "variable"
	}
	if o.Value == "" {
		o.Value = "value"
	}
	if o.Values == nil {
		for _, n := range t.Names() {
			if !slices.Contains(o.ID, n) {
				o.Values = append(o.Values, n)
			}
		}
	}
	if len(o.Values) == 0 {
		return nil, nil, nil, fmt.Errorf("no value column is given")
	}
	names := append(slices.Clone(o.ID), o.Variable, o.Value)
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return nil, nil, nil, twoColumns(n)
		}
	}
	for _, n := range o.ID {
		k, err := t.index(n)
		if err != nil {
			return nil, nil, nil, err
		}
		id, fields = append(id, k), append(fields, t.schema.Field(k))
	}
	var dt arrow.DataType
	for i, n := range o.Values {
		k, err := t.index(n)
		if err != nil {
			return nil, nil, nil, err
		}
		f := t.schema.Field(k)
		if i > 0 && !arrow.TypeEqual(f.Type, dt) {
			return nil, nil, nil, fmt.Errorf("column %s is %s, column %s %s: value columns have one type; cast one, or name the columns", quote(o.Values[0]), dt, quote(n), f.Type)
		}
		dt = f.Type
		values = append(values, k)
	}
	return id, values, append(fields, arrow.Field{Name: o.Variable, Type: arrow.BinaryTypes.LargeString, Nullable: true},
		arrow.Field{Name: o.Value, Type: dt, Nullable: true}), nil
}

func meltChunk(m *Memory, r arrow.Record, id, values []int, fields []arrow.Field, names arrow.Array) *Table {
	n, k := int(r.NumRows()), len(values)
	source, name, cell := alloc[uint32](m, n*k), alloc[uint32](m, n*k), alloc[uint32](m, n*k)
	defer free(m, source)
	defer free(m, name)
	defer free(m, cell)
	for i := range n {
		for v := range k {
			source[i*k+v], name[i*k+v], cell[i*k+v] = uint32(i), uint32(v), uint32(v*n+i)
		}
	}
	var arrays, parts []arrow.Array
	for _, c := range id {
		arrays = append(arrays, take(m, r.Column(c), source))
	}
	for _, c := range values {
		parts = append(parts, r.Column(c))
	}
	all := concatenate(m, parts[0].DataType(), parts)
	defer all.Release()
	return newTable(m, fields, append(arrays, take(m, names, name), take(m, all, cell)), n*k)
}

// textColumn is a column of the given texts.
func textColumn(m *Memory, texts []string) arrow.Array {
	total := 0
	for _, s := range texts {
		total += len(s)
	}
	off, text := newBuffer(m, 8*(len(texts)+1)), newBuffer(m, total)
	at := 0
	for i, s := range texts {
		at += copy(text.Bytes()[at:], s)
		view[int64](off)[i+1] = int64(at)
	}
	return newArray(arrow.BinaryTypes.LargeString, len(texts), 0, nil, off, text)
}
