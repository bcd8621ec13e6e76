package frame

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// ipcFile is a mapped Arrow IPC file.
type ipcFile struct {
	p       *mapping
	mem     *Memory
	fields  []ipcField
	dicts   []ipcBlock
	batches []ipcBlock
	values  map[int64]arrow.Array // dictionaries that were read
	trusted bool                  // we wrote it: cells are not looked at before they are used
}

// openIPC maps f and finds its columns and messages.
func openIPC(m *Memory, f *os.File) (*ipcFile, error) {
	p, err := mapFile(f)
	if err != nil {
		return nil, err
	}
	file := &ipcFile{p: p, mem: m, values: map[int64]arrow.Array{}}
	opened := false
	defer func() {
		if !opened {
			file.close()
		}
	}()
	var schema flat // the footer's: some writers garble the message before it
	if schema, file.dicts, file.batches, err = ipcFooter(p.b); err != nil {
		return nil, err
	}
	if file.fields, err = ipcFields(schema); err != nil {
		return nil, err
	}
	opened = true
	return file, nil
}

// close gives up the file; records of it stay valid.
func (f *ipcFile) close() {
	for _, a := range f.values {
		a.Release()
	}
	f.p.release()
}

// schema is the columns with the types they have in a table.
func (f *ipcFile) schema() *arrow.Schema {
	fields := make([]arrow.Field, len(f.fields))
	for i, field := range f.fields {
		fields[i] = field.Field
		fields[i].Type, _ = columnType(field.Type)
	}
	return arrow.NewSchema(fields, nil)
}

// rows is the number of rows of each record batch.
func (f *ipcFile) rows() []int {
	n := make([]int, len(f.batches))
	for i, b := range f.batches {
		batch, _ := ipcHead(f.p.b, b, ipcRecordBatch)
		n[i] = batch.rows
	}
	return n
}

// record is rows lo…hi of record batch i, the given columns of it.
func (f *ipcFile) record(i int, columns []int, lo, hi int) arrow.Record {
	b, _ := ipcHead(f.p.b, f.batches[i], ipcRecordBatch)
	first := make([]int, len(f.fields)+1) // buffer of each column
	for k, field := range f.fields {
		first[k+1] = first[k] + ipcBuffers(field)
	}
	if len(b.nodes) != len(f.fields) || len(b.buffers) != first[len(f.fields)] {
		panic(corrupt("a record batch has other columns than the schema"))
	}
	fields, cols := make([]arrow.Field, len(columns)), make([]arrow.Array, len(columns))
	defer func() {
		for _, a := range cols {
			if a != nil {
				a.Release()
			}
		}
	}()
	for k, col := range columns {
		field := f.fields[col]
		a := f.column(field, b, b.nodes[col], b.buffers[first[col]:first[col+1]])
		part := sliceArray(a, lo, hi)
		a.Release()
		var err error
		cols[k], err = toColumn(f.mem, part)
		part.Release()
		if err != nil {
			panic(err) // types were looked at
		}
		fields[k] = arrow.Field{Name: field.Name, Type: cols[k].DataType(), Nullable: true}
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(hi-lo))
}

// ipcBuffers is the number of buffers of a column in a record batch.
func ipcBuffers(f ipcField) int {
	if f.dictionary >= 0 {
		return 2
	}
	switch f.Type.ID() {
	case arrow.NULL:
		return 0
	case arrow.STRING, arrow.BINARY, arrow.LARGE_STRING, arrow.LARGE_BINARY:
		return 3
	}
	return 2
}

// column is a column of a record batch, of the type it has in the file.
func (f *ipcFile) column(field ipcField, b ipcBatch, node ipcNode, buffers []span) arrow.Array {
	if field.dictionary < 0 {
		return f.array(field.Type, b, node, buffers)
	}
	values := f.dictionary(field)
	index := f.array(field.index, b, node, buffers)
	defer index.Release()
	if at := outside(index, values.Len()); at >= 0 {
		panic(corrupt(fmt.Sprintf("column %s, row %d of a record batch: there is no such entry in its dictionary", quote(field.Name), at)))
	}
	return array.NewDictionaryArray(&arrow.DictionaryType{IndexType: field.index, ValueType: field.Type}, index, values)
}

// dictionary is the values of a column's dictionary; f keeps them.
func (f *ipcFile) dictionary(field ipcField) arrow.Array {
	if a, ok := f.values[field.dictionary]; ok {
		if !arrow.TypeEqual(a.DataType(), field.Type) {
			panic(corrupt("two columns of different types have one dictionary"))
		}
		return a
	}
	found := -1
	for i, blk := range f.dicts {
		_, head := ipcHead(f.p.b, blk, ipcDictionary)
		if head.i64(0, 0) != field.dictionary {
			continue
		}
		if found >= 0 || head.u8(2, 0) != 0 {
			panic(corrupt(fmt.Sprintf("column %s: its dictionary comes in several parts, which is not supported", quote(field.Name))))
		}
		found = i
	}
	if found < 0 {
		panic(corrupt(fmt.Sprintf("column %s: its dictionary is missing", quote(field.Name))))
	}
	b, _ := ipcHead(f.p.b, f.dicts[found], ipcDictionary)
	values := ipcField{Field: field.Field, dictionary: -1}
	if len(b.nodes) != 1 || len(b.buffers) != ipcBuffers(values) {
		panic(corrupt("a dictionary has more than one column"))
	}
	f.values[field.dictionary] = f.array(field.Type, b, b.nodes[0], b.buffers)
	return f.values[field.dictionary]
}

// maxNullRows is the number of rows of a column of type null in one record batch; such
// a column takes no room in the file, so its length says nothing about the file's.
const maxNullRows = 1 << 26

// array is an array over buffers of the file, which hold what its type and length need.
func (f *ipcFile) array(dt arrow.DataType, b ipcBatch, node ipcNode, buffers []span) arrow.Array {
	n, nulls := node.rows, node.nulls
	if dt.ID() == arrow.NULL {
		if n > maxNullRows {
			panic(corrupt("a column without values is too long"))
		}
		return array.NewNull(n)
	}
	room := func(have, want int) {
		if have < want {
			panic(corrupt("a column has more rows than cells"))
		}
	}
	bufs := make([]*memory.Buffer, len(buffers))
	defer func() {
		for _, buf := range bufs {
			if buf != nil {
				buf.Release()
			}
		}
	}()
	for i, s := range buffers {
		if i == 0 && nulls == 0 {
			continue
		}
		bufs[i] = f.buffer(s, b.codec)
	}
	if nulls > 0 {
		room(bufs[0].Len(), (n+7)/8)
		nulls = n - bitutil.CountSetBits(bufs[0].Bytes(), 0, n)
	}
	switch dt.ID() {
	case arrow.BOOL:
		room(bufs[1].Len(), (n+7)/8)
	case arrow.STRING, arrow.BINARY:
		f.checkOffsets(bufs, n, 4)
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		f.checkOffsets(bufs, n, 8)
	default:
		room(bufs[1].Len(), n*(dt.(arrow.FixedWidthDataType).BitWidth()/8))
	}
	d := array.NewData(dt, n, bufs, nil, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// checkOffsets makes sure that n cells lie inside the text; width is the bytes of an offset.
func (f *ipcFile) checkOffsets(bufs []*memory.Buffer, n, width int) {
	if n == 0 {
		return
	}
	if bufs[1].Len() < (n+1)*width {
		panic(corrupt("a column of text has more rows than offsets"))
	}
	if f.trusted {
		return
	}
	ok := false
	if width == 4 {
		ok = rising(view[int32](bufs[1])[:n+1], bufs[2].Len())
	} else {
		ok = rising(view[int64](bufs[1])[:n+1], bufs[2].Len())
	}
	if !ok {
		panic(corrupt("a cell of text lies outside of its column"))
	}
}

// rising reports whether offsets never fall and stay in 0…end.
func rising[T int32 | int64](off []T, end int) bool {
	last, ok := T(0), true
	for _, o := range off {
		ok = ok && o >= last
		last = o
	}
	return ok && int64(last) <= int64(end)
}

// outside is the first row of an array of integers that is not in 0…n-1; -1 if all are.
func outside(index arrow.Array, n int) int {
	c := see(index)
	switch index.DataType().ID() {
	case arrow.INT8:
		return outsideOf(&c, values[int8](&c), n)
	case arrow.INT16:
		return outsideOf(&c, values[int16](&c), n)
	case arrow.INT32:
		return outsideOf(&c, values[int32](&c), n)
	case arrow.INT64:
		return outsideOf(&c, values[int64](&c), n)
	case arrow.UINT8:
		return outsideOf(&c, values[uint8](&c), n)
	case arrow.UINT16:
		return outsideOf(&c, values[uint16](&c), n)
	case arrow.UINT32:
		return outsideOf(&c, values[uint32](&c), n)
	}
	return outsideOf(&c, values[uint64](&c), n)
}

func outsideOf[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](c *column, index []T, n int) int {
	for i, v := range index {
		if uint64(v) >= uint64(n) && !c.isNull(i) {
			return i
		}
	}
	return -1
}

// How many bytes one compressed byte may stand for, rounded up.
const (
	expansion       = 40_000 // of Zstandard, the most: runs, blocks of 128 KiB in four bytes
	gzipExpansion   = 1_032  // matches of 258 bytes in two bits
	lz4Expansion    = 255    // a further byte of a match's length
	snappyExpansion = 22     // copies of 64 bytes in three
)

// buffer is bytes of the file: shared where they lie as cells must, else copied or decompressed.
func (f *ipcFile) buffer(s span, codec int8) *memory.Buffer {
	if s.n == 0 {
		return memory.NewBufferBytes(nil)
	}
	if codec < 0 {
		if uintptr(unsafe.Pointer(&f.p.b[s.at]))%8 == 0 {
			return f.p.buffer(s.at, s.n)
		}
		buf := newBuffer(f.mem, s.n)
		copy(buf.Bytes(), f.p.b[s.at:s.at+s.n])
		return buf
	}
	size, raw := i64At(f.p.b[:s.at+s.n], s.at), f.p.b[s.at+8:s.at+s.n]
	most := expansion
	if codec == 0 {
		most = lz4Expansion
	}
	switch {
	case size == -1: // stored as it is
		size = int64(len(raw))
		codec = -1
	case size < 0 || size > int64(most*len(raw)):
		panic(corrupt("a compressed buffer has an impossible size"))
	}
	buf := newBuffer(f.mem, int(size))
	done := false
	defer func() {
		if !done {
			buf.Release()
		}
	}()
	dst := buf.Bytes()
	switch codec {
	case -1:
		copy(dst, raw)
	case 0:
		r := lz4.NewReader(bytes.NewReader(raw))
		if _, err := io.ReadFull(r, dst); err != nil {
			panic(err)
		}
	case 1:
		d, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(max(1<<20, uint64(size))))
		if err != nil {
			panic(err)
		}
		defer d.Close()
		if _, err := io.ReadFull(d, dst); err != nil {
			panic(err)
		}
	default:
		panic(corrupt(fmt.Sprintf("compression number %d is unknown", codec)))
	}
	done = true
	return buf
}
