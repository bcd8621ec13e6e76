#include "movavg.h"
#include "isa.h"
#include <string.h>

#ifndef ISA
struct moving { float *y; const float *x; int64_t n, inner, h; };
#define LOOPS "movavg.c"
#include "versions.h"

void k_moving_steps(pool *p, float *y, const float *x, int64_t outer, int64_t n, int64_t inner, int64_t h) {
  RUN(p, outer, 1 + (1 << 14) / (n * inner), moving, y, x, n, inner, h);
}
void k_moving_steps_grad(pool *p, float *dx, const float *dy, int64_t outer, int64_t n, int64_t inner, int64_t h) {
  RUN_AS(p, outer, 1 + (1 << 14) / (n * inner), moving, moving_grad, dx, dy, n, inner, h);
}

#else

enum { NAME(FRESH) = 16 };  // steps that a sum is carried on by differences before it is made anew

static void NAME(add)(float *restrict y, const float *restrict x, float w, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] += w * x[i];
}

KERNEL(moving) {
  ARGS(moving);
  int64_t n = k->n, m = k->inner, h = k->h;
  float w = 1 / (float)(2 * h + 1);
  for (int64_t o = lo; o < hi; o++) {
    const float *x = k->x + o * n * m;
    for (int64_t t = 0; t < n; t++) {
      float *restrict y = k->y + (o * n + t) * m;
      if (t % NAME(FRESH)) {
        int64_t in = t + h < n ? t + h : n - 1, out = t - h - 1 > 0 ? t - h - 1 : 0;
        const float *restrict a = x + in * m, *restrict b = x + out * m, *restrict before = y - m;
        for (int64_t i = 0; i < m; i++) y[i] = before[i] + w * (a[i] - b[i]);
        continue;
      }
      memset(y, 0, m * sizeof *y);
      for (int64_t s = t - h; s <= t + h; s++) NAME(add)(y, x + (s < 0 ? 0 : s < n ? s : n - 1) * m, w, m);
    }
  }
}

// dx[s] = w·Σ dy[t] of |t − s| ≤ h; the first and the last step also have the weight of what was repeated.
KERNEL(moving_grad) {
  ARGS(moving);
  int64_t n = k->n, m = k->inner, h = k->h;
  float w = 1 / (float)(2 * h + 1);
  for (int64_t o = lo; o < hi; o++) {
    const float *dy = k->x + o * n * m;
    float *dx = k->y + o * n * m;
    for (int64_t s = 0; s < n; s++) {
      float *restrict d = dx + s * m;
      if (s % NAME(FRESH)) {
        memcpy(d, d - m, m * sizeof *d);
        if (s + h < n) NAME(add)(d, dy + (s + h) * m, w, m);
        if (s - h - 1 >= 0) NAME(add)(d, dy + (s - h - 1) * m, -w, m);
        continue;
      }
      memset(d, 0, m * sizeof *d);
      for (int64_t t = s - h < 0 ? 0 : s - h; t <= s + h && t < n; t++) NAME(add)(d, dy + t * m, w, m);
    }
    for (int64_t t = 0; t < n; t++) {
      if (t < h) NAME(add)(dx, dy + t * m, w * (float)(h - t), m);
      if (t + h > n - 1) NAME(add)(dx + (n - 1) * m, dy + t * m, w * (float)(t + h - n + 1), m);
    }
  }
}
#endif
