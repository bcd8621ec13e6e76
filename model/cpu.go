package model

// #include <stdint.h>
import "C"

import (
	"fmt"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"

	"deeprc/collective"
)

// An Array is a Tensor's storage on the CPU.
type Array struct {
	Shape []int
	F     []float32 // data of an F32 tensor
	I     []int64   // data of an I64 tensor
}

func (a Array) ptr() *C.float   { return ptr(a.F) }
func (a Array) cols() C.int64_t { return C.int64_t(a.Shape[len(a.Shape)-1]) }
func (a Array) rows() C.int64_t { return C.int64_t(length(a.Shape)) / a.cols() }

// cpu computes on some of this process's cores.
type cpu struct {
	name  string
	pool  *Pool
	debug *debugger // nil: none
}

// CPU opens the processor as a Device that uses up to threads cores. A process
// may open several: each has its own threads. $DEEPRC_ISA is as in [ISA],
// $DEEPRC_DEBUG as in [debugLevel].
func CPU(threads int) (Device, error) {
	isa, err := ISA()
	if err != nil {
		return nil, err
	}
	debug, err := newDebugger()
	if err != nil {
		return nil, err
	}
	pool, err := newPool(threads)
	if err != nil {
		return nil, err
	}
	return cpu{fmt.Sprintf("cpu (kernels for %s, %d threads)", isa, threads), pool, debug}, nil
}

func (d cpu) Name() string { return d.name }

func (d cpu) Close() error {
	d.debug.close()
	d.pool.close()
	return nil
}

func (cpu) Alloc(n int) (Mem, error) { return cpuMem(aligned(n)), nil }

// hugePage is that of x86-64 and of AArch64 with pages of 4 KiB, in words.
const hugePage = 2 << 20 / 4

// aligned is n words that start on a cache line, many on a huge page, which the
// system is asked for: a pass over a slab takes a TLB miss every few kilobytes else.
func aligned(n int) []float32 {
	unit := align
	if n >= hugePage {
		unit = hugePage
	}
	s := make([]float32, n+unit)
	off := (-int(uintptr(unsafe.Pointer(&s[0])) / 4)) & (unit - 1)
	s = s[off:][:n:n]
	if n >= hugePage {
		// A kernel without them says no, and its small pages do as well.
		_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), 4*n), unix.MADV_HUGEPAGE)
	}
	return s
}

// Shared wraps host memory as a Region's Mem without a copy.
func Shared(s []float32) Mem { return cpuMem(s) }

type cpuMem []float32

func (m cpuMem) Len() int                          { return len(m) }
func (m cpuMem) Write(at int, src []float32) error { copy(m[at:at+len(src)], src); return nil }
func (m cpuMem) Read(dst []float32, at int) error  { copy(dst, m[at:at+len(dst)]); return nil }
func (m cpuMem) Buf(lo, hi int) collective.Buf     { return collective.Of(m[lo:hi]) }

type cpuRunner struct {
	pool  *Pool
	prog  *Program
	bind  map[*Region]Mem
	arena []float32
	steps []cpuStep
	debug *debugger
	cur   int // step under way, for the error of a panicking kernel
}

type cpuStep struct {
	op Op
	y  Array
	in []Array
}

// Compile lays every value out; steps then run without looking anything up.
func (d cpu) Compile(p *Program, bind map[*Region]Mem) (Runner, error) {
	r := &cpuRunner{pool: d.pool, prog: p, bind: bind, arena: aligned(p.Arena), debug: d.debug}
	for i := range r.arena {
		r.arena[i] = guardWord
	}
	for _, t := range p.Leaves {
		if _, err := r.array(t); err != nil {
			return nil, err
		}
	}
	for _, t := range p.Steps {
		y, err := r.array(t)
		if err != nil {
			return nil, err
		}
		s := cpuStep{op: t.op, y: y}
		for _, x := range t.in {
			a, err := r.array(x)
			if err != nil {
				return nil, err
			}
			s.in = append(s.in, a)
		}
		r.steps = append(r.steps, s)
	}
	return r, nil
}

// guardWord fills the arena before the first run.
var guardWord = math.Float32frombits(0x7fa5a5a5) // a NaN: a value read before it is written shows

func (r *cpuRunner) array(t *Tensor) (Array, error) {
	if root, off := t.root(); root.values != nil {
		return Array{Shape: t.Shape, F: root.values[off:][:t.Len()]}, nil
	}
	reg, off := r.prog.at(t)
	mem := r.arena
	if reg != nil {
		m, ok := r.bind[reg].(cpuMem)
		if !ok || len(m) < reg.N {
			return Array{}, fmt.Errorf("model: cpu: region %q of %d words has no memory on this device", reg.Name, reg.N)
		}
		mem = m
	}
	a := Array{Shape: t.Shape}
	n := t.Type.words(t.Len())
	words := mem[off:][:n:n] // no op slices into what stands behind
	if t.Type == I64 {
		a.I = unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(words))), t.Len())
	} else {
		a.F = words
	}
	return a, nil
}

func (r *cpuRunner) Write(t *Tensor, src []float32) error {
	a, err := r.array(t)
	if err == nil && copy(a.F, src) != len(a.F) {
		err = fmt.Errorf("model: write: %d values for a tensor of %v", len(src), t.Shape)
	}
	return err
}

func (r *cpuRunner) WriteInts(t *Tensor, src []int64) error {
	a, err := r.array(t)
	if err == nil && copy(a.I, src) != len(a.I) {
		err = fmt.Errorf("model: write: %d values for a tensor of %v", len(src), t.Shape)
	}
	return err
}

func (r *cpuRunner) Read(dst []float32, t *Tensor) error {
	a, err := r.array(t)
	copy(dst, a.F)
	return err
}

func (r *cpuRunner) Run() (err error) {
	defer func() {
		if p := recover(); p != nil {
			s := r.steps[r.cur]
			cause, ok := p.(error)
			if !ok {
				cause = fmt.Errorf("%v", p)
			}
			err = fmt.Errorf("model: step %d of %d, %T → %v: %w", r.cur+1, len(r.steps), s.op, s.y.Shape, cause)
		}
	}()
	for i := range r.steps {
		r.cur = i
		s := &r.steps[i]
		if r.debug == nil {
			s.op.CPU(r.pool, s.y, s.in)
		} else if err := r.debug.run(r.pool, s, i, len(r.steps)); err != nil {
			return err
		}
	}
	return nil
}
