// batchnorm.h: normalising channels over all other axes: sums of each channel, and one pass that uses them.
#ifndef DEEPRC_BATCHNORM_H
#define DEEPRC_BATCHNORM_H
#include "threads.h"

// x (outer, channels, inner); the outer axis is of windows of rows rows each, and weight has a number a window.
typedef struct { int64_t outer, channels, inner, rows; } channelled;

// y[c] = Σ weight·x, and behind these Σ weight, the weight of a channel's elements
void k_channel_sums(pool *p, const channelled *o, float *y, const float *x, const float *weight);
// y[c] = Σ weight·(x − mean)²
void k_channel_squares(pool *p, const channelled *o, float *y, const float *x, const float *mean, const float *weight);
// y[c] = Σ dy, and behind these Σ dy·x̂ with x̂ = (x − mean)·inv
void k_channel_dots(pool *p, const channelled *o, float *y, const float *x, const float *mean, const float *inv, const float *dy);
// y = x̂·w + b
void k_batch_norm(pool *p, const channelled *o, float *y, const float *x, const float *mean, const float *inv, const float *w, const float *b);
// dx = w·inv·(dy − weight/n·(dots[c] + x̂·dots[channels + c])); dots 0: w·inv·dy, where mean and inv are given numbers
void k_batch_norm_grad(pool *p, const channelled *o, float *dx, const float *x, const float *mean, const float *inv, const float *w, const float *dy,
                       const float *dots, const float *weight, const float *n);
#endif
