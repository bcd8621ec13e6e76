#include "movavg.h"
#include "isa.h"
#include <string.h>

#ifndef ISA
struct moving { float *y; const float *x; int64_t n, inner, h; };
struct moving_row { float *y; const float *x; int64_t cols, h; };
#define LOOPS "movavg.c"
#include "versions.h"

void k_moving_steps(pool *p, float *y, const float *x, int64_t outer, int64_t n, int64_t inner, int64_t h) {
  RUN(p, outer, 1 + (1 << 14) / (n * inner), moving, y, x, n, inner, h);
}
void k_moving_steps_grad(pool *p, float *dx, const float *dy, int64_t outer, int64_t n, int64_t inner, int64_t h) {
  RUN_AS(p, outer, 1 + (1 << 14) / (n * inner), moving, moving_grad, dx, dy, n, inner, h);
}
void k_moving_avg(pool *p, float *y, const float *x, int64_t rows, int64_t cols, int64_t h) {
  RUN(p, rows, 1 + (1 << 14) / cols, moving_row, y, x, cols, h);
}
void k_moving_avg_grad(pool *p, float *dx, const float *dy, int64_t rows, int64_t cols, int64_t h) {
  RUN_AS(p, rows, 1 + (1 << 12) / cols, moving_row, moving_row_grad, dx, dy, cols, h);
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

enum { NAME(BLOCK) = 4 * LANES, NAME(NARROW) = 32 };  // averages at a time, and up to which h

// averages from ≤ t < to of one row by a running sum, the ends of the row repeated
static void NAME(running_avg)(float *y, const float *x, int64_t cols, int64_t h, int64_t from, int64_t to) {
  double s = 0, k = 2 * h + 1;
  for (int64_t j = from - h; j <= from + h; j++) s += x[j < 0 ? 0 : j >= cols ? cols - 1 : j];
  for (int64_t t = from; t < to; t++) {
    y[t] = (float)(s / k);
    int64_t out = t - h, in = t + h + 1;
    s += (double)x[in >= cols ? cols - 1 : in] - x[out < 0 ? 0 : out];
  }
}

// Inside a row, where no end is repeated, a block of averages at a time: 2h + 1 vector additions each.
KERNEL(moving_row) {
  ARGS(moving_row);
  int64_t cols = k->cols, h = k->h;
  float inv = 1.0f / (float)(2 * h + 1);
  for (int64_t r = lo; r < hi; r++) {
    const float *x = k->x + r * cols;
    float *y = k->y + r * cols;
    int64_t t = h > NAME(NARROW) ? 0 : h < cols ? h : cols;
    NAME(running_avg)(y, x, cols, h, 0, t);
    for (; h <= NAME(NARROW) && t + NAME(BLOCK) + h <= cols; t += NAME(BLOCK)) {
      float acc[NAME(BLOCK)] = {0};
      for (int64_t j = t - h; j <= t + h; j++)
        for (int l = 0; l < NAME(BLOCK); l++) acc[l] += x[j + l];
      for (int l = 0; l < NAME(BLOCK); l++) y[t + l] = acc[l] * inv;
    }
    NAME(running_avg)(y, x, cols, h, t, cols);
  }
}

// The transpose of moving_row, a block of columns at a time: each takes what is h to both sides, in the order of the steps; the first and
// the last column also take what was repeated.
KERNEL(moving_row_grad) {
  ARGS(moving_row);
  int64_t cols = k->cols, h = k->h, width = 2 * h + 1;
  float inv = 1.0f / (float)width;
  for (int64_t r = lo; r < hi; r++) {
    const float *dy = k->x + r * cols;
    float *dx = k->y + r * cols;
    for (int64_t c = 0; c < cols; c += NAME(BLOCK)) {
      float acc[NAME(BLOCK)] = {0}, part[2 * NAME(BLOCK)];
      for (int64_t from = 0; from < width; from += NAME(BLOCK)) {  // of the windows' steps
        int64_t n = width - from < NAME(BLOCK) ? width - from : NAME(BLOCK), first = c - h + from, j = first < 0 ? -first : 0;
        int64_t end = cols - first < n + NAME(BLOCK) - 1 ? cols - first : n + NAME(BLOCK) - 1;
        if (j >= end) continue;
        memset(part, 0, sizeof part);
        for (; j < end; j++) part[j] = dy[first + j] * inv;
        for (j = 0; j < n; j++)
          for (int l = 0; l < NAME(BLOCK); l++) acc[l] += part[j + l];
      }
      memcpy(dx + c, acc, (cols - c < NAME(BLOCK) ? cols - c : NAME(BLOCK)) * sizeof *dx);
    }
    float front = 0, back = 0;
    for (int64_t t = 0; t < h && t < cols; t++) {
      front += (float)(h - t) * inv * dy[t];
      back += (float)(h - t) * inv * dy[cols - 1 - t];
    }
    dx[0] += front;
    dx[cols - 1] += back;
  }
}
#endif
