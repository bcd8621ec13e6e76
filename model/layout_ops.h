// layout_ops.h: how elements are moved along an axis, for the CPU (layout.c) and for CUDA (gpu/kernels/layout.cu).
#ifndef DEEPRC_LAYOUT_OPS_H
#define DEEPRC_LAYOUT_OPS_H
#ifndef __CUDACC__
#include <stdint.h>
#endif

// An indexing makes an axis of `to` elements out of one of `from`: segments of n elements off, off + step …, zeros
// where off is −1. Arrays are (outer, axis, inner).
enum { SEGMENTS = 3 };
typedef struct {
  int64_t outer, from, to, inner, segments, off[SEGMENTS], n[SEGMENTS], step[SEGMENTS];
} indexing;
#endif
