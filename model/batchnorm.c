#include "batchnorm.h"
#include "isa.h"
#include "rows.h"

#ifndef ISA
enum { COLUMNS = 32 };  // channels summed together where a channel's elements are not neighbours
struct channel { const channelled *o; float *y; const float *x, *mean, *inv, *w, *b, *dy, *dots, *weight; float n; };

#define LOOPS "batchnorm.c"
#include "versions.h"

static inline int64_t at_least_1(int64_t n) { return n > 1 ? n : 1; }

// Sums are cut by channels, in blocks; other passes by runs: of the outer axis, or of a channel in it.
#define RUN_SUMS(loop, ...)                                                                                                      \
  do {                                                                                                                           \
    int64_t wide = o->inner == 1 ? COLUMNS : 1;                                                                                  \
    RUN_AS(p, (o->channels + wide - 1) / wide, at_least_1((1 << 14) / (o->outer * o->inner * wide)), channel, loop, __VA_ARGS__); \
  } while (0)
#define RUN_RUNS(loop, ...)                                                                                                    \
  do {                                                                                                                         \
    int64_t run = o->inner == 1 ? o->channels : o->inner;                                                                      \
    RUN_AS(p, o->outer * o->channels * o->inner / run, at_least_1((1 << 13) / run), channel, loop, __VA_ARGS__);                \
  } while (0)

void k_channel_sums(pool *p, const channelled *o, float *y, const float *x, const float *weight) {
  RUN_SUMS(channel_sums, o, .y = y, .x = x, .weight = weight);
  double n = 0;
  for (int64_t i = 0; i < o->outer / o->rows; i++) n += weight[i];
  y[o->channels] = (float)(n * (double)(o->rows * o->inner));
}
void k_channel_squares(pool *p, const channelled *o, float *y, const float *x, const float *mean, const float *weight) {
  RUN_SUMS(channel_squares, o, .y = y, .x = x, .mean = mean, .weight = weight);
}
void k_channel_dots(pool *p, const channelled *o, float *y, const float *x, const float *mean, const float *inv, const float *dy) {
  RUN_SUMS(channel_dots, o, .y = y, .x = x, .mean = mean, .inv = inv, .dy = dy);
}
void k_batch_norm(pool *p, const channelled *o, float *y, const float *x, const float *mean, const float *inv, const float *w, const float *b) {
  RUN_RUNS(batch_norm, o, .y = y, .x = x, .mean = mean, .inv = inv, .w = w, .b = b);
}
void k_batch_norm_grad(pool *p, const channelled *o, float *dx, const float *x, const float *mean, const float *inv, const float *w, const float *dy,
                       const float *dots, const float *weight, const float *n) {
  RUN_RUNS(batch_norm_grad, o, .y = dx, .x = x, .mean = mean, .inv = inv, .w = w, .dy = dy, .dots = dots, .weight = weight, .n = n ? *n : 1);
}

#else

// Σ over the outer axis in float64: of COLUM columns elementwise by AT(c, i), or of a channel's runs by ROW(c, i), i the first element, each times the window's number W
#define CHANNEL_SUMS(W, AT, ROW, STORE)                                                         \
  ARGS(channel);                                                                                \
  const channelled *o = k->o;                                                                   \
  int64_t wide = o->inner == 1 ? COLUMNS : 1;                                                   \
  for (int64_t b = lo; b < hi; b++) {                                                           \
    int64_t c0 = b * wide, n = o->channels - c0 < wide ? o->channels - c0 : wide;               \
    double total[COLUMNS] = {0};                                                                \
    for (int64_t r = 0; r < o->outer; r++) {                                                    \
      float w = W;                                                                              \
      int64_t i = (r * o->channels + c0) * o->inner;                                            \
      if (o->inner == 1)                                                                        \
        for (int64_t j = 0; j < n; j++) total[j] += w * AT(c0 + j, i + j);                      \
      else                                                                                      \
        total[0] += w * ROW(c0, i);                                                             \
    }                                                                                           \
    for (int64_t j = 0; j < n; j++) STORE(c0 + j, total[j]);                                    \
  }

#define KEEP(c, s) k->y[c] = (float)(s)

KERNEL(channel_sums) {
#define AT(c, i) k->x[i]
#define ROW(c, i) row_sum(k->x + i, o->inner)
  CHANNEL_SUMS(k->weight[r / o->rows], AT, ROW, KEEP)
#undef AT
#undef ROW
}

KERNEL(channel_squares) {
#define AT(c, i) ((k->x[i] - k->mean[c]) * (k->x[i] - k->mean[c]))
#define ROW(c, i) row_square(k->x + i, k->mean[c], o->inner)
  CHANNEL_SUMS(k->weight[r / o->rows], AT, ROW, KEEP)
#undef AT
#undef ROW
}

KERNEL(channel_dots) {
  {
#define AT(c, i) k->dy[i]
#define ROW(c, i) row_sum(k->dy + i, o->inner)
    CHANNEL_SUMS(1, AT, ROW, KEEP)
#undef AT
#undef ROW
  }
  {
#define AT(c, i) ((k->x[i] - k->mean[c]) * k->dy[i])
#define ROW(c, i) row_dot_from(k->x + i, k->mean[c], k->dy + i, o->inner)
#define KEEP_SCALED(c, s) k->y[o->channels + (c)] = (float)((s) * k->inv[c])
    CHANNEL_SUMS(1, AT, ROW, KEEP_SCALED)
#undef AT
#undef ROW
  }
}

KERNEL(batch_norm) {
  ARGS(channel);
  int64_t C = k->o->channels, inner = k->o->inner, n = inner == 1 ? C : inner;
  for (int64_t r = lo; r < hi; r++) {
    const float *x = k->x + r * n, *mean = k->mean, *inv = k->inv, *w = k->w, *b = k->b;
    float *restrict y = k->y + r * n;
    if (inner == 1) {
      for (int64_t j = 0; j < n; j++) y[j] = (x[j] - mean[j]) * (inv[j] * w[j]) + b[j];
      continue;
    }
    float m = mean[r % C], s = inv[r % C] * w[r % C], t = b[r % C];
    for (int64_t j = 0; j < n; j++) y[j] = (x[j] - m) * s + t;
  }
}

KERNEL(batch_norm_grad) {
  ARGS(channel);
  int64_t C = k->o->channels, inner = k->o->inner, n = inner == 1 ? C : inner, runs = inner == 1 ? 1 : C;
  for (int64_t r = lo; r < hi; r++) {
    const float *x = k->x + r * n, *dy = k->dy + r * n, *mean = k->mean, *inv = k->inv, *w = k->w, *s0 = k->dots, *s1 = s0 + C;
    float *restrict dx = k->y + r * n, part = s0 ? k->weight[r / runs / k->o->rows] / k->n : 0;
    int64_t c = r % C;
    if (inner == 1 && s0)
      for (int64_t j = 0; j < n; j++) dx[j] = inv[j] * w[j] * (dy[j] - part * (s0[j] + (x[j] - mean[j]) * inv[j] * s1[j]));
    else if (inner == 1)
      for (int64_t j = 0; j < n; j++) dx[j] = inv[j] * w[j] * dy[j];
    else {
      float m = mean[c], i = inv[c], a = i * w[c], shift = s0 ? part * s0[c] : 0, slope = s0 ? part * i * s1[c] : 0;
      for (int64_t j = 0; j < n; j++) dx[j] = a * (dy[j] - shift - (x[j] - m) * slope);
    }
  }
}
#endif
