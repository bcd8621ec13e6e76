// foldconv.h: convolutions of images that are series folded by their periods, by way of their spectra.
#ifndef DEEPRC_FOLDCONV_H
#define DEEPRC_FOLDCONV_H
#include "threads.h"

// Image q, of images, is a series of steps folded by the period p = steps / (top[q] + 1): ⌈steps / p⌉ lines of p, one behind the
// other. Each has most places, those of the largest image; what stands behind an image is not read.
typedef struct {
  int64_t images, steps, most;
} folding;

// Images (images, most, in) make images (images, most, out), with zeros behind each:
//   y[t, o] = Σ_a Σ_b Σ_i w[a, b, i, o] · x[t', i],  t' = (r + a − half, c + b − half) where t = (r, c)
// with w (taps, taps, in, out), taps = 2 half + 1, and x = 0 beyond the image.
// If back, the taps are read in reverse, which is the gradient of x where w has its channels exchanged.
typedef struct {
  folding f;
  int64_t half, in, out;
  int64_t back;
} folded_conv;

enum { FOLD_HALF = 31 };  // the most taps on each side

// bytes of work that the following two need
int64_t k_folded_conv_work(const folded_conv *o);
void k_folded_conv(pool *p, const folded_conv *o, float *y, const float *x, const float *w, const int64_t *top, void *work);
void k_folded_conv_weight_grad(pool *p, const folded_conv *o, float *dw, const float *x, const float *dy, const int64_t *top, void *work);
#endif
