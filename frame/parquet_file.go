package frame

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// pqFile is an open Parquet file.
type pqFile struct {
	path string
	f    *os.File
	size int64
	md   *metadata.FileMetaData
	cols []pqColumn
}

const readParquet = "read Parquet"

// withParquet calls do with an open file; all errors name it.
func withParquet(path string, do func(*pqFile) error) (err error) {
	defer rescue(readParquet, path, &err)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("frame: %s: %s: %w", readParquet, path, bare(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("frame: %s: %s: %w", readParquet, path, bare(err))
	}
	if err := checkParquet(f, info.Size()); err != nil {
		return fmt.Errorf("frame: %s: %s: %w", readParquet, path, bare(err))
	}
	r, err := file.NewParquetReader(f)
	if err != nil {
		return fmt.Errorf("frame: %s: %s: %w", readParquet, path, err)
	}
	p := &pqFile{path: path, f: f, size: info.Size(), md: r.MetaData()}
	p.cols = pqColumns(p.md)
	return do(p)
}

// checkParquet looks at the first and last bytes.
func checkParquet(f *os.File, size int64) error {
	const magic = "PAR1"
	var b [len(magic)]byte
	if size < int64(len(magic)) {
		return errors.New("this is not a Parquet file: it does not begin with PAR1")
	}
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return err
	}
	if string(b[:]) != magic {
		return errors.New("this is not a Parquet file: it does not begin with PAR1")
	}
	if _, err := f.ReadAt(b[:], size-int64(len(magic))); err != nil {
		return err
	}
	if string(b[:]) != magic {
		return errors.New("the end of the file is missing: it does not end with PAR1")
	}
	return nil
}

// columns is the places and types of the wanted columns, all if none is named; keys are
// the hive keys, which come last.
func (p *pqFile) columns(wanted []string, keys []hiveKey) ([]pqColumn, error) {
	all := p.cols
	for _, k := range keys {
		all = append(all, pqColumn{name: k.name, leaf: -1, typ: k.typ})
	}
	names, at := make([]string, len(all)), map[string]int{}
	for i, c := range all {
		if _, twice := at[c.name]; twice {
			return nil, fmt.Errorf("two columns are named %s, folders counted", quote(c.name))
		}
		names[i], at[c.name] = c.name, i
	}
	if len(wanted) == 0 {
		wanted = names
	}
	var chosen []pqColumn
	taken := map[string]bool{}
	for _, n := range wanted {
		i, ok := at[n]
		switch {
		case !ok:
			return nil, fmt.Errorf("%s", noColumn(n, names))
		case taken[n]:
			return nil, fmt.Errorf("column %s is asked for twice", quote(n))
		case all[i].typ == nil:
			return nil, fmt.Errorf("column %s is %s, which is not supported; name the columns to read", quote(n), all[i].why)
		}
		taken[n] = true
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// schemaOf is the columns of a table of these.
func schemaOf(cols []pqColumn) *arrow.Schema {
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// rows is the number of rows of a row group.
func (p *pqFile) rows(group int) int {
	n := p.md.RowGroups[group].NumRows
	if n < 0 || n >= int64(noRow) {
		panic(corrupt(fmt.Sprintf("row group %d has an impossible number of rows", group)))
	}
	return int(n)
}

// mayHave reports whether rows of a group may satisfy the test of a column, after the
// group's statistics.
func (p *pqFile) mayHave(group int, col pqColumn, t *condition) bool {
	g := p.md.RowGroups[group]
	if col.leaf >= len(g.Columns) || g.Columns[col.leaf].MetaData == nil {
		return true
	}
	s := g.Columns[col.leaf].MetaData.Statistics
	if s == nil {
		return true
	}
	if s.NullCount != nil && *s.NullCount == g.NumRows {
		return false
	}
	if s.MinValue == nil || s.MaxValue == nil || col.convert != nil && t.typ.ID() == arrow.TIMESTAMP {
		return true
	}
	if strings.HasPrefix(p.md.GetCreatedBy(), "parquet-go") && unsigned(t.typ) {
		return true // Arrow's Go writer takes the minimum of unsigned columns for signed
	}
	return t.between(s.MinValue, s.MaxValue)
}

func unsigned(dt arrow.DataType) bool {
	switch dt.ID() {
	case arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return true
	}
	return false
}

// groupReader reads row groups; it is kept while files are read.
type groupReader struct {
	mem   *Memory
	unp   unpacker
	raw   []byte // of a column chunk
	bytes int64  // read so far
	keys  []hiveKey
}

func (r *groupReader) close() {
	free(r.mem, r.raw)
	r.unp.close()
}

// column reads one column of parts of row groups that follow each other, of n rows together; file is the number of p.
func (r *groupReader) column(p *pqFile, file int, parts []part, col pqColumn, n int) (a arrow.Array, err error) {
	defer rescue(readParquet, fmt.Sprintf("%s: column %s", p.path, quote(col.name)), &err)
	if col.leaf < 0 {
		for i := range r.keys {
			if r.keys[i].name == col.name {
				return r.keys[i].column(r.mem, file, n), nil
			}
		}
	}
	var d *chunkReader
	defer func() {
		if d != nil {
			d.close()
		}
	}()
	for _, x := range parts { // the rows of all are believed before any memory is asked for
		if _, err := r.chunk(p, x.unit, col); err != nil {
			return nil, err
		}
	}
	d = newChunkReader(r.mem, &r.unp, col, n)
	for _, x := range parts {
		if err := r.readChunk(p, x, col, d); err != nil {
			return nil, err
		}
	}
	return d.array(), nil
}

// inGroup is where an error in a column of a row group is.
func (p *pqFile) inGroup(group int, col pqColumn) string {
	return fmt.Sprintf("%s: row group %d (from 0), column %s", p.path, group, quote(col.name))
}

// chunk is the place of a column chunk in the file.
func (r *groupReader) chunk(p *pqFile, group int, col pqColumn) (s span, err error) {
	defer rescue(readParquet, p.inGroup(group, col), &err)
	g := p.md.RowGroups[group]
	if col.leaf >= len(g.Columns) {
		panic(corrupt("the row group lacks the column"))
	}
	chunk := g.Columns[col.leaf]
	md := chunk.MetaData
	switch {
	case chunk.FilePath != nil && *chunk.FilePath != "":
		panic(unsupported("its place in another file"))
	case md == nil || chunk.CryptoMetadata != nil:
		panic(unsupported("its encryption"))
	case int(md.Type) != int(col.physical):
		panic(corrupt("the row group has another type than the schema"))
	}
	at := md.DataPageOffset
	if d := md.DictionaryPageOffset; d != nil && *d > 0 && *d < at {
		at = *d
	}
	size := md.TotalCompressedSize
	if at < 0 || size < 0 || at > p.size || size > p.size-at {
		panic(corrupt("it lies outside of the file"))
	}
	believe(p.rows(group), int(size))
	return span{int(at), int(size)}, nil
}

// readChunk reads a part of a column chunk into d.
func (r *groupReader) readChunk(p *pqFile, x part, col pqColumn, d *chunkReader) (err error) {
	group := x.unit
	defer rescue(readParquet, p.inGroup(group, col), &err)
	s, err := r.chunk(p, group, col)
	if err != nil {
		return err
	}
	if s.n > len(r.raw) {
		free(r.mem, r.raw)
		r.raw = nil
		r.raw = alloc[byte](r.mem, s.n)
	}
	raw := r.raw[:s.n]
	if k, err := p.f.ReadAt(raw, int64(s.at)); err != nil && (err != io.EOF || k < len(raw)) {
		return fmt.Errorf("frame: %s: %s: %w", readParquet, p.path, bare(err))
	}
	r.bytes += int64(s.n)
	d.read(compress.Compression(p.md.RowGroups[group].Columns[col.leaf].MetaData.Codec), raw, p.rows(group), x.lo, x.hi)
	return nil
}

// record reads the given columns of parts of row groups that follow each other, of the rows that satisfy all
// tests, nil if none does; where names the tests' columns.
func (r *groupReader) record(p *pqFile, file int, parts []part, cols, where []pqColumn, tests []*condition) (arrow.Record, error) {
	all := 0
	for _, x := range parts {
		all += x.hi - x.lo
	}
	n := all // rows that are kept
	got := map[string]arrow.Array{}
	defer func() {
		for _, a := range got {
			a.Release()
		}
	}()
	read := func(col pqColumn) (arrow.Array, error) {
		if a, ok := got[col.name]; ok {
			return a, nil
		}
		a, err := r.column(p, file, parts, col, all)
		if err == nil {
			got[col.name] = a
		}
		return a, err
	}
	var rows []uint32
	if len(tests) > 0 {
		keep := alloc[bool](r.mem, all)
		defer free(r.mem, keep)
		for i := range keep {
			keep[i] = true
		}
		for i, t := range tests {
			a, err := read(where[i])
			if err != nil {
				return nil, err
			}
			c := see(a)
			t.and(&c, keep)
		}
		rows = alloc[uint32](r.mem, all)
		defer free(r.mem, rows)
		k := 0
		for i, ok := range keep {
			if ok {
				rows[k] = uint32(i)
				k++
			}
		}
		switch k {
		case 0:
			return nil, nil
		case all:
			rows = nil
		default:
			n, rows = k, rows[:k]
		}
	}
	out := make([]arrow.Array, len(cols))
	for i, col := range cols {
		a, err := read(col)
		if err != nil {
			return nil, err
		}
		if out[i] = a; rows != nil {
			out[i] = take(r.mem, a, rows)
			defer out[i].Release()
		}
	}
	return array.NewRecord(schemaOf(cols), out, int64(n)), nil
}
