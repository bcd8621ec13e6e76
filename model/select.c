#include "select.h"
#include "isa.h"
#include "rows.h"

#ifndef ISA
struct topk { int64_t *y; const float *x; int64_t n, k; };
struct sparsity { float *y; const float *q, *k; const int64_t *at; int64_t Lq, Lk, d, U; };
#define LOOPS "select.c"
#include "versions.h"

static void top(const void *args, int64_t lo, int64_t hi) {
  const struct topk *k = args;
  for (int64_t r = lo; r < hi; r++) {
    const float *x = k->x + r * k->n;
    int64_t *y = k->y + r * k->k, m = 0;
    for (int64_t i = 0; i < k->n; i++) {
      if (m == k->k && !(x[i] > x[y[m - 1]])) continue;
      int64_t j = m < k->k ? m++ : m - 1;
      for (; j > 0 && x[i] > x[y[j - 1]]; j--) y[j] = y[j - 1];
      y[j] = i;
    }
  }
}

void k_topk(pool *p, int64_t *y, const float *x, int64_t rows, int64_t n, int64_t k) {
  struct topk args = {y, x, n, k};
  parallel(p, rows, 1 + (1 << 14) / n, top, &args);
}

void k_sparsity(pool *p, float *y, const float *q, const float *k, const int64_t *at, int64_t N, int64_t Lq, int64_t Lk, int64_t d, int64_t U) {
  RUN(p, N * Lq, 1 + (1 << 15) / (U * d), sparsity, y, q, k, at, Lq, Lk, d, U);
}

#else

KERNEL(sparsity) {
  ARGS(sparsity);
  for (int64_t r = lo; r < hi; r++) {
    const float *q = k->q + r * k->d, *keys = k->k + r / k->Lq * k->Lk * k->d;
    const int64_t *at = k->at + r % k->Lq * k->U;
    float most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < k->U; j++) {
      float s = row_dot(q, keys + at[j] * k->d, k->d);
      most = s > most ? s : most;
      sum += s;
    }
    k->y[r] = most - sum / (float)k->Lk;
  }
}
#endif
