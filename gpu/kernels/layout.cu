// Kernels that only move elements:
//
//   permute    y[i] = x[at(i)]   y dense over walk w, of which operand 0 moves through x
//   transpose  the same where one axis of y, of m elements, is contiguous in x and the last one, of n, is `step` apart there: tiles
//              go through shared memory, so that both are read and written in runs. y is `far` apart along the first of the two;
//              operand 0 of `rest` moves x, operand 1 y along the other axes.
#include "kernel.h"

#include "walk.h"

KERNEL(permute, float *y, const float *x, walk w, int64_t n, int32_t narrow) {
  EACH_AT(1, i, off, w, n, narrow, y[i] = x[off[0]];);
}

KERNEL(transpose, float *y, const float *x, int64_t m, int64_t n, int64_t step, int64_t far, walk rest, int64_t tiles) {
  enum { SIDE = 32 };
  SHARED(float, tile, [SIDE][SIDE + 1]);  // one more: a column then lies in 32 banks
  int64_t across = (n + SIDE - 1) / SIDE, down = (m + SIDE - 1) / SIDE;
  for (int64_t t = blockIdx.x; t < tiles; t += gridDim.x) {
    uint64_t off[2];
    seek<2, uint64_t>(rest, (uint64_t)(t / (across * down)), off);
    int64_t i0 = t / across % down * SIDE, j0 = t % across * SIDE;
    for (int j = threadIdx.y; j < SIDE; j += blockDim.y)
      if (i0 + threadIdx.x < m && j0 + j < n) tile[j][threadIdx.x] = x[off[0] + i0 + threadIdx.x + (j0 + j) * step];
    __syncthreads();
    for (int i = threadIdx.y; i < SIDE; i += blockDim.y)
      if (i0 + i < m && j0 + threadIdx.x < n) y[off[1] + (i0 + i) * far + j0 + threadIdx.x] = tile[threadIdx.x][i];
    __syncthreads();
  }
}
