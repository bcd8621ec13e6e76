package gpu

// #include "libcuda.h"
import "C"

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

// A Kernel is one of our kernels, loaded on a device.
type Kernel struct {
	Name  string
	f     C.CUfunction
	sizes []int // of its parameters, in bytes

	mu     sync.Mutex
	shared int // dynamic shared memory that it was allowed beyond freeShared
}

// Kernel is the kernel of this name, of those in kernels/*.cu.
func (c *Context) Kernel(name string) (*Kernel, error) {
	if k := c.kernels[name]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("gpu: %s: there is no kernel %s (new ones need make kernels)", c, name)
}

// A Shape is that of a launch: blocks, threads of a block, and bytes of dynamic shared memory. Axes of 0 count as 1.
type Shape struct {
	Grid, Block [3]int
	Shared      int
}

// freeShared is the dynamic shared memory that any kernel may have; more must be allowed first.
const freeShared = 48 << 10

// arguments are those of a launch, each from a slot of 8 bytes on.
type arguments struct {
	slots [512]uint64 // 4 KiB is the most that a kernel takes
	at    [64]C.int
	bytes []byte
}

// pack takes the arguments in; what is wrong with them is in words.
func (a *arguments) pack(sizes []int, args []any) string {
	if len(args) != len(sizes) {
		return fmt.Sprintf("%d arguments, it takes %d", len(args), len(sizes))
	}
	slot := 0
	for i, arg := range args {
		size, word := 8, uint64(0)
		a.bytes = a.bytes[:0]
		switch v := arg.(type) {
		case Ptr:
			word = uint64(v)
		case int64:
			word = uint64(v)
		case int32:
			size, word = 4, uint64(uint32(v))
		case float32:
			size, word = 4, uint64(math.Float32bits(v))
		default: // a struct without padding
			var err error
			if a.bytes, err = binary.Append(a.bytes, binary.LittleEndian, arg); err != nil {
				return fmt.Sprintf("argument %d is of type %T, which no kernel takes", i, arg)
			}
			size = len(a.bytes)
		}
		if size != sizes[i] {
			return fmt.Sprintf("argument %d is of type %T, %d bytes; it takes %d", i, arg, size, sizes[i])
		}
		a.at[i] = C.int(slot)
		if len(a.bytes) == 0 {
			a.slots[slot] = word
			slot++
		}
		for b := a.bytes; len(b) > 0; b = b[min(8, len(b)):] {
			var last [8]byte
			copy(last[:], b)
			a.slots[slot] = binary.LittleEndian.Uint64(last[:])
			slot++
		}
	}
	return ""
}

// Launch starts a kernel. Arguments are Ptr, int32, int64, float32, or structs of such without padding; a wrong number or size panics, since
// it is a mistake in the program. What the kernel does wrong comes up at a later call.
func (s *Stream) Launch(k *Kernel, shape Shape, args ...any) error {
	if err := s.c.ready(); err != nil {
		return err
	}
	if wrong := s.args.pack(k.sizes, args); wrong != "" {
		panic("gpu: kernel " + k.Name + ": " + wrong)
	}
	if shape.Shared > freeShared {
		if err := s.c.allow(k, shape.Shared); err != nil {
			return err
		}
	}
	var grid, block [3]C.uint
	for i := range grid {
		grid[i], block[i] = C.uint(max(1, shape.Grid[i])), C.uint(max(1, shape.Block[i]))
	}
	slots := (*C.uint64_t)(&s.args.slots[0])
	rc := C.cuda_launch(s.c.ctx, k.f, &grid[0], &block[0], C.uint(shape.Shared), s.s, slots, &s.args.at[0], C.int(len(args)))
	return s.c.check("cuLaunchKernel", rc, "kernel "+k.Name)
}

// allow lets launches of k have so many bytes of dynamic shared memory.
func (c *Context) allow(k *Kernel, bytes int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if bytes <= k.shared {
		return nil
	}
	rc := C.in_cuFuncSetAttribute(c.ctx, k.f, C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes))
	if err := c.check("cuFuncSetAttribute", rc, fmt.Sprintf("kernel %s, %d bytes of shared memory of %d", k.Name, bytes, c.SharedMemory)); err != nil {
		return err
	}
	k.shared = bytes
	return nil
}

const (
	warp    = 32
	threads = 256 // of a block, at most: THREADS in kernels/kernel.h
	// waves bounds a grid: kernels loop, so that more blocks than the device runs at once only cost their start.
	waves = 1 << 14
)

// launch starts the kernel of this name.
func (s *Stream) launch(name string, shape Shape, args ...any) error {
	k, err := s.c.Kernel(name)
	if err != nil {
		return err
	}
	return s.Launch(k, shape, args...)
}

// flat is a grid for n independent elements.
func flat(n int) Shape {
	return Shape{Grid: [3]int{min(ceil(n, threads), waves)}, Block: [3]int{threads}}
}

func ceil(n, unit int) int { return (n + unit - 1) / unit }

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
