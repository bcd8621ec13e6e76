package gpu

// #include "libcuda.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// A Ptr is an address in a device's memory. It is a number to Go, and no address of the host.
type Ptr uint64

// Floats is the address n float32 behind p.
func (p Ptr) Floats(n int) Ptr { return p + Ptr(4*n) }

// A Mem is memory of a device, from the Context's pool, aligned to 256 bytes.
type Mem struct {
	Ptr   Ptr
	Bytes int
	Name  string // what it is for, as an out-of-memory error says it

	c *Context
}

// Alloc takes bytes of the device's memory, whose contents are undefined. It must not be called while a stream is captured. Where there is no
// room the error is an *OutOfMemory.
func (c *Context) Alloc(name string, bytes int) (*Mem, error) {
	if bytes <= 0 {
		return nil, fmt.Errorf("gpu: %s: %d bytes for %s: must be above 0", c, bytes, name)
	}
	if err := c.ready(); err != nil {
		return nil, err
	}
	m := &Mem{Bytes: bytes, Name: name, c: c}
	var p C.CUdeviceptr
	rc := C.in_cuMemAllocAsync(c.ctx, &p, C.size_t(bytes), c.Stream.s)
	if rc == C.CUDA_ERROR_OUT_OF_MEMORY {
		// What was freed may still be the pool's, in pieces that are too small.
		if err := c.Stream.Sync(); err != nil {
			return nil, err
		}
		if err := c.check("cuMemPoolTrimTo", C.in_cuMemPoolTrimTo(c.ctx, c.pool, 0), ""); err != nil {
			return nil, err
		}
		rc = C.in_cuMemAllocAsync(c.ctx, &p, C.size_t(bytes), c.Stream.s)
	}
	if rc == C.CUDA_ERROR_OUT_OF_MEMORY {
		return nil, c.outOfMemory(name, bytes)
	}
	if err := c.check("cuMemAllocAsync", rc, name); err != nil {
		return nil, err
	}
	// Other streams may use it from now on.
	if err := c.Stream.Sync(); err != nil {
		return nil, err
	}
	m.Ptr = Ptr(p)
	c.mu.Lock()
	c.used[m] = struct{}{}
	c.mu.Unlock()
	return m, nil
}

// outOfMemory says what was asked for and what there is.
func (c *Context) outOfMemory(name string, bytes int) error {
	e := &OutOfMemory{Device: c.String(), What: name, Bytes: uint64(bytes), Ours: map[string]uint64{}}
	var err error
	if e.Free, e.Total, err = c.MemoryInfo(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range c.used {
		e.Ours[m.Name] += uint64(m.Bytes)
	}
	return e
}

// MemoryInfo is how many bytes of the device are free, for any process, and how many it has.
func (c *Context) MemoryInfo() (free, total uint64, err error) {
	if err := c.ready(); err != nil {
		return 0, 0, err
	}
	var f, t C.size_t
	err = c.check("cuMemGetInfo_v2", C.in_cuMemGetInfo_v2(c.ctx, &f, &t), "")
	return uint64(f), uint64(t), err
}

// Free gives the memory back, when the work that the Context's Stream has so far is done: other streams must have been waited for. Not while
// that is captured: the graph would free the memory, each time. After an error it may be called again. On a device that is lost, or after
// the Context's Close, there is nothing to give back.
func (m *Mem) Free() error {
	c := m.c
	if c.over() {
		return nil
	}
	if c.Stream.capturing.Load() {
		return fmt.Errorf("gpu: %s: Free of %s while the Context's Stream is captured", c, m.Name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ours := c.used[m]; !ours {
		return fmt.Errorf("gpu: %s: %s is freed twice", c, m.Name)
	}
	if err := c.check("cuMemFreeAsync", C.in_cuMemFreeAsync(c.ctx, C.CUdeviceptr(m.Ptr), c.Stream.s), m.Name); err != nil {
		return err
	}
	delete(c.used, m)
	return nil
}

// A Pinned is memory of the host that the device copies from and to by itself: only such copies let the host go on meanwhile.
type Pinned struct {
	c     *Context
	bytes []byte
}

// AllocPinned takes bytes of the host's memory and pins them, which takes milliseconds.
func (c *Context) AllocPinned(bytes int) (*Pinned, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	var p unsafe.Pointer
	if err := c.check("cuMemHostAlloc", C.in_cuMemHostAlloc(c.ctx, &p, C.size_t(bytes), 0), fmt.Sprintf("%d bytes", bytes)); err != nil {
		return nil, err
	}
	return &Pinned{c, unsafe.Slice((*byte)(p), bytes)}, nil
}

// Bytes are the memory itself, good until Free.
func (p *Pinned) Bytes() []byte { return p.bytes }

// Floats are the memory as float32.
func (p *Pinned) Floats() []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(p.bytes))), len(p.bytes)/4)
}

// Free gives the memory back; no copy may be under way.
func (p *Pinned) Free() error {
	if p.c.over() {
		return nil // a copy may still be under way
	}
	err := p.c.check("cuMemFreeHost", C.in_cuMemFreeHost(p.c.ctx, unsafe.Pointer(unsafe.SliceData(p.bytes))), "")
	p.bytes = nil
	return err
}
