// fold.h: series folded by their periods, and convolutions of the images that they make.
#ifndef DEEPRC_FOLD_H
#define DEEPRC_FOLD_H
#include "threads.h"

// Image q, of images, is a series of steps folded by the period p = steps / (top[q] + 1): rows = ⌈steps / p⌉ lines of p for each channel.
// Its size elements are half zeros, then the lines, channels within rows, with half zeros behind each, then zeros.
// Images of one series are k, side by side.
typedef struct {
  int64_t images, k, steps, half;
} folding;

// y (images, size) from x (images or, if shared, images / k; channels, steps)
void k_fold(pool *p, const folding *o, int64_t channels, int64_t size, int shared, float *y, const float *x, const int64_t *top);
// the way back: y (images, channels, steps), or, if shared, the sum over the k images of a series
void k_unfold(pool *p, const folding *o, int64_t channels, int64_t size, int shared, float *y, const float *x, const int64_t *top);

// Images of in channels make images of out channels, each of its size:
//   y[o, r, c] = bias[o] + Σ_a Σ_i Σ_b w[o, a, i, b] · x[i, r + a − half, c + b − half]
// with w (out, taps, in, taps), taps = 2 half + 1, and x = 0 beyond the image; bias 0: none.
typedef struct {
  folding f;
  int64_t in, out, in_size, out_size;
} folded_conv;
void k_folded_conv(pool *p, const folded_conv *o, float *y, const float *x, const float *w, const float *bias, const int64_t *top);
void k_folded_conv_weight_grad(pool *p, const folded_conv *o, float *dw, const float *x, const float *dy, const int64_t *top);
void k_folded_conv_bias_grad(pool *p, const folded_conv *o, float *db, const float *dy, const int64_t *top);
#endif
