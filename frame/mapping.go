package frame

import (
	"os"
	"sync/atomic"
	"syscall"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// A mapping is a file in the address space, read only. Buffers of it hold references;
// it is unmapped with the last of them. Its pages belong to the system, which drops
// them when memory is short, so they count in no [Memory]. It is the allocator of its
// buffers, because Arrow gives memory back to where it came from.
type mapping struct {
	b    []byte
	refs atomic.Int64
}

// mapFile maps f, which may be closed then, with one reference for the caller.
func mapFile(f *os.File) (*mapping, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p := &mapping{}
	p.refs.Store(1)
	if info.Size() > 0 {
		if p.b, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED); err != nil {
			return nil, os.NewSyscallError("mmap", err)
		}
	}
	return p, nil
}

// buffer is n bytes of the file from at on, without a copy.
func (p *mapping) buffer(at, n int) *memory.Buffer {
	need(p.b, at, n)
	p.refs.Add(1)
	return memory.NewBufferWithAllocator(p.b[at:at+n:at+n], p)
}

// release gives up one reference.
func (p *mapping) release() {
	if p.refs.Add(-1) == 0 && p.b != nil {
		if err := syscall.Munmap(p.b); err != nil {
			panic(err) // it was mapped
		}
		p.b = nil
	}
}

// Free is Arrow's: a buffer is released.
func (p *mapping) Free([]byte) { p.release() }

// Allocate is Arrow's; a file that is read gives no memory.
func (p *mapping) Allocate(int) []byte { panic("frame: memory wanted of a mapped file") }

// Reallocate is Arrow's; a file that is read gives no memory.
func (p *mapping) Reallocate(int, []byte) []byte { panic("frame: memory wanted of a mapped file") }
