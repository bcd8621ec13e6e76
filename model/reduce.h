// reduce.h: sums, maxima and minima along one axis of a dense array.
#ifndef DEEPRC_REDUCE_H
#define DEEPRC_REDUCE_H
#include "threads.h"

enum { K_SUM, K_LARGEST, K_SMALLEST };
// y[o,i] = scale · Σ_t x[o,t,i] (or the largest or smallest, scaled) for x of (outer, n, inner). The order of addition is
// fixed by the shape. NaN if one is.
void k_reduce(pool *p, int op, float *y, const float *x, float scale, int64_t outer, int64_t n, int64_t inner);
#endif
