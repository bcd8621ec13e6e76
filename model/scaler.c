#include "isa.h"
#include "rows.h"
#include "scaler.h"

#ifndef ISA
struct window_stats { int kind; float *stats; const float *x, *mask; float eps; int64_t n, stride; };

// MAD of a normal distribution over its deviation: its quantile of ¾
static const double NORMAL_MAD = 0.6744897501960817;

#define LOOPS "scaler.c"
#include "versions.h"

void k_window_stats(pool *p, int kind, float *stats, const float *x, const float *mask, float eps, int64_t rows, int64_t n, int64_t stride) {
  RUN(p, rows, 1 + (1 << 12) / n, window_stats, kind, stats, x, mask, eps, n, stride);
}

#else

// Σ of VALUE(i) over the elements that count, in float64: of equal numbers it is exact, so their deviation is 0
#define MASKED_SUM(name, VALUE, ...)                                                    \
  static double NAME(name)(const float *x, const float *m, int64_t n __VA_ARGS__) {     \
    double acc[LANES] = {0}, s = 0;                                                     \
    int64_t i = 0;                                                                      \
    for (; i + LANES <= n; i += LANES)                                                  \
      for (int l = 0; l < LANES; l++) acc[l] += !m || m[i + l] != 0 ? VALUE(i + l) : 0; \
    for (; i < n; i++) s += !m || m[i] != 0 ? VALUE(i) : 0;                             \
    for (int l = 0; l < LANES; l++) s += acc[l];                                        \
    return s;                                                                           \
  }
#define COMMA ,
#define ONE(i) 1
#define ITSELF(i) (double)x[i]
#define SQUARE(i) (x[i] - c) * (x[i] - c)
MASKED_SUM(count, ONE)
MASKED_SUM(sum, ITSELF)
MASKED_SUM(squares, SQUARE, COMMA double c)

// whole numbers in the order of the floats
VEC int32_t NAME(key)(float x) {
  int32_t b = v_bits(x);
  return b ^ ((b >> 31) & 0x7fffffff);
}
VEC float NAME(of_key)(int32_t k) { return v_float(k ^ ((k >> 31) & 0x7fffffff)); }

// The k-th smallest (from 0) of x, or of |x − c| if far is set: bisection of its bits, 32 passes over a row that is in cache.
static float NAME(smallest)(const float *x, const float *m, int64_t n, int64_t k, float c, int far) {
  int32_t lo = INT32_MIN, hi = INT32_MAX;
  while (lo < hi) {
    int32_t mid = (int32_t)(((int64_t)lo + hi) >> 1);
    int32_t below = 0;
    if (far)
      for (int64_t i = 0; i < n; i++) below += (NAME(key)(fabsf(x[i] - c)) <= mid) & (!m || m[i] != 0);
    else
      for (int64_t i = 0; i < n; i++) below += (NAME(key)(x[i]) <= mid) & (!m || m[i] != 0);
    if (below > k) hi = mid;
    else lo = mid + 1;
  }
  return NAME(of_key)(lo);
}

KERNEL(window_stats) {
  ARGS(window_stats);
  int64_t n = k->n;
  for (int64_t r = lo; r < hi; r++) {
    const float *x = k->x + r * k->stride, *m = k->mask ? k->mask + r * n : 0;
    double there = NAME(count)(x, m, n), shift = 0, scale = 0;
    if (there > 0 && k->kind <= K_ROBUST) {
      double mean = NAME(sum)(x, m, n) / there, deviation = v_sqrt((float)(NAME(squares)(x, m, n, mean) / there));
      shift = mean, scale = deviation;
      if (k->kind == K_ROBUST) {
        int64_t middle = ((int64_t)there - 1) / 2;
        float median = NAME(smallest)(x, m, n, middle, 0, 0), mad = NAME(smallest)(x, m, n, middle, median, 1);
        shift = median, scale = mad > 0 ? mad : deviation * NORMAL_MAD;
      }
    } else if (there > 0) {
      float least = INFINITY, most = -INFINITY;
      for (int64_t i = 0; i < n; i++)
        if (!m || m[i] != 0) least = x[i] < least ? x[i] : least, most = x[i] > most ? x[i] : most;
      shift = least, scale = most - least;
    }
    scale = (scale == 0 ? 1 : scale) + k->eps;
    if (k->kind == K_MINMAX1) shift += scale / 2, scale /= 2;
    k->stats[2 * r] = (float)shift;
    k->stats[2 * r + 1] = (float)scale;
  }
}
#endif
