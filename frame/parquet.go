package frame

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// ParquetOptions says how a [ParquetWriter] writes.
type ParquetOptions struct {
	// RowGroup is the number of rows of a row group, which is held in memory,
	// encoded and compressed, until it is full; 0 means 1,048,576.
	RowGroup int
	// Alloc gives the memory of encoding; nil means Go's heap.
	Alloc memory.Allocator
	// Replace lets the file take the place of one that has its name; without it that is an error.
	Replace bool
}

// defaultRowGroup is the row group length of Arrow's C++ and Go writers.
const defaultRowGroup = 1 << 20

// ParquetWriter writes a Parquet file record by record. The file appears under its
// name in [ParquetWriter.Close], whole; until then a hidden file beside it holds
// the data. Pages are compressed with Zstandard; text columns are
// dictionary-encoded. The Arrow schema is stored in the file.
type ParquetWriter struct {
	path string
	out  *sink
	buf  *bufio.Writer
	w    *pqarrow.FileWriter
	done bool
}

// sink keeps the first error of its file. It does not pass it on: Arrow's writer
// drops the errors of row groups and of the footer, and panics on some.
type sink struct {
	f    *atomicFile
	err  error
	tail [4]byte // last bytes written
}

func (s *sink) Write(b []byte) (int, error) {
	if s.err == nil {
		_, s.err = s.f.Write(b)
	}
	if n := len(b); n >= 4 {
		copy(s.tail[:], b[n-4:])
	} else {
		copy(s.tail[:], append(s.tail[n:], b...))
	}
	return len(b), nil
}

// NewParquetWriter opens a writer of records of the given schema. A path that
// exists is an error unless o says else. The caller ends it with Close or Abort; Abort after Close does
// nothing, so it can be deferred.
func NewParquetWriter(path string, schema *arrow.Schema, o ParquetOptions) (*ParquetWriter, error) {
	f, err := createAtomic(path, o.Replace)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if o.RowGroup == 0 {
		o.RowGroup = defaultRowGroup
	}
	if o.Alloc == nil {
		o.Alloc = memory.DefaultAllocator
	}
	props := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithMaxRowGroupLength(int64(o.RowGroup)),
		parquet.WithAllocator(o.Alloc),
		parquet.WithDictionaryDefault(false),
	}
	for _, field := range schema.Fields() {
		switch field.Type.ID() {
		case arrow.STRING, arrow.LARGE_STRING, arrow.DICTIONARY:
			props = append(props, parquet.WithDictionaryFor(field.Name, true))
		case arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
			props = append(props, parquet.WithStatsFor(field.Name, false)) // Arrow's writer takes the minimum for signed, and readers would skip rows
		}
	}
	p := &ParquetWriter{path: path, out: &sink{f: f}}
	p.buf = bufio.NewWriterSize(p.out, 1<<20)
	p.w, err = pqarrow.NewFileWriter(schema, p.buf, parquet.NewWriterProperties(props...),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema(), pqarrow.WithAllocator(o.Alloc)))
	if err != nil {
		f.Abort()
		return nil, fmt.Errorf("%s: schema for Parquet: %w", path, err)
	}
	return p, nil
}

// Write appends the rows of rec. After an error only Abort is of use.
func (p *ParquetWriter) Write(rec arrow.Record) error {
	err := p.w.WriteBuffered(rec)
	if p.out.err != nil {
		err = p.out.err
	}
	if err != nil {
		return fmt.Errorf("%s: write: %w", p.path, bare(err))
	}
	return nil
}

// Close writes the rest and gives the file its name. On an error no file is left.
func (p *ParquetWriter) Close() error {
	if p.done {
		return nil
	}
	p.done = true
	if err := p.finish(); err != nil {
		p.out.f.Abort()
		return fmt.Errorf("%s: write: %w", p.path, bare(err))
	}
	return nil
}

func (p *ParquetWriter) finish() error {
	err := p.w.Close()
	p.buf.Flush() // the sink keeps its error
	if p.out.err != nil {
		return p.out.err
	}
	if err != nil {
		return err
	}
	if string(p.out.tail[:]) != "PAR1" {
		return errors.New("the footer was left out by Arrow's writer")
	}
	return p.out.f.Commit()
}

// Abort removes what was written; after Close it does nothing.
func (p *ParquetWriter) Abort() error {
	if p.done {
		return nil
	}
	p.done = true
	p.w.Close() // frees its buffers; what it writes is thrown away
	if err := p.out.f.Abort(); err != nil {
		return fmt.Errorf("%s: abort: %w", p.path, err)
	}
	return nil
}
