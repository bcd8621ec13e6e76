// delay.h: sums and products of series shifted in a circle.
#ifndef DEEPRC_DELAY_H
#define DEEPRC_DELAY_H
#include "threads.h"

// y[n,t,:] = Σ_i w[n,i]·x[n,(t + sign·at[n,i]) mod L,:] of x (N, L, d), w (N, k), delays 0 ≤ at < L (N, k) if each, else (k)
void k_delay(pool *p, float *y, const float *x, const float *w, const int64_t *at, int64_t N, int64_t L, int64_t d, int64_t k, int each, int sign);
// w[n,i] = Σ_t x[n,t,:]·y[n,(t + at[n,i]) mod L,:]
void k_lag(pool *p, float *w, const float *x, const float *y, const int64_t *at, int64_t N, int64_t L, int64_t d, int64_t k, int each);
// r[n,i] = Σ_t x[n,t,(t+i) mod L] of x (N, L, L)
void k_correlate(pool *p, float *r, const float *x, int64_t N, int64_t L);
#endif
