#include "kernels.h"
#include <math.h>
#include <string.h>
#ifdef __SSE__
#include <immintrin.h>
#endif

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#define LANES 16                        // partial sums of a reduction; the order is fixed, so results repeat

// averages from ≤ t < to of one row by a running sum, the ends of the row repeated
static void running_avg(float *y, const float *x, int64_t cols, int64_t h, int64_t from, int64_t to) {
  double s = 0, k = 2 * h + 1;
  for (int64_t j = from - h; j <= from + h; j++) s += x[j < 0 ? 0 : j >= cols ? cols - 1 : j];
  for (int64_t t = from; t < to; t++) {
    y[t] = (float)(s / k);
    int64_t out = t - h, in = t + h + 1;
    s += (double)x[in >= cols ? cols - 1 : in] - x[out < 0 ? 0 : out];
  }
}

// Inside a row, where no end is repeated, a block of averages at a time: k vector additions each.
CLONES
void k_moving_avg(float *restrict y, const float *restrict x, int64_t rows, int64_t cols, int64_t k) {
  enum { BLOCK = 4 * LANES, WIDE = 65 };
  int64_t h = k / 2;
  float inv = 1.0f / k;
  for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
    int64_t t = h < cols ? h : cols;
    if (k > WIDE) t = 0;
    running_avg(y, x, cols, h, 0, t);
    for (; k <= WIDE && t + BLOCK + h <= cols; t += BLOCK) {
      float acc[BLOCK] = {0};
      for (int64_t j = t - h; j <= t + h; j++)
        for (int l = 0; l < BLOCK; l++) acc[l] += x[j + l];
      for (int l = 0; l < BLOCK; l++) y[t + l] = acc[l] * inv;
    }
    running_avg(y, x, cols, h, t, cols);
  }
}

// The transpose of k_moving_avg: each dy spreads evenly over the window it averaged.
CLONES
void k_moving_avg_grad(float *restrict dx, const float *restrict dy, int64_t rows, int64_t cols, int64_t k) {
  int64_t h = k / 2;
  for (int64_t r = 0; r < rows; r++, dx += cols, dy += cols) {
    memset(dx, 0, cols * sizeof *dx);
    for (int64_t t = 0; t < cols; t++)
      for (int64_t j = t - h; j <= t + h; j++) dx[j < 0 ? 0 : j >= cols ? cols - 1 : j] += dy[t] / k;
  }
}

static inline float loss_of(float d, int kind, float delta) {
  float a = fabsf(d);
  if (kind == K_MSE) return d * d;
  if (kind == K_MAE) return a;
  return a <= delta ? 0.5f * d * d : delta * (a - 0.5f * delta);
}

static inline float slope_of(float d, int kind, float delta) {
  float sign = (float)((d > 0) - (d < 0));
  if (kind == K_MSE) return 2 * d;
  if (kind == K_MAE) return d != d ? d : sign;
  return fabsf(d) <= delta ? d : d != d ? d : delta * sign;
}

// One copy of the loop per kind, so that the kind is a constant in it.
#define LOSS(KIND)                                                        \
  for (int64_t r = 0; r < rows; r++) {                                    \
    const float *pr = p + r * cols, *tr = t + r * cols;                   \
    float acc[LANES] = {0}, cnt[LANES] = {0}, s = 0, c = 0;               \
    int64_t j = 0;                                                        \
    if (w[r / per] == 0) continue;                                        \
    for (; j + LANES <= cols; j += LANES)                                 \
      for (int l = 0; l < LANES; l++) {                                   \
        float tv = tr[j + l], e = loss_of(pr[j + l] - tv, KIND, delta);   \
        acc[l] += tv == tv ? e : 0;                                       \
        cnt[l] += tv == tv ? 1 : 0;                                       \
      }                                                                   \
    for (; j < cols; j++)                                                 \
      if (tr[j] == tr[j]) s += loss_of(pr[j] - tr[j], KIND, delta), c++;  \
    for (int l = 0; l < LANES; l++) s += acc[l], c += cnt[l];             \
    sum += (double)w[r / per] * s;                                        \
    count += (double)w[r / per] * c;                                      \
  }

CLONES
void k_loss(float *out, const float *restrict p, const float *restrict t, const float *restrict w, int64_t rows,
            int64_t cols, int64_t per, int kind, float delta) {
  double sum = 0, count = 0;
  if (kind == K_MSE) { LOSS(K_MSE) }
  else if (kind == K_MAE) { LOSS(K_MAE) }
  else { LOSS(K_HUBER) }
  out[0] = (float)sum;
  out[1] = (float)count;
}

#define LOSS_GRAD(KIND)                                                                      \
  for (int64_t r = 0; r < rows; r++) {                                                       \
    float c = w[r / per] * dy[0];                                                            \
    for (int64_t j = r * cols; j < (r + 1) * cols; j++)                                      \
      dp[j] = t[j] == t[j] && c != 0 ? c * slope_of(p[j] - t[j], KIND, delta) : 0;           \
  }

CLONES
void k_loss_grad(float *restrict dp, const float *restrict p, const float *restrict t, const float *restrict w,
                 const float *restrict dy, int64_t rows, int64_t cols, int64_t per, int kind, float delta) {
  if (kind == K_MSE) { LOSS_GRAD(K_MSE) }
  else if (kind == K_MAE) { LOSS_GRAD(K_MAE) }
  else { LOSS_GRAD(K_HUBER) }
}

// sqrtf may set errno, so the compiler will not vectorise it, and cgo lets -fno-math-errno not through.
static inline void sqrt_lanes(float *x) {
#ifdef __SSE__
  for (int l = 0; l < LANES; l += 4) _mm_storeu_ps(x + l, _mm_sqrt_ps(_mm_loadu_ps(x + l)));
#else
  for (int l = 0; l < LANES; l++) x[l] = sqrtf(x[l]);
#endif
}

// Σ (g·inv)², in the order of k_adam's own sum.
CLONES
static float sum_squares(const float *restrict g, float inv, int64_t n) {
  float acc[LANES] = {0};
  double total = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) acc[l] += (g[i + l] * inv) * (g[i + l] * inv);
  for (int l = 0; i + l < n; l++) acc[l] += (g[i + l] * inv) * (g[i + l] * inv);
  for (int l = 0; l < LANES; l++) total += acc[l];
  return (float)total;
}

CLONES
void k_adam(float *norm2, float *restrict p, const float *restrict g, float *restrict m, float *restrict v,
            const float *count, const float *hyper, int64_t n, float beta1, float beta2, float eps, float decay,
            int decoupled, float clip) {
  float inv = 1 / count[0], step = hyper[0] / hyper[1], root2 = 1 / sqrtf(hyper[2]);
  float keep = decoupled ? 1 - hyper[0] * decay : 1, l2 = decoupled ? 0 : decay;
  float acc[LANES] = {0}, whole = 0;
  double total = 0;
  if (clip > 0) {
    whole = sum_squares(g, inv, n);
    inv *= fminf(1, clip / (sqrtf(whole) + 1e-6f));
  }
  for (int64_t i = 0; i < n; i += LANES, p += LANES, g += LANES, m += LANES, v += LANES) {
    float d[LANES], root[LANES], old[LANES];
    int e = n - i < LANES ? (int)(n - i) : LANES;
    if (e == LANES) {
      for (int l = 0; l < LANES; l++) d[l] = g[l] * inv, old[l] = p[l];
      for (int l = 0; l < LANES; l++) acc[l] += d[l] * d[l], d[l] += l2 * old[l];
      for (int l = 0; l < LANES; l++) m[l] = beta1 * m[l] + (1 - beta1) * d[l];
      for (int l = 0; l < LANES; l++) root[l] = v[l] = beta2 * v[l] + (1 - beta2) * d[l] * d[l];
      sqrt_lanes(root);
      for (int l = 0; l < LANES; l++) p[l] = keep * old[l] - step * m[l] / (root[l] * root2 + eps);
    } else {
      for (int l = 0; l < e; l++) {
        d[l] = g[l] * inv;
        acc[l] += d[l] * d[l];
        d[l] += l2 * p[l];
        m[l] = beta1 * m[l] + (1 - beta1) * d[l];
        v[l] = beta2 * v[l] + (1 - beta2) * d[l] * d[l];
        p[l] = keep * p[l] - step * m[l] / (sqrtf(v[l]) * root2 + eps);
      }
    }
  }
  for (int l = 0; l < LANES; l++) total += acc[l];
  norm2[0] = clip > 0 ? whole : (float)total;
}
