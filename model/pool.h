// pool.h: pooling along rows: the largest or the mean of a window of each row, moved by a stride.
#ifndef DEEPRC_POOL_H
#define DEEPRC_POOL_H
#include "threads.h"

// A pooling makes out values of a row of n: value j is of elements j·stride − pad ≤ i < j·stride − pad + kernel that exist.
typedef struct { int64_t n, out, kernel, stride, pad; } pooling;

void k_max_pool(pool *p, float *y, const float *x, const pooling *o, int64_t rows);
void k_avg_pool(pool *p, float *y, const float *x, const pooling *o, int64_t rows);
// the first of equal largest elements gets the gradient, as in PyTorch
void k_max_pool_grad(pool *p, float *dx, const float *x, const float *dy, const pooling *o, int64_t rows);
void k_avg_pool_grad(pool *p, float *dx, const float *dy, const pooling *o, int64_t rows);
#endif
