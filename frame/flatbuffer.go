package frame

import "encoding/binary"

// A flat is a table of FlatBuffers (https://flatbuffers.dev/internals) in bytes that
// nobody vouches for: a read outside of them panics with a [corrupt].
type flat struct {
	b  []byte
	at int
}

// corrupt says what is wrong with the bytes of a file. Readers panic with it, and
// [rescue] makes it an error.
type corrupt string

// need makes sure that b has n bytes from at on.
func need(b []byte, at, n int) {
	if at < 0 || n < 0 || n > len(b) || at > len(b)-n {
		panic(corrupt("an offset points outside of its message"))
	}
}

func u16At(b []byte, at int) int {
	need(b, at, 2)
	return int(binary.LittleEndian.Uint16(b[at:]))
}

func u32At(b []byte, at int) int {
	need(b, at, 4)
	return int(binary.LittleEndian.Uint32(b[at:]))
}

func i64At(b []byte, at int) int64 {
	need(b, at, 8)
	return int64(binary.LittleEndian.Uint64(b[at:]))
}

// rootTable is the outermost table of a buffer.
func rootTable(b []byte) flat { return flat{b, u32At(b, 0)} }

// field is the place of the i-th field of the table's declaration; false where it has its default.
func (f flat) field(i int) (int, bool) {
	vtable := f.at - int(int32(u32At(f.b, f.at)))
	if 4+2*i+2 > u16At(f.b, vtable) {
		return 0, false
	}
	off := u16At(f.b, vtable+4+2*i)
	return f.at + off, off != 0
}

func (f flat) u8(i int, otherwise uint8) uint8 {
	at, ok := f.field(i)
	if !ok {
		return otherwise
	}
	need(f.b, at, 1)
	return f.b[at]
}

func (f flat) i16(i int, otherwise int16) int16 {
	if at, ok := f.field(i); ok {
		return int16(u16At(f.b, at))
	}
	return otherwise
}

func (f flat) i32(i int, otherwise int32) int32 {
	if at, ok := f.field(i); ok {
		return int32(u32At(f.b, at))
	}
	return otherwise
}

func (f flat) i64(i int, otherwise int64) int64 {
	if at, ok := f.field(i); ok {
		return i64At(f.b, at)
	}
	return otherwise
}

// table is a field that is a table itself.
func (f flat) table(i int) (flat, bool) {
	at, ok := f.field(i)
	if !ok {
		return flat{}, false
	}
	return flat{f.b, at + u32At(f.b, at)}, true
}

// vector is the place of the first of n elements of size bytes each.
func (f flat) vector(i, size int) (at, n int) {
	at, ok := f.field(i)
	if !ok {
		return 0, 0
	}
	at += u32At(f.b, at)
	n = u32At(f.b, at)
	need(f.b, at+4, n*size)
	return at + 4, n
}

func (f flat) text(i int) string {
	at, n := f.vector(i, 1)
	return string(f.b[at : at+n])
}

// tables is a field that is a vector of tables.
func (f flat) tables(i int) []flat {
	at, n := f.vector(i, 4)
	t := make([]flat, n)
	for k := range t {
		t[k] = flat{f.b, at + 4*k + u32At(f.b, at+4*k)}
	}
	return t
}
