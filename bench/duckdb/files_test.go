package duckdb

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// fileType is a type of a column in files. DuckDB has its cells, X, as SQL; back makes the integers of dates and times
// again. Of text files the cells must be finite, and no text is empty or has a NUL.
type fileType struct {
	typ       arrow.DataType
	sql, back string
	binary    bool // only in Parquet
	modest    bool
}

var fileTypes = func() []fileType {
	types := []fileType{
		{typ: arrow.FixedWidthTypes.Boolean}, {typ: arrow.BinaryTypes.LargeString}, {typ: arrow.BinaryTypes.LargeString}, {typ: arrow.BinaryTypes.LargeBinary, binary: true},
		{typ: &arrow.Decimal128Type{Precision: 9, Scale: 2}}, {typ: &arrow.Decimal128Type{Precision: 38, Scale: 4}},
		{arrow.FixedWidthTypes.Date32, "DATE '1970-01-01' + X", "X - DATE '1970-01-01'", false, true},
		{&arrow.TimestampType{Unit: arrow.Microsecond}, "make_timestamp(X)", "epoch_us(X)", false, true},
		{&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, "make_timestamp(X) AT TIME ZONE 'UTC'", "epoch_us(X)", true, true},
		{&arrow.TimestampType{Unit: arrow.Millisecond}, "make_timestamp(X * 1000)::TIMESTAMP_MS", "epoch_ms(X)", true, true},
		{&arrow.TimestampType{Unit: arrow.Nanosecond}, "make_timestamp_ns(X)", "epoch_ns(X)", true, true},
	}
	for _, dt := range frametest.NumberTypes {
		types = append(types, fileType{typ: dt})
	}
	for i := range types {
		if types[i].sql == "" {
			types[i].sql, types[i].back = "X", "X"
		}
	}
	return types
}()

// fileTable is a random table for files: the row's number, then columns of the types; with their cells as DuckDB
// writes them to a file (cells), and as they are read again (read), both for SELECT, and their types.
type fileTable struct {
	frametest.Spec
	cells, read, back []string
	types             map[string]frame.Type
}

func randomFileTable(rng *rand.Rand, rows int, text bool) fileTable {
	f := fileTable{Spec: frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, rows)}, types: map[string]frame.Type{"n": frame.Int64}}
	f.Columns = append(f.Columns, frametest.Column{Name: "n", Type: arrow.PrimitiveTypes.Int64, Shape: frametest.Rising, Distinct: 1})
	f.cells, f.read, f.back = []string{"n"}, []string{"n"}, []string{"n"}
	for i := range 1 + rng.IntN(5) {
		ft := fileTypes[rng.IntN(len(fileTypes))]
		for text && ft.binary {
			ft = fileTypes[rng.IntN(len(fileTypes))]
		}
		c := frametest.RandomColumn(rng, fmt.Sprint("c", i), ft.typ)
		c.Modest, c.Step = ft.modest, 1+rng.Int64N(20)
		x := as("t0", c.Name)
		if text && arrow.IsFloating(c.Type.ID()) {
			x = fmt.Sprintf("CASE WHEN isfinite(%s) THEN %s END", x, x)
		} else if text && c.Type.ID() == arrow.LARGE_STRING {
			x = fmt.Sprintf("nullif(replace(%s, chr(0), ''), '')", x)
		}
		f.Columns, f.types[c.Name] = append(f.Columns, c), ft.typ
		f.cells = append(f.cells, fmt.Sprintf("%s AS %s", strings.ReplaceAll(ft.sql, "X", x), c.Name))
		f.read = append(f.read, x)
		f.back = append(f.back, strings.ReplaceAll(ft.back, "X", c.Name))
	}
	return f
}

// copied writes the table's cells to a file, or folder, of a new folder by DuckDB's COPY, with options.
func (f fileTable) copied(t *testing.T, name, options string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	err := f.inDuckDB(t, func(db *sql.DB) error {
		_, err := db.Exec(fmt.Sprintf("COPY (SELECT %s FROM t0 ORDER BY rowid) TO '%s' (%s)", strings.Join(f.cells, ", "), path, options))
		return err
	})
	if err != nil {
		t.Fatalf("%v: %s: %v", f.Spec, options, err)
	}
	return path
}

func (f fileTable) inDuckDB(t *testing.T, do func(db *sql.DB) error) error {
	db, err := sql.Open("duckdb", "?threads=2")
	if err != nil {
		return err
	}
	defer db.Close()
	whole, err := f.Part(nil, 0, 1)
	if err != nil {
		return err
	}
	defer whole.Release()
	if err := load(db, t.TempDir(), "t0", whole); err != nil {
		return err
	}
	return do(db)
}

// selected is the query for what was read.
func (f fileTable) selected(order string) string {
	return fmt.Sprintf("SELECT %s FROM t0 %s", strings.Join(f.read, ", "), order)
}

// saved writes the table's rows on some ranks to path.
func (f fileTable) saved(t *testing.T, ranks int, write func(c collective.Comm, t *frame.Table) error) {
	t.Helper()
	m := frametest.Memory(t)
	err := collective.RunLocal(ranks, func(c collective.Comm) error {
		part, err := f.Part(m, c.Rank(), c.Size())
		if err != nil {
			return err
		}
		defer part.Release()
		return write(c, part)
	})
	if err != nil {
		t.Fatalf("%v: %v", f.Spec, err)
	}
}

// reads is the question whether reading gives the table.
func (f fileTable) reads(text string, read func(c collective.Comm, m *frame.Memory) (*frame.Table, frame.ReadStats, error)) question {
	return question{
		tables: []frametest.Spec{f.Spec},
		text:   text,
		op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
			out, _, err := read(c, in[0].Memory())
			return out, err
		},
		sql:  f.selected("ORDER BY rowid"),
		diff: frametest.DiffOptions{Ordered: true},
	}
}

// isRead is the question whether DuckDB reads the table by from, as FROM read_csv(…), in which row numbers are n.
func (f fileTable) isRead(text, from string) question {
	return question{
		tables: []frametest.Spec{f.Spec},
		text:   text,
		op:     func(_ collective.Comm, in []*frame.Table) (*frame.Table, error) { return in[0].Retain(), nil },
		sql:    fmt.Sprintf("SELECT %s FROM %s ORDER BY n", strings.Join(f.back, ", "), from),
		diff:   frametest.DiffOptions{Ordered: true},
	}
}
