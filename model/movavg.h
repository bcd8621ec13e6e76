// movavg.h: centred moving averages of 2h + 1, the ends repeated.
#ifndef DEEPRC_MOVAVG_H
#define DEEPRC_MOVAVG_H
#include "threads.h"

// y[o,t,:] = Σ_|j|≤h x[o,t+j,:] / (2h+1) of x (outer, n, inner), the ends repeated
void k_moving_steps(pool *p, float *y, const float *x, int64_t outer, int64_t n, int64_t inner, int64_t h);
void k_moving_steps_grad(pool *p, float *dx, const float *dy, int64_t outer, int64_t n, int64_t inner, int64_t h);

// the same along the last axis, y[r,t] = Σ_|j|≤h x[r,t+j] / (2h+1) of x (rows, cols)
void k_moving_avg(pool *p, float *y, const float *x, int64_t rows, int64_t cols, int64_t h);
void k_moving_avg_grad(pool *p, float *dx, const float *dy, int64_t rows, int64_t cols, int64_t h);
#endif
