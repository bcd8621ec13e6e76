package frame

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// ConcatOptions says what [Concat] does with columns that not all tables have.
type ConcatOptions struct {
	Fill bool // such a column is missing in the rows of the others; without Fill it is an error
}

// Concat puts the rows of tables one behind the other on each rank: each rank has its rows of the first table,
// then its rows of the second, and so on; no rows move. Columns are matched by name, in the order of the first table,
// then new ones. Their types are equal, or of numbers: of integers the narrowest that holds both, with floats
// float64, whose integers must be exact, but of two float32 float32. Collective.
func Concat(c collective.Comm, o ConcatOptions, tables ...*Table) (*Table, error) {
	out, err := concatLocal(o, tables)
	if err := collective.Agree(c, wrap("concat", err)); err != nil {
		if out != nil {
			out.Release()
		}
		return nil, err
	}
	return out, nil
}

func concatLocal(o ConcatOptions, tables []*Table) (*Table, error) {
	if len(tables) == 0 {
		return nil, fmt.Errorf("no table is given")
	}
	fields, err := concatFields(o, tables)
	if err != nil {
		return nil, err
	}
	m := tables[0].mem
	out := &Table{mem: m, schema: arrow.NewSchema(fields, nil)}
	for k, t := range tables {
		for _, r := range t.chunks {
			cols := make([]arrow.Array, 0, len(fields))
			for _, f := range fields {
				a, err := castTo(m, t, r, f)
				if err != nil {
					releaseArrays(cols)
					out.Release()
					return nil, fmt.Errorf("table %d: %w", k+1, err)
				}
				cols = append(cols, a)
			}
			if r.NumRows() > 0 {
				out.chunks = append(out.chunks, array.NewRecord(out.schema, cols, r.NumRows()))
				out.rows += int(r.NumRows())
			}
			releaseArrays(cols)
		}
	}
	return out, nil
}

// castTo is column f of a record of t, missing where t has none; the caller releases it.
func castTo(m *Memory, t *Table, r arrow.Record, f arrow.Field) (arrow.Array, error) {
	at := t.schema.FieldIndices(f.Name)
	if len(at) == 0 {
		return missingColumn(m, f.Type, int(r.NumRows())), nil
	}
	a, _, err := castCells(m, r.Column(at[0]), f.Type)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", quote(f.Name), err)
	}
	return a, nil
}

// concatFields are the columns of all tables.
func concatFields(o ConcatOptions, tables []*Table) ([]arrow.Field, error) {
	var fields []arrow.Field
	at := map[string]int{}
	for k, t := range tables {
		for _, f := range t.schema.Fields() {
			i, ok := at[f.Name]
			if !ok {
				if k > 0 && !o.Fill {
					return nil, fmt.Errorf("the first table lacks column %s of table %d; drop it, or set fill", quote(f.Name), k+1)
				}
				at[f.Name] = len(fields)
				fields = append(fields, arrow.Field{Name: f.Name, Type: f.Type, Nullable: true})
				continue
			}
			dt := widerType(fields[i].Type, f.Type)
			if dt == nil {
				return nil, fmt.Errorf("column %s is %s in table %d, %s before; cast one of them", quote(f.Name), f.Type, k+1, fields[i].Type)
			}
			fields[i].Type = dt
		}
		if o.Fill {
			continue
		}
		for _, f := range fields {
			if len(t.schema.FieldIndices(f.Name)) == 0 {
				return nil, fmt.Errorf("table %d has no column %s, which the first table has; set fill to make its cells missing", k+1, quote(f.Name))
			}
		}
	}
	return fields, nil
}

// widerType is the type of cells of two types, or nil.
func widerType(a, b arrow.DataType) arrow.DataType {
	if arrow.TypeEqual(a, b) {
		return a
	}
	ka, kb := kindOf(a), kindOf(b)
	if ka != exprInt && ka != exprFloat || kb != exprInt && kb != exprFloat {
		return nil
	}
	if ka == exprFloat || kb == exprFloat {
		return arrow.PrimitiveTypes.Float64
	}
	wa, wb := a.(arrow.FixedWidthDataType).BitWidth(), b.(arrow.FixedWidthDataType).BitWidth()
	ua, ub := arrow.IsUnsignedInteger(a.ID()), arrow.IsUnsignedInteger(b.ID())
	switch {
	case ua == ub && wa > wb, !ua && ub && wa > wb:
		return a
	case ua == ub, ua && wb > wa:
		return b
	}
	if !ua {
		wb, wa = wa, wb
	} // a's width is that of the unsigned type, which is not narrower
	return map[int]arrow.DataType{8: arrow.PrimitiveTypes.Int16, 16: arrow.PrimitiveTypes.Int32, 32: arrow.PrimitiveTypes.Int64}[wa]
}
