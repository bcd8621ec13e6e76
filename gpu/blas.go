package gpu

/*
#include <stdlib.h>
#include "libcublas.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// blasNames are cuBLAS's libraries, the newest first.
var blasNames = []string{"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"}

// workspaceBytes is cuBLAS's own recommendation for Hopper (cuBLAS library, cublasSetWorkspace: 32 MiB; 4 MiB before).
const workspaceBytes = 32 << 20

// blas is cuBLAS on the stream of a Context.
type blas struct {
	name      string
	handle    C.cublasHandle
	workspace *Mem // fixed, so that results repeat and a captured graph allocates nothing
}

// blasChosen reports whether there is a library of which a Context has had a handle: it is the process's from then on.
var (
	blasMu     sync.Mutex
	blasChosen bool
)

// createBLAS makes a handle with the first of these libraries that there is and that can work: one newer than the driver cannot, and says so
// only here. why is what is wrong with all of them; loaded reports whether there was one.
func createBLAS(c *Context, names []string) (handle C.cublasHandle, loaded bool, why error) {
	blasMu.Lock()
	defer blasMu.Unlock()
	create := func() error { return c.checkBLAS("cublasCreate_v2", C.in_cublasCreate_v2(c.ctx, &handle)) }
	if blasChosen {
		return handle, true, create()
	}
	for _, name := range names {
		err := load([]string{name}, func(path *C.char) *C.char { return C.cublas_open(path) })
		if err == nil {
			loaded = true
			if err = create(); err == nil {
				blasChosen = true
				return handle, true, nil
			}
			err = fmt.Errorf("%s: %w", name, err)
		}
		why = errors.Join(why, err)
	}
	return 0, loaded, why
}

// openBLAS opens cuBLAS on the Context's stream. $DEEPRC_LIBCUBLAS names its library, or "none". Without one that works blas is nil, and why
// says why; that one which was named does not work is an err.
func openBLAS(c *Context) (b *blas, why, err error) {
	file := os.Getenv("DEEPRC_LIBCUBLAS")
	if file == "none" {
		return nil, errors.New("DEEPRC_LIBCUBLAS=none"), nil
	}
	b = &blas{}
	var loaded bool
	if b.handle, loaded, why = createBLAS(c, named("DEEPRC_LIBCUBLAS", blasNames)); why != nil {
		if file != "" && loaded || c.over() {
			return nil, nil, why
		}
		return nil, why, nil
	}
	var version C.int
	if err := c.checkBLAS("cublasGetVersion_v2", C.in_cublasGetVersion_v2(c.ctx, b.handle, &version)); err != nil {
		return nil, nil, errors.Join(err, b.close(c))
	}
	b.name = fmt.Sprintf("cuBLAS %d.%d", version/10000, version/100%100)
	if b.workspace, err = c.Alloc("cuBLAS workspace", workspaceBytes); err != nil {
		return nil, nil, errors.Join(err, b.close(c))
	}
	for _, set := range []struct {
		call   string
		status C.cublasStatus
	}{
		{"cublasSetStream_v2", C.in_cublasSetStream_v2(c.ctx, b.handle, c.Stream.s)}, // takes a workspace away, so it comes first
		{"cublasSetWorkspace_v2", C.in_cublasSetWorkspace_v2(c.ctx, b.handle, C.CUdeviceptr(b.workspace.Ptr), workspaceBytes)},
	} {
		if err := c.checkBLAS(set.call, set.status); err != nil {
			return nil, nil, errors.Join(err, b.close(c))
		}
	}
	return b, nil, nil
}

func (b *blas) close(c *Context) error {
	if c.over() {
		return nil
	}
	return c.checkBLAS("cublasDestroy_v2", C.in_cublasDestroy_v2(c.ctx, b.handle))
}

// statuses are cuBLAS's own names (cuBLAS library, cublasStatus_t).
var statuses = map[int]string{1: "NOT_INITIALIZED", 3: "ALLOC_FAILED", 7: "INVALID_VALUE", 8: "ARCH_MISMATCH", 11: "MAPPING_ERROR",
	13: "EXECUTION_FAILED", 14: "INTERNAL_ERROR", 15: "NOT_SUPPORTED", 16: "LICENSE_ERROR"}

// checkBLAS is the error of a call of cuBLAS, or the driver's, where the device has failed.
func (c *Context) checkBLAS(call string, status C.cublasStatus) error {
	if status == 0 {
		return nil
	}
	if _, _, err := c.MemoryInfo(); err != nil {
		return err
	}
	name := statuses[int(status)]
	if name == "" {
		name = "an unknown status"
	}
	return &Error{Call: call, Code: int(status), Name: "CUBLAS_STATUS_" + name, Text: "cuBLAS could not do it", Device: c.String()}
}

// A Product is y = op(a)·op(b) of matrices of float32, all row-major and dense: op(a) is (M, K), op(b) is (K, N), y is (M, N).
type Product struct {
	M, N, K          int
	TransA, TransB   bool // a is (K, M); b is (N, K)
	Batch            int  // so many products; 0 counts as 1
	StrideA, StrideB int  // elements from one matrix to the next, 0: the same for all; those of y are dense
}

// Multiply computes a Product, by cuBLAS, on the Context's own stream, or by our own kernel where there is none.
func (s *Stream) Multiply(y, a, b Ptr, p Product) error {
	c := s.c
	if err := c.ready(); err != nil {
		return err
	}
	batch := max(1, p.Batch)
	if p.M == 0 || p.N == 0 {
		return nil
	}
	if c.blas == nil || p.K == 0 {
		return s.multiplyOwn(y, a, b, p, batch)
	}
	if s != c.Stream {
		return fmt.Errorf("gpu: %s: products are computed on the Context's own stream: there is one workspace", c)
	}
	compute := C.int(C.CUBLAS_COMPUTE_32F_FAST_TF32)
	if c.FullFloat32 {
		compute = C.CUBLAS_COMPUTE_32F
	}
	// cuBLAS is column-major: the same memory is yᵀ = op(b)ᵀ·op(a)ᵀ there.
	lda, ldb := p.K, p.N
	ta, tb := C.int(C.CUBLAS_OP_N), C.int(C.CUBLAS_OP_N)
	if p.TransA {
		lda, ta = p.M, C.CUBLAS_OP_T
	}
	if p.TransB {
		ldb, tb = p.K, C.CUBLAS_OP_T
	}
	return c.checkBLAS("cublasGemm", C.cublas_multiply(c.ctx, c.blas.handle, tb, ta, C.int(p.N), C.int(p.M), C.int(p.K),
		C.CUdeviceptr(b), C.int(ldb), C.longlong(p.StrideB), C.CUdeviceptr(a), C.int(lda), C.longlong(p.StrideA),
		C.CUdeviceptr(y), C.int(p.N), C.longlong(p.M*p.N), C.int(batch), compute))
}

// multiplyOwn is Multiply by kernels/gemm.cu.
func (s *Stream) multiplyOwn(y, a, b Ptr, p Product, batch int) error {
	const side = 64
	tiles := ceil(p.M, side) * ceil(p.N, side) * batch
	return s.launch("gemm", Shape{Grid: [3]int{min(tiles, waves)}, Block: [3]int{16, 16}}, y, a, b, int64(p.M), int64(p.N), int64(p.K),
		flag(p.TransA), flag(p.TransB), int64(p.M*p.N), int64(p.StrideA), int64(p.StrideB), int64(batch))
}
