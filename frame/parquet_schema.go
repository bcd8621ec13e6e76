package frame

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// pqColumn is a column of a Parquet file.
type pqColumn struct {
	name     string
	leaf     int            // number of its column chunk in a row group; -1 of a hive key
	typ      arrow.DataType // in the table; nil where a table has no such columns
	why      string         // then: what it is
	physical parquet.Type
	width    int // bytes of a fixed cell as stored
	optional bool
	// convert makes cells as stored those of typ; nil where they are the same
	convert func(m *Memory, cells *memory.Buffer, n, width int) *memory.Buffer
}

// pqColumns is the columns of a file, in its order.
func pqColumns(md *metadata.FileMetaData) []pqColumn {
	var cols []pqColumn
	origin := originTypes(md)
	root := md.Schema.Root()
	leaf := 0
	for i := range root.NumFields() {
		node := root.Field(i)
		col := pqColumn{name: node.Name(), leaf: leaf}
		prim, ok := node.(*schema.PrimitiveNode)
		switch {
		case !ok:
			col.why = "nested"
			leaf += leaves(node.(*schema.GroupNode))
		case node.RepetitionType() == parquet.Repetitions.Repeated:
			col.why = "a list"
			leaf++
		default:
			leaf++
			col.physical, col.optional = prim.PhysicalType(), node.RepetitionType() == parquet.Repetitions.Optional
			col.find(prim)
			if col.typ == nil {
				col.why = fmt.Sprintf("%s of logical type %s", prim.PhysicalType(), prim.LogicalType())
			} else if was, ok := origin[col.name]; ok {
				col.typ = restore(col.typ, was)
			}
		}
		cols = append(cols, col)
	}
	return cols
}

func leaves(g *schema.GroupNode) int {
	n := 0
	for i := range g.NumFields() {
		if sub, ok := g.Field(i).(*schema.GroupNode); ok {
			n += leaves(sub)
		} else {
			n++
		}
	}
	return n
}

// find gives the column the type that its physical and logical types mean.
func (c *pqColumn) find(p *schema.PrimitiveNode) {
	logical := p.LogicalType()
	_, plain := logical.(schema.NoLogicalType)
	switch c.physical {
	case parquet.Types.Boolean:
		c.typ = arrow.FixedWidthTypes.Boolean
	case parquet.Types.Float:
		c.typ, c.width = arrow.PrimitiveTypes.Float32, 4
	case parquet.Types.Double:
		c.typ, c.width = arrow.PrimitiveTypes.Float64, 8
	case parquet.Types.Int96:
		c.typ, c.width, c.convert = &arrow.TimestampType{Unit: arrow.Nanosecond}, 12, fromInt96
	case parquet.Types.ByteArray:
		switch logical.(type) {
		case schema.StringLogicalType, schema.EnumLogicalType, schema.JSONLogicalType:
			c.typ = arrow.BinaryTypes.LargeString
		case schema.NoLogicalType, schema.BSONLogicalType:
			c.typ = arrow.BinaryTypes.LargeBinary
		}
	case parquet.Types.FixedLenByteArray:
		c.width = p.TypeLength()
		if d, ok := logical.(*schema.DecimalLogicalType); ok && c.width > 0 && c.width <= 16 {
			c.typ, c.convert = decimalType(d), fromBigEndian
		}
	case parquet.Types.Int32:
		c.width = 4
		switch l := logical.(type) {
		case *schema.IntLogicalType:
			switch l.BitWidth() {
			case 8:
				c.typ, c.convert = arrow.PrimitiveTypes.Int8, narrow[uint8]
				if !l.IsSigned() {
					c.typ = arrow.PrimitiveTypes.Uint8
				}
			case 16:
				c.typ, c.convert = arrow.PrimitiveTypes.Int16, narrow[uint16]
				if !l.IsSigned() {
					c.typ = arrow.PrimitiveTypes.Uint16
				}
			case 32:
				c.typ = arrow.PrimitiveTypes.Int32
				if !l.IsSigned() {
					c.typ = arrow.PrimitiveTypes.Uint32
				}
			}
		case schema.DateLogicalType:
			c.typ = arrow.FixedWidthTypes.Date32
		case *schema.TimeLogicalType:
			if l.TimeUnit() == schema.TimeUnitMillis {
				c.typ = arrow.FixedWidthTypes.Time32ms
			}
		case *schema.DecimalLogicalType:
			c.typ, c.convert = decimalType(l), fromInt[int32]
		default:
			if plain {
				c.typ = arrow.PrimitiveTypes.Int32
			}
		}
	case parquet.Types.Int64:
		c.width = 8
		switch l := logical.(type) {
		case *schema.IntLogicalType:
			c.typ = arrow.PrimitiveTypes.Int64
			if !l.IsSigned() {
				c.typ = arrow.PrimitiveTypes.Uint64
			}
		case *schema.TimeLogicalType:
			c.typ = &arrow.Time64Type{Unit: arrowUnit(l.TimeUnit())}
		case *schema.TimestampLogicalType:
			t := &arrow.TimestampType{Unit: arrowUnit(l.TimeUnit())}
			if l.IsAdjustedToUTC() && !l.IsFromConvertedType() { // older writers meant local times, too
				t.TimeZone = "UTC"
			}
			c.typ = t
		case *schema.DecimalLogicalType:
			c.typ, c.convert = decimalType(l), fromInt[int64]
		default:
			if plain {
				c.typ = arrow.PrimitiveTypes.Int64
			}
		}
	}
}

func arrowUnit(u schema.TimeUnitType) arrow.TimeUnit {
	switch u {
	case schema.TimeUnitMillis:
		return arrow.Millisecond
	case schema.TimeUnitMicros:
		return arrow.Microsecond
	case schema.TimeUnitNanos:
		return arrow.Nanosecond
	}
	panic(corrupt("a unit of time is unknown"))
}

func decimalType(d *schema.DecimalLogicalType) arrow.DataType {
	return &arrow.Decimal128Type{Precision: d.Precision(), Scale: d.Scale()}
}

// originTypes is the types that Arrow's writers note beside the schema, by column; the
// format itself knows neither time zones nor durations.
func originTypes(md *metadata.FileMetaData) map[string]arrow.DataType {
	v := md.KeyValueMetadata().FindValue("ARROW:schema")
	if v == nil {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(*v)
	if err != nil {
		panic(corrupt("its Arrow schema is no base64"))
	}
	msg, _ := ipcMessage(b)
	s, ok := msg.table(2)
	if msg.u8(1, 0) != ipcSchema || !ok {
		panic(corrupt("its Arrow schema is none"))
	}
	types := map[string]arrow.DataType{}
	for _, f := range s.tables(1) {
		if t := ipcType(f); t != nil {
			types[f.text(0)] = t
		}
	}
	return types
}

// restore is what a column of type t was before it was written.
func restore(t, was arrow.DataType) arrow.DataType {
	switch was := was.(type) {
	case *arrow.TimestampType:
		if t, ok := t.(*arrow.TimestampType); ok && t.Unit == was.Unit && t.TimeZone == "UTC" && was.TimeZone != "" {
			return was
		}
	case *arrow.DurationType:
		if t.ID() == arrow.INT64 {
			return was
		}
	}
	return t
}

func narrow[T uint8 | uint16](m *Memory, cells *memory.Buffer, n, _ int) *memory.Buffer {
	out := newBuffer(m, n*binary.Size(T(0)))
	to := view[T](out)
	for i, v := range view[uint32](cells)[:n] {
		to[i] = T(v)
	}
	return out
}

// fromInt96 makes nanoseconds within a day and Julian day numbers nanoseconds since 1970.
func fromInt96(m *Memory, cells *memory.Buffer, n, _ int) *memory.Buffer {
	const julian1970, nsPerDay = 2_440_588, 86_400_000_000_000
	out := newBuffer(m, n*8)
	b := cells.Bytes()
	for i := range view[int64](out)[:n] {
		ns := int64(binary.LittleEndian.Uint64(b[12*i:]))
		day := int64(int32(binary.LittleEndian.Uint32(b[12*i+8:])))
		if ns != 0 || day != 0 { // a missing cell
			view[int64](out)[i] = (day-julian1970)*nsPerDay + ns
		}
	}
	return out
}

func fromInt[T int32 | int64](m *Memory, cells *memory.Buffer, n, _ int) *memory.Buffer {
	out := newBuffer(m, n*16)
	to := view[decimal128.Num](out)
	for i, v := range view[T](cells)[:n] {
		to[i] = decimal128.FromI64(int64(v))
	}
	return out
}

// fromBigEndian is of two's complement numbers of up to 16 bytes.
func fromBigEndian(m *Memory, cells *memory.Buffer, n, width int) *memory.Buffer {
	out := newBuffer(m, n*16)
	to := view[decimal128.Num](out)
	b := cells.Bytes()
	for i := range to[:n] {
		var full [16]byte
		cell := b[i*width : (i+1)*width]
		if cell[0]&0x80 != 0 {
			for k := range full[:16-width] {
				full[k] = 0xff
			}
		}
		copy(full[16-width:], cell)
		to[i] = decimal128.New(int64(binary.BigEndian.Uint64(full[:8])), binary.BigEndian.Uint64(full[8:]))
	}
	return out
}
