package frame

/*
#cgo CFLAGS: -O3 -Wall
#cgo noescape gather
#cgo nocallback gather
#cgo noescape gather_bits
#cgo nocallback gather_bits
#cgo noescape gather_offsets
#cgo nocallback gather_offsets
#cgo noescape gather_text
#cgo nocallback gather_text
#cgo noescape gather_bytes
#cgo nocallback gather_bytes
#cgo noescape pack_bits
#cgo nocallback pack_bits
#cgo noescape gather_lengths
#cgo nocallback gather_lengths
#include "gather.h"
*/
import "C"

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// noRow, among the numbers of picked rows, makes a missing cell.
const noRow = ^uint32(0)

// layout is how the cells of a column lie in memory.
type layout int

const (
	bitCells  layout = iota // one bit a cell
	textCells               // 64-bit offsets into bytes
	fixedCells
)

// layoutOf is the layout of a type of a table's column and the bytes of a cell, of fixed ones.
func layoutOf(dt arrow.DataType) (layout, int) {
	switch dt.ID() {
	case arrow.BOOL:
		return bitCells, 0
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		return textCells, 0
	}
	return fixedCells, dt.(arrow.FixedWidthDataType).BitWidth() / 8
}

// columnType is the type that a column of type dt has in a table, and whether there is one.
// Text has 64-bit offsets, so that more than 2 GiB of it fit a column; dictionaries are spread.
func columnType(dt arrow.DataType) (arrow.DataType, bool) {
	switch dt.ID() {
	case arrow.STRING:
		return arrow.BinaryTypes.LargeString, true
	case arrow.BINARY:
		return arrow.BinaryTypes.LargeBinary, true
	case arrow.NULL:
		return arrow.PrimitiveTypes.Float64, true
	case arrow.DICTIONARY:
		return columnType(dt.(*arrow.DictionaryType).ValueType)
	case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.FLOAT32, arrow.FLOAT64, arrow.DATE32, arrow.DATE64, arrow.TIMESTAMP, arrow.TIME32, arrow.TIME64, arrow.DURATION,
		arrow.DECIMAL128, arrow.LARGE_STRING, arrow.LARGE_BINARY:
		return dt, true
	}
	return nil, false
}

// toColumn makes a an array of its [columnType]; the caller releases it too.
func toColumn(m *Memory, a arrow.Array) (arrow.Array, error) {
	to, ok := columnType(a.DataType())
	switch {
	case !ok:
		return nil, fmt.Errorf("its type %s is not supported; a column holds numbers, booleans, text, dates, times or decimals of 128 bits", a.DataType())
	case arrow.TypeEqual(to, a.DataType()):
		a.Retain()
		return a, nil
	}
	switch a := a.(type) {
	case *array.Null:
		return missingColumn(m, to, a.Len()), nil
	case *array.Dictionary:
		values, err := toColumn(m, a.Dictionary())
		if err != nil {
			return nil, err
		}
		defer values.Release()
		rows := alloc[uint32](m, a.Len())
		defer free(m, rows)
		for i := range rows {
			rows[i] = noRow
			if a.IsValid(i) {
				rows[i] = uint32(a.GetValueIndex(i))
			}
		}
		return take(m, values, rows), nil
	case *array.String:
		return wideOffsets(m, to, a, a.ValueOffsets(), a.Data().Buffers()[2]), nil
	case *array.Binary:
		return wideOffsets(m, to, a, a.ValueOffsets(), a.Data().Buffers()[2]), nil
	}
	panic("frame: toColumn of " + a.DataType().String())
}

// wideOffsets makes 32-bit offsets 64-bit ones; the text itself is shared.
func wideOffsets(m *Memory, to arrow.DataType, a arrow.Array, offsets []int32, text *memory.Buffer) arrow.Array {
	off := newBuffer(m, (a.Len()+1)*8)
	defer off.Release()
	wide := view[int64](off)
	if len(offsets) > 0 {
		for i := range wide {
			wide[i] = int64(offsets[i])
		}
	}
	valid := copyValidity(m, a)
	if valid != nil {
		defer valid.Release()
	}
	d := array.NewData(to, a.Len(), []*memory.Buffer{valid, off, text}, nil, a.NullN(), 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// copyValidity is the validity bits of a, from the first row on; nil where none is missing.
func copyValidity(m *Memory, a arrow.Array) *memory.Buffer {
	if a.NullN() == 0 {
		return nil
	}
	b := newBuffer(m, int(bitutil.BytesForBits(int64(a.Len()))))
	bitutil.CopyBitmap(a.NullBitmapBytes(), a.Data().Offset(), a.Len(), b.Bytes(), 0)
	return b
}

// newBuffer makes a zeroed buffer of n bytes.
func newBuffer(m *Memory, n int) *memory.Buffer {
	b := memory.NewResizableBuffer(m)
	b.Resize(n)
	return b
}

// view is a buffer as a slice.
func view[T any](b *memory.Buffer) []T {
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b.Bytes()))), b.Len()/int(unsafe.Sizeof(z)))
}

// column is the memory of an Arrow array of a table's type, from its first row on.
type column struct {
	typ    arrow.DataType
	layout layout
	width  int // bytes of a fixed cell
	n      int
	nulls  int
	valid  []byte // bits; nil where nothing is missing
	bit0   int    // the first row's bit in valid, and in data of bits
	data   []byte // fixed cells; bits
	off    []int64
	text   []byte
}

// see is the memory under a, which must outlive it.
func see(a arrow.Array) column {
	d := a.Data()
	c := column{typ: a.DataType(), n: a.Len(), nulls: a.NullN(), bit0: d.Offset()}
	c.layout, c.width = layoutOf(c.typ)
	if c.nulls > 0 {
		c.valid = d.Buffers()[0].Bytes()
	}
	bytes := func(i int) []byte {
		if d.Buffers()[i] == nil {
			return nil
		}
		return d.Buffers()[i].Bytes()
	}
	switch c.layout {
	case bitCells:
		c.data = bytes(1)
	case fixedCells:
		if c.n > 0 {
			c.data = bytes(1)[d.Offset()*c.width : (d.Offset()+c.n)*c.width]
		}
	case textCells:
		if c.n > 0 {
			c.off = unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(bytes(1)))), d.Offset()+c.n+1)[d.Offset():]
			c.text = bytes(2)
		} else {
			c.off = []int64{0}
		}
	}
	return c
}

// isNull reports whether row i is missing.
func (c *column) isNull(i int) bool { return c.valid != nil && !bitutil.BitIsSet(c.valid, c.bit0+i) }

// bit is row i of a column of bits.
func (c *column) bit(i int) bool { return bitutil.BitIsSet(c.data, c.bit0+i) }

// str is the bytes of row i of a text column.
func (c *column) str(i int) []byte { return c.text[c.off[i]:c.off[i+1]] }

// bytes is the memory that the rows of c take.
func (c *column) bytes() int64 {
	b := int64(0)
	if c.valid != nil {
		b = int64(c.n+7) / 8
	}
	switch c.layout {
	case bitCells:
		return b + int64(c.n+7)/8
	case fixedCells:
		return b + int64(c.n*c.width)
	}
	return b + int64(8*c.n) + c.off[c.n] - c.off[0]
}

// values is the cells of a fixed column.
func values[T any](c *column) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(c.data))), c.n)
}

// newArray makes an array of a table's type from its buffers, which it takes over; valid may be nil.
func newArray(dt arrow.DataType, n, nulls int, valid *memory.Buffer, rest ...*memory.Buffer) arrow.Array {
	if nulls == 0 && valid != nil {
		valid.Release()
		valid = nil
	}
	buffers := append([]*memory.Buffer{valid}, rest...)
	d := array.NewData(dt, n, buffers, nil, nulls, 0)
	defer d.Release()
	for _, b := range buffers {
		if b != nil {
			b.Release()
		}
	}
	return array.MakeFromData(d)
}

// missingColumn is n missing cells.
func missingColumn(m *Memory, dt arrow.DataType, n int) arrow.Array {
	rows := alloc[uint32](m, n)
	defer free(m, rows)
	for i := range rows {
		rows[i] = noRow
	}
	empty := array.MakeArrayOfNull(memory.DefaultAllocator, dt, 0)
	defer empty.Release()
	return take(m, empty, rows)
}

// take is the cells of a in the given rows, in that order; noRow makes a missing one.
func take(m *Memory, a arrow.Array, rows []uint32) arrow.Array {
	c := see(a)
	n := len(rows)
	valid, nulls := takeValid(m, &c, rows)
	row := (*C.uint32_t)(unsafe.SliceData(rows))
	switch c.layout {
	case bitCells:
		b := newBuffer(m, (n+7)/8)
		C.gather_bits(p8(b.Bytes()), p8(c.data), C.int64_t(c.bit0), row, C.int64_t(n))
		return newArray(c.typ, n, nulls, valid, b)
	case fixedCells:
		b := newBuffer(m, n*c.width)
		C.gather(unsafe.Pointer(p8(b.Bytes())), unsafe.Pointer(p8(c.data)), row, C.int64_t(n), C.int(c.width))
		return newArray(c.typ, n, nulls, valid, b)
	}
	off := newBuffer(m, (n+1)*8)
	o := view[int64](off)
	C.gather_offsets(p64(o), p64(c.off), row, C.int64_t(n))
	b := newBuffer(m, int(o[n]))
	C.gather_text(p8(b.Bytes()), p64(c.off), p8(c.text), row, C.int64_t(n))
	return newArray(c.typ, n, nulls, valid, off, b)
}

// takeValid is the validity of the given rows, nil where none is missing.
func takeValid(m *Memory, c *column, rows []uint32) (*memory.Buffer, int) {
	if c.valid == nil && !hasNoRow(rows) {
		return nil, 0
	}
	n := len(rows)
	v := newBuffer(m, (n+7)/8)
	if c.valid == nil {
		for i, r := range rows {
			if r != noRow {
				bitutil.SetBit(v.Bytes(), i)
			}
		}
	} else {
		C.gather_bits(p8(v.Bytes()), p8(c.valid), C.int64_t(c.bit0), (*C.uint32_t)(unsafe.SliceData(rows)), C.int64_t(n))
	}
	return v, n - bitutil.CountSetBits(v.Bytes(), 0, n)
}

func hasNoRow(rows []uint32) bool {
	for _, r := range rows {
		if r == noRow {
			return true
		}
	}
	return false
}

// concatenate is the cells of all parts, in order.
func concatenate(m *Memory, dt arrow.DataType, parts []arrow.Array) arrow.Array {
	if len(parts) == 0 {
		return missingColumn(m, dt, 0)
	}
	a, err := array.Concatenate(parts, m)
	if err != nil {
		panic(err) // the types are one
	}
	return a
}

// castColumn makes a a column of another type; an overflow or a lost fraction is an error.
func castColumn(m *Memory, a arrow.Array, to arrow.DataType) (arrow.Array, error) {
	ctx := compute.WithAllocator(context.Background(), m)
	return compute.CastArray(ctx, a, compute.SafeCastOptions(to))
}

func p8(b []byte) *C.uint8_t   { return (*C.uint8_t)(unsafe.SliceData(b)) }
func p64(b []int64) *C.int64_t { return (*C.int64_t)(unsafe.SliceData(b)) }

// sliceArray is rows lo…hi of a, shared.
func sliceArray(a arrow.Array, lo, hi int) arrow.Array {
	return array.NewSlice(a, int64(lo), int64(hi))
}

// fitsRows is an error where a kernel's 32-bit row numbers do not suffice.
func fitsRows(rows ...int) error {
	for _, n := range rows {
		if n >= int(noRow) {
			return fmt.Errorf("%d rows on one rank: want fewer than %d; use more ranks, or set a memory limit", n, noRow)
		}
	}
	return nil
}
