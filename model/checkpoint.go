package model

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"unsafe"
)

// A Named is one array of a checkpoint.
type Named struct {
	Name  string
	Shape []int
	Data  []float32
}

// Arrays are the parameters in slab, named prefix + name.
func (p *Params) Arrays(prefix string, slab []float32) []Named {
	var out []Named
	for _, q := range p.List {
		out = append(out, Named{prefix + q.Name, q.Shape, q.Of(slab)})
	}
	return out
}

// WriteSafetensors writes arrays in the safetensors format
// (huggingface/safetensors, "Format"): the header's length as u64, a JSON
// header, padded by blanks to 8 bytes, then the data; all little-endian.
func WriteSafetensors(w io.Writer, arrays []Named, meta map[string]string) error {
	type entry struct {
		Type    string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	head := map[string]any{}
	if len(meta) > 0 {
		head["__metadata__"] = meta
	}
	at := 0
	for _, a := range arrays {
		head[a.Name] = entry{"F32", a.Shape, [2]int{at, at + 4*len(a.Data)}}
		at += 4 * len(a.Data)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(text)))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	for _, a := range arrays {
		if err := writeFloats(w, a.Data); err != nil {
			return err
		}
	}
	return nil
}

func writeFloats(w io.Writer, s []float32) error {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 { // this machine is little-endian
		_, err := w.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s)))
		return err
	}
	return binary.Write(w, binary.LittleEndian, s)
}
