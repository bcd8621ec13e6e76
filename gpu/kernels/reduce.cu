// Sums, maxima and minima along one axis of an array (outer, n, inner), in parts of `each` elements of the axis:
//
//   reduce_rows_F  y[o,part] = scale · F_t x[o,t]        inner = 1: threads along the axis
//   reduce_cols_F  y[o,part,i] = scale · F_t x[o,t,i]    threads along i, and down the axis
//
// A long axis is reduced in two passes, the second one over the parts of the first. No order of addition depends on the device.
#include "kernel.h"

#include "sums.h"

enum { RUN = 256 };  // elements that a thread adds up in float32 before float64 takes over

// of x[t·stride], from ≤ t < to, every step-th
#define ALONG(name, total_t, start, JOIN)                                                                      \
  DEVICE float along_##name(const float *x, int64_t from, int64_t to, int64_t step, int64_t stride) {          \
    total_t total = start;                                                                                     \
    for (int64_t t = from; t < to;) {                                                                          \
      float run = start;                                                                                       \
      int64_t end = to - t < RUN * step ? to : t + RUN * step;                                                 \
      _Pragma("unroll 8") for (; t < end; t += step) run = JOIN(run, x[t * stride]);                           \
      total = JOIN(total, run);                                                                                \
    }                                                                                                          \
    return (float)total;                                                                                       \
  }                                                                                                            \
                                                                                                               \
  KERNEL(reduce_rows_##name, float *__restrict__ y, const float *__restrict__ x, float scale, int64_t rows,    \
         int64_t n, int64_t each) {                                                                            \
    int64_t parts = (n + each - 1) / each;                                                                     \
    for (int64_t r = (int64_t)blockIdx.x * blockDim.y + threadIdx.y; r < rows * parts;                         \
         r += (int64_t)gridDim.x * blockDim.y) {                                                               \
      int64_t from = r % parts * each, to = from + each < n ? from + each : n;                                 \
      float v = row_##name(along_##name(x + r / parts * n, from + threadIdx.x, to, blockDim.x, 1));            \
      if (threadIdx.x == 0) y[r] = scale * v;                                                                  \
    }                                                                                                          \
  }                                                                                                            \
                                                                                                               \
  KERNEL(reduce_cols_##name, float *__restrict__ y, const float *__restrict__ x, float scale, int64_t outer,   \
         int64_t n, int64_t inner, int64_t each) {                                                             \
    SHARED(float, of_thread, [THREADS]);                                                                       \
    int64_t parts = (n + each - 1) / each, tiles = (inner + blockDim.x - 1) / blockDim.x;                      \
    for (int64_t b = blockIdx.x; b < outer * parts * tiles; b += gridDim.x) {                                  \
      int64_t i = b % tiles * blockDim.x + threadIdx.x, part = b / tiles % parts, o = b / tiles / parts;       \
      int64_t from = part * each, to = from + each < n ? from + each : n;                                      \
      float v = start;                                                                                         \
      if (i < inner) v = along_##name(x + o * n * inner + i, from + threadIdx.y, to, blockDim.y, inner);       \
      of_thread[threadIdx.y * blockDim.x + threadIdx.x] = v;                                                   \
      __syncthreads();                                                                                         \
      if (threadIdx.y == 0 && i < inner) {                                                                     \
        for (int s = 1; s < (int)blockDim.y; s++) v = JOIN(v, of_thread[s * blockDim.x + threadIdx.x]);        \
        y[(o * parts + part) * inner + i] = scale * v;                                                         \
      }                                                                                                        \
      __syncthreads();                                                                                         \
    }                                                                                                          \
  }
ALONG(sum, double, 0, ROW_PLUS)
ALONG(largest, float, -INFINITY, ROW_LARGER)
ALONG(smallest, float, INFINITY, ROW_SMALLER)
