package duckdb

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/duckdb/duckdb-go/v2"

	"deeprc/frame"
)

// load makes t a table of db, through a Parquet file in dir; its rowid is the number of the row.
func load(db *sql.DB, dir, name string, t *frame.Table) (err error) {
	t, err = plain(t)
	if err != nil {
		return err
	}
	defer t.Release()
	path := filepath.Join(dir, name+".parquet")
	w, err := frame.NewParquetWriter(path, t.Schema(), frame.ParquetOptions{Alloc: t.Memory(), RowGroup: 64})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	for _, rec := range t.Chunks() {
		if err := w.Write(rec); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err = db.Exec(fmt.Sprintf("CREATE TABLE %s AS SELECT * FROM read_parquet('%s')", name, path))
	return err
}

// ask is the result of a query as a table of the given columns, in m. A value that does not fit its column is an error.
func ask(db *sql.DB, m *frame.Memory, query string, schema *arrow.Schema) (*frame.Table, error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, fmt.Errorf("DuckDB: %w\n%s", err, query)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || len(names) != schema.NumFields() {
		return nil, fmt.Errorf("DuckDB gives columns %q, %v; ours are %v\n%s", names, err, schema, query)
	}
	b := array.NewRecordBuilder(m, schema)
	defer b.Release()
	cells, ptrs := make([]any, len(names)), make([]any, len(names))
	for i := range cells {
		ptrs[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return nil, err
		}
		for i, v := range cells {
			if err := put(b.Field(i), v); err != nil {
				return nil, fmt.Errorf("DuckDB's column %s: value %v: %w\n%s", names[i], v, err, query)
			}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("DuckDB: %w\n%s", err, query)
	}
	return frame.NewTable(m, schema, b.NewRecord())
}

// put appends one of DuckDB's values.
func put(b array.Builder, v any) error {
	switch v := v.(type) {
	case nil:
		b.AppendNull()
		return nil
	case string:
		if b, ok := b.(*array.LargeStringBuilder); ok {
			b.Append(v)
			return nil
		}
		return fmt.Errorf("is text where ours is %s", b.Type())
	case []byte:
		if b, ok := b.(*array.BinaryBuilder); ok {
			b.Append(v)
			return nil
		}
		return fmt.Errorf("is bytes where ours is %s", b.Type())
	case duckdb.Decimal:
		t, ok := b.Type().(*arrow.Decimal128Type)
		if !ok || t.Scale != int32(v.Scale) {
			return fmt.Errorf("has %d decimals where ours is %s", v.Scale, b.Type())
		}
		b.(*array.Decimal128Builder).Append(decimal128.FromBigInt(v.Value))
		return nil
	case float64:
		if b, ok := b.(*array.Float32Builder); ok {
			b.Append(float32(v))
			return nil
		}
	}
	return b.AppendValueFromString(fmt.Sprint(v)) // numbers and booleans; integers of any width, if they fit
}
