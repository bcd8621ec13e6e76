package frame

/*
#cgo noescape pages_put
#cgo nocallback pages_put
#cgo nocallback pages_get
#cgo nocallback pages_resize
#include "memory.h"
*/
import "C"

import (
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Memory is where the tables of one rank live, and their operators work: outside
// Go's heap, which the collector would let grow to twice the size, and counted.
// It is an Arrow allocator. A nil *Memory counts nothing and has no limit.
// It may be used by several goroutines at once.
type Memory struct {
	limit      int64
	scratch    string
	under      memory.Allocator
	used, peak atomic.Int64
	kept       kept
	files      scratchPages
	readers    atomic.Int32 // tables that are being read
}

// MemoryOptions says how much a rank may use.
type MemoryOptions struct {
	// Limit is the number of bytes that tables and operators may take together; 0
	// means no limit. Beyond it join, sort and groupby work from files in Scratch, and all else
	// in memory that is mapped from such a file, which counts as no use.
	Limit int64
	// Scratch is the folder of those files; "" means the system's folder for
	// temporary files. What an operator puts there is removed with its result.
	Scratch string
	// Under is where the bytes come from; nil means the system. It is for tests.
	Under memory.Allocator
}

// NewMemory makes a Memory of which nothing is used.
func NewMemory(o MemoryOptions) *Memory {
	if o.Scratch == "" {
		o.Scratch = os.TempDir()
	}
	return &Memory{limit: o.Limit, scratch: o.Scratch, under: o.Under}
}

// Used is the number of bytes in use.
func (m *Memory) Used() int64 {
	if m == nil {
		return 0
	}
	return m.used.Load()
}

// Peak is the highest number of bytes that were in use at once.
func (m *Memory) Peak() int64 {
	if m == nil {
		return 0
	}
	return m.peak.Load()
}

// Limit is the number of bytes that tables and operators may take together; 0 means no limit.
func (m *Memory) Limit() int64 {
	if m == nil {
		return 0
	}
	return m.limit
}

// room reports whether n more bytes stay within the limit.
func (m *Memory) room(n int64) bool {
	return m == nil || m.used.Load()+n <= m.limited()
}

// limited is the limit, or a great number where there is none.
func (m *Memory) limited() int64 {
	if m == nil || m.limit == 0 {
		return math.MaxInt64
	}
	return m.limit
}

// share is n bytes, or 1/part of the limit if that is less.
func (m *Memory) share(n, part int64) int64 {
	return min(n, m.limited()/part)
}

// bigAllocation is the size, in bytes, from which memory comes as pages of its own.
const bigAllocation = 256 << 10

var small = memory.NewGoAllocator()

// Allocate is Arrow's; the bytes are zero. It panics with an error if the system has no more.
func (m *Memory) Allocate(n int) []byte {
	if m.beyond(n) {
		return m.files.get(m, n)
	}
	m.count(n)
	if m != nil && m.under != nil {
		return m.under.Allocate(n)
	}
	if n < bigAllocation {
		return small.Allocate(n)[:n:n]
	}
	p := m.take(inPages(n))
	if p == nil {
		p = C.pages_get(C.int64_t(inPages(n)))
	}
	if p == nil {
		m.count(-n)
		panic(exhausted{n, m.Used()})
	}
	return unsafe.Slice((*byte)(p), n)
}

// Reallocate is Arrow's.
func (m *Memory) Reallocate(n int, b []byte) []byte {
	if m != nil && m.under != nil {
		m.count(n - len(b))
		return m.under.Reallocate(n, b)
	}
	if cap(b) >= bigAllocation && n >= bigAllocation && !m.beyond(n-cap(b)) && (m == nil || !m.files.has(b)) {
		m.count(n - cap(b))
		m.makeRoom()
		p := C.pages_resize(unsafe.Pointer(unsafe.SliceData(b)), C.int64_t(inPages(cap(b))), C.int64_t(inPages(n)))
		if p == nil {
			m.count(cap(b) - n)
			panic(exhausted{n, m.Used()})
		}
		return unsafe.Slice((*byte)(p), n)
	}
	to := m.Allocate(n)
	copy(to, b)
	m.Free(b)
	return to
}

// Free is Arrow's.
func (m *Memory) Free(b []byte) {
	if m != nil && m.under != nil {
		m.count(-len(b))
		m.under.Free(b)
		return
	}
	if m != nil && m.files.put(b) {
		return
	}
	m.count(-cap(b))
	if cap(b) < bigAllocation {
		return
	}
	if p, n := unsafe.Pointer(unsafe.SliceData(b)), inPages(cap(b)); !m.keep(extent{p, n}) {
		C.pages_put(p, C.int64_t(n))
	}
}

func (m *Memory) count(n int) {
	if m == nil {
		return
	}
	used := m.used.Add(int64(n))
	for peak := m.peak.Load(); used > peak && !m.peak.CompareAndSwap(peak, used); peak = m.peak.Load() {
	}
}

// exhausted is what [Memory.Allocate] panics with where the system gives no more memory.
type exhausted struct {
	want int
	used int64
}

// Outside marks an error whose cause is not in the program: [collective.Do] shows no stack.
func (exhausted) Outside() {}

func (e exhausted) Error() string {
	return fmt.Sprintf("the system gives no more memory: %d bytes wanted, %d in use; set a memory limit, so that tables go to files, or use more ranks or nodes", e.want, e.used)
}

// room for n cells of working space, zeroed; give it back with free.
func alloc[T any](m *Memory, n int) []T {
	if n == 0 {
		return nil
	}
	var z T
	b := m.Allocate(n * int(unsafe.Sizeof(z)))
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// free gives back what alloc gave, whole; nil is nothing.
func free[T any](m *Memory, s []T) {
	if cap(s) == 0 {
		return
	}
	var z T
	n := cap(s) * int(unsafe.Sizeof(z))
	m.Free(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), n))
}
