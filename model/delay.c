#include "delay.h"
#include "isa.h"
#include "rows.h"
#include <string.h>

#ifndef ISA
struct delay { float *y; const float *x, *w; const int64_t *at; int64_t L, d, k; int each, sign; };
struct correlate { float *r; const float *x; int64_t L; };
#define LOOPS "delay.c"
#include "versions.h"

void k_delay(pool *p, float *y, const float *x, const float *w, const int64_t *at, int64_t N, int64_t L, int64_t d, int64_t k, int each, int sign) {
  RUN(p, N, 1 + (1 << 15) / (L * d * k), delay, y, x, w, at, L, d, k, each, sign);
}
void k_lag(pool *p, float *w, const float *x, const float *y, const int64_t *at, int64_t N, int64_t L, int64_t d, int64_t k, int each) {
  RUN_AS(p, N, 1 + (1 << 15) / (L * d * k), delay, lag, w, x, y, at, L, d, k, each, 0);
}
void k_correlate(pool *p, float *r, const float *x, int64_t N, int64_t L) { RUN(p, N, 1 + (1 << 15) / (L * L), correlate, r, x, L); }

#else

static void NAME(add_scaled)(float *restrict y, const float *restrict x, float w, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] += w * x[i];
}

// A shift by whole steps moves a piece to the end and the rest to the start.
KERNEL(delay) {
  ARGS(delay);
  int64_t n = k->L * k->d;
  for (int64_t r = lo; r < hi; r++) {
    float *y = k->y + r * n;
    const float *x = k->x + r * n;
    memset(y, 0, n * sizeof *y);
    for (int64_t i = 0; i < k->k; i++) {
      int64_t at = k->at[(k->each ? r * k->k : 0) + i] * k->d;
      float w = k->w[r * k->k + i];
      if (k->sign < 0) at = (n - at) % n;
      NAME(add_scaled)(y, x + at, w, n - at);
      NAME(add_scaled)(y + n - at, x, w, at);
    }
  }
}

KERNEL(lag) {
  ARGS(delay);
  int64_t n = k->L * k->d;
  for (int64_t r = lo; r < hi; r++) {
    const float *x = k->x + r * n, *y = k->w + r * n;
    for (int64_t i = 0; i < k->k; i++) {
      int64_t at = k->at[(k->each ? r * k->k : 0) + i] * k->d;
      k->y[r * k->k + i] = row_dot(x, y + at, n - at) + row_dot(x + n - at, y, at);
    }
  }
}

KERNEL(correlate) {
  ARGS(correlate);
  int64_t L = k->L;
  for (int64_t n = lo; n < hi; n++) {
    float *r = k->r + n * L;
    memset(r, 0, L * sizeof *r);
    for (int64_t t = 0; t < L; t++) {
      const float *x = k->x + (n * L + t) * L;
      NAME(add_scaled)(r, x + t, 1, L - t);
      NAME(add_scaled)(r + L - t, x, 1, t);
    }
  }
}
#endif
