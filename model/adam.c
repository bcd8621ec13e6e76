#include "isa.h"
#include "adam.h"
#include <math.h>
#include "vecmath.h"

#ifndef ISA
struct adam {
  double *part;
  float *p, *m, *v;
  const float *g;
  int64_t n, each;
  float inv, step, root2, beta1, beta2, eps, keep, l2;
};
struct squares {
  double *part;
  const float *g;
  int64_t n, each;
  float inv;
};

#define LOOPS "adam.c"
#include "versions.h"

// PARTS of the slab have a sum of squares each, so that their order does not depend on the threads.
enum { PARTS = 64, LEAST = 1 << 12 };

void k_adam(pool *pl, float *norm2, float *p, const float *g, float *m, float *v, const float *count, const float *hyper,
            int64_t n, float beta1, float beta2, float eps, float decay, int decoupled, float clip) {
  double part[PARTS] = {0}, total = 0;
  int64_t each = (n / PARTS / LANES + 1) * LANES;
  if (each < LEAST) each = LEAST;
  float inv = 1 / count[0], step = hyper[0] / hyper[1], root2 = 1 / v_sqrt(hyper[2]);
  if (clip > 0) {
    RUN(pl, (n + each - 1) / each, 1, squares, part, g, n, each, inv);
    for (int i = 0; i < PARTS; i++) total += part[i];
    float most = clip / ((float)sqrt(total) + 1e-6f);
    inv *= most < 1 ? most : 1;
    norm2[0] = (float)total;
  }
  RUN(pl, (n + each - 1) / each, 1, adam, part, p, m, v, g, n, each, inv, step, root2, beta1, beta2, eps,
      decoupled ? 1 - hyper[0] * decay : 1, decoupled ? 0 : decay);
  if (clip > 0) return;
  for (int i = 0; i < PARTS; i++) total += part[i];
  norm2[0] = (float)total;
}

#else

#define UPDATE(i, square)                                             \
  do {                                                                \
    float d = g[i] * k->inv;                                          \
    square += d * d;                                                  \
    d += k->l2 * p[i];                                                \
    m[i] = k->beta1 * m[i] + (1 - k->beta1) * d;                      \
    v[i] = k->beta2 * v[i] + (1 - k->beta2) * d * d;                  \
    p[i] = k->keep * p[i] - k->step * m[i] / (v_sqrt(v[i]) * k->root2 + k->eps); \
  } while (0)

KERNEL(adam) {
  ARGS(adam);
  float *restrict p = k->p, *restrict m = k->m, *restrict v = k->v;
  const float *restrict g = k->g;
  for (int64_t part = lo; part < hi; part++) {
    int64_t i = part * k->each, end = i + k->each < k->n ? i + k->each : k->n;
    float acc[LANES] = {0}, rest = 0;
    for (; i + LANES <= end; i += LANES)
      for (int l = 0; l < LANES; l++) UPDATE(i + l, acc[l]);
    for (; i < end; i++) UPDATE(i, rest);
    double s = rest;
    for (int l = 0; l < LANES; l++) s += acc[l];
    k->part[part] = s;
  }
}

KERNEL(squares) {
  ARGS(squares);
  const float *restrict g = k->g;
  for (int64_t part = lo; part < hi; part++) {
    int64_t i = part * k->each, end = i + k->each < k->n ? i + k->each : k->n;
    float acc[LANES] = {0}, rest = 0;
    for (; i + LANES <= end; i += LANES)
      for (int l = 0; l < LANES; l++) acc[l] += (g[i + l] * k->inv) * (g[i + l] * k->inv);
    for (; i < end; i++) rest += (g[i] * k->inv) * (g[i] * k->inv);
    double s = rest;
    for (int l = 0; l < LANES; l++) s += acc[l];
    k->part[part] = s;
  }
}
#endif
