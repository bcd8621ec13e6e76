package model

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unsafe"
)

// A Named is one array of a safetensors file.
type Named struct {
	Name  string
	Shape []int // empty for a scalar
	Data  any   // []float32, []float64 or []int64, row-major
}

// maxHeader bounds the header of a file in bytes, as the format's own reader does.
const maxHeader = 100_000_000

// entry is what a header says of one array.
type entry struct {
	Type    string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"` // from the end of the header: first byte, byte after the last
}

// WriteSafetensors writes arrays in the safetensors format
// (huggingface/safetensors, "Format"): the header's length as u64, a JSON
// header, padded by blanks to 8 bytes, then the data in the order given; all
// little-endian. The same arrays and meta give the same bytes.
func WriteSafetensors(w io.Writer, arrays []Named, meta map[string]string) error {
	head := map[string]any{}
	if len(meta) > 0 {
		head["__metadata__"] = meta
	}
	at := int64(0)
	for _, a := range arrays {
		typ, n, size := describe(a.Data)
		switch _, twice := head[a.Name]; {
		case typ == "":
			return fmt.Errorf("safetensors: array %q: %T is not supported: []float32, []float64 and []int64 are", a.Name, a.Data)
		case twice || a.Name == "__metadata__":
			return fmt.Errorf("safetensors: array %q: the name is taken", a.Name)
		case n != length(a.Shape) || slices.ContainsFunc(a.Shape, func(d int) bool { return d < 0 }):
			return fmt.Errorf("safetensors: array %q: %d elements do not make shape %v", a.Name, n, a.Shape)
		}
		shape := append([]int{}, a.Shape...) // [] and not null
		head[a.Name] = entry{typ, shape, [2]int64{at, at + int64(n*size)}}
		at += int64(n * size)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("safetensors: header: %w", err)
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if len(text) > maxHeader {
		return fmt.Errorf("safetensors: a header of %d bytes: at most %d can be read again", len(text), maxHeader)
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	for _, a := range arrays {
		if !littleEndian {
			err = binary.Write(w, binary.LittleEndian, a.Data)
		} else {
			_, err = w.Write(memory(a.Data))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// littleEndian tells that this machine's numbers are the format's, byte for byte.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// memory is the bytes that data stands in.
func memory(data any) []byte {
	switch d := data.(type) {
	case []float32:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 4*len(d))
	case []float64:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 8*len(d))
	case []int64:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 8*len(d))
	}
	panic(fmt.Sprintf("model: no memory of %T", data))
}

// describe is the format's name of data's element type ("" if it is not supported), its length, and bytes per element.
func describe(data any) (typ string, n, size int) {
	switch d := data.(type) {
	case []float32:
		return "F32", len(d), 4
	case []float64:
		return "F64", len(d), 8
	case []int64:
		return "I64", len(d), 8
	}
	return "", 0, 0
}

// ReadSafetensors reads a whole safetensors file of size bytes: its arrays in
// the order of their data, and its metadata. Nothing in the file is trusted: what
// it allocates is bounded by size, and a header that is not exactly one account
// of every byte of data (a name twice, a gap, an overlap, a shape that does not
// fit) is an error, as is an element type other than F32, F64 and I64.
func ReadSafetensors(r io.ReaderAt, size int64) (arrays []Named, meta map[string]string, err error) {
	defer func() {
		if err != nil {
			arrays, meta, err = nil, nil, fmt.Errorf("safetensors: %w", err)
		}
	}()
	var word [8]byte
	if size < int64(len(word)) {
		return nil, nil, fmt.Errorf("%d bytes are too few for a file", size)
	}
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, 8), word[:]); err != nil {
		return nil, nil, fmt.Errorf("length of the header: %w", err)
	}
	n := binary.LittleEndian.Uint64(word[:])
	if n > uint64(min(size-8, maxHeader)) {
		return nil, nil, fmt.Errorf("a header of %d bytes: the file has %d, and at most %d are read", n, size, maxHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(r, 8, int64(n)), text); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	head, meta, err := parseHeader(text)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	at := int64(0)
	for _, h := range head {
		if h.Offsets[0] != at {
			return nil, nil, fmt.Errorf("array %q: its data begin at %d where the array before ends at %d", h.name, h.Offsets[0], at)
		}
		a, err := h.read(r, 8+int64(n), size)
		if err != nil {
			return nil, nil, fmt.Errorf("array %q: %w", h.name, err)
		}
		arrays, at = append(arrays, a), h.Offsets[1]
	}
	if at != size-8-int64(n) {
		return nil, nil, fmt.Errorf("the arrays end at %d of %d bytes of data", at, size-8-int64(n))
	}
	return arrays, meta, nil
}

type namedEntry struct {
	name string
	entry
}

// parseHeader is the entries by place of their data, and the metadata.
func parseHeader(text []byte) (head []namedEntry, meta map[string]string, err error) {
	seen := map[string]bool{}
	err = eachKey(text, func(key string, value json.RawMessage) error {
		if seen[key] {
			return fmt.Errorf("%q stands there twice", key)
		}
		seen[key] = true
		if key == "__metadata__" {
			meta = map[string]string{}
			return eachKey(value, func(key string, value json.RawMessage) error {
				if _, twice := meta[key]; twice {
					return fmt.Errorf("metadata %q stands there twice", key)
				}
				var s *string
				if err := json.Unmarshal(value, &s); err != nil || s == nil {
					return fmt.Errorf("metadata %q is not a text", key)
				}
				meta[key] = *s
				return nil
			})
		}
		h := namedEntry{name: key}
		parts := map[string]any{"dtype": &h.Type, "shape": &h.Shape, "data_offsets": &h.Offsets}
		err := eachKey(value, func(part string, value json.RawMessage) error {
			to, ok := parts[part]
			if !ok {
				return fmt.Errorf("%q is no part of it, or stands there twice", part)
			}
			delete(parts, part)
			if part == "data_offsets" { // encoding/json would take any number of them
				var two []int64
				if err := json.Unmarshal(value, &two); err != nil || len(two) != 2 {
					return errors.New("data_offsets are not two whole numbers")
				}
			}
			return json.Unmarshal(value, to)
		})
		if err == nil && (len(parts) > 0 || h.Shape == nil) {
			err = errors.New("dtype, shape or data_offsets is missing")
		}
		if err != nil {
			return fmt.Errorf("array %q: %w", key, err)
		}
		head = append(head, h)
		return nil
	})
	slices.SortFunc(head, func(a, b namedEntry) int {
		return cmp.Or(cmp.Compare(a.Offsets[0], b.Offsets[0]), cmp.Compare(a.Offsets[1], b.Offsets[1]), strings.Compare(a.name, b.name))
	})
	return head, meta, err
}

// eachKey calls f for every key of the JSON object that text is, repeated ones included.
func eachKey(text []byte, f func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("want a JSON object"), err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := f(key.(string), value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// read is the entry's array, of a file of size bytes whose data begin at base.
func (h namedEntry) read(r io.ReaderAt, base, size int64) (Named, error) {
	width, ok := map[string]int64{"F32": 4, "F64": 8, "I64": 8}[h.Type]
	if !ok {
		return Named{}, fmt.Errorf("elements of type %q are not supported: F32, F64 and I64 are", h.Type)
	}
	lo, hi := h.Offsets[0], h.Offsets[1]
	if lo < 0 || hi < lo || hi > size-base {
		return Named{}, fmt.Errorf("data from %d to %d do not lie within the %d bytes of data", lo, hi, size-base)
	}
	n := int64(1)
	for _, d := range h.Shape {
		if d < 0 || d > 0 && n > math.MaxInt64/width/int64(d) {
			return Named{}, fmt.Errorf("shape %v is not possible", h.Shape)
		}
		n *= int64(d)
	}
	if n*width != hi-lo {
		return Named{}, fmt.Errorf("%s of shape %v is %d bytes, data_offsets say %d", h.Type, h.Shape, n*width, hi-lo)
	}
	var data any
	switch h.Type {
	case "F32":
		data = make([]float32, n)
	case "F64":
		data = make([]float64, n)
	case "I64":
		data = make([]int64, n)
	}
	var err error
	if from := io.NewSectionReader(r, base+lo, hi-lo); littleEndian {
		_, err = io.ReadFull(from, memory(data))
	} else {
		err = binary.Read(from, binary.LittleEndian, data)
	}
	if err != nil {
		return Named{}, fmt.Errorf("data: %w", err)
	}
	return Named{h.name, h.Shape, data}, nil
}
