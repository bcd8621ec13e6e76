package gpu

// #include "libcuda.h"
import "C"

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// stagingBytes is one half of a stream's staging memory: at 25 GB/s (PCIe 4.0) a copy of 0.2 ms, far above what starting it takes.
const stagingBytes = 4 << 20

// scratchBytes is what kernels of two passes keep between them, on each stream.
const scratchBytes = 1 << 20

// A Stream is work of a device in its order; the device does that of several streams at once. It is used by one goroutine at a time.
type Stream struct {
	c         *Context
	s         C.CUstream
	scratch   *Mem
	staging   [2]half
	next      int // the half that is to be used
	capturing atomic.Bool
	args      arguments // of the launch under way
}

// half is one half of the staging memory, and when its last copy is done.
type half struct {
	memory *Pinned
	done   *Event
}

// NewStream makes a stream beside the Context's own. It is to be closed before the Context.
func (c *Context) NewStream() (*Stream, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	s := &Stream{c: c}
	if err := c.check("cuStreamCreate", C.in_cuStreamCreate(c.ctx, &s.s, C.CU_STREAM_NON_BLOCKING), ""); err != nil {
		return nil, err
	}
	first := c.Stream == nil
	if first {
		c.Stream = s // which Alloc needs
	}
	if err := s.takeMemory(); err != nil {
		err = errors.Join(err, s.Close())
		if first {
			c.Stream = nil
		}
		return nil, err
	}
	return s, nil
}

// takeMemory takes what a stream needs of its own.
func (s *Stream) takeMemory() (err error) {
	if s.scratch, err = s.c.Alloc("scratch memory", scratchBytes); err != nil {
		return err
	}
	for i := range s.staging {
		h := &s.staging[i]
		if h.memory, err = s.c.AllocPinned(stagingBytes); err != nil {
			return err
		}
		if h.done, err = s.c.NewEvent(false); err != nil {
			return err
		}
	}
	return nil
}

// Close waits for the stream's work and ends it.
func (s *Stream) Close() error {
	c := s.c
	if c.over() {
		return nil
	}
	all := []error{s.Sync()}
	for _, h := range s.staging {
		if h.memory != nil {
			all = append(all, h.memory.Free())
		}
		if h.done != nil {
			all = append(all, h.done.Close())
		}
	}
	c.mu.Lock()
	_, held := c.used[s.scratch]
	c.mu.Unlock()
	if held {
		all = append(all, s.scratch.Free())
	}
	return errors.Join(append(all, c.check("cuStreamDestroy_v2", C.in_cuStreamDestroy_v2(c.ctx, s.s), ""))...)
}

// Sync waits until all work of the stream is done. What failed since the last call comes up here, if not before.
func (s *Stream) Sync() error {
	if err := s.c.ready(); err != nil {
		return err
	}
	return s.c.check("cuStreamSynchronize", C.in_cuStreamSynchronize(s.c.ctx, s.s), "")
}

// Wait lets the stream's later work start when e has happened.
func (s *Stream) Wait(e *Event) error {
	if err := s.c.ready(); err != nil {
		return err
	}
	return s.c.check("cuStreamWaitEvent", C.in_cuStreamWaitEvent(s.c.ctx, s.s, e.e, 0), "")
}

// Write copies src to the device; src may be changed as soon as it returns, before the copy is done. Not while the stream is captured.
func (s *Stream) Write(dst Ptr, src []byte) error {
	if err := s.notCaptured("Write"); err != nil {
		return err
	}
	for len(src) > 0 {
		h, err := s.half()
		if err != nil {
			return err
		}
		n := copy(h.memory.Bytes(), src)
		if err := s.CopyIn(dst, h.memory, 0, n); err != nil {
			return err
		}
		if err := h.done.Record(s); err != nil {
			return err
		}
		dst, src = dst+Ptr(n), src[n:]
	}
	return nil
}

// Read copies from the device, and waits for that, and so for all work before it. Not while the stream is captured.
func (s *Stream) Read(dst []byte, src Ptr) error {
	if err := s.notCaptured("Read"); err != nil {
		return err
	}
	for len(dst) > 0 {
		h, err := s.half()
		if err != nil {
			return err
		}
		n := min(len(dst), stagingBytes)
		if err := s.CopyOut(h.memory, 0, src, n); err != nil {
			return err
		}
		if err := s.Sync(); err != nil {
			return err
		}
		copy(dst, h.memory.Bytes()[:n])
		dst, src = dst[n:], src+Ptr(n)
	}
	return nil
}

// half is the half of the staging memory that is to be used next; it waits for its last copy.
func (s *Stream) half() (*half, error) {
	h := &s.staging[s.next]
	s.next = 1 - s.next
	return h, h.done.Sync()
}

func (s *Stream) notCaptured(what string) error {
	if s.capturing.Load() {
		return fmt.Errorf("gpu: %s: %s while the stream is captured: the graph would copy from and to staging memory", s.c, what)
	}
	return s.c.ready()
}

// WriteFloats is Write of float32.
func (s *Stream) WriteFloats(dst Ptr, src []float32) error { return s.Write(dst, bytesOfFloats(src)) }

// ReadFloats is Read of float32.
func (s *Stream) ReadFloats(dst []float32, src Ptr) error { return s.Read(bytesOfFloats(dst), src) }

func bytesOfFloats(f []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), 4*len(f))
}

// CopyIn starts a copy of n bytes of src, from byte at on, which must stay as they are until it is done.
func (s *Stream) CopyIn(dst Ptr, src *Pinned, at, n int) error {
	if err := s.c.ready(); err != nil || n == 0 {
		return err
	}
	from := src.bytes[at : at+n]
	return s.c.check("cuMemcpyHtoDAsync_v2", C.in_cuMemcpyHtoDAsync_v2(s.c.ctx, C.CUdeviceptr(dst), unsafe.Pointer(&from[0]), C.size_t(n), s.s), "")
}

// CopyOut starts a copy of n bytes to dst, from byte at on.
func (s *Stream) CopyOut(dst *Pinned, at int, src Ptr, n int) error {
	if err := s.c.ready(); err != nil || n == 0 {
		return err
	}
	to := dst.bytes[at : at+n]
	return s.c.check("cuMemcpyDtoHAsync_v2", C.in_cuMemcpyDtoHAsync_v2(s.c.ctx, unsafe.Pointer(&to[0]), C.CUdeviceptr(src), C.size_t(n), s.s), "")
}

// Copy starts a copy of n bytes on the device. The two must not overlap.
func (s *Stream) Copy(dst, src Ptr, n int) error {
	if err := s.c.ready(); err != nil || n == 0 {
		return err
	}
	return s.c.check("cuMemcpyDtoDAsync_v2", C.in_cuMemcpyDtoDAsync_v2(s.c.ctx, C.CUdeviceptr(dst), C.CUdeviceptr(src), C.size_t(n), s.s), "")
}

// Zero clears n float32.
func (s *Stream) Zero(dst Ptr, n int) error {
	if err := s.c.ready(); err != nil || n == 0 {
		return err
	}
	return s.c.check("cuMemsetD32Async", C.in_cuMemsetD32Async(s.c.ctx, C.CUdeviceptr(dst), 0, C.size_t(n), s.s), "")
}
