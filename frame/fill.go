package frame

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// FillOptions says how [Fill] fills missing cells. All ranks pass the same.
type FillOptions struct {
	Columns []string
	// Method is where a value comes from:
	//
	//	forward    the last cell before it in the series that is not missing
	//	backward   the next one after it
	//	linear     both, on a line in time; floats only; not before the first and after the last
	//	constant   Value
	//	mean       the mean of the series; floats only; a series without cells stays as it is
	Method string
	// Limit is how many missing cells in a row are filled forward or backward; linear leaves
	// longer gaps as they are. 0 means no limit.
	Limit int
	// Value is a bool, int64, float64 or string that fits the columns.
	Value any
	// Fit is a column of booleans: the mean is of the rows where it is true. "" means all.
	Fit string
}

var fillMethods = []string{"forward", "backward", "linear", "constant", "mean"}

// Fill replaces missing cells. NaN is not missing. Rows stay where they are for a constant; else they are
// ordered by series and time on each rank, rows of equal time as they were; a series is whole on one
// rank, without by all rows are one series. A constant and a mean need no time column. Collective.
func Fill(c collective.Comm, t *Table, by []string, time string, o FillOptions) (*Table, error) {
	columns, err := o.bind(t, by, time)
	if err := collective.Agree(c, wrap("fill", err)); err != nil {
		return nil, err
	}
	if o.Method == "constant" {
		out, err := fillConstant(t, columns, o.Value)
		if err := collective.Agree(c, wrap("fill", err)); err != nil {
			return nil, err
		}
		return out, nil
	}
	s, err := bySeries(c, t, "fill", by, time)
	if err != nil {
		return nil, err
	}
	defer s.release()
	m, rec := s.t.mem, s.t.Record()
	arrays := slices.Clone(rec.Columns())
	for _, a := range arrays {
		a.Retain()
	}
	for _, k := range columns {
		a := rec.Column(k)
		if a.NullN() == 0 {
			continue
		}
		arrays[k].Release()
		switch o.Method {
		case "linear":
			arrays[k] = fillLinear(m, a, s, o.Limit)
		case "mean":
			arrays[k] = fillMean(m, a, s, o.Fit)
		default:
			rows := nearRows(m, a, s.start, o.Limit, o.Method == "backward")
			arrays[k] = take(m, a, rows)
			free(m, rows)
		}
	}
	return newTable(m, s.t.schema.Fields(), arrays, s.t.rows), nil
}

// bind finds the columns to fill.
func (o *FillOptions) bind(t *Table, by []string, time string) ([]int, error) {
	switch {
	case !slices.Contains(fillMethods, o.Method):
		msg := "no method " + quote(o.Method)
		if n, ok := Nearest(o.Method, fillMethods); ok {
			msg += "; did you mean " + quote(n) + "?"
		}
		return nil, fmt.Errorf("%s; methods: %s", msg, list(fillMethods))
	case len(o.Columns) == 0:
		return nil, fmt.Errorf("no column is given")
	case o.Limit < 0:
		return nil, fmt.Errorf("the limit %d is below 0", o.Limit)
	case o.Limit > 0 && (o.Method == "constant" || o.Method == "mean"):
		return nil, fmt.Errorf("a limit is for forward, backward and linear, not %s", o.Method)
	case (o.Value != nil) != (o.Method == "constant"):
		return nil, fmt.Errorf("a value is for constant, which needs one; the method is %s", o.Method)
	case o.Fit != "" && o.Method != "mean":
		return nil, fmt.Errorf("a fit column is for mean; the method is %s", o.Method)
	case time == "" && o.Method != "constant" && o.Method != "mean":
		return nil, fmt.Errorf("%s needs a time column", o.Method)
	}
	if err := checkSeries(t, by, time); err != nil {
		return nil, err
	}
	if o.Fit != "" {
		if _, err := t.flag(o.Fit); err != nil {
			return nil, err
		}
	}
	columns := make([]int, len(o.Columns))
	for i, n := range o.Columns {
		k, err := t.index(n)
		if err != nil {
			return nil, err
		}
		if dt := t.schema.Field(k).Type; (o.Method == "linear" || o.Method == "mean") && !isFloat(dt) {
			return nil, fmt.Errorf("%s of column %s: it is %s, not float32 or float64; cast it", o.Method, quote(n), dt)
		}
		if slices.Contains(by, n) || n == time {
			return nil, fmt.Errorf("column %s orders the rows; it cannot be filled", quote(n))
		}
		if slices.Contains(o.Columns[:i], n) {
			return nil, fmt.Errorf("column %s is given twice", quote(n))
		}
		columns[i] = k
	}
	return columns, nil
}

// flag is the place of a column of booleans.
func (t *Table) flag(name string) (int, error) {
	k, err := t.index(name)
	if err == nil && t.schema.Field(k).Type.ID() != arrow.BOOL {
		err = fmt.Errorf("column %s is %s, not bool", quote(name), t.schema.Field(k).Type)
	}
	return k, err
}

// nearRows is each row, but of a missing cell that of the nearest before it (or after it) in its
// series that is not missing, if there is one within limit rows.
func nearRows(m *Memory, a arrow.Array, start []int, limit int, backward bool) []uint32 {
	c := see(a)
	rows := alloc[uint32](m, c.n)
	if limit == 0 {
		limit = c.n
	}
	for k := range len(start) - 1 {
		row, end, step := start[k], start[k+1], 1
		if backward {
			row, end, step = start[k+1]-1, start[k]-1, -1
		}
		last := -1
		for ; row != end; row += step {
			rows[row] = noRow
			if !c.isNull(row) {
				last = row
			}
			if last >= 0 && (row-last)*step <= limit {
				rows[row] = uint32(last)
			}
		}
	}
	return rows
}

// floatColumn makes a column like a, of float32 or float64, of values with missing cells.
func floatColumn(m *Memory, dt arrow.DataType, out *collector[float64]) arrow.Array {
	a := out.array(arrow.PrimitiveTypes.Float64)
	if dt.ID() == arrow.FLOAT64 {
		return a
	}
	defer a.Release()
	c := see(a)
	b := newBuffer(m, 4*c.n)
	to := view[float32](b)
	for i, v := range values[float64](&c) {
		to[i] = float32(v)
	}
	return newArray(dt, c.n, c.nulls, copyValidity(m, a), b)
}

func fillLinear(m *Memory, a arrow.Array, s *series, limit int) arrow.Array {
	c := see(a)
	f, done := floats(m, &c)
	defer done()
	out := newCollector[float64](m, c.n)
	for k := range len(s.start) - 1 {
		last := -1
		for row := s.start[k]; row < s.start[k+1]; row++ {
			if c.isNull(row) {
				continue
			}
			if gap := row - last - 1; last >= 0 && gap > 0 && (limit == 0 || gap <= limit) {
				from, length := s.time[last], float64(s.time[row]-s.time[last])
				for i := last + 1; i < row; i++ {
					if part := float64(s.time[i]-from) / length; length > 0 {
						out.put(i, between(f[last], f[row], part))
					} else {
						out.put(i, f[last]) // all at one time
					}
				}
			}
			out.put(row, f[row])
			last = row
		}
	}
	return floatColumn(m, c.typ, out)
}

func fillMean(m *Memory, a arrow.Array, s *series, fit string) arrow.Array {
	c := see(a)
	f, done := floats(m, &c)
	defer done()
	fitted := s.t.fitted(fit)
	out := newCollector[float64](m, c.n)
	for k := range len(s.start) - 1 {
		var sum precise
		n := 0
		for row := s.start[k]; row < s.start[k+1]; row++ {
			if !c.isNull(row) && fitted(row) {
				sum.add(f[row])
				n++
			}
		}
		for row := s.start[k]; row < s.start[k+1]; row++ {
			if !c.isNull(row) {
				out.put(row, f[row])
			} else if n > 0 {
				out.put(row, sum.value()/float64(n))
			}
		}
	}
	return floatColumn(m, c.typ, out)
}

// fitted tells whether a row's cell in a column of booleans is true; without a column, all are.
func (t *Table) fitted(column string) func(row int) bool {
	if column == "" {
		return func(int) bool { return true }
	}
	k, err := t.flag(column)
	if err != nil {
		panic(err) // it was looked at
	}
	c := see(t.Record().Column(k))
	return func(row int) bool { return !c.isNull(row) && c.bit(row) }
}

// fillConstant fills columns of any types that hold the value.
func fillConstant(t *Table, columns []int, value any) (*Table, error) {
	fills := make([]arrow.Array, t.schema.NumFields())
	defer func() {
		for _, a := range fills {
			if a != nil {
				a.Release()
			}
		}
	}()
	for _, k := range columns {
		f := t.schema.Field(k)
		a, err := constant(t.mem, value, f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", quote(f.Name), err)
		}
		fills[k] = a
	}
	chunks := make([]arrow.Record, len(t.chunks))
	for i, r := range t.chunks {
		cols := slices.Clone(r.Columns())
		for _, k := range columns {
			cols[k] = replaceMissing(t.mem, cols[k], fills[k])
			defer cols[k].Release()
		}
		chunks[i] = array.NewRecord(t.schema, cols, r.NumRows())
	}
	return t.with(chunks...), nil
}

// constant is one cell of a type.
func constant(m *Memory, value any, dt arrow.DataType) (arrow.Array, error) {
	var b array.Builder
	switch v := value.(type) {
	case bool:
		b = array.NewBooleanBuilder(m)
		b.(*array.BooleanBuilder).Append(v)
	case int64:
		b = array.NewInt64Builder(m)
		b.(*array.Int64Builder).Append(v)
	case float64:
		b = array.NewFloat64Builder(m)
		b.(*array.Float64Builder).Append(v)
	case string:
		b = array.NewLargeStringBuilder(m)
		b.(*array.LargeStringBuilder).Append(v)
	default:
		return nil, fmt.Errorf("the value %v is a %T; want bool, int64, float64 or string", value, value)
	}
	defer b.Release()
	a := b.NewArray()
	defer a.Release()
	if _, isText := value.(string); isText != (layoutOfType(dt) == textCells) {
		return nil, fmt.Errorf("it is %s, which cannot hold the value %v", dt, value)
	}
	out, err := castColumn(m, a, dt)
	if err != nil {
		return nil, fmt.Errorf("it is %s, which cannot hold the value %v: %w", dt, value, err)
	}
	return out, nil
}

func layoutOfType(dt arrow.DataType) layout {
	l, _ := layoutOf(dt)
	return l
}

// replaceMissing is a with the cell of one in place of missing ones.
func replaceMissing(m *Memory, a, one arrow.Array) arrow.Array {
	if a.NullN() == 0 {
		a.Retain()
		return a
	}
	both := concatenate(m, a.DataType(), []arrow.Array{a, one})
	defer both.Release()
	rows := alloc[uint32](m, a.Len())
	defer free(m, rows)
	for i := range rows {
		if rows[i] = uint32(i); a.IsNull(i) {
			rows[i] = uint32(a.Len())
		}
	}
	return take(m, both, rows)
}
