package gpu

// #include "libcuda.h"
import "C"

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Properties are what CUDA tells of one device. CUDA numbers devices as CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER say, NVML (see Device)
// does not: they are matched by UUID.
type Properties struct {
	Index           int
	Name            string // "NVIDIA H100 80GB HBM3"
	UUID            string // "GPU-…"
	Major, Minor    int    // compute capability
	Memory          uint64 // bytes
	Multiprocessors int
	SharedMemory    int // bytes that a block may have, if its kernel asks for them
	Driver          int // the newest CUDA version that the driver serves: 12040 is 12.4
}

func (p Properties) String() string { return fmt.Sprintf("GPU %d (%s)", p.Index, p.Name) }

// Visible lists the devices that CUDA shows to this process, in its order, at least one. Nothing of them is taken into use. Without any the
// error wraps ErrUnavailable and says why.
func Visible() ([]Properties, error) {
	if err := openDriver(); err != nil {
		return nil, err
	}
	var n C.int
	if rc := C.call_cuDeviceGetCount(&n); rc != 0 {
		return nil, newError("cuDeviceGetCount", rc, "", "")
	}
	list := make([]Properties, n)
	for i := range list {
		var err error
		if list[i], err = properties(i); err != nil {
			return nil, err
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("gpu: %w: the driver shows no device to this process (CUDA_VISIBLE_DEVICES)", ErrUnavailable)
	}
	return list, nil
}

func properties(i int) (p Properties, err error) {
	var d C.CUdevice
	var name [128]C.char
	var uuid C.CUuuid
	var bytes C.size_t
	var driver C.int
	attributes := []struct {
		of int
		to *int
	}{
		{C.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &p.Major},
		{C.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &p.Minor},
		{C.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, &p.Multiprocessors},
		{C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, &p.SharedMemory},
	}
	for _, ask := range []struct {
		call string
		of   func() C.CUresult
	}{
		{"cuDeviceGet", func() C.CUresult { return C.call_cuDeviceGet(&d, C.int(i)) }},
		{"cuDeviceGetName", func() C.CUresult { return C.call_cuDeviceGetName(&name[0], C.int(len(name)), d) }},
		{"cuDeviceGetUuid_v2", func() C.CUresult { return C.call_cuDeviceGetUuid_v2(&uuid, d) }},
		{"cuDeviceTotalMem_v2", func() C.CUresult { return C.call_cuDeviceTotalMem_v2(&bytes, d) }},
		{"cuDriverGetVersion", func() C.CUresult { return C.call_cuDriverGetVersion(&driver) }},
		{"cuDeviceGetAttribute", func() (rc C.CUresult) {
			for _, a := range attributes {
				var v C.int
				if rc == 0 {
					rc = C.call_cuDeviceGetAttribute(&v, C.int(a.of), d)
				}
				*a.to = int(v)
			}
			return rc
		}},
	} {
		if rc := ask.of(); rc != 0 {
			return p, newError(ask.call, rc, fmt.Sprintf("GPU %d", i), "")
		}
	}
	u := uuid.bytes
	p.Index, p.Name, p.Memory, p.Driver = i, C.GoString(&name[0]), uint64(bytes), int(driver)
	p.UUID = fmt.Sprintf("GPU-%x-%x-%x-%x-%x", bytesOf(u[0:4]), bytesOf(u[4:6]), bytesOf(u[6:8]), bytesOf(u[8:10]), bytesOf(u[10:16]))
	return p, nil
}

func bytesOf(c []C.uchar) []byte {
	b := make([]byte, len(c))
	for i := range c {
		b[i] = byte(c[i])
	}
	return b
}

// A Context is this process's use of one GPU: its memory, our kernels on it, and streams of work. Its methods may be called from any
// goroutine, those of one Stream from one at a time. After an error that is Lost every method gives that error.
type Context struct {
	Properties
	// FullFloat32 has products of matrices computed in float32 to the last bit; else, where cuBLAS does them, their factors are rounded to
	// TF32, 10 bits of mantissa (relative error some 5·10⁻⁴), which tensor cores multiply. It is set by Open.
	FullFloat32 bool
	// Stream is the one that work without special wishes goes to.
	Stream *Stream

	device  C.CUdevice
	ctx     C.CUcontext
	pool    C.CUmemoryPool
	modules []C.CUmodule
	kernels map[string]*Kernel
	blas    *blas // nil: products by our own kernel
	why     error // why not by cuBLAS
	lost    atomic.Pointer[Error]

	mu   sync.Mutex
	used map[*Mem]struct{}
}

// Options are those of Open.
type Options struct {
	FullFloat32 bool // see Context
}

// Open takes a device into use: its primary context, a memory pool that keeps what is freed, the embedded kernels, cuBLAS where there is one that
// works, and a stream. Close gives all of it back.
func Open(index int, o Options) (c *Context, err error) {
	if err := openDriver(); err != nil {
		return nil, err
	}
	p, err := properties(index)
	if err != nil {
		return nil, err
	}
	if p.Major < 8 {
		return nil, fmt.Errorf("gpu: %s has compute capability %d.%d; deeprc's kernels need 8.0 (A100, 2020) or newer", p, p.Major, p.Minor)
	}
	c = &Context{Properties: p, FullFloat32: o.FullFloat32, kernels: map[string]*Kernel{}, used: map[*Mem]struct{}{}}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Context) open() error {
	var pools C.int
	keep := C.uint64_t(1<<64 - 1)
	if err := c.check("cuDeviceGet", C.call_cuDeviceGet(&c.device, C.int(c.Index)), ""); err != nil {
		return err
	}
	rc := C.call_cuDeviceGetAttribute(&pools, C.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, c.device)
	if err := c.check("cuDeviceGetAttribute", rc, ""); err != nil {
		return err
	}
	if pools == 0 {
		return fmt.Errorf("gpu: %s: its driver has no memory pools: it is virtual, or older than CUDA 11.2", c)
	}
	var ctx C.CUcontext
	if err := c.check("cuDevicePrimaryCtxRetain", C.call_cuDevicePrimaryCtxRetain(&ctx, c.device), ""); err != nil {
		return err
	}
	c.ctx = ctx
	if err := c.check("cuDeviceGetDefaultMemPool", C.call_cuDeviceGetDefaultMemPool(&c.pool, c.device), ""); err != nil {
		return err
	}
	rc = C.in_cuMemPoolSetAttribute(c.ctx, c.pool, C.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, unsafe.Pointer(&keep))
	if err := c.check("cuMemPoolSetAttribute", rc, ""); err != nil {
		return err
	}
	list, err := images()
	if err != nil {
		return err
	}
	if err := c.loadKernels(list); err != nil {
		return err
	}
	s, err := c.NewStream()
	if err != nil {
		return err
	}
	c.Stream = s
	c.blas, c.why, err = openBLAS(c)
	return err
}

// Products says what multiplies matrices: "cuBLAS 12.0 (TF32)", or our own kernel and why.
func (c *Context) Products() string {
	switch {
	case c.blas == nil:
		return fmt.Sprintf("own kernel, much slower than cuBLAS, which cannot be used: %v", c.why)
	case c.FullFloat32:
		return c.blas.name + " (float32)"
	}
	return c.blas.name + " (TF32)"
}

// Close waits for the device and gives back all that the Context holds. What was made on it is gone, and what is closed or freed later is
// no error: streams, events, graphs and pinned memory that are still there are the driver's until the device's last Context is closed.
func (c *Context) Close() error {
	if c.ctx == 0 {
		return nil
	}
	var all []error
	if c.Stream != nil && c.lost.Load() == nil {
		all = append(all, c.Stream.Sync())
	}
	if c.blas != nil {
		all = append(all, c.blas.close(c))
	}
	if c.Stream != nil {
		c.mu.Lock()
		left := slices.Collect(maps.Keys(c.used))
		c.mu.Unlock()
		for _, m := range left {
			all = append(all, m.Free())
		}
		all = append(all, c.Stream.Close())
	}
	for _, m := range c.modules {
		if c.lost.Load() == nil {
			all = append(all, c.check("cuModuleUnload", C.in_cuModuleUnload(c.ctx, m), ""))
		}
	}
	ended := c.lost.Load() != nil // then the driver frees what there is when the process ends
	if rc := C.call_cuDevicePrimaryCtxRelease_v2(c.device); rc != 0 && !ended {
		all = append(all, newError("cuDevicePrimaryCtxRelease_v2", rc, c.String(), ""))
	}
	c.ctx = 0
	return errors.Join(all...)
}

// check is the error of a call that gave rc, or nil. One that is Lost stays.
func (c *Context) check(call string, rc C.CUresult, about string) error {
	if rc == 0 {
		return nil
	}
	e := newError(call, rc, c.String(), about)
	if e.Lost() && !c.lost.CompareAndSwap(nil, e) {
		return c.lost.Load() // the first says most
	}
	return e
}

// over reports whether there is nothing to give back any more: the device is lost, or the Context closed.
func (c *Context) over() bool { return c.lost.Load() != nil || c.ctx == 0 }

// ready is the error of a device that is lost, or of a Context that is closed.
func (c *Context) ready() error {
	if e := c.lost.Load(); e != nil {
		return e
	}
	if c.ctx == 0 {
		return fmt.Errorf("gpu: %s is closed", c)
	}
	return nil
}
