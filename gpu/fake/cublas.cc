// cublas.cc: the products of cuBLAS, column-major, in plain loops. With TF32 the factors are rounded to it, as a tensor core does.
#include "../libcublas.h"

#include "fake.h"

namespace {
struct handle {
  CUstream stream;
  int dev;
};

// to 10 bits of mantissa, to the nearest and the even of two
float tf32(float x) {
  uint32_t b;
  memcpy(&b, &x, 4);
  if ((b & 0x7f800000) != 0x7f800000) b = (b + 0xfff + (b >> 13 & 1)) & ~0x1fffu;
  memcpy(&x, &b, 4);
  return x;
}

// elements from the first to the last of a matrix of `cols` columns `lead` apart
size_t span(int64_t rows, int64_t cols, int64_t lead) { return rows && cols ? (size_t)((cols - 1) * lead + rows) : 0; }

int multiply(handle *h, int ta, int tb, int m, int n, int k, const float *alpha, CUdeviceptr pa, int lda, long long sa, CUdeviceptr pb, int ldb,
             long long sb, const float *beta, CUdeviceptr pc, int ldc, long long sc, int batch, int compute) {
  if (m < 0 || n < 0 || k < 0 || batch < 0 || lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return CUBLAS_STATUS_INVALID_VALUE;
  if (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_FAST_TF32) return CUBLAS_STATUS_INVALID_VALUE;
  size_t na = span(ta ? k : m, ta ? m : k, lda), nb = span(tb ? n : k, tb ? k : n, ldb), nc = span(m, n, ldc);
  const float *a = (const float *)host_address(pa, 4 * (na + (batch - 1) * sa), h->dev);
  const float *b = (const float *)host_address(pb, 4 * (nb + (batch - 1) * sb), h->dev);
  float *c = (float *)host_address(pc, 4 * (nc + (batch - 1) * sc), h->dev), al = *alpha, be = *beta;
  if (!a || !b || !c) {
    say("cuBLAS: a matrix reaches out of its allocation");
    return enqueue(h->stream, h->dev, "cuBLAS", [] { return CUDA_ERROR_ILLEGAL_ADDRESS; });
  }
  bool round = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  return enqueue(h->stream, h->dev, "cuBLAS", [=] {
    for (int one = 0; one < batch; one++)
      for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) {
          float s = 0;
          for (int p = 0; p < k; p++) {
            float x = a[one * sa + (ta ? p + (int64_t)i * lda : i + (int64_t)p * lda)];
            float y = b[one * sb + (tb ? j + (int64_t)p * ldb : p + (int64_t)j * ldb)];
            s += round ? tf32(x) * tf32(y) : x * y;
          }
          float *to = c + one * sc + i + (int64_t)j * ldc;
          *to = al * s + (be != 0 ? be * *to : 0);
        }
    return 0;
  });
}
}  // namespace

#define ENTER_CUBLAS(call)                                      \
  locked one_at_a_time;                                         \
  if (int error = injected(call)) return error;                 \
  int dev = current_device();                                   \
  if (dev < 0) return CUBLAS_STATUS_NOT_INITIALIZED;            \
  if (devices[dev].sticky) return CUBLAS_STATUS_EXECUTION_FAILED;

API cublasStatus cublasCreate_v2(cublasHandle *h) {
  ENTER_CUBLAS("cublasCreate_v2")
  *h = (cublasHandle) new handle{0, dev};
  return 0;
}
API cublasStatus cublasDestroy_v2(cublasHandle h) {
  ENTER_CUBLAS("cublasDestroy_v2")
  delete (handle *)h;
  return 0;
}
API cublasStatus cublasGetVersion_v2(cublasHandle, int *version) {
  ENTER_CUBLAS("cublasGetVersion_v2")
  *version = 120000;
  return 0;
}
API cublasStatus cublasSetStream_v2(cublasHandle h, CUstream s) {
  ENTER_CUBLAS("cublasSetStream_v2")
  ((handle *)h)->stream = s;
  return 0;
}
API cublasStatus cublasSetWorkspace_v2(cublasHandle h, CUdeviceptr p, size_t bytes) {
  ENTER_CUBLAS("cublasSetWorkspace_v2")
  return host_address(p, bytes, ((handle *)h)->dev) ? 0 : CUBLAS_STATUS_INVALID_VALUE;
}
API cublasStatus cublasGemmEx(cublasHandle h, int ta, int tb, int m, int n, int k, const void *alpha, CUdeviceptr a, int, int lda, CUdeviceptr b,
                              int, int ldb, const void *beta, CUdeviceptr c, int, int ldc, int compute, int) {
  ENTER_CUBLAS("cublasGemmEx")
  return multiply((handle *)h, ta, tb, m, n, k, (const float *)alpha, a, lda, 0, b, ldb, 0, (const float *)beta, c, ldc, 0, 1, compute);
}
API cublasStatus cublasGemmStridedBatchedEx(cublasHandle h, int ta, int tb, int m, int n, int k, const void *alpha, CUdeviceptr a, int, int lda,
                                            long long sa, CUdeviceptr b, int, int ldb, long long sb, const void *beta, CUdeviceptr c, int, int ldc,
                                            long long sc, int batch, int compute, int) {
  ENTER_CUBLAS("cublasGemmStridedBatchedEx")
  return multiply((handle *)h, ta, tb, m, n, k, (const float *)alpha, a, lda, sa, b, ldb, sb, (const float *)beta, c, ldc, sc, batch, compute);
}
