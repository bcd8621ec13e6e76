#include "libcublas.h"
#include "library.h"

#define FIELD(name, params, args) cublasStatus(*name) params;
static struct {
  CUBLAS_CALLS(FIELD)
} cublas;
static const char *const names[] = {CUBLAS_CALLS(LIBRARY_NAME)};

const char *cublas_open(const char *path) { return library_open(path, names, sizeof names / sizeof *names, &cublas); }

#define DEFINE_IN(name, params, args)                                     \
  cublasStatus in_##name(CUcontext ctx, CUDA_ARGS params) {               \
    return call_cuCtxSetCurrent(ctx) ? CUBLAS_STATUS_NOT_INITIALIZED : cublas.name args; \
  }
CUBLAS_CALLS(DEFINE_IN)

cublasStatus cublas_multiply(CUcontext ctx, cublasHandle h, int ta, int tb, int m, int n, int k, CUdeviceptr a, int lda, long long stride_a,
                             CUdeviceptr b, int ldb, long long stride_b, CUdeviceptr c, int ldc, long long stride_c, int batch, int compute) {
  static const float one = 1, zero = 0;
  if (batch == 1)
    return in_cublasGemmEx(ctx, h, ta, tb, m, n, k, &one, a, CUDA_R_32F, lda, b, CUDA_R_32F, ldb, &zero, c, CUDA_R_32F, ldc, compute,
                           CUBLAS_GEMM_DEFAULT);
  return in_cublasGemmStridedBatchedEx(ctx, h, ta, tb, m, n, k, &one, a, CUDA_R_32F, lda, stride_a, b, CUDA_R_32F, ldb, stride_b, &zero, c,
                                       CUDA_R_32F, ldc, stride_c, batch, compute, CUBLAS_GEMM_DEFAULT);
}
