package frame

import (
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// Describe summarises each column of the whole table in a row, the same on every rank:
//
//	column, type                      text
//	count, nulls, distinct            int64: cells that are not missing, missing ones, different ones
//	mean, std, q25, median, q75       float64, missing where the column is not of numbers; std divides by n-1
//	min, max                          text, as the column prints; NaN is above all numbers
//
// Collective.
func Describe(c collective.Comm, t *Table) (*Table, error) {
	if err := sameSchema(c, t); err != nil {
		return nil, err
	}
	if err := collective.Agree(c, wrap("describe", fitsRows(t.rows))); err != nil {
		return nil, err
	}
	text, f64, i64 := arrow.BinaryTypes.LargeString, arrow.PrimitiveTypes.Float64, arrow.PrimitiveTypes.Int64
	var fields []arrow.Field
	for _, f := range []arrow.Field{{Name: "column", Type: text}, {Name: "type", Type: text}, {Name: "count", Type: i64}, {Name: "nulls", Type: i64}, {Name: "distinct", Type: i64},
		{Name: "mean", Type: f64}, {Name: "std", Type: f64}, {Name: "min", Type: text}, {Name: "q25", Type: f64}, {Name: "median", Type: f64}, {Name: "q75", Type: f64}, {Name: "max", Type: text}} {
		f.Nullable = true
		fields = append(fields, f)
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(t.mem, schema)
	defer b.Release()
	for k, f := range t.schema.Fields() {
		if err := describeColumn(c, t, k, f, b); err != nil {
			return nil, err
		}
	}
	return NewTable(t.mem, schema, b.NewRecord())
}

func describeColumn(c collective.Comm, t *Table, k int, f arrow.Field, b *array.RecordBuilder) error {
	a := t.Record().Column(k)
	counts := []int64{int64(a.Len() - a.NullN()), int64(a.NullN())}
	if err := collective.AllReduce(c, counts, collective.Sum); err != nil {
		return err
	}
	distinct, err := distinctAll(c, t, a)
	if err != nil {
		return err
	}
	b.Field(0).(*array.LargeStringBuilder).Append(f.Name)
	b.Field(1).(*array.LargeStringBuilder).Append(f.Type.String())
	for i, n := range append(counts, distinct) {
		b.Field(2 + i).(*array.Int64Builder).Append(n)
	}
	for i, fn := range []string{"min", "max"} {
		cell, err := pickAll(c, t, a, fn)
		if err != nil {
			return err
		}
		to := b.Field(7 + 4*i).(*array.LargeStringBuilder)
		if cell.IsNull(0) {
			to.AppendNull()
		} else {
			to.Append(cell.ValueStr(0))
		}
		cell.Release()
	}
	var stats []float64 // mean, std, quartiles; none of a column that is not of numbers
	if isNumeric(f.Type) && counts[0] > 0 {
		col := see(a)
		cells := presentCells(t.mem, &col, nil)
		defer free(t.mem, cells)
		s, err := momentsAll(c, cells, true)
		if err != nil {
			return err
		}
		q, err := quantiles(c, t.mem, cells, counts[0], 0.25, 0.5, 0.75)
		if err != nil {
			return err
		}
		stats = append([]float64{s.mean, math.Sqrt(s.variance())}, q...)
	}
	for i, at := range []int{5, 6, 8, 9, 10} {
		to := b.Field(at).(*array.Float64Builder)
		if stats == nil || at == 6 && counts[0] < 2 {
			to.AppendNull()
		} else {
			to.Append(stats[i])
		}
	}
	return nil
}
