// Products of matrices, where there is no cuBLAS: y = op(a)·op(b) for `batch` matrices, all row-major and dense, in float32.
//
//   gemm  y (m, n), op(a) (m, k), op(b) (k, n); ta: a is (k, m), tb: b is (n, k); stride_*: elements from one matrix to the next
//
// A block computes SIDE × SIDE elements, a thread 4 × 4 of them, from DEEP columns of a and rows of b at a time in shared memory.
#include "kernel.h"

KERNEL(gemm, float *py, const float *pa, const float *pb, int64_t m, int64_t n, int64_t k, int32_t ta, int32_t tb, int64_t stride_y,
       int64_t stride_a, int64_t stride_b, int64_t batch) {
  enum { SIDE = 64, DEEP = 16, EACH_SIDE = 4 };
  SHARED(float, as, [DEEP][SIDE + 1]);
  SHARED(float, bs, [DEEP][SIDE + 1]);
  int thread = threadIdx.y * blockDim.x + threadIdx.x;  // of 16 × 16
  int64_t across = (n + SIDE - 1) / SIDE, down = (m + SIDE - 1) / SIDE;
  for (int64_t t = blockIdx.x; t < across * down * batch; t += gridDim.x) {
    int64_t i0 = t / across % down * SIDE, j0 = t % across * SIDE, one = t / (across * down);
    const float *a = pa + one * stride_a, *b = pb + one * stride_b;
    float sum[EACH_SIDE][EACH_SIDE] = {};
    for (int64_t u0 = 0; u0 < k; u0 += DEEP) {
      for (int e = thread; e < SIDE * DEEP; e += THREADS) {
        // neighbouring threads read neighbouring elements, whichever way the matrix lies
        int i = ta ? e % SIDE : e / DEEP, u = ta ? e / SIDE : e % DEEP;
        as[u][i] = i0 + i < m && u0 + u < k ? a[ta ? (u0 + u) * m + i0 + i : (i0 + i) * k + u0 + u] : 0;
        int j = tb ? e / DEEP : e % SIDE, v = tb ? e % DEEP : e / SIDE;
        bs[v][j] = j0 + j < n && u0 + v < k ? b[tb ? (j0 + j) * k + u0 + v : (u0 + v) * n + j0 + j] : 0;
      }
      __syncthreads();
      for (int u = 0; u < DEEP; u++)
        for (int i = 0; i < EACH_SIDE; i++)
          for (int j = 0; j < EACH_SIDE; j++) sum[i][j] += as[u][threadIdx.y + 16 * i] * bs[u][threadIdx.x + 16 * j];
      __syncthreads();
    }
    for (int i = 0; i < EACH_SIDE; i++)
      for (int j = 0; j < EACH_SIDE; j++) {
        int64_t row = i0 + threadIdx.y + 16 * i, col = j0 + threadIdx.x + 16 * j;
        if (row < m && col < n) py[one * stride_y + row * n + col] = sum[i][j];
      }
  }
}
