#include "isa.h"
#include "norm.h"
#include "norm_ops.h"
#include "rows.h"

#ifndef ISA
struct norm { float *y; const float *x, *stats, *w, *b, *dy; float eps; int64_t n; };

#define LOOPS "norm.c"
#include "versions.h"

#define GRAIN (1 + (1 << 12) / n)
void k_softmax(pool *p, float *y, const float *x, int64_t rows, int64_t n) { RUN_AS(p, rows, GRAIN, norm, softmax, .y = y, .x = x, .n = n); }
void k_softmax_grad(pool *p, float *dx, const float *y, const float *dy, int64_t rows, int64_t n) {
  RUN_AS(p, rows, GRAIN, norm, softmax_grad, .y = dx, .x = y, .dy = dy, .n = n);
}
void k_log_softmax(pool *p, float *y, const float *x, int64_t rows, int64_t n) { RUN_AS(p, rows, GRAIN, norm, log_softmax, .y = y, .x = x, .n = n); }
void k_log_softmax_grad(pool *p, float *dx, const float *y, const float *dy, int64_t rows, int64_t n) {
  RUN_AS(p, rows, GRAIN, norm, log_softmax_grad, .y = dx, .x = y, .dy = dy, .n = n);
}
void k_moments(pool *p, float *stats, const float *x, float eps, int64_t rows, int64_t n) {
  RUN_AS(p, rows, GRAIN, norm, moments, .y = stats, .x = x, .eps = eps, .n = n);
}
void k_layer_norm(pool *p, float *y, const float *x, const float *stats, const float *w, const float *b, int64_t rows, int64_t n) {
  RUN_AS(p, rows, GRAIN, norm, layer_norm, .y = y, .x = x, .stats = stats, .w = w, .b = b, .n = n);
}
void k_layer_norm_grad(pool *p, float *dx, const float *x, const float *stats, const float *w, const float *dy, int64_t rows, int64_t n) {
  RUN_AS(p, rows, GRAIN, norm, layer_norm_grad, .y = dx, .x = x, .stats = stats, .w = w, .dy = dy, .n = n);
}

#else

#define EACH_ROW                                                    \
  ARGS(norm);                                                       \
  int64_t n = k->n;                                                 \
  for (int64_t r = lo; r < hi; r++)

KERNEL(softmax) {
  EACH_ROW {
    const float *x = k->x + r * n;
    float *restrict y = k->y + r * n, top = row_max(x, n);
    for (int64_t j = 0; j < n; j++) y[j] = v_exp(x[j] - top);
    float inv = 1 / row_sum(y, n);
    for (int64_t j = 0; j < n; j++) y[j] *= inv;
  }
}

KERNEL(softmax_grad) {  // dx = y (dy − Σ y dy)
  EACH_ROW {
    const float *y = k->x + r * n, *dy = k->dy + r * n;
    float *restrict dx = k->y + r * n, s = row_dot(y, dy, n);
    for (int64_t j = 0; j < n; j++) dx[j] = SOFTMAX_GRAD(y[j], dy[j], s);
  }
}

KERNEL(log_softmax) {
  EACH_ROW {
    const float *x = k->x + r * n;
    float *restrict y = k->y + r * n, top = row_max(x, n);
    for (int64_t j = 0; j < n; j++) y[j] = v_exp(x[j] - top);
    float s = v_log(row_sum(y, n));
    for (int64_t j = 0; j < n; j++) y[j] = x[j] - top - s;
  }
}

KERNEL(log_softmax_grad) {  // dx = dy − e^y Σ dy
  EACH_ROW {
    const float *y = k->x + r * n, *dy = k->dy + r * n;
    float *restrict dx = k->y + r * n, s = row_sum(dy, n);
    for (int64_t j = 0; j < n; j++) dx[j] = LOG_SOFTMAX_GRAD(y[j], dy[j], s);
  }
}

KERNEL(moments) {
  EACH_ROW {
    const float *x = k->x + r * n;
    float mean = row_sum(x, n) / n;
    k->y[2 * r] = mean;
    k->y[2 * r + 1] = NORM_SCALE(row_square(x, mean, n), n, k->eps);
  }
}

KERNEL(layer_norm) {
  EACH_ROW {
    const float *x = k->x + r * n, *w = k->w, *b = k->b;
    float *restrict y = k->y + r * n, mean = k->stats[2 * r], s = k->stats[2 * r + 1];
    if (w)
      for (int64_t j = 0; j < n; j++) y[j] = NORM(x[j], mean, s) * w[j] + b[j];
    else
      for (int64_t j = 0; j < n; j++) y[j] = NORM(x[j], mean, s);
  }
}

KERNEL(layer_norm_grad) {  // dx = s (g − mean g − x̂ mean(g x̂)) with g = dy·w
  EACH_ROW {
    const float *x = k->x + r * n, *dy = k->dy + r * n, *w = k->w;
    float *restrict dx = k->y + r * n, mean = k->stats[2 * r], s = k->stats[2 * r + 1];
    if (n == 1) {  // y is b; rounding, times 1/√eps, would be no small gradient
      dx[0] = 0;
      continue;
    }
    float sg = w ? row_dot(dy, w, n) : row_sum(dy, n);
    float sx = ((w ? row_dot3(dy, w, x, n) : row_dot(dy, x, n)) - mean * sg) * s;
    for (int64_t j = 0; j < n; j++) dx[j] = NORM_GRAD(x[j], mean, s, dy[j] * (w ? w[j] : 1), sg, sx, n);
  }
}
#endif
