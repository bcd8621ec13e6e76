package frame

import (
	"fmt"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// IPCReadOptions says how [ReadIPC] reads. All ranks pass the same.
type IPCReadOptions struct {
	// Columns are the ones to read, in the order that the table will have; none means
	// all, in the files' order.
	Columns []string
	// Filter is an expression (see [Expr]): rows in which it is true are kept. It may look at columns that are
	// not read otherwise.
	Filter string
	// Memory is where what must be copied will live; nil means no limit.
	Memory *Memory
}

// ReadIPC reads files of the Arrow IPC file format (Feather version 2) into a
// distributed table; collective. A path is a file, a folder, whose files that end in
// .arrow are meant, or a pattern of [filepath.Glob]. The files have the same columns.
// Of n ranks each has one n-th of the rows, in the order of the files; all ranks must
// see the files.
//
// A folder named key=value makes a column, as in [ReadParquet].
//
// The table maps the files, and costs memory only where columns are compressed (LZ4,
// Zstandard), are dictionary-encoded, or have 32-bit offsets (the offsets). The files
// must stay as they are until the table is released: to cut a mapped file short ends
// the program.
//
// Nested columns, columns of views, dictionaries in several parts and big-endian files
// are errors. Errors name the file; all ranks return the error of the lowest rank that
// met one.
func ReadIPC(c collective.Comm, paths []string, o IPCReadOptions) (*Table, ReadStats, error) {
	where, err := newRowFilter(o.Filter)
	if err != nil {
		return nil, ReadStats{}, err // the same on all ranks
	}
	wanted := o.Columns
	o.Columns = where.reads(wanted)
	t, stats, err := readIPCRows(c, paths, o)
	if err != nil {
		return nil, ReadStats{}, err
	}
	return where.apply(c, t, stats, wanted)
}

// readIPCRows is [ReadIPC] but for o.Filter; collective.
func readIPCRows(c collective.Comm, paths []string, o IPCReadOptions) (*Table, ReadStats, error) {
	defer o.Memory.reading()()
	const what = "read IPC"
	files, err := listFiles(c, what, paths, ".arrow")
	if err != nil {
		return nil, ReadStats{}, err
	}
	keys, err := hiveKeys(files)
	if err != nil {
		return nil, ReadStats{}, fmt.Errorf("frame: %s: %w", what, err) // the same on all ranks
	}
	lo, hi := collective.Share(len(files), c.Rank(), c.Size())
	schemas, counts := map[int]string{}, [][]int{}
	look := func(i int) {
		if err != nil {
			return
		}
		err = withIPC(files[i], o.Memory, func(f *ipcFile) error {
			schema, err := keyedSchema(f, keys)
			if err != nil {
				return fmt.Errorf("frame: %s: %s: %w", what, files[i], err)
			}
			schemas[i] = schemaText(schema)
			if i >= lo && i < hi {
				counts = append(counts, f.rows())
			}
			return nil
		})
	}
	if c.Rank() == 0 && lo == hi {
		look(0)
	}
	for i := lo; i < hi; i++ {
		look(i)
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	if err := agreeOnSchema(c, what, files, schemas); err != nil {
		return nil, ReadStats{}, err
	}
	all, err := gatherCounts(c, what, len(files), counts)
	if err != nil {
		return nil, ReadStats{}, err
	}
	t, stats, err := readIPCParts(files, keys, o, rowShare(all, c.Rank(), c.Size()))
	if err := collective.Agree(c, err); err != nil {
		if t != nil {
			t.Release()
		}
		return nil, ReadStats{}, err
	}
	return t, stats, nil
}

// rowShare is a rank's part of units of the given numbers of rows, by file: as many rows
// for each rank as can be.
func rowShare(units [][]int, rank, ranks int) []part {
	total := 0
	for _, file := range units {
		for _, n := range file {
			total += n
		}
	}
	lo, hi := collective.Share(total, rank, ranks)
	var parts []part
	at := 0
	for f, file := range units {
		for u, n := range file {
			if from, to := max(lo, at), min(hi, at+n); from < to {
				parts = append(parts, part{f, u, from - at, to - at})
			}
			at += n
		}
	}
	return parts
}

// withIPC calls do with an open file; all errors name it.
func withIPC(path string, m *Memory, do func(*ipcFile) error) (err error) {
	const what = "read IPC"
	defer rescue(what, path, &err)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("frame: %s: %s: %w", what, path, bare(err))
	}
	defer f.Close()
	file, err := openIPC(m, f)
	if err != nil {
		return fmt.Errorf("frame: %s: %s: %w", what, path, err)
	}
	defer file.close()
	return do(file)
}

// readIPCParts makes a table of this rank's parts; where it has none, the first file
// tells the columns.
func readIPCParts(files []string, keys []hiveKey, o IPCReadOptions, parts []part) (*Table, ReadStats, error) {
	t := &Table{mem: o.Memory}
	var stats ReadStats
	if len(parts) == 0 {
		parts = []part{{}}
	}
	for len(parts) > 0 {
		i := parts[0].file
		err := withIPC(files[i], o.Memory, func(f *ipcFile) error {
			schema, err := keyedSchema(f, keys)
			if err != nil {
				return fmt.Errorf("frame: read IPC: %s: %w", files[i], err)
			}
			columns, fields, err := chooseColumns(schema, o.Columns)
			if err != nil {
				return fmt.Errorf("frame: read IPC: %s: %w", files[i], err)
			}
			t.schema = arrow.NewSchema(fields, nil)
			for ; len(parts) > 0 && parts[0].file == i; parts = parts[1:] {
				p := parts[0]
				if p.lo == p.hi {
					continue
				}
				t.chunks = append(t.chunks, keyedRecord(f, keys, i, p, columns, t.schema))
				t.rows += p.hi - p.lo
			}
			return nil
		})
		if err != nil {
			t.Release()
			return nil, stats, err
		}
	}
	stats.Rows, stats.Bytes = int64(t.rows), t.Bytes()
	return t, stats, nil
}

// keyedSchema is the columns of a file and, behind them, the hive keys.
func keyedSchema(f *ipcFile, keys []hiveKey) (*arrow.Schema, error) {
	s := f.schema()
	fields := s.Fields()
	for _, k := range keys {
		if s.HasField(k.name) {
			return nil, fmt.Errorf("two columns are named %s, folders counted", quote(k.name))
		}
		fields = append(fields, arrow.Field{Name: k.name, Type: k.typ, Nullable: true})
	}
	return arrow.NewSchema(fields, nil), nil
}

// keyedRecord is a part of file number i, the given columns of its keyedSchema.
func keyedRecord(f *ipcFile, keys []hiveKey, i int, p part, columns []int, schema *arrow.Schema) arrow.Record {
	var own []int
	for _, col := range columns {
		if col < len(f.fields) {
			own = append(own, col)
		}
	}
	rec := f.record(p.unit, own, p.lo, p.hi)
	if len(own) == len(columns) {
		return rec
	}
	defer rec.Release()
	cols := make([]arrow.Array, len(columns))
	at := 0
	for k, col := range columns {
		if col < len(f.fields) {
			cols[k] = rec.Column(at)
			at++
			continue
		}
		cols[k] = keys[col-len(f.fields)].column(f.mem, i, p.hi-p.lo)
		defer cols[k].Release()
	}
	return array.NewRecord(schema, cols, int64(p.hi-p.lo))
}

// chooseColumns is the places and fields of the wanted columns of a schema, all if none is named.
func chooseColumns(s *arrow.Schema, wanted []string) ([]int, []arrow.Field, error) {
	names := make([]string, s.NumFields())
	at := map[string]int{}
	for i, f := range s.Fields() {
		names[i], at[f.Name] = f.Name, i
	}
	if len(wanted) == 0 {
		wanted = names
	}
	var columns []int
	var fields []arrow.Field
	taken := map[string]bool{}
	for _, n := range wanted {
		i, ok := at[n]
		switch {
		case !ok:
			return nil, nil, fmt.Errorf("%s", noColumn(n, names))
		case taken[n]:
			return nil, nil, fmt.Errorf("column %s is asked for twice", quote(n))
		}
		taken[n] = true
		columns, fields = append(columns, i), append(fields, s.Field(i))
	}
	return columns, fields, nil
}
