package frame

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"deeprc/collective"
)

func slabFile(t *testing.T, slabs [][]float32) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSlabs(&b, slabs, map[string]string{"head": "of all", "n": ""}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.arrow")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// Slabs are where the file's bytes are, and those are what was written, NaN's payload included.
func TestMapSlabs(t *testing.T) {
	nan := math.Float32frombits(0x7fc00123)
	want := [][]float32{{1, nan, 3, 4, 5}, {}, {-1}}
	s, err := MapSlabs(slabFile(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if s.Meta["head"] != "of all" || len(s.Slabs) != 3 {
		t.Fatalf("%v, %d slabs", s.Meta, len(s.Slabs))
	}
	for i, slab := range s.Slabs {
		if !slices.EqualFunc(slab, want[i], func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Errorf("slab %d is %v, want %v", i, slab, want[i])
		}
		if len(slab) > 0 && !inSlabFile(t, unsafe.Pointer(&slab[0])) {
			t.Errorf("slab %d is a copy", i)
		}
	}
	p := unsafe.Pointer(&s.Slabs[0][0])
	s.Retain()
	s.Release()
	if !inSlabFile(t, p) {
		t.Error("unmapped though there is a reference")
	}
	s.Release()
	if inSlabFile(t, p) {
		t.Error("still mapped after the last reference")
	}
}

// inSlabFile reports whether p lies in a mapped file named a.arrow.
func inSlabFile(t *testing.T, p unsafe.Pointer) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(text), "\n") {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(l, "%x-%x", &lo, &hi); n == 2 && lo <= uintptr(p) && uintptr(p) < hi {
			return strings.HasSuffix(l, "/a.arrow")
		}
	}
	return false
}

// Any byte that is another, and any shorter file, is an error, or none of what is read.
func TestMapSlabsDamaged(t *testing.T) {
	want := [][]float32{{1, 2, 3}, {4}}
	whole, err := os.ReadFile(slabFile(t, want))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "b.arrow")
	try := func(b []byte, what string, at int) (failed bool) {
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := MapSlabs(path)
		if err != nil {
			if !strings.Contains(err.Error(), "b.arrow") {
				t.Errorf("%s %d: %v does not name the file", what, at, err)
			}
			return true
		}
		if !slices.EqualFunc(s.Slabs, want, slices.Equal[[]float32]) || s.Meta["head"] != "of all" {
			t.Errorf("%s %d: %v, %v", what, at, s.Slabs, s.Meta)
		}
		s.Release()
		return false
	}
	found := 0
	for i := range whole {
		b := slices.Clone(whole)
		b[i] ^= 1 << (i % 8)
		if try(b, "byte", i) {
			found++
		}
		if !try(whole[:i], "cut at", i) {
			t.Errorf("cut at %d: no error", i)
		}
	}
	if found < len(whole)/4 { // the rest is padding, and the schema that stands before the footer's
		t.Errorf("of %d bytes %d are noticed", len(whole), found)
	}
}

// Others read the file, too: it is a table of one column.
func TestSlabsAreATable(t *testing.T) {
	path := slabFile(t, [][]float32{{1, 2}, {3}})
	err := collective.RunLocal(1, func(c collective.Comm) error {
		table, _, err := ReadIPC(c, []string{path}, IPCReadOptions{})
		if err != nil {
			return err
		}
		defer table.Release()
		v, err := table.Float64s("value")
		if err == nil && !slices.Equal(v, []float64{1, 2, 3}) {
			t.Errorf("got %v", v)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
