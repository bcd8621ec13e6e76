package frame

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/endian"
)

// The format is https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format; the
// numbers of fields below are those of Schema.fbs, Message.fbs and File.fbs.

const ipcMagic = "ARROW1"

// kinds of message
const (
	ipcSchema      = 1
	ipcDictionary  = 2
	ipcRecordBatch = 3
)

// ipcField is a column of a file.
type ipcField struct {
	arrow.Field       // of a dictionary-encoded column, its values
	dictionary  int64 // number of its dictionary; -1 without
	index       arrow.DataType
}

// ipcBlock is the place of a message in the file, in bytes.
type ipcBlock struct{ at, meta, body int }

// ipcBatch is what the head of a record batch says; buffers are places in the file.
type ipcBatch struct {
	rows    int
	nodes   []ipcNode
	buffers []span
	codec   int8 // of BodyCompression; -1 without
}

type ipcNode struct{ rows, nulls int }

type span struct{ at, n int }

// rescue makes a panic over a file's content an error; what is the operator.
func rescue(what, path string, err *error) {
	switch p := recover().(type) {
	case nil:
	case corrupt:
		*err = fmt.Errorf("frame: %s: %s: the file is corrupt: %s", what, path, string(p))
	case exhausted: // perhaps believing a size in the file
		*err = fmt.Errorf("frame: %s: %s: the file is corrupt, or larger than memory: %w", what, path, p)
	case scratchFull:
		*err = fmt.Errorf("frame: %s: %s: the file is corrupt, or larger than there is room: %w", what, path, p)
	case unsupported:
		*err = fmt.Errorf("frame: %s: %s: %w", what, path, p)
	case runtime.Error:
		*err = fmt.Errorf("frame: %s: %s: the file is corrupt: %w", what, path, p)
	case error:
		*err = fmt.Errorf("frame: %s: %s: the file is corrupt: %w", what, path, p)
	case string:
		if strings.HasPrefix(p, "frame: ") {
			panic(p)
		}
		*err = fmt.Errorf("frame: %s: %s: the file is corrupt: %s", what, path, p)
	default:
		panic(p)
	}
}

// ipcFooter finds the schema and the messages of a file.
func ipcFooter(b []byte) (schema flat, dictionaries, batches []ipcBlock, err error) {
	none := flat{}
	n := len(b)
	switch {
	case n >= 4 && u32At(b, 0) == 1<<32-1:
		return none, nil, nil, errors.New("this is an Arrow IPC stream; the file format is wanted, which has a footer")
	case n < len(ipcMagic) || !bytes.HasPrefix(b, []byte(ipcMagic)):
		return none, nil, nil, errors.New("this is not an Arrow IPC file: it does not begin with ARROW1")
	case n < 2*len(ipcMagic)+6 || !bytes.HasSuffix(b, []byte(ipcMagic)):
		return none, nil, nil, errors.New("the end of the file is missing: it does not end with ARROW1")
	}
	end := n - len(ipcMagic) - 4
	size := u32At(b, end)
	need(b[:end], end-size, size)
	footer := rootTable(b[end-size : end])
	schema, ok := footer.table(1)
	if !ok {
		panic(corrupt("the footer has no schema"))
	}
	blocks := func(i int) []ipcBlock {
		at, n := footer.vector(i, 24)
		list := make([]ipcBlock, n)
		for k := range list {
			p := at + 24*k
			list[k] = ipcBlock{int(i64At(footer.b, p)), int(int32(u32At(footer.b, p+8))), int(i64At(footer.b, p+16))}
			need(b, list[k].at, list[k].meta)
			need(b, list[k].at+list[k].meta, list[k].body)
		}
		return list
	}
	return schema, blocks(2), blocks(3), nil
}

// ipcMessage is the table of the message at the start of b, and where it ends.
func ipcMessage(b []byte) (msg flat, end int) {
	head := 4
	n := u32At(b, 0)
	if n == 1<<32-1 { // since format 0.15
		head, n = 8, u32At(b, 4)
	}
	need(b, head, n)
	return rootTable(b[head : head+n]), head + n
}

// ipcFields is the columns that a schema declares.
func ipcFields(s flat) ([]ipcField, error) {
	if little := s.i16(0, 0) == 0; little != (endian.NativeEndian == endian.LittleEndian) {
		return nil, errors.New("its numbers are big-endian; write it on a little-endian machine")
	}
	tables := s.tables(1)
	fields := make([]ipcField, len(tables))
	names := map[string]bool{}
	for i, t := range tables {
		f := &fields[i]
		f.Name, f.Nullable, f.dictionary = t.text(0), true, -1
		if names[f.Name] {
			return nil, fmt.Errorf("two columns are named %s", quote(f.Name))
		}
		names[f.Name] = true
		f.Type = ipcType(t)
		if f.Type == nil {
			return nil, fmt.Errorf("column %s: its type is not supported; a column holds numbers, booleans, text, dates, times or decimals of 128 bits", quote(f.Name))
		}
		if d, ok := t.table(4); ok {
			f.dictionary, f.index = d.i64(0, 0), arrow.PrimitiveTypes.Int32
			if it, ok := d.table(1); ok {
				f.index = ipcInt(it)
			}
			if f.dictionary < 0 || f.index == nil {
				panic(corrupt("a dictionary has a wrong number or index"))
			}
		}
	}
	return fields, nil
}

func ipcInt(t flat) arrow.DataType {
	signed := t.u8(1, 0) != 0
	switch width := t.i32(0, 0); {
	case width == 8 && signed:
		return arrow.PrimitiveTypes.Int8
	case width == 16 && signed:
		return arrow.PrimitiveTypes.Int16
	case width == 32 && signed:
		return arrow.PrimitiveTypes.Int32
	case width == 64 && signed:
		return arrow.PrimitiveTypes.Int64
	case width == 8:
		return arrow.PrimitiveTypes.Uint8
	case width == 16:
		return arrow.PrimitiveTypes.Uint16
	case width == 32:
		return arrow.PrimitiveTypes.Uint32
	case width == 64:
		return arrow.PrimitiveTypes.Uint64
	}
	return nil
}

// ipcType is the type of a field, nil where a table has no such columns.
func ipcType(field flat) arrow.DataType {
	kind := field.u8(2, 0)
	t, ok := field.table(3)
	if !ok {
		return nil
	}
	unit := func(otherwise int16) arrow.TimeUnit {
		u := t.i16(0, otherwise)
		if u < 0 || u > 3 {
			panic(corrupt("a unit of time is unknown"))
		}
		return arrow.TimeUnit(u)
	}
	switch kind {
	case 1:
		return arrow.Null
	case 2:
		return ipcInt(t)
	case 3:
		switch t.i16(0, 0) {
		case 1:
			return arrow.PrimitiveTypes.Float32
		case 2:
			return arrow.PrimitiveTypes.Float64
		}
	case 4:
		return arrow.BinaryTypes.Binary
	case 5:
		return arrow.BinaryTypes.String
	case 6:
		return arrow.FixedWidthTypes.Boolean
	case 7:
		if t.i32(2, 128) == 128 {
			return &arrow.Decimal128Type{Precision: t.i32(0, 0), Scale: t.i32(1, 0)}
		}
	case 8:
		if t.i16(0, 1) == 0 {
			return arrow.FixedWidthTypes.Date32
		}
		return arrow.FixedWidthTypes.Date64
	case 9:
		u, width := unit(1), t.i32(1, 32)
		if wide := u >= arrow.Microsecond; wide != (width == 64) {
			panic(corrupt("a time of day has a wrong width"))
		} else if wide {
			return &arrow.Time64Type{Unit: u}
		}
		return &arrow.Time32Type{Unit: u}
	case 10:
		return &arrow.TimestampType{Unit: unit(0), TimeZone: t.text(1)}
	case 18:
		return &arrow.DurationType{Unit: unit(1)}
	case 19:
		return arrow.BinaryTypes.LargeBinary
	case 20:
		return arrow.BinaryTypes.LargeString
	}
	return nil
}

// ipcHead reads the head of a message of a kind at blk of file b: its record batch,
// and the table around that of a dictionary.
func ipcHead(b []byte, blk ipcBlock, kind uint8) (ipcBatch, flat) {
	msg, _ := ipcMessage(b[blk.at : blk.at+blk.meta])
	head, ok := msg.table(2)
	if msg.u8(1, 0) != kind || !ok {
		panic(corrupt("a message is of another kind than the footer says"))
	}
	t := head
	if kind == ipcDictionary {
		if t, ok = head.table(1); !ok {
			panic(corrupt("a dictionary has no values"))
		}
	}
	r := ipcBatch{rows: int(t.i64(0, 0)), codec: -1}
	if r.rows < 0 || r.rows >= int(noRow) {
		panic(corrupt("a record batch has an impossible number of rows"))
	}
	at, n := t.vector(1, 16)
	for k := range n {
		node := ipcNode{int(i64At(t.b, at+16*k)), int(i64At(t.b, at+16*k+8))}
		if node.rows != r.rows || node.nulls < 0 || node.nulls > node.rows {
			panic(corrupt("a column has another number of rows than its record batch"))
		}
		r.nodes = append(r.nodes, node)
	}
	body := b[blk.at+blk.meta : blk.at+blk.meta+blk.body]
	at, n = t.vector(2, 16)
	for k := range n {
		s := span{int(i64At(t.b, at+16*k)), int(i64At(t.b, at+16*k+8))}
		need(body, s.at, s.n)
		s.at += blk.at + blk.meta
		r.buffers = append(r.buffers, s)
	}
	if c, ok := t.table(3); ok {
		r.codec = int8(c.u8(0, 0))
	}
	return r, head
}
