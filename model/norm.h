// norm.h: normalising rows of n elements: softmax, and mean 0 and variance 1. Each is one pass over a row in cache.
#ifndef DEEPRC_NORM_H
#define DEEPRC_NORM_H
#include "threads.h"

void k_softmax(pool *p, float *y, const float *x, int64_t rows, int64_t n);
void k_softmax_grad(pool *p, float *dx, const float *y, const float *dy, int64_t rows, int64_t n);
void k_log_softmax(pool *p, float *y, const float *x, int64_t rows, int64_t n);
void k_log_softmax_grad(pool *p, float *dx, const float *y, const float *dy, int64_t rows, int64_t n);
// stats[r] = {mean, 1/√(variance + eps)} of a row, with the variance of a population
void k_moments(pool *p, float *stats, const float *x, float eps, int64_t rows, int64_t n);
// y = x̂·w + b with x̂ = (x − mean)/√(variance + eps); w and b (n), or 0 for none
void k_layer_norm(pool *p, float *y, const float *x, const float *stats, const float *w, const float *b, int64_t rows, int64_t n);
void k_layer_norm_grad(pool *p, float *dx, const float *x, const float *stats, const float *w, const float *dy, int64_t rows, int64_t n);
#endif
