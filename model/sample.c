#include "sample.h"
#include <math.h>
#include "loss.h"
#include "random.h"

// stream is the uniform numbers of one draw: words of counters {place, block, number | SAMPLES}.
struct stream { uint32_t counter[4], key[2], word[4]; int used; };

#define SAMPLES 0x80000000u  // apart from the counters of dropout

// a uniform number in (0, 1)
static double uniform(struct stream *s) {
  if (s->used == 4) {
    philox(s->word, s->counter, s->key);
    s->counter[2]++;
    s->used = 0;
  }
  return (s->word[s->used++] + 0.5) / 4294967296.0;
}

// Box and Muller 1958
static double normal(struct stream *s) {
  double r = sqrt(-2 * log(uniform(s)));
  return r * cos(2 * M_PI * uniform(s));
}

// Student's t of n degrees of freedom (Bailey 1994, Polar generation of random variates with the t-distribution, Math. Comp. 62)
static double student(struct stream *s, double n) {
  double r = sqrt(n * expm1(-2 / n * log(uniform(s))));
  return r * cos(2 * M_PI * uniform(s));
}

// the gamma distribution of shape a and scale 1 (Marsaglia and Tsang 2000, A simple method for generating gamma variables, §2 and §6)
static double gamma_draw(struct stream *s, double a) {
  double boost = 1;
  if (a < 1) boost = pow(uniform(s), 1 / a), a += 1;
  double d = a - 1 / 3., c = 1 / sqrt(9 * d);
  for (;;) {
    double x = normal(s), v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    if (log(uniform(s)) < 0.5 * x * x + d - d * v + d * log(v)) return boost * d * v;
  }
}

// inversion below a rate of 10; above PTRS (Hörmann 1993, The transformed rejection method for generating Poisson random variables, §4)
static double poisson(struct stream *s, double rate) {
  if (rate < 10) {
    double u = uniform(s), p = exp(-rate), k = 0;
    for (; u > p && k < 200; k++) u -= p, p *= rate / (k + 1);
    return k;
  }
  double b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b, v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    double u = uniform(s) - 0.5, v = uniform(s), us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (log(v) + log(1.1239 + 1.1328 / (b - 3.4)) - log(a / (us * us) + b) <= k * log(rate) - rate - ln_gamma(k + 1)) return k;
  }
}

static double draw(struct stream *s, int kind, const float *p) {
  switch (kind) {
    case K_NORMAL: return p[0] + p[1] * normal(s);
    case K_STUDENT: return p[1] + p[2] * student(s, p[0]);
    case K_POISSON: return poisson(s, p[0]);
    default: return poisson(s, (double)p[0] * p[1] * gamma_draw(s, 1 / (double)p[1]));  // of a rate that is gamma distributed, of mean m and variance a·m²
  }
}

struct sample { float *y; const float *p; const int64_t *state; uint32_t number; int kind; int64_t k, per; };

static void samples(const void *args, int64_t lo, int64_t hi) {
  const struct sample *k = args;
  uint64_t seed = (uint64_t)k->state[0], first = (uint64_t)k->state[2] * (uint64_t)k->per;
  for (int64_t i = lo; i < hi; i++) {
    const float *p = k->p + i * k->k;
    int finite = 1;
    for (int64_t j = 0; j < k->k; j++) finite &= isfinite(p[j]) != 0;
    uint64_t place = first + (uint64_t)i;
    struct stream s = {{(uint32_t)place, (uint32_t)(place >> 32), 0, (k->number + (uint32_t)k->state[1]) | SAMPLES}, {(uint32_t)seed, (uint32_t)(seed >> 32)}, {0}, 4};
    k->y[i] = finite ? (float)draw(&s, k->kind, p) : NAN;  // rejection would never end
  }
}

void k_sample(pool *pl, float *y, const float *p, const int64_t *state, uint32_t number, int kind, int64_t k, int64_t per, int64_t n) {
  struct sample args = {y, p, state, number, kind, k, per};
  parallel(pl, n, 1 << 8, samples, &args);
}
