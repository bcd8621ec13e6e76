package frametest

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Types are types of all kinds that a table's column may have.
var Types = append([]arrow.DataType{
	arrow.BinaryTypes.LargeBinary,
	arrow.FixedWidthTypes.Date64,
	&arrow.Decimal128Type{Precision: 38, Scale: 4},
	&arrow.Decimal128Type{Precision: 9, Scale: 2},
	arrow.FixedWidthTypes.Time32s,
	arrow.FixedWidthTypes.Time32ms,
	arrow.FixedWidthTypes.Time64us,
	arrow.FixedWidthTypes.Time64ns,
	arrow.FixedWidthTypes.Duration_s,
	arrow.FixedWidthTypes.Duration_ns,
}, KeyTypes...)

// KeyTypes are the types that tables are mostly joined, sorted and grouped by.
var KeyTypes = append([]arrow.DataType{
	arrow.FixedWidthTypes.Boolean,
	arrow.BinaryTypes.LargeString,
	arrow.FixedWidthTypes.Date32,
	&arrow.TimestampType{Unit: arrow.Second},
	&arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"},
	&arrow.TimestampType{Unit: arrow.Microsecond},
	&arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "Europe/Berlin"},
}, NumberTypes...)

// NumberTypes are the types that have sums and means.
var NumberTypes = []arrow.DataType{
	arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
	arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
	arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
}

// values are the first Distinct values of c's domain, as the bytes of a cell; a boolean is one byte.
// The type's special values come first, in an order that the domain chooses.
func (c Column) values() [][]byte {
	rng := rand.New(rand.NewPCG(c.Domain, uint64(c.Type.ID())))
	special, next := c.kind(rng)
	rng.Shuffle(len(special), func(i, j int) { special[i], special[j] = special[j], special[i] })
	for len(special) < c.Distinct {
		special = append(special, next())
	}
	return special[:c.Distinct]
}

// kind is c's special values and what makes others.
func (c Column) kind(rng *rand.Rand) (special [][]byte, next func() []byte) {
	switch t := c.Type.(type) {
	case *arrow.BooleanType:
		return [][]byte{{0}, {1}}, func() []byte { return []byte{byte(rng.IntN(2))} }
	case *arrow.LargeStringType:
		return someText(), func() []byte { return randomText(rng) }
	case *arrow.LargeBinaryType:
		return append(someText(), []byte{0xff, 0xfe}, []byte{0xff}), func() []byte { return randomText(rng) }
	case *arrow.Decimal128Type:
		top := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Precision)), nil)
		top.Sub(top, big.NewInt(1))
		next = func() []byte { return decimalCell(big.NewInt(rng.Int64N(2e8) - 1e8)) }
		return [][]byte{decimalCell(new(big.Int)), decimalCell(top), decimalCell(new(big.Int).Neg(top)), decimalCell(big.NewInt(-1))}, next
	case *arrow.Float32Type, *arrow.Float64Type:
		return c.floats(rng)
	}
	return c.integers(rng)
}

func (c Column) floats(rng *rand.Rand) (special [][]byte, next func() []byte) {
	cell := func(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }
	top, least := math.MaxFloat64, math.SmallestNonzeroFloat64
	if c.Type.ID() == arrow.FLOAT32 {
		cell = func(v float64) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v))) }
		top, least = math.MaxFloat32, math.SmallestNonzeroFloat32
	}
	if c.Modest {
		if c.Unbound {
			special = [][]byte{cell(math.NaN()), cell(math.Inf(1)), cell(math.Inf(-1))}
		}
		return special, func() []byte { return cell(float64(rng.IntN(2001) - 1000)) }
	}
	for _, v := range []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 1, -1.5, top, -top, least} {
		special = append(special, cell(v))
	}
	return special, func() []byte { return cell(rng.NormFloat64() * 100) }
}

// integers are those of all integer types and times.
func (c Column) integers(rng *rand.Rand) (special [][]byte, next func() []byte) {
	width := c.Type.(arrow.FixedWidthDataType).BitWidth() / 8
	cell := func(v int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v))[:width] }
	lo, hi := int64(math.MinInt64)>>(64-8*width), int64(math.MaxInt64)>>(64-8*width)
	step, signed := int64(1), true
	switch c.Type.ID() {
	case arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		signed = false
		lo, hi = 0, -1 // all bits
	case arrow.TIME32, arrow.TIME64:
		unit := c.Type.(arrow.TemporalWithUnit).TimeUnit()
		signed = false
		lo, hi = 0, 86400*int64(1e9/int64(unit.Multiplier()))-1
	case arrow.DATE64: // whole days in milliseconds
		step, lo, hi = 86400e3, -1e7, 1e7
	}
	values := []int64{0, 1, 2, lo, hi}
	if signed {
		values = append(values, -1, lo+1, hi-1)
	}
	if c.Modest {
		values = nil
		step *= max(c.Step, 1)
	}
	for _, v := range values {
		special = append(special, cell(v*step))
	}
	bound := int64(1000)
	if width == 1 {
		bound = 100
	}
	if signed {
		return special, func() []byte { return cell((rng.Int64N(2*bound+1) - bound) * step) }
	}
	return special, func() []byte { return cell(rng.Int64N(bound+1) * step) }
}

func decimalCell(v *big.Int) []byte {
	low := new(big.Int).And(v, new(big.Int).SetUint64(math.MaxUint64)).Uint64() // of two's complement
	high := new(big.Int).Rsh(v, 64).Int64()
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, low), uint64(high))
}

// someText are texts that comparing, hashing and copying might get wrong.
func someText() (cells [][]byte) {
	long := strings.Repeat("long ", 60)
	for _, s := range []string{"", " ", "a", "ab", "A", "a\x00", "a\x00b", "prefix__", "prefix__a", "prefix__b", "prefix__\x00", "12345678", "123456789",
		"ü", "日本語", "\U0001f30a", "12 bytes long", "a,b", "\"quoted\"", "two\nlines", "NULL", "NaN", "0", long, long + "x", "y" + long} {
		cells = append(cells, []byte(s))
	}
	return cells
}

func randomText(rng *rand.Rand) []byte {
	prefix := []string{"", "", "station-", "a common prefix of many bytes "}[rng.IntN(4)]
	return fmt.Appendf([]byte(prefix), "%x", rng.Uint64()>>rng.IntN(64))
}

// cells makes n cells.
func (c Column) cells(mem memory.Allocator, rng *rand.Rand, n int) arrow.Array {
	values, pick := c.values(), c.pick(rng)
	valid := newBuffer(mem, int(bitutil.BytesForBits(int64(n))))
	at, nulls, text := make([]int, n), 0, 0
	for i := range n {
		at[i] = pick()
		text += len(values[at[i]])
		if rng.Float64() < c.Nulls {
			nulls++
		} else {
			bitutil.SetBit(valid.Bytes(), i)
		}
	}
	var buffers []*memory.Buffer
	switch t := c.Type.(type) {
	case *arrow.BooleanType:
		b := newBuffer(mem, int(bitutil.BytesForBits(int64(n))))
		for i, k := range at {
			bitutil.SetBitTo(b.Bytes(), i, values[k][0] == 1)
		}
		buffers = []*memory.Buffer{valid, b}
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		off, b := newBuffer(mem, 8*(n+1)), newBuffer(mem, text)
		end := 0
		for i, k := range at {
			end += copy(b.Bytes()[end:], values[k])
			binary.LittleEndian.PutUint64(off.Bytes()[8*(i+1):], uint64(end))
		}
		buffers = []*memory.Buffer{valid, off, b}
	case arrow.FixedWidthDataType:
		width := t.BitWidth() / 8
		b := newBuffer(mem, n*width)
		for i, k := range at {
			if c.Shape == Rising {
				binary.LittleEndian.PutUint64(b.Bytes()[8*i:], uint64(i))
			} else {
				copy(b.Bytes()[i*width:], values[k])
			}
		}
		buffers = []*memory.Buffer{valid, b}
	}
	d := array.NewData(c.Type, n, buffers, nil, nulls, 0)
	defer d.Release()
	for _, b := range buffers {
		b.Release()
	}
	return array.MakeFromData(d)
}

func newBuffer(mem memory.Allocator, n int) *memory.Buffer {
	b := memory.NewResizableBuffer(mem)
	b.Resize(n)
	clear(b.Bytes())
	return b
}
