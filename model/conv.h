// conv.h: cross-correlation along rows, as nets call convolution.
#ifndef DEEPRC_CONV_H
#define DEEPRC_CONV_H
#include "threads.h"

// A convolution makes out channels of n elements from in channels of n + (taps − 1)·dilation, each numbered within one of
// the groups, which share nothing:
//   y[b, g, o, t] = bias[g, o] + Σ_i Σ_k w[g, o, i, k] · x[b, g, i, t + k·dilation]
typedef struct {
  int64_t batch, groups, out, in, taps, dilation, n;
} convolution;

// With w of (groups, out, in, taps), or, if transposed, of (groups, in, out, taps) with its taps in reverse; bias 0: none.
void k_conv(pool *p, float *y, const float *x, const float *w, const float *bias, const convolution *o, int transposed);
// dw (groups, out, in, taps) from dy (batch, groups, out, n)
void k_conv_weight_grad(pool *p, float *dw, const float *x, const float *dy, const convolution *o);
#endif
