#include "complex.h"
#include "isa.h"
#include "vecmath.h"

#ifndef ISA
struct blocks { float *y; const float *x, *dy; int64_t m, n; };
#define LOOPS "complex.c"
#include "versions.h"

void k_complex_tanh(pool *p, float *y, const float *x, int64_t N, int64_t m, int64_t n) { RUN_AS(p, N * m, 1 + (1 << 12) / n, blocks, tanh_rows, y, x, 0, m, n); }
void k_complex_tanh_grad(pool *p, float *dx, const float *y, const float *dy, int64_t N, int64_t m, int64_t n) {
  RUN_AS(p, N * m, 1 + (1 << 13) / n, blocks, tanh_rows_grad, dx, y, dy, m, n);
}

#else

// sin x and cos x to 1e-7, for |x| below 1e4 (Cephes' sinf and cosf)
static inline __attribute__((always_inline)) void NAME(sincos)(float x, float *sin, float *cos) {
  const float round = 12582912.0f;  // see v_exp2arg
  float t = x * 0.636619772f + round, k = t - round;
  int32_t q = v_bits(t);
  float r = x - k * 1.5703125f;
  r = r - k * 4.837512969970703125e-4f;
  r = r - k * 7.54978995489188216e-8f;
  float z = r * r;
  float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
  float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1;
  float a = q & 1 ? c : s, b = q & 1 ? s : c;
  *sin = q & 2 ? -a : a;
  *cos = (q + 1) & 2 ? -b : b;
}

// tanh(a + ib) = (sinh 2a + i sin 2b)/(cosh 2a + cos 2b), both divided by e^2|a|/2, the denominator written as a sum of squares
KERNEL(tanh_rows) {
  ARGS(blocks);
  int64_t m = k->m, n = k->n;
  for (int64_t r = lo; r < hi; r++) {
    int64_t at = (r / m * 2 * m + r % m) * 2 * n;
    const float *restrict x0 = k->x + at, *restrict x1 = k->x + at + m * 2 * n;
    float *restrict y0 = k->y + at, *restrict y1 = k->y + at + m * 2 * n;
    for (int64_t j = 0; j < n; j++) {
      float a = x0[j] - x1[n + j], b = x0[n + j] + x1[j], s, c;
      NAME(sincos)(b, &s, &c);
      float less = v_expm1(-2 * fabsf(a)), e = less + 1, over = 1 / (less * less + 4 * e * c * c);
      float re = -less * (e + 1) * over, im = 4 * e * s * c * over;
      re = a < 0 ? -re : re;
      y0[j] = re, y0[n + j] = -im, y1[j] = im, y1[n + j] = re;
    }
  }
}

// dz = dt · conj(1 − t²)
KERNEL(tanh_rows_grad) {
  ARGS(blocks);
  int64_t m = k->m, n = k->n;
  for (int64_t r = lo; r < hi; r++) {
    int64_t at = (r / m * 2 * m + r % m) * 2 * n, next = at + m * 2 * n;
    const float *restrict t0 = k->x + at, *restrict t1 = k->x + next, *restrict d0 = k->dy + at, *restrict d1 = k->dy + next;
    float *restrict x0 = k->y + at, *restrict x1 = k->y + next;
    for (int64_t j = 0; j < n; j++) {
      float re = t0[j], im = t1[j], dre = d0[j] + d1[n + j], dim = d1[j] - d0[n + j];
      float p = 1 - re * re + im * im, q = 2 * re * im;
      float a = dre * p - dim * q, b = dre * q + dim * p;
      x0[j] = a, x1[n + j] = -a, x0[n + j] = b, x1[j] = b;
    }
  }
}
#endif
