#include "isa.h"
#include "pool.h"
#include "rows.h"
#include <string.h>

#ifndef ISA
struct pooled { float *y; const float *x, *dy; const pooling *o; };

// The elements of window j, and whether it is whole.
static inline int64_t first(const pooling *o, int64_t j) { int64_t i = j * o->stride - o->pad; return i < 0 ? 0 : i; }
static inline int64_t behind(const pooling *o, int64_t j) { int64_t i = j * o->stride - o->pad + o->kernel; return i > o->n ? o->n : i; }
static inline int whole(const pooling *o, int64_t j) { return j * o->stride >= o->pad && j * o->stride - o->pad + o->kernel <= o->n; }

enum { BLOCK = 4 * LANES };  // windows whose values are in registers together

#define LOOPS "pool.c"
#include "versions.h"

#define GRAIN (1 + (1 << 14) / o->n)
void k_max_pool(pool *p, float *y, const float *x, const pooling *o, int64_t rows) { RUN_AS(p, rows, GRAIN, pooled, max_pool, y, x, 0, o); }
void k_avg_pool(pool *p, float *y, const float *x, const pooling *o, int64_t rows) { RUN_AS(p, rows, GRAIN, pooled, avg_pool, y, x, 0, o); }
void k_max_pool_grad(pool *p, float *dx, const float *x, const float *dy, const pooling *o, int64_t rows) {
  RUN_AS(p, rows, GRAIN, pooled, max_pool_grad, dx, x, dy, o);
}
void k_avg_pool_grad(pool *p, float *dx, const float *dy, const pooling *o, int64_t rows) { RUN_AS(p, rows, GRAIN, pooled, avg_pool_grad, dx, 0, dy, o); }

#else

// y[j] = LAST(FOLD of window j, its size), whole windows by blocks
#define POOL_ROWS(FOLD, LAST)                                                                       \
  ARGS(pooled);                                                                                     \
  const pooling *o = k->o;                                                                          \
  int64_t s = o->stride, size = o->kernel;                                                          \
  for (int64_t r = lo; r < hi; r++) {                                                               \
    const float *x = k->x + r * o->n;                                                               \
    float *restrict y = k->y + r * o->out;                                                          \
    for (int64_t j = 0; j < o->out;) {                                                              \
      if (j + BLOCK <= o->out && whole(o, j) && whole(o, j + BLOCK - 1)) {                          \
        float acc[BLOCK];                                                                           \
        const float *from = x + j * s - o->pad;                                                     \
        if (s == 2) {                                                                               \
          for (int l = 0; l < BLOCK; l++) acc[l] = from[2 * l];                                     \
          for (int64_t t = 1; t < size; t++)                                                        \
            for (int l = 0; l < BLOCK; l++) acc[l] = FOLD(from[2 * l + t], acc[l]);                 \
        } else {                                                                                    \
          for (int l = 0; l < BLOCK; l++) acc[l] = from[l * s];                                     \
          for (int64_t t = 1; t < size; t++)                                                        \
            for (int l = 0; l < BLOCK; l++) acc[l] = FOLD(from[l * s + t], acc[l]);                 \
        }                                                                                           \
        for (int l = 0; l < BLOCK; l++) y[j + l] = LAST(acc[l], size);                              \
        j += BLOCK;                                                                                 \
        continue;                                                                                   \
      }                                                                                             \
      int64_t a = first(o, j), b = behind(o, j);                                                    \
      float v = x[a];                                                                               \
      for (int64_t i = a + 1; i < b; i++) v = FOLD(x[i], v);                                        \
      y[j++] = LAST(v, b - a);                                                                      \
    }                                                                                               \
  }

#define ITSELF(v, size) (v)
#define MEAN(v, size) ((v) / (size))
KERNEL(max_pool) { POOL_ROWS(ROW_LARGER, ITSELF) }
KERNEL(avg_pool) { POOL_ROWS(ROW_PLUS, MEAN) }

KERNEL(max_pool_grad) {
  ARGS(pooled);
  const pooling *o = k->o;
  for (int64_t r = lo; r < hi; r++) {
    const float *x = k->x + r * o->n, *dy = k->dy + r * o->out;
    float *restrict dx = k->y + r * o->n;
    memset(dx, 0, o->n * sizeof *dx);
    for (int64_t j = 0; j < o->out; j++) {
      int64_t top = first(o, j), b = behind(o, j);
      for (int64_t i = top + 1; i < b; i++)
        if (x[i] > x[top] || x[i] != x[i]) top = i;
      dx[top] += dy[j];
    }
  }
}

KERNEL(avg_pool_grad) {
  ARGS(pooled);
  const pooling *o = k->o;
  for (int64_t r = lo; r < hi; r++) {
    const float *dy = k->dy + r * o->out;
    float *restrict dx = k->y + r * o->n;
    memset(dx, 0, o->n * sizeof *dx);
    for (int64_t j = 0; j < o->out; j++) {
      int64_t a = first(o, j), b = behind(o, j);
      float each = dy[j] / (b - a);
      for (int64_t i = a; i < b; i++) dx[i] += each;
    }
  }
}
#endif
