package duckdb

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/frame"
)

// plain is t with dates, times and durations seen as the integers that they are, which the
// Parquet file and DuckDB keep whole; they compare and hash alike. It shares t's memory.
func plain(t *frame.Table) (*frame.Table, error) {
	fields := t.Schema().Fields()
	for i := range fields {
		fields[i] = arrow.Field{Name: fields[i].Name, Type: plainType(fields[i].Type), Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	var recs []arrow.Record
	for _, rec := range t.Chunks() {
		cols := make([]arrow.Array, rec.NumCols())
		for i, a := range rec.Columns() {
			d := a.Data()
			p := array.NewData(fields[i].Type, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
			cols[i] = array.MakeFromData(p)
			p.Release()
			defer cols[i].Release()
		}
		recs = append(recs, array.NewRecord(schema, cols, rec.NumRows()))
	}
	return frame.NewTable(t.Memory(), schema, recs...)
}

func plainType(dt arrow.DataType) arrow.DataType {
	switch dt.ID() {
	case arrow.DATE32, arrow.TIME32:
		return arrow.PrimitiveTypes.Int32
	case arrow.DATE64, arrow.TIME64, arrow.TIMESTAMP, arrow.DURATION:
		return arrow.PrimitiveTypes.Int64
	}
	return dt
}
