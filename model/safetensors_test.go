package model

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// safetensors is a file of that header and data.
func safetensors(header string, data ...byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func readBytes(b []byte) ([]Named, map[string]string, error) {
	return ReadSafetensors(bytes.NewReader(b), int64(len(b)))
}

func TestSafetensorsRoundTrip(t *testing.T) {
	arrays := []Named{
		{"b", []int{2, 3}, []float32{1, 2, 3, 4, 5, float32(math.Inf(-1))}},
		{"a", []int{}, []float64{math.Pi}},
		{"empty", []int{3, 0}, []float32{}},
		{`quo"té`, []int{2}, []int64{-1, 1 << 60}},
	}
	meta := map[string]string{"k": "v", "a": ""}
	var one, two bytes.Buffer
	must(t, WriteSafetensors(&one, arrays, meta))
	must(t, WriteSafetensors(&two, arrays, meta))
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Fatal("two files of the same arrays differ")
	}
	if n := binary.LittleEndian.Uint64(one.Bytes()); n%8 != 0 {
		t.Fatalf("a header of %d bytes: the data are not aligned", n)
	}
	got, m, err := readBytes(one.Bytes())
	must(t, err)
	if !reflect.DeepEqual(got, arrays) || !reflect.DeepEqual(m, meta) {
		t.Fatalf("got %v, %v", got, m)
	}
}

// A file as another writer makes it, byte for byte.
func TestSafetensorsByHand(t *testing.T) {
	b := safetensors(`{"y":{"dtype":"I64","shape":[1],"data_offsets":[4,12]},"x":{"data_offsets":[0,4],"shape":[1,1],"dtype":"F32"}}  `,
		0, 0, 0x80, 0x3f, 7, 0, 0, 0, 0, 0, 0, 0)
	got, meta, err := readBytes(b)
	must(t, err)
	if want := []Named{{"x", []int{1, 1}, []float32{1}}, {"y", []int{1}, []int64{7}}}; !reflect.DeepEqual(got, want) || meta != nil {
		t.Fatalf("got %v, %v", got, meta)
	}
}

var badSafetensors = map[string][]byte{
	"too few":                {1, 2, 3},
	"a header of":            {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'},
	"header of 3":            append([]byte{3, 0, 0, 0, 0, 0, 0, 0}, "{}"...),
	"want a JSON object":     safetensors(`[]`),
	"EOF":                    safetensors(``),
	"something follows":      safetensors(`{} {}`),
	`"x" stands there twice`: safetensors(`{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`),
	`metadata "k" stands`:    safetensors(`{"__metadata__":{"k":"1","k":"2"}}`),
	`metadata "k" is not`:    safetensors(`{"__metadata__":{"k":null}}`),
	`"dtype" is no part`:     safetensors(`{"x":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}}`),
	`"strides" is no part`:   safetensors(`{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"strides":[1]}}`),
	"is missing":             safetensors(`{"x":{"dtype":"F32","data_offsets":[0,0]}}`),
	"or data_offsets":        safetensors(`{"x":{"dtype":"F32","shape":null,"data_offsets":[0,0]}}`),
	"two whole numbers":      safetensors(`{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0,0]}}`),
	"are not two":            safetensors(`{"x":{"dtype":"F32","shape":[0],"data_offsets":[0.5,1]}}`),
	`"BF16" are not`:         safetensors(`{"x":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}`, 1, 2),
	"begin at 4":             safetensors(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 0, 0, 0, 0, 0, 0, 0, 0),
	"begin at 0":             safetensors(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 1, 2, 3, 4),
	"end at 0 of 1":          safetensors(`{}`, 1),
	"do not lie":             safetensors(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 1, 2, 3, 4),
	"from 0 to -4":           safetensors(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,-4]}}`),
	"is 8 bytes":             safetensors(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 1, 2, 3, 4),
	"shape [-1 -1]":          safetensors(`{"x":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 1, 2, 3, 4),
	"shape [4294967296 4294967296] is not possible": safetensors(`{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`),
}

func TestSafetensorsRefusesBadFiles(t *testing.T) {
	for want, b := range badSafetensors {
		if _, _, err := readBytes(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestSafetensorsRefusesToWrite(t *testing.T) {
	for want, arrays := range map[string][]Named{
		"[]int32":            {{"x", []int{1}, []int32{1}}},
		"taken":              {{"x", []int{1}, []int64{1}}, {"x", []int{1}, []int64{1}}},
		`"__metadata__"`:     {{"__metadata__", []int{1}, []int64{1}}},
		"do not make":        {{"x", []int{2}, []int64{1}}},
		"make shape [-1 -1]": {{"x", []int{-1, -1}, []int64{1}}},
	} {
		var b bytes.Buffer
		if err := WriteSafetensors(&b, arrays, nil); err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// What is read at all is read the same after it was written again.
func FuzzReadSafetensors(f *testing.F) {
	for _, b := range badSafetensors {
		f.Add(b)
	}
	var b bytes.Buffer
	must(f, WriteSafetensors(&b, []Named{{"x", []int{1, 2}, []float32{1, 2}}, {"n", nil, []int64{3}}}, map[string]string{"k": "v"}))
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		arrays, meta, err := readBytes(b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		must(t, WriteSafetensors(&again, arrays, meta))
		got, m, err := readBytes(again.Bytes())
		must(t, err)
		if len(m) != len(meta) || len(got) != len(arrays) {
			t.Fatalf("%v, %v became %v, %v", arrays, meta, got, m)
		}
		for i, a := range arrays { // bytes, since NaN differs from itself
			if a.Name != got[i].Name || !slices.Equal(a.Shape, got[i].Shape) || !bytes.Equal(memory(a.Data), memory(got[i].Data)) {
				t.Fatalf("%v became %v", a, got[i])
			}
		}
	})
}

func TestFillIsTheInverseOfArrays(t *testing.T) {
	_, params, f := trainToy(t, 1, &DLinear{Kernel: 5}, toyOptions(), toy(false))
	var b bytes.Buffer
	arrays := append(f.Params.Arrays("m.", params), Named{"other.weight", []int{1}, []float32{1}})
	must(t, WriteSafetensors(&b, arrays, nil))
	got, _, err := readBytes(b.Bytes())
	must(t, err)
	slab := make([]float32, len(params))
	must(t, f.Params.Fill(slab, "m.", got))
	if !slices.Equal(slab, params) {
		t.Fatal("parameters changed on their way through a file")
	}
	for want, arrays := range map[string][]Named{
		"is missing":          got[1:],
		`no parameter "more"`: append(slices.Clone(got), Named{"m.more", []int{1}, []float32{1}}),
		"[]float64":           append([]Named{{got[0].Name, got[0].Shape, make([]float64, length(got[0].Shape))}}, got[1:]...),
		"the file has [1]":    append([]Named{{got[0].Name, []int{1}, []float32{1}}}, got[1:]...),
	} {
		if err := f.Params.Fill(slab, "m.", arrays); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
