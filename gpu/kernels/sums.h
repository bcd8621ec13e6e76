// sums.h: reductions over threads, in an order that the shape of the block alone decides.
#ifndef DEEPRC_KERNEL_SUMS_H
#define DEEPRC_KERNEL_SUMS_H
#include "kernel.h"

#include "reduce_ops.h"

// row_NAME(v): v of all threads with this thread's threadIdx.y, joined, in each of them. blockDim.x is WARP, then there is no
// barrier and a warp may call it alone, or a multiple of WARP with blockDim.y = 1, then the whole block calls it.
#define ROW_OVER_THREADS(name, JOIN)                                                                           \
  DEVICE float row_##name(float v) {                                                                           \
    for (int d = WARP / 2; d > 0; d /= 2) {                                                                    \
      float other = __shfl_xor_sync(0xffffffffu, v, d);                                                        \
      v = JOIN(v, other);                                                                                      \
    }                                                                                                          \
    if (blockDim.x == WARP) return v;                                                                          \
    SHARED(float, of_warp, [THREADS / WARP]);                                                                  \
    __syncthreads(); /* those of the call before have been read */                                             \
    if (threadIdx.x % WARP == 0) of_warp[threadIdx.x / WARP] = v;                                              \
    __syncthreads();                                                                                           \
    v = of_warp[0];                                                                                            \
    for (int w = 1; w < (int)blockDim.x / WARP; w++) v = JOIN(v, of_warp[w]);                                  \
    return v;                                                                                                  \
  }
ROW_OVER_THREADS(sum, ROW_PLUS)
ROW_OVER_THREADS(largest, ROW_LARGER)
ROW_OVER_THREADS(smallest, ROW_SMALLER)
#endif
