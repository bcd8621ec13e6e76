package frame

// #include "memory.h"
import "C"

import (
	"sync"
	"unsafe"
)

// hugePage is what the system's huge pages hold, in bytes: allocations of that size or more are whole ones.
const hugePage = 2 << 20

// inPages is the number of bytes that the system gives for n.
func inPages(n int) int64 {
	if n < hugePage {
		return int64(n)
	}
	return (int64(n) + hugePage - 1) / hugePage * hugePage
}

// extent is memory that was given back.
type extent struct {
	p unsafe.Pointer
	n int64
}

// kept is the memory that an operator gave back while it runs. Its next arrays are made from it: pages that the
// system gives are cleared, and on a virtual machine first found, which costs more than many a kernel.
type kept struct {
	sync.Mutex
	operators int // now running
	blocks    []extent
	bytes     int64
}

// reuse keeps what is given back from now until done, as far as the rank has never more memory than its peak.
func (m *Memory) reuse() (done func()) {
	if m == nil || m.under != nil {
		return func() {}
	}
	k := &m.kept
	k.Lock()
	k.operators++
	k.Unlock()
	return func() {
		k.Lock()
		defer k.Unlock()
		if k.operators--; k.operators == 0 {
			k.drop(0)
			k.blocks = nil
		}
	}
}

// keep takes a block that is no longer counted, and reports whether it did.
func (m *Memory) keep(b extent) bool {
	if m == nil || b.n < hugePage {
		return false
	}
	k := &m.kept
	k.Lock()
	defer k.Unlock()
	if k.operators == 0 || m.Used()+k.bytes+b.n > m.Peak() {
		return false
	}
	k.blocks = append(k.blocks, b)
	k.bytes += b.n
	return true
}

// take is n bytes of what was kept, zeroed: of the smallest block that has as many. nil: there is none, and the
// system has room for n bytes, which are counted already.
func (m *Memory) take(n int64) unsafe.Pointer {
	if m == nil || n < hugePage {
		m.makeRoom()
		return nil
	}
	k := &m.kept
	k.Lock()
	best := -1
	for i, b := range k.blocks {
		if b.n >= n && (best < 0 || b.n < k.blocks[best].n) {
			best = i
		}
	}
	if best < 0 {
		k.Unlock()
		m.makeRoom()
		return nil
	}
	b := &k.blocks[best]
	b.n -= n
	k.bytes -= n
	p := unsafe.Add(b.p, b.n)
	if b.n == 0 {
		last := len(k.blocks) - 1
		*b = k.blocks[last]
		k.blocks = k.blocks[:last]
	}
	k.Unlock()
	clear(unsafe.Slice((*byte)(p), n))
	return p
}

// makeRoom gives to the system what is kept beyond the peak, after more was counted.
func (m *Memory) makeRoom() {
	if m == nil {
		return
	}
	m.kept.Lock()
	m.kept.drop(max(0, m.Peak()-m.Used()))
	m.kept.Unlock()
}

// drop gives blocks to the system until no more than most bytes are kept.
func (k *kept) drop(most int64) {
	for k.bytes > most {
		last := len(k.blocks) - 1
		b := k.blocks[last]
		k.blocks = k.blocks[:last]
		k.bytes -= b.n
		C.pages_put(b.p, C.int64_t(b.n))
	}
}
