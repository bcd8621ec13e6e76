// movavg.h: moving averages along an axis that is not the last.
#ifndef DEEPRC_MOVAVG_H
#define DEEPRC_MOVAVG_H
#include "threads.h"

// y[o,t,:] = Σ_|j|≤h x[o,t+j,:] / (2h+1) of x (outer, n, inner), the ends repeated
void k_moving_steps(pool *p, float *y, const float *x, int64_t outer, int64_t n, int64_t inner, int64_t h);
void k_moving_steps_grad(pool *p, float *dx, const float *dy, int64_t outer, int64_t n, int64_t inner, int64_t h);
#endif
