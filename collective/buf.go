package collective

import (
	"fmt"
	"unsafe"
)

// Buf is a run of N elements of one Type. Counts are elements, never bytes.
type Buf struct {
	Ptr  unsafe.Pointer
	N    int
	Type Type
}

// Type is the element type of a Buf.
type Type uint8

const (
	U8 Type = iota
	I32
	I64
	F32
	F64
)

// Size is the number of bytes of one element.
func (t Type) Size() int { return [...]int{1, 4, 8, 4, 8}[t] }

func (t Type) String() string { return [...]string{"u8", "i32", "i64", "f32", "f64"}[t] }

// Elem is any Go type that a Buf can hold.
type Elem interface {
	uint8 | int32 | int64 | float32 | float64
}

// Of views a slice as a Buf; the Buf must not outlive the slice.
func Of[T Elem](s []T) Buf {
	return Buf{unsafe.Pointer(unsafe.SliceData(s)), len(s), typeOf[T]()}
}

func typeOf[T Elem]() Type {
	var z T
	switch any(z).(type) {
	case uint8:
		return U8
	case int32:
		return I32
	case int64:
		return I64
	case float32:
		return F32
	}
	return F64
}

// Bytes is the memory that b spans.
func (b Buf) Bytes() []byte { return unsafe.Slice((*byte)(b.Ptr), b.N*b.Type.Size()) }

func (b Buf) String() string { return fmt.Sprintf("%d×%s", b.N, b.Type) }

// slice is elements lo..hi of b. An empty one never points past b's memory.
func (b Buf) slice(lo, hi int) Buf {
	if lo == hi {
		return Buf{b.Ptr, 0, b.Type}
	}
	return Buf{unsafe.Add(b.Ptr, lo*b.Type.Size()), hi - lo, b.Type}
}
