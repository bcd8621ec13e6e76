// libcublas.h: the calls of cuBLAS that deeprc makes, declared as NVIDIA documents them (cuBLAS library reference) and found in
// libcublas.so when the program runs; see libcuda.h.
#ifndef DEEPRC_LIBCUBLAS_H
#define DEEPRC_LIBCUBLAS_H
#include "libcuda.h"

#ifdef __cplusplus
extern "C" {
#endif
typedef int cublasStatus;
typedef uint64_t cublasHandle;
enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1, CUDA_R_32F = 0, CUBLAS_COMPUTE_32F = 68, CUBLAS_COMPUTE_32F_FAST_TF32 = 77, CUBLAS_GEMM_DEFAULT = -1 };
enum { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_NOT_INITIALIZED = 1, CUBLAS_STATUS_INVALID_VALUE = 7, CUBLAS_STATUS_EXECUTION_FAILED = 13 };

#define CUBLAS_CALLS(X) \
  X(cublasCreate_v2, (cublasHandle *h), (h)) \
  X(cublasDestroy_v2, (cublasHandle h), (h)) \
  X(cublasGetVersion_v2, (cublasHandle h, int *version), (h, version)) \
  X(cublasSetStream_v2, (cublasHandle h, CUstream s), (h, s)) \
  X(cublasSetWorkspace_v2, (cublasHandle h, CUdeviceptr workspace, size_t bytes), (h, workspace, bytes)) \
  X(cublasGemmStridedBatchedEx, (cublasHandle h, int ta, int tb, int m, int n, int k, const void *alpha, CUdeviceptr a, int ta_type, int lda, \
                                 long long stride_a, CUdeviceptr b, int tb_type, int ldb, long long stride_b, const void *beta, CUdeviceptr c, \
                                 int tc_type, int ldc, long long stride_c, int batch, int compute, int algo), \
    (h, ta, tb, m, n, k, alpha, a, ta_type, lda, stride_a, b, tb_type, ldb, stride_b, beta, c, tc_type, ldc, stride_c, batch, compute, algo)) \
  X(cublasGemmEx, (cublasHandle h, int ta, int tb, int m, int n, int k, const void *alpha, CUdeviceptr a, int ta_type, int lda, CUdeviceptr b, \
                   int tb_type, int ldb, const void *beta, CUdeviceptr c, int tc_type, int ldc, int compute, int algo), \
    (h, ta, tb, m, n, k, alpha, a, ta_type, lda, b, tb_type, ldb, beta, c, tc_type, ldc, compute, algo))

// As cuda_open.
const char *cublas_open(const char *path);

// The calls, in the context ctx, which is made the thread's current one.
#define CUBLAS_CALL(name, params, args) cublasStatus in_##name(CUcontext ctx, CUDA_ARGS params);
CUBLAS_CALLS(CUBLAS_CALL)

// c = op(a)·op(b) of float32, column-major, for `batch` matrices; with one, cublasGemmEx.
cublasStatus cublas_multiply(CUcontext ctx, cublasHandle h, int ta, int tb, int m, int n, int k, CUdeviceptr a, int lda, long long stride_a,
                             CUdeviceptr b, int ldb, long long stride_b, CUdeviceptr c, int ldc, long long stride_c, int batch, int compute);
#ifdef __cplusplus
}
#endif
#endif
