package frame

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// slabSum is the key of the metadata that has the SHA-256 of all else, in hex.
const slabSum = "sha256"

// WriteSlabs writes slabs as an Arrow IPC file that [MapSlabs] maps: one column, value, with a record batch for each slab, uncompressed, and
// meta as the schema's metadata. The slabs are written from where they lie.
func WriteSlabs(w io.Writer, slabs [][]float32, meta map[string]string) error {
	meta = maps.Clone(meta)
	meta[slabSum] = sumSlabs(slabs, meta)
	md := arrow.MetadataFrom(meta)
	schema := arrow.NewSchema([]arrow.Field{{Name: "value", Type: arrow.PrimitiveTypes.Float32}}, &md)
	out, err := newIPCSink(nil, schema, w, ipcBuffer)
	if err != nil {
		return err
	}
	defer out.close()
	for _, s := range slabs {
		if len(s) >= int(noRow) {
			return fmt.Errorf("a slab of %d values: at most %d fit into a record batch", len(s), noRow-1)
		}
		d := array.NewData(arrow.PrimitiveTypes.Float32, len(s), []*memory.Buffer{nil, memory.NewBufferBytes(floatBytes(s))}, nil, 0, 0)
		col := array.NewFloat32Data(d)
		rec := array.NewRecord(schema, []arrow.Array{col}, int64(len(s)))
		err := out.write(rec)
		rec.Release()
		col.Release()
		d.Release()
		if err != nil {
			return err
		}
	}
	return out.finish()
}

func floatBytes(s []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s))
}

// sumSlabs is the SHA-256 of slabs and metadata, each with its length before it, so that nothing can pass for something else.
func sumSlabs(slabs [][]float32, meta map[string]string) string {
	h := sha256.New()
	put := func(b []byte) {
		writeLength(h, len(b))
		h.Write(b)
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if key != slabSum {
			put([]byte(key))
			put([]byte(meta[key]))
		}
	}
	writeLength(h, len(slabs))
	for _, s := range slabs {
		put(floatBytes(s))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeLength(h hash.Hash, n int) { h.Write(binary.LittleEndian.AppendUint64(nil, uint64(n))) }

// A SlabFile is a mapped file of [WriteSlabs]. Its pages are the system's, one copy for all processes of a node.
type SlabFile struct {
	Meta  map[string]string
	Slabs [][]float32 // in the file's memory, read only, until the last Release: not copies

	arrays []arrow.Array // of the slabs; they hold the mapping
	refs   atomic.Int64
}

// MapSlabs maps a file of [WriteSlabs], for which it reads it once: where a byte is not as it was written, that is an error. To cut the file short
// while it is mapped ends the program; to remove or replace it does not matter. The caller ends with Release.
func MapSlabs(path string) (s *SlabFile, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var file *ipcFile
	s = &SlabFile{Meta: map[string]string{}}
	s.refs.Store(1)
	defer func() {
		if file != nil {
			file.close()
		}
		if err != nil {
			s.Release()
			s = nil
		}
	}()
	defer rescue("map slabs", path, &err)
	if file, err = openIPC(nil, f); err != nil {
		return s, fmt.Errorf("frame: map slabs: %s: %w", path, err)
	}
	schema, _, _, err := ipcFooter(file.p.b)
	if err != nil {
		return s, err
	}
	for _, kv := range schema.tables(2) {
		s.Meta[kv.text(0)] = kv.text(1)
	}
	if len(file.fields) != 1 || file.fields[0].Type.ID() != arrow.FLOAT32 {
		panic(corrupt("it has other columns than slabs have"))
	}
	for _, blk := range file.batches {
		b, _ := ipcHead(file.p.b, blk, ipcRecordBatch)
		if len(b.nodes) != 1 || len(b.buffers) != 2 || b.nodes[0].nulls > 0 || b.codec >= 0 {
			panic(corrupt("a record batch is none of a slab"))
		}
		a := file.column(file.fields[0], b, b.nodes[0], b.buffers)
		s.arrays = append(s.arrays, a)
		s.Slabs = append(s.Slabs, a.(*array.Float32).Float32Values())
	}
	if sum := sumSlabs(s.Slabs, s.Meta); sum != s.Meta[slabSum] {
		panic(corrupt(fmt.Sprintf("its SHA-256 is %s, and was %q when it was written", sum, s.Meta[slabSum])))
	}
	return s, nil
}

// Retain takes a further reference, to be given up by Release.
func (s *SlabFile) Retain() { s.refs.Add(1) }

// Release gives up a reference; with the last one the file is unmapped.
func (s *SlabFile) Release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	for _, a := range s.arrays {
		a.Release()
	}
	s.arrays, s.Slabs = nil, nil
}
