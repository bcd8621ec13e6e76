package gpu

/*
#include <stdlib.h>
#include "libcublas.h"
*/
import "C"

import (
	"errors"
	"fmt"
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

// loadBLAS loads cuBLAS once a process. $DEEPRC_LIBCUBLAS names another file, or "none".
var loadBLAS = sync.OnceValue(func() error {
	names := named("DEEPRC_LIBCUBLAS", blasNames)
	if names[0] == "none" {
		return errors.New("DEEPRC_LIBCUBLAS=none")
	}
	return load(names, func(path *C.char) *C.char { return C.cublas_open(path) })
})

// openBLAS opens cuBLAS on the Context's stream. Without its library blas is nil, and why says why; an err is that of a library that is there.
func openBLAS(c *Context) (b *blas, why, err error) {
	if why := loadBLAS(); why != nil {
		return nil, why, nil
	}
	b = &blas{}
	if err := c.checkBLAS("cublasCreate_v2", C.in_cublasCreate_v2(c.ctx, &b.handle)); err != nil {
		return nil, nil, err
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
	if c.lost.Load() != nil {
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
