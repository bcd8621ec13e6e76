#include "isa.h"
#include "loss.h"
#include "vecmath.h"

#ifndef ISA
#include <math.h>
struct loss { float *y; const float *dy, *p, *t, *w, *div, *q; int64_t h, n, per; int kind; float delta; };

// Stirling's series after x is raised to 10 or more by Γ(x+1) = x·Γ(x) (Abramowitz and Stegun 1964, 6.1.41).
double ln_gamma(double x) {
  double product = 1;
  for (; x < 10; x++) product *= x;
  double z = 1 / (x * x);
  double series = (1 / 12. - z * (1 / 360. - z * (1 / 1260. - z * (1 / 1680. - z * (1 / 1188. - z * (691 / 360360. - z / 156.)))))) / x;
  return (x - 0.5) * log(x) - x + 0.91893853320467274178 + series - log(product);
}

// ibid., 6.3.5 and 6.3.18
double digamma(double x) {
  double sum = 0;
  for (; x < 10; x++) sum += 1 / x;
  double z = 1 / (x * x);
  return log(x) - 0.5 / x - z * (1 / 12. - z * (1 / 120. - z * (1 / 252. - z * (1 / 240. - z * (1 / 132. - z * (691 / 32760. - z / 12.)))))) - sum;
}

double likelihood(int kind, const float *p, double y, float *d) {
  switch (kind) {
    case K_NORMAL: {
      double s = p[1], z = (y - p[0]) / s;
      if (d) d[0] = (float)(-z / s), d[1] = (float)((1 - z * z) / s);
      return 0.5 * z * z + log(s) + 0.91893853320467274178;
    }
    case K_STUDENT: {
      double n = p[0], s = p[2], z = (y - p[1]) / s, v = n + z * z, l = log1p(z * z / n);
      if (d) {
        d[0] = (float)(0.5 * (1 / n + digamma(n / 2) - digamma((n + 1) / 2) + l - (n + 1) * z * z / (n * v)));
        d[1] = (float)(-(n + 1) * z / (s * v));
        d[2] = (float)((1 - (n + 1) * z * z / v) / s);
      }
      return log(s) + 0.5 * log(n * M_PI) + ln_gamma(n / 2) - ln_gamma((n + 1) / 2) + 0.5 * (n + 1) * l;
    }
    case K_POISSON: {
      double r = p[0];
      if (d) d[0] = (float)(1 - y / r);
      return r - y * log(r) + ln_gamma(y + 1);
    }
    default: {  // n = 1/a failures, probability m·a/(1 + m·a)
      double m = p[0], a = p[1], n = 1 / a, c = 1 + m * a, q = m * a / c + 1e-8;
      if (d) {
        double dn = -log1p(-q) - digamma(n + y) + digamma(n), dq = n / (1 - q) - y / q;
        d[0] = (float)(dq * a / (c * c));
        d[1] = (float)(dq * m / (c * c) - dn * n * n);
      }
      return -n * log1p(-q) - y * log(q) - ln_gamma(n + y) + ln_gamma(1 + y) + ln_gamma(n);
    }
  }
}

#define LOOPS "loss.c"
#include "versions.h"

#define GRAIN (1 + (1 << 12) / (h * k))
void k_loss(pool *pl, float *y, const float *p, const float *t, const float *w, const float *div, const float *q, int64_t h,
            int64_t k, int64_t per, int kind, float delta, int64_t rows) {
  RUN_AS(pl, rows, GRAIN, loss, loss_rows, y, 0, p, t, w, div, q, h, k, per, kind, delta);
}
void k_loss_grad(pool *pl, float *dp, const float *dy, const float *p, const float *t, const float *w, const float *div,
                 const float *q, int64_t h, int64_t k, int64_t per, int kind, float delta, int64_t rows) {
  RUN_AS(pl, rows, GRAIN, loss, loss_slopes, dp, dy, p, t, w, div, q, h, k, per, kind, delta);
}

#else

#define SIGN(x) ((x) > 0 ? 1.0f : (x) < 0 ? -1.0f : (x) != (x) ? (x) : 0.0f)

// e of a point forecast p and target t; d = p − t
VEC float NAME(error)(float p, float t, int kind, float delta) {
  float d = p - t, a = fabsf(d), s = fabsf(p) + fabsf(t);
  switch (kind) {
    case K_SQUARED: return d * d;
    case K_ABSOLUTE: return a;
    case K_HUBER: return a <= delta ? 0.5f * d * d : delta * (a - 0.5f * delta);
    case K_MAPE: return t == 0 ? 0.0f : a / fabsf(t);
    default: return s == 0 ? 0.0f : 2 * a / s;
  }
}

VEC float NAME(slope)(float p, float t, int kind, float delta) {
  float d = p - t, a = fabsf(d), s = fabsf(p) + fabsf(t);
  switch (kind) {
    case K_SQUARED: return 2 * d;
    case K_ABSOLUTE: return SIGN(d);
    case K_HUBER: return a <= delta ? d : delta * SIGN(d);
    case K_MAPE: return t == 0 ? 0.0f : SIGN(d) / fabsf(t);
    default: return s == 0 ? 0.0f : 2 * (SIGN(d) * s - a * SIGN(p)) / (s * s);
  }
}

#define POINT_ROW(KIND)                                                   \
  for (; j + LANES <= h; j += LANES)                                      \
    for (int l = 0; l < LANES; l++) {                                     \
      float e = NAME(error)(p[j + l], t[j + l], KIND, k->delta);          \
      acc[l] += t[j + l] == t[j + l] ? e : 0;                             \
    }                                                                     \
  for (; j < h; j++)                                                      \
    if (t[j] == t[j]) s += NAME(error)(p[j], t[j], KIND, k->delta);       \
  break;

KERNEL(loss_rows) {
  ARGS(loss);
  int64_t h = k->h, n = k->n;
  for (int64_t r = lo; r < hi; r++) {
    const float *p = k->p + r * h * n, *t = k->t + r * h;
    float w = k->w[r / k->per], scale = !k->div ? 1 : k->div[r] > 0 ? 1 / k->div[r] : 0, acc[LANES] = {0}, count = 0;
    double s = 0;
    int64_t j = 0;
    k->y[2 * r] = k->y[2 * r + 1] = 0;
    if (w == 0) continue;
    for (int64_t i = 0; i < h; i++) count += t[i] == t[i] ? 1 : 0;
    switch (k->kind) {
      case K_SQUARED: POINT_ROW(K_SQUARED)
      case K_ABSOLUTE: POINT_ROW(K_ABSOLUTE)
      case K_HUBER: POINT_ROW(K_HUBER)
      case K_MAPE: POINT_ROW(K_MAPE)
      case K_SMAPE: POINT_ROW(K_SMAPE)
      case K_QUANTILES:
        for (; j < h; j++)
          for (int64_t q = 0; q < n; q++) {
            float d = t[j] - p[j * n + q], e = d > 0 ? k->q[q] * d : (k->q[q] - 1) * d;
            s += t[j] == t[j] ? e : 0;
          }
        break;
      default:
        for (; j < h; j++)
          if (t[j] == t[j]) s += likelihood(k->kind, p + j * n, t[j], 0);
    }
    for (int l = 0; l < LANES; l++) s += acc[l];
    k->y[2 * r] = (float)(w * scale * s);
    k->y[2 * r + 1] = w * count;
  }
}

#define POINT_SLOPES(KIND)                                                \
  for (int64_t j = 0; j < h; j++) {                                       \
    float e = c * NAME(slope)(p[j], t[j], KIND, k->delta);                \
    d[j] = t[j] == t[j] ? e : 0;                                          \
  }                                                                       \
  break;

KERNEL(loss_slopes) {
  ARGS(loss);
  int64_t h = k->h, n = k->n;
  for (int64_t r = lo; r < hi; r++) {
    const float *p = k->p + r * h * n, *t = k->t + r * h;
    float *restrict d = k->y + r * h * n, scale = !k->div ? 1 : k->div[r] > 0 ? 1 / k->div[r] : 0;
    float c = k->dy[2 * r] * k->w[r / k->per] * scale;
    if (c == 0) {
      for (int64_t j = 0; j < h * n; j++) d[j] = 0;
      continue;
    }
    switch (k->kind) {
      case K_SQUARED: POINT_SLOPES(K_SQUARED)
      case K_ABSOLUTE: POINT_SLOPES(K_ABSOLUTE)
      case K_HUBER: POINT_SLOPES(K_HUBER)
      case K_MAPE: POINT_SLOPES(K_MAPE)
      case K_SMAPE: POINT_SLOPES(K_SMAPE)
      case K_QUANTILES:
        for (int64_t j = 0; j < h; j++)
          for (int64_t q = 0; q < n; q++) {
            float e = t[j] - p[j * n + q];
            d[j * n + q] = t[j] != t[j] ? 0 : e > 0 ? -c * k->q[q] : e < 0 ? c * (1 - k->q[q]) : e == 0 ? 0 : e;
          }
        break;
      default:
        for (int64_t j = 0; j < h; j++) {
          if (t[j] == t[j]) likelihood(k->kind, p + j * n, t[j], d + j * n);
          for (int64_t q = 0; q < n; q++) d[j * n + q] = t[j] == t[j] ? c * d[j * n + q] : 0;
        }
    }
  }
}
#endif
