package frame

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
)

// ipcBytes is an Arrow IPC file of records, written by Arrow's own writer.
func ipcBytes(t testing.TB, schema *arrow.Schema, recs []arrow.Record, o ...ipc.Option) []byte {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := ipc.NewFileWriter(f, append(o, ipc.WithSchema(schema))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write makes a file of b in dir.
func write(t testing.TB, dir, name string, b []byte) string {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// allTypes is two records with a column of every type that a file may have.
func allTypes() (*arrow.Schema, []arrow.Record) {
	fields := []arrow.Field{{Name: "null", Type: arrow.Null, Nullable: true}}
	add := func(dt arrow.DataType) {
		fields = append(fields, arrow.Field{Name: dt.String(), Type: dt, Nullable: true})
	}
	for _, dt := range []arrow.DataType{arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16,
		arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16,
		arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeBinary,
		arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Date64, &arrow.Decimal128Type{Precision: 20, Scale: 3}} {
		add(dt)
	}
	for u := arrow.Second; u <= arrow.Nanosecond; u++ {
		add(&arrow.TimestampType{Unit: u})
		add(&arrow.TimestampType{Unit: u, TimeZone: "Europe/Berlin"})
		add(&arrow.DurationType{Unit: u})
		if u < arrow.Microsecond {
			add(&arrow.Time32Type{Unit: u})
		} else {
			add(&arrow.Time64Type{Unit: u})
		}
	}
	s := arrow.NewSchema(fields, nil)
	var recs []arrow.Record
	for _, n := range []int{3, 100} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, s)
		for i, f := range fields {
			for k := range n {
				cell := fmt.Sprint(k + i)
				switch {
				case k%3 == 1 || f.Type.ID() == arrow.NULL:
					b.Field(i).AppendNull()
					continue
				case f.Type.ID() == arrow.BOOL:
					cell = fmt.Sprint(k%2 == 0)
				}
				switch b := b.Field(i).(type) {
				case *array.TimestampBuilder:
					b.Append(arrow.Timestamp(k))
				case *array.DurationBuilder:
					b.Append(arrow.Duration(k))
				case *array.Time32Builder:
					b.Append(arrow.Time32(k))
				case *array.Time64Builder:
					b.Append(arrow.Time64(k))
				case *array.Date32Builder:
					b.Append(arrow.Date32(k))
				case *array.Date64Builder:
					b.Append(arrow.Date64(k * 86_400_000))
				case *array.BinaryBuilder:
					b.AppendString(cell)
				case *array.Decimal128Builder:
					if err := b.AppendValueFromString(cell + ".125"); err != nil {
						panic(err)
					}
				default:
					if err := b.AppendValueFromString(cell); err != nil {
						panic(err)
					}
				}
			}
		}
		recs = append(recs, b.NewRecord())
	}
	return s, recs
}

// dictionaries is a record with dictionary-encoded columns, one missing cell in each.
func dictionaries() (*arrow.Schema, []arrow.Record) {
	var fields []arrow.Field
	for _, ix := range []arrow.DataType{arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Uint64} {
		fields = append(fields, arrow.Field{Name: "of " + ix.String(), Nullable: true,
			Type: &arrow.DictionaryType{IndexType: ix, ValueType: arrow.BinaryTypes.String}})
	}
	s := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for i := range fields {
		if err := b.Field(i).UnmarshalJSON([]byte(`["x", null, "y", "x", "zz"]`)); err != nil {
			panic(err)
		}
	}
	return s, []arrow.Record{b.NewRecord()}
}

// tableOf is a table of records, which it does not take over.
func tableOf(t testing.TB, m *Memory, schema *arrow.Schema, recs []arrow.Record) *Table {
	for _, r := range recs {
		r.Retain()
	}
	tab, err := NewTable(m, schema, recs...)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestReadIPC(t *testing.T) {
	for name, make := range map[string]func() (*arrow.Schema, []arrow.Record){"types": allTypes, "dictionaries": dictionaries} {
		schema, recs := make()
		for codec, o := range map[string][]ipc.Option{"": nil, "lz4": {ipc.WithLZ4()}, "zstd": {ipc.WithZstd()}} {
			t.Run(name+codec, func(t *testing.T) {
				m := checked(t)
				want := tableOf(t, m, schema, recs)
				defer want.Release()
				path := write(t, t.TempDir(), "f.arrow", ipcBytes(t, schema, recs, o...))
				got, _, err := ReadIPC(collective.Local(1)[0], []string{path}, IPCReadOptions{Memory: m})
				if err != nil {
					t.Fatal(err)
				}
				defer got.Release()
				sameRows(t, got, want)
			})
		}
	}
}

// readRows is all ranks' rows of what read gives, in order, and the number on each rank.
func readRows(t *testing.T, ranks int, read func(c collective.Comm, m *Memory) (*Table, error)) (rows []string, counts []int, err error) {
	t.Helper()
	parts := make([][]string, ranks)
	err = collective.RunLocal(ranks, func(c collective.Comm) error {
		tab, err := read(c, checked(t))
		if err != nil {
			return err
		}
		defer tab.Release()
		for _, r := range tab.Chunks() {
			parts[c.Rank()] = append(parts[c.Rank()], rowsOf(r)...)
		}
		return nil
	})
	for _, p := range parts {
		rows, counts = append(rows, p...), append(counts, len(p))
	}
	return rows, counts, err
}

// The rows of several files lie on the ranks in order, as even as can be.
func TestReadIPCOnRanks(t *testing.T) {
	rec := someTable(nil, rand.New(rand.NewPCG(3, 0)), 101, 9)
	dir := t.TempDir()
	cuts := []int64{0, 40, 40, 41, 90, 101}
	for i := range len(cuts) - 1 {
		part := rec.NewSlice(cuts[i], cuts[i+1])
		mid := part.NumRows() / 3
		write(t, dir, fmt.Sprintf("sub/part-%d.arrow", i), ipcBytes(t, rec.Schema(), []arrow.Record{part.NewSlice(0, mid), part.NewSlice(mid, part.NumRows())}))
	}
	write(t, dir, "_SUCCESS.arrow", []byte("no data"))
	for _, path := range []string{dir, dir + "/sub/*.arrow", dir + "/s?b"} {
		for _, n := range ranksOfTest {
			got, counts, err := readRows(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
				tab, _, err := ReadIPC(c, []string{path}, IPCReadOptions{Memory: m})
				return tab, err
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("%s on %d", path, n), got, rowsOf(rec))
			for r, k := range counts {
				if lo, hi := collective.Share(101, r, n); k != hi-lo {
					t.Errorf("rank %d of %d has %d rows, want %d", r, n, k, hi-lo)
				}
			}
		}
	}
}

func TestReadIPCErrors(t *testing.T) {
	dir := t.TempDir()
	schema, recs := allTypes()
	good := ipcBytes(t, schema, recs[:1])
	other := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil), nil, 0)
	a, b := write(t, dir, "a.arrow", good), write(t, dir, "b.arrow", ipcBytes(t, other.Schema(), nil))
	bad := func(name string, data []byte) string { return write(t, dir, name, data) }
	list := arrow.NewSchema([]arrow.Field{{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)}}, nil)
	at := bytes.LastIndex(good, []byte("ARROW1")) - 4
	wrong := bytes.Clone(good)
	wrong[at+3] = 0x7f
	for _, test := range []struct {
		paths   []string
		columns []string
		want    string
	}{
		{nil, nil, "no path is given; name files, folders or patterns in paths"},
		{[]string{dir + "/no.arrow"}, nil, dir + "/no.arrow: no such file or directory; did you mean " + dir + "/a.arrow?"},
		{[]string{dir + "/no*"}, nil, dir + "/no*: no file matches"},
		{[]string{bad("empty.arrow", nil)}, nil, "empty.arrow: this is not an Arrow IPC file: it does not begin with ARROW1"},
		{[]string{bad("text.arrow", []byte("a,b\n1,2\n"))}, nil, "text.arrow: this is not an Arrow IPC file: it does not begin with ARROW1"},
		{[]string{bad("stream.arrow", good[8:])}, nil, "stream.arrow: this is an Arrow IPC stream; the file format is wanted, which has a footer"},
		{[]string{bad("cut.arrow", good[:len(good)/2])}, nil, "cut.arrow: the end of the file is missing: it does not end with ARROW1"},
		{[]string{bad("wrong.arrow", wrong)}, nil, "wrong.arrow: the file is corrupt: an offset points outside of its message"},
		{[]string{bad("list.arrow", ipcBytes(t, list, nil))}, nil, `list.arrow: column "l": its type is not supported; a column holds numbers, booleans, text, dates, times or decimals of 128 bits`},
		{[]string{a, b}, nil, b + " has other columns than " + a + `: column 1 is "x" int64, in that of ` + a + ` "null" float64`},
		{[]string{b}, []string{"y"}, `b.arrow: no column "y"; did you mean "x"?; columns: x`},
		{[]string{b}, []string{"x", "x"}, `b.arrow: column "x" is asked for twice`},
	} {
		for _, n := range ranksOfTest {
			_, _, err := readRows(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
				tab, _, err := ReadIPC(c, test.paths, IPCReadOptions{Columns: test.columns, Memory: m})
				return tab, err
			})
			if err == nil || !strings.Contains(err.Error(), "frame: read IPC: ") || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("%d ranks: got %v\nwant %s", n, err, test.want)
			}
		}
	}
}

// No file, however broken, ends the program, leaks, or asks for much memory.
func FuzzReadIPC(f *testing.F) {
	f.Add([]byte("ARROW1"))
	for _, make := range []func() (*arrow.Schema, []arrow.Record){allTypes, dictionaries} {
		schema, recs := make()
		for _, o := range [][]ipc.Option{nil, {ipc.WithLZ4()}, {ipc.WithZstd()}} {
			b := ipcBytes(f, schema, recs, o...)
			f.Add(b)
			rng := rand.New(rand.NewPCG(1, uint64(len(b))))
			for range 20 {
				f.Add(mutate(rng, b))
			}
		}
	}
	for _, b := range filesOfOthers(f, "*.arrow") {
		f.Add(b)
		rng := rand.New(rand.NewPCG(1, uint64(len(b))))
		for range 10 {
			f.Add(mutate(rng, b))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := write(t, t.TempDir(), "f.arrow", b)
		m := checked(t)
		tab, _, err := ReadIPC(collective.Local(1)[0], []string{path}, IPCReadOptions{Memory: m})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "frame: read IPC: "+path) {
				t.Errorf("an error without the file: %v", err)
			}
			return
		}
		use(tab)
		tab.Release()
	})
}

// mutate is b with a few bytes changed, most of them to what lengths and offsets fear.
func mutate(rng *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + rng.IntN(4) {
		i := rng.IntN(len(b))
		if rng.IntN(2) == 0 {
			i = max(0, len(b)-1-rng.IntN(min(len(b), 1500))) // the footer
		}
		b[i] = []byte{0, 1, 0x7f, 0x80, 0xff, byte(rng.IntN(256))}[rng.IntN(6)]
	}
	if rng.IntN(10) == 0 {
		b = b[:rng.IntN(len(b))]
	}
	return b
}

// use looks at every cell of a table, as kernels do.
func use(t *Table) {
	rows := make([]uint32, 0, t.rows)
	for i := range t.rows {
		rows = append(rows, uint32(t.rows-1-i))
	}
	for _, a := range t.Record().Columns() {
		take(t.mem, a, rows).Release()
	}
}
