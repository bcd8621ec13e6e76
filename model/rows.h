// rows.h: reductions of one contiguous row, in a fixed order of addition: n/LANES additions into each of LANES sums.
#ifndef DEEPRC_ROWS_H
#define DEEPRC_ROWS_H
#include "reduce_ops.h"
#include "vecmath.h"

// Σ or the like: FOLD(acc, i) of lane acc with element i, then JOIN(a, b) of two lanes
#define ROW_REDUCE(n, start, FOLD, JOIN)                           \
  float acc[LANES], s = start;                                     \
  for (int l = 0; l < LANES; l++) acc[l] = start;                  \
  int64_t i = 0;                                                   \
  for (; i + LANES <= n; i += LANES)                               \
    for (int l = 0; l < LANES; l++) acc[l] = FOLD(acc[l], i + l);  \
  for (; i < n; i++) s = FOLD(s, i);                               \
  for (int l = 0; l < LANES; l++) s = JOIN(s, acc[l]);             \
  return s;

VEC float row_sum(const float *x, int64_t n) {
#define FOLD(a, i) (a + x[i])
  ROW_REDUCE(n, 0, FOLD, ROW_PLUS)
#undef FOLD
}
VEC float row_max(const float *x, int64_t n) {
#define FOLD(a, i) ROW_LARGER(a, x[i])
  ROW_REDUCE(n, -INFINITY, FOLD, ROW_LARGER)
#undef FOLD
}
VEC float row_min(const float *x, int64_t n) {
#define FOLD(a, i) ROW_SMALLER(a, x[i])
  ROW_REDUCE(n, INFINITY, FOLD, ROW_SMALLER)
#undef FOLD
}
VEC float row_dot(const float *x, const float *y, int64_t n) {  // Σ x·y
#define FOLD(a, i) (a + x[i] * y[i])
  ROW_REDUCE(n, 0, FOLD, ROW_PLUS)
#undef FOLD
}
VEC float row_dot3(const float *x, const float *y, const float *z, int64_t n) {  // Σ x·y·z
#define FOLD(a, i) (a + x[i] * y[i] * z[i])
  ROW_REDUCE(n, 0, FOLD, ROW_PLUS)
#undef FOLD
}
VEC float row_dot_from(const float *x, float c, const float *y, int64_t n) {  // Σ (x − c)·y
#define FOLD(a, i) (a + (x[i] - c) * y[i])
  ROW_REDUCE(n, 0, FOLD, ROW_PLUS)
#undef FOLD
}
VEC float row_square(const float *x, float c, int64_t n) {  // Σ (x − c)²
#define FOLD(a, i) (a + (x[i] - c) * (x[i] - c))
  ROW_REDUCE(n, 0, FOLD, ROW_PLUS)
#undef FOLD
}
#endif
