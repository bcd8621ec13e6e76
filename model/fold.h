// fold.h: series folded by their periods.
#ifndef DEEPRC_FOLD_H
#define DEEPRC_FOLD_H
#include "threads.h"

// Image q, of images, is a series of steps folded by the period p = steps / (top[q] + 1): rows = ⌈steps / p⌉ lines of p, one
// behind the other, then zeros up to most, the places of the largest image. Images of one series are k, side by side.
typedef struct {
  int64_t images, k, steps, most;
} folding;

typedef struct { int64_t period, rows; } fold_shape;
static inline fold_shape fold_shape_of(int64_t steps, int64_t top) {
  int64_t p = steps / (top + 1);
  return (fold_shape){p, (steps + p - 1) / p};
}

// y (images, most, channels) from x (images or, if shared, images / k; channels, steps)
void k_fold(pool *p, const folding *o, int64_t channels, int shared, float *y, const float *x);
// the way back: y (images, channels, steps), or, if shared, the sum over the k images of a series
void k_unfold(pool *p, const folding *o, int64_t channels, int shared, float *y, const float *x);
#endif
