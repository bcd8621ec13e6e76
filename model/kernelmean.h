// kernelmean.h: the one kernel that does what several convolutions in parallel do.
#ifndef DEEPRC_KERNELMEAN_H
#define DEEPRC_KERNELMEAN_H
#include "threads.h"

// Kernels of width taps in both directions, in a common one of most taps round the same centre.
typedef struct {
  int64_t out, in, taps, most;
  float share;
} kernel_mean;

// y (most, most, in, out) is share · w (out, in, taps, taps), if first, which needs taps = most; else gets it added.
void k_kernel_mean(pool *p, const kernel_mean *o, int first, float *y, const float *w);
// dw (out, in, taps, taps) is share · the taps of dy (most, most, in, out) that w has
void k_kernel_mean_grad(pool *p, const kernel_mean *o, float *dw, const float *dy);
#endif
