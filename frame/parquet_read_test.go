package frame

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"deeprc/collective"
)

// parquetBytes is a Parquet file of records, a row group each, written by Arrow's own writer.
func parquetBytes(t testing.TB, schema *arrow.Schema, recs []arrow.Record, o ...parquet.WriterProperty) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &b, parquet.NewWriterProperties(o...), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
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
	return b.Bytes()
}

// readOne reads a file on one rank.
func readOne(t testing.TB, m *Memory, o ParquetReadOptions, paths ...string) (*Table, error) {
	o.Memory = m
	tab, _, err := ReadParquet(collective.Local(1)[0], paths, o)
	return tab, err
}

// storable leaves out what Parquet has no type for, and gives times the unit in which they are stored.
func storable(t testing.TB, schema *arrow.Schema, recs []arrow.Record) (*arrow.Schema, []arrow.Record) {
	var fields []arrow.Field
	cols := make([][]arrow.Array, len(recs))
	for i, f := range schema.Fields() {
		switch dt := f.Type.(type) {
		case *arrow.NullType, *arrow.Date64Type, *arrow.DurationType: // the writer knows no durations
			continue
		case *arrow.TimestampType:
			if dt.Unit == arrow.Second {
				continue
			}
		case *arrow.Time32Type:
			if dt.Unit == arrow.Second {
				continue
			}
		}
		fields = append(fields, f)
		for k, r := range recs {
			cols[k] = append(cols[k], r.Column(i))
		}
	}
	s := arrow.NewSchema(fields, nil)
	out := make([]arrow.Record, len(recs))
	for k, r := range recs {
		out[k] = array.NewRecord(s, cols[k], r.NumRows())
	}
	return s, out
}

func TestReadParquet(t *testing.T) {
	some := someTable(nil, rand.New(rand.NewPCG(1, 1)), 3000, 40)
	types, typed := allTypes()
	types, typed = storable(t, types, typed)
	for name, c := range map[string]struct {
		schema *arrow.Schema
		recs   []arrow.Record
	}{
		"types": {types, typed},
		"some":  {some.Schema(), []arrow.Record{some.NewSlice(0, 1), some.NewSlice(1, 2000), some.NewSlice(2000, 3000)}},
	} {
		for option, o := range map[string][]parquet.WriterProperty{
			"plain":       {parquet.WithDictionaryDefault(false)},
			"dictionary":  {parquet.WithDictionaryDefault(true)},
			"small pages": {parquet.WithDataPageSize(100), parquet.WithBatchSize(64)},
			"fallback":    {parquet.WithDictionaryPageSizeLimit(50), parquet.WithBatchSize(16)},
			"pages v2":    {parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithVersion(parquet.V2_LATEST), parquet.WithCompression(compress.Codecs.Snappy)},
			"snappy":      {parquet.WithCompression(compress.Codecs.Snappy)},
			"zstd":        {parquet.WithCompression(compress.Codecs.Zstd)},
			"gzip":        {parquet.WithCompression(compress.Codecs.Gzip)},
			"brotli":      {parquet.WithCompression(compress.Codecs.Brotli)},
		} {
			t.Run(name+" "+option, func(t *testing.T) {
				m := checked(t)
				want := tableOf(t, m, c.schema, c.recs)
				defer want.Release()
				path := write(t, t.TempDir(), "f.parquet", parquetBytes(t, c.schema, c.recs, o...))
				got, err := readOne(t, m, ParquetReadOptions{}, path)
				if err != nil {
					t.Fatal(err)
				}
				defer got.Release()
				sameRows(t, got, want)
			})
		}
	}
}

// Columns that must have cells have no levels.
func TestReadParquetRequired(t *testing.T) {
	m := checked(t)
	s := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: arrow.BinaryTypes.String}, {Name: "b", Type: arrow.FixedWidthTypes.Boolean}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for i := range 100 {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprint(i % 7))
		b.Field(2).(*array.BooleanBuilder).Append(i%3 == 0)
	}
	rec := b.NewRecord()
	want := tableOf(t, m, s, []arrow.Record{rec})
	defer want.Release()
	for _, v := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
		path := write(t, t.TempDir(), "f.parquet", parquetBytes(t, s, []arrow.Record{rec}, parquet.WithDataPageVersion(v), parquet.WithDataPageSize(64), parquet.WithBatchSize(10)))
		got, err := readOne(t, m, ParquetReadOptions{}, path)
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, got, want)
		got.Release()
	}
}

// Row groups of hive folders lie on the ranks in order; predicates choose the same rows as a look at each.
func TestReadParquetOnRanks(t *testing.T) {
	dir := t.TempDir()
	rec := someTable(nil, rand.New(rand.NewPCG(3, 0)), 400, 30)
	var want []string
	var years []int
	for i, folder := range []string{"year=1999/basin=a%20b", "year=2000/basin=__HIVE_DEFAULT_PARTITION__", "year=2000/basin=c"} {
		lo, hi := int64(i*130), int64(i*130+130)
		var groups []arrow.Record
		for g := lo; g < hi; g += 13 {
			groups = append(groups, rec.NewSlice(g, g+13))
		}
		write(t, dir, folder+"/part.parquet", parquetBytes(t, rec.Schema(), groups))
		for _, row := range rowsOf(rec.NewSlice(lo, hi)) {
			want = append(want, row+[]string{" | 1999 | a b", " | 2000 | (null)", " | 2000 | c"}[i])
			years = append(years, []int{1999, 2000, 2000}[i])
		}
	}
	for _, where := range [][]Predicate{
		nil,
		{{"year", "=", 2000}},
		{{"row", ">=", 100}, {"row", "<", int64(140)}},
		{{"row", "=", 133}},
		{{"row", "<", 0}},
		{{"basin", "=", "c"}, {"row", "!=", 300}},
	} {
		var rows []string
		for i, row := range want {
			keep := true
			for _, p := range where {
				v, _ := p.Value.(int)
				switch {
				case p.Column == "year":
					keep = keep && years[i] == v
				case p.Column == "basin":
					keep = keep && i >= 260
				case p.Op == ">=":
					keep = keep && i >= v
				case p.Op == "<" && v == 0:
					keep = keep && p.Value == int64(140) && i < 140
				case p.Op == "=":
					keep = keep && i == v
				case p.Op == "!=":
					keep = keep && i != v
				}
			}
			if keep {
				rows = append(rows, row)
			}
		}
		for _, n := range ranksOfTest {
			got, _, err := readRows(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
				tab, _, err := ReadParquet(c, []string{dir}, ParquetReadOptions{Memory: m, Where: where})
				return tab, err
			})
			if err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("%v on %d", where, n), got, rows)
		}
	}
	m := checked(t)
	var done []string
	c := collective.Local(1)[0]
	tab, stats, err := ReadParquet(c, []string{dir + "/year=2000/*"}, ParquetReadOptions{Memory: m, Columns: []string{"basin", "k"},
		Where: []Predicate{{"row", "<", 150}}, Progress: func(a, b int64) { done = append(done, fmt.Sprint(a, "/", b)) }})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Release()
	if fmt.Sprint(tab.Names(), tab.rows, done) != "[basin k] 20 [1/2 2/2]" || stats.Rows != 20 || stats.Bytes == 0 {
		t.Error(tab.Names(), tab.rows, done, stats)
	}
}

// Every comparison of every type, with statistics and without, against a look at each cell.
func TestPredicates(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	cols := []struct {
		dt     arrow.DataType
		json   string
		value  any
		counts [6]int // rows for = != < <= > >=
	}{
		{arrow.PrimitiveTypes.Int8, `[-3, null, 4, 4, 5]`, 4, [6]int{2, 2, 1, 3, 1, 3}},
		{arrow.PrimitiveTypes.Uint16, `[3, null, 4, 4, 65535]`, 4, [6]int{2, 2, 1, 3, 1, 3}},
		{arrow.PrimitiveTypes.Uint64, `[3, null, 4, 4, 9223372036854775808]`, uint64(1 << 63), [6]int{1, 3, 3, 4, 0, 1}},
		{arrow.PrimitiveTypes.Int64, `[-9223372036854775808, null, 4, 4, 5]`, 4, [6]int{2, 2, 1, 3, 1, 3}},
		{arrow.PrimitiveTypes.Float32, `[-3, null, 4, 4, 5]`, 4.0, [6]int{2, 2, 1, 3, 1, 3}},
		{arrow.PrimitiveTypes.Float64, `[-3, null, 4, 4, 5]`, 4, [6]int{2, 2, 1, 3, 1, 3}},
		{arrow.BinaryTypes.LargeString, `["", null, "b", "b", "c"]`, "b", [6]int{2, 2, 1, 3, 1, 3}},
		{arrow.FixedWidthTypes.Boolean, `[true, null, false, false, false]`, true, [6]int{1, 3, -1, -1, -1, -1}},
		{arrow.FixedWidthTypes.Date32, `["1969-12-31", null, "1970-01-02", "1970-01-02", "2000-01-01"]`, at("1970-01-02T00:00:00Z"), [6]int{2, 2, 1, 3, 1, 3}},
		{arrow.FixedWidthTypes.Timestamp_ms, `["1969-12-31", null, "1970-01-02", "1970-01-02", "2000-01-01"]`, at("1970-01-02T00:00:00Z"), [6]int{2, 2, 1, 3, 1, 3}},
	}
	for _, c := range cols {
		b := array.NewBuilder(memory.DefaultAllocator, c.dt)
		if err := b.UnmarshalJSON([]byte(c.json)); err != nil {
			t.Fatal(err)
		}
		s := arrow.NewSchema([]arrow.Field{{Name: "x", Type: c.dt, Nullable: true}}, nil)
		rec := array.NewRecord(s, []arrow.Array{b.NewArray()}, 5)
		groups := []arrow.Record{rec.NewSlice(0, 1), rec.NewSlice(1, 2), rec.NewSlice(2, 4), rec.NewSlice(4, 5)}
		for _, stats := range []bool{true, false} {
			path := write(t, t.TempDir(), "f.parquet", parquetBytes(t, s, groups, parquet.WithStats(stats)))
			for i, op := range compareOps {
				m := checked(t)
				tab, err := readOne(t, m, ParquetReadOptions{Where: []Predicate{{"x", op, c.value}}}, path)
				if c.counts[i] < 0 {
					if err == nil {
						t.Errorf("%s %s is no error", c.dt, op)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if tab.rows != c.counts[i] {
					t.Errorf("%s %s %v, statistics %v: %d rows, want %d", c.dt, op, c.value, stats, tab.rows, c.counts[i])
				}
				tab.Release()
			}
		}
	}
}

func TestReadParquetErrors(t *testing.T) {
	dir := t.TempDir()
	types, recs := allTypes()
	types, recs = storable(t, types, recs)
	good := parquetBytes(t, types, recs)
	x := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	y := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int32, Nullable: true}}, nil)
	l := arrow.NewSchema([]arrow.Field{{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true}}, nil)
	a := write(t, dir, "a/1.parquet", parquetBytes(t, x, nil))
	b := write(t, dir, "a/2.parquet", parquetBytes(t, y, nil))
	h := write(t, dir, "h/k=1/x=2/1.parquet", parquetBytes(t, x, nil))
	write(t, dir, "g/k=1/1.parquet", parquetBytes(t, x, nil))
	g := write(t, dir, "g/j=1/1.parquet", parquetBytes(t, x, nil))
	for _, test := range []struct {
		path string
		o    ParquetReadOptions
		want string
	}{
		{dir + "/no.parquet", ParquetReadOptions{}, dir + "/no.parquet: no such file or directory; did you mean " + dir + "/l.parquet?"},
		{write(t, dir, "text.parquet", []byte("a,b\n1,2\n")), ParquetReadOptions{}, "text.parquet: this is not a Parquet file: it does not begin with PAR1"},
		{write(t, dir, "cut.parquet", good[:len(good)-9]), ParquetReadOptions{}, "cut.parquet: the end of the file is missing: it does not end with PAR1"},
		{dir + "/a", ParquetReadOptions{}, b + " has other columns than " + a + `: column 1 is "x" int32, in that of ` + a + ` "x" int64`},
		{a, ParquetReadOptions{Columns: []string{"y"}}, `1.parquet: no column "y"; did you mean "x"?; columns: x`},
		{a, ParquetReadOptions{Columns: []string{"x", "x"}}, `1.parquet: column "x" is asked for twice`},
		{a, ParquetReadOptions{Where: []Predicate{{"x", "~", 1}}}, `where column "x": no comparison "~"; there are: =, !=, <, <=, >, >=`},
		{a, ParquetReadOptions{Where: []Predicate{{"x", "=", 1.5}}}, `where column "x": its type int64 cannot be compared with 1.5 (float64)`},
		{write(t, dir, "l.parquet", parquetBytes(t, l, nil)), ParquetReadOptions{}, `l.parquet: column "l" is nested, which is not supported; name the columns to read`},
		{h, ParquetReadOptions{}, `1.parquet: two columns are named "x", folders counted`},
		{dir + "/g", ParquetReadOptions{}, `1.parquet: its folder "k=1" is no key in the path of ` + g},
	} {
		for _, n := range ranksOfTest {
			_, _, err := readRows(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
				o := test.o
				o.Memory = m
				tab, _, err := ReadParquet(c, []string{test.path}, o)
				return tab, err
			})
			if err == nil || !strings.Contains(err.Error(), "frame: read Parquet: ") || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("%d ranks: got %v\nwant %s", n, err, test.want)
			}
		}
	}
}

// No file, however broken, ends the program, leaks, or asks for much memory.
func FuzzReadParquet(f *testing.F) {
	some := someTable(nil, rand.New(rand.NewPCG(1, 1)), 60, 4)
	types, recs := allTypes()
	types, recs = storable(f, types, recs)
	for _, b := range [][]byte{
		parquetBytes(f, types, recs[:1]),
		parquetBytes(f, some.Schema(), []arrow.Record{some.NewSlice(0, 20), some.NewSlice(20, 60)}, parquet.WithCompression(compress.Codecs.Zstd)),
		parquetBytes(f, some.Schema(), []arrow.Record{some}, parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithCompression(compress.Codecs.Snappy)),
		parquetBytes(f, some.Schema(), []arrow.Record{some}, parquet.WithDictionaryDefault(false), parquet.WithCompression(compress.Codecs.Gzip)),
	} {
		f.Add(b)
		rng := rand.New(rand.NewPCG(1, uint64(len(b))))
		for range 40 {
			f.Add(mutate(rng, b))
		}
	}
	for _, b := range filesOfOthers(f, "*.parquet") {
		f.Add(b)
		rng := rand.New(rand.NewPCG(1, uint64(len(b))))
		for range 10 {
			f.Add(mutate(rng, b))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := write(t, t.TempDir(), "f.parquet", b)
		m := checked(t)
		tab, err := readOne(t, m, ParquetReadOptions{}, path)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "frame: read Parquet: "+path) {
				t.Errorf("an error without the file: %v", err)
			}
			return
		}
		use(tab)
		tab.Release()
	})
}
