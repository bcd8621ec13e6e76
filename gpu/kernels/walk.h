// walk.h: where the operands of an element stand, for kernels over shapes that broadcast. A walk is that of elementwise_ops.h.
#ifndef DEEPRC_KERNEL_WALK_H
#define DEEPRC_KERNEL_WALK_H
#include "kernel.h"

#include "elementwise_ops.h"

// off[o] = where operand o of element i stands, for the first N operands. Index is uint32_t where it holds all offsets, since a
// division of 64 bits takes some 100 instructions. The loop is unrolled: the parameters of a kernel cannot be indexed in place.
template <int N, class Index>
DEVICE void seek(const walk &w, Index i, Index *off) {
  for (int o = 0; o < N; o++) off[o] = 0;
#pragma unroll
  for (int k = AXES - 1; k >= 0; k--) {
    if (k >= w.axes) continue;
    Index at = i;
    if (k > 0) {
      i = at / (Index)w.dim[k];
      at -= i * (Index)w.dim[k];
    }
    for (int o = 0; o < N; o++) off[o] += at * (Index)w.move[o][k];
  }
}

// EACH_AT runs a statement for each element i of n, with its operands' offsets in off; narrow: all of them are below 2³¹
#define EACH_AT(N, i, off, w, n, narrow, ...)                              \
  do {                                                                     \
    if (narrow) {                                                          \
      EACH(i, n) {                                                         \
        uint32_t off[N];                                                   \
        seek<N, uint32_t>(w, (uint32_t)i, off);                            \
        __VA_ARGS__                                                        \
      }                                                                    \
    } else {                                                               \
      EACH(i, n) {                                                         \
        uint64_t off[N];                                                   \
        seek<N, uint64_t>(w, (uint64_t)i, off);                            \
        __VA_ARGS__                                                        \
      }                                                                    \
    }                                                                      \
  } while (0)
#endif
