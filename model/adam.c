#include "isa.h"
#include "adam.h"
#include "adam_ops.h"
#include "tile.h"

#ifndef ISA
struct adam {
  double *part;
  float *p, *m, *v;
  const float *g;
  int64_t n, each;
  adam_rule rule;
};
struct squares {
  double *part;
  const float *g;
  int64_t n, each;
  float inv;
};

// √ of a vector: a loop over sqrtf does not vectorise, since it may set errno.
#ifdef __x86_64__
VEC __m128 root_base(__m128 x) { return _mm_sqrt_ps(x); }
VEC __attribute__((target("avx2"))) __m256 root_avx2(__m256 x) { return _mm256_sqrt_ps(x); }
VEC __attribute__((target("avx512f"))) __m512 root_avx512(__m512 x) { return _mm512_sqrt_ps(x); }
#else
typedef float four __attribute__((vector_size(16)));
VEC four root_base(four x) { return (four){sqrtf(x[0]), sqrtf(x[1]), sqrtf(x[2]), sqrtf(x[3])}; }
#endif

#define LOOPS "adam.c"
#include "versions.h"

// PARTS of the slab have a sum of squares each, so that their order does not depend on the threads.
enum { PARTS = 64, LEAST = 1 << 12 };

void k_adam(pool *pl, float *norm2, float *p, const float *g, float *m, float *v, const float *count, const float *hyper,
            int64_t n, float beta1, float beta2, float eps, float decay, int decoupled, float clip) {
  double part[PARTS] = {0}, total = 0;
  int64_t each = (n / PARTS / LANES + 1) * LANES;
  if (each < LEAST) each = LEAST;
  adam_rule rule = adam_rule_of(count[0], hyper, beta1, beta2, eps, decay, decoupled);
  if (clip > 0) {
    RUN(pl, (n + each - 1) / each, 1, squares, part, g, n, each, rule.inv);
    for (int i = 0; i < PARTS; i++) total += part[i];
    adam_clip(&rule, clip, total);
    norm2[0] = (float)total;
  }
  RUN(pl, (n + each - 1) / each, 1, adam, part, p, m, v, g, n, each, rule);
  if (clip > 0) return;
  for (int i = 0; i < PARTS; i++) total += part[i];
  norm2[0] = (float)total;
}

#else

#define AT(x) (*(VECTOR *)((x) + i + l * WIDTH))

KERNEL(adam) {
  const struct adam copy = *(const struct adam *)args, *k = &copy;  // no store can change it
  float *p = k->p, *m = k->m, *v = k->v;
  const float *g = k->g;
  for (int64_t part = lo; part < hi; part++) {
    int64_t i = part * k->each, end = i + k->each < k->n ? i + k->each : k->n;
    VECTOR acc[LANES / WIDTH] = {0};
    float rest = 0;
    for (; i + LANES <= end; i += LANES)
      for (int l = 0; l < LANES / WIDTH; l++) ADAM_UPDATE(VECTOR, k->rule, AT(p), AT(m), AT(v), AT(g), acc[l], NAME(root));
    for (; i < end; i++) ADAM_UPDATE(float, k->rule, p[i], m[i], v[i], g[i], rest, v_sqrt);
    double s = rest;
    for (int l = 0; l < LANES; l++) s += acc[l / WIDTH][l % WIDTH];
    k->part[part] = s;
  }
}
#undef AT

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
