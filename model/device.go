package model

import "deeprc/collective"

// A Device owns memory and turns Programs into Runners.
type Device interface {
	// Name says what computes: "cpu (kernels for avx512, 2 threads)".
	Name() string
	// Alloc gives zeroed memory for a Region of n words.
	Alloc(n int) (Mem, error)
	// Compile reserves the Program's arena and binds its regions; nothing is
	// allocated after it.
	Compile(p *Program, bind map[*Region]Mem) (Runner, error)
	// Close ends the device's threads; no Runner of it may run afterwards.
	Close() error
}

// Mem is a Region's memory on a Device.
type Mem interface {
	Len() int
	Write(at int, src []float32) error
	Read(dst []float32, at int) error
	// Buf is words lo..hi as a buffer that collectives can work on in place.
	Buf(lo, hi int) collective.Buf
}

// A Runner is a Program resident on a Device.
type Runner interface {
	Write(t *Tensor, src []float32) error
	WriteInts(t *Tensor, src []int64) error
	Read(dst []float32, t *Tensor) error
	// Run executes every step once. A kernel's panic is returned as an error.
	Run() error
}
