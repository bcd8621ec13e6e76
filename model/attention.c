#include "attention.h"
#include "isa.h"
#include "philox.h"
#include "rows.h"
#include "tile.h"
#include <string.h>

#ifndef ISA
struct attend { const attention *o; float *out; const float *y, *q, *k, *v, *bias; const int64_t *state; const float *dy; int scores; };

enum { QUERIES = 48, KEYS = 64 };  // of a block; multiples of a tile's rows and vectors in every version

static inline int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

// bias (Lq, Lk) of attention n, or 0
static inline const float *bias_of(const attention *o, const float *bias, int64_t n) {
  if (!bias) return 0;
  int64_t at = 0;
  for (int64_t d = o->biases.axes - 1; d >= 0; d--) {
    at += n % o->biases.dim[d] * o->biases.move[0][d];
    n /= o->biases.dim[d];
  }
  return bias + at * o->Lq * o->Lk;
}

#define LOOPS "attention.c"
#include "versions.h"

void k_attention(pool *p, const attention *o, float *y, const float *q, const float *k, const float *v, const float *bias,
                 const int64_t *state) {
  int64_t blocks = (o->Lq + QUERIES - 1) / QUERIES, work = QUERIES * o->Lk * (o->d + o->dv);
  RUN_AS(p, o->N * blocks, 1 + (1 << 18) / work, attend, attention, o, y, 0, q, k, v, bias, state, 0, 0);
}
void k_attention_grad(pool *p, const attention *o, float *d, const float *y, const float *q, const float *k, const float *v, const float *bias,
                      const int64_t *state, const float *dy, int scores) {
  RUN_AS(p, o->N, 1 + (1 << 18) / (o->Lq * o->Lk * (o->d + o->dv)), attend, attention_grad, o, d, y, q, k, v, bias, state, dy, scores);
}

#else

// t (d, KEYS) = the transpose of x (n, d), filled up with zeros
static void NAME(turn)(float *t, const float *x, int64_t n, int64_t d) {
  for (int64_t c = 0; c < d; c++) {
    for (int64_t j = 0; j < n; j++) t[c * KEYS + j] = x[j * d + c];
    for (int64_t j = n; j < KEYS; j++) t[c * KEYS + j] = 0;
  }
}

// t (n, padded(d)) = x (n, d), filled up with zeros
static void NAME(widen)(float *t, const float *x, int64_t n, int64_t d) {
  int64_t w = padded(d);
  for (int64_t i = 0; i < n; i++) {
    memcpy(t + i * w, x + i * d, d * sizeof *t);
    memset(t + i * w + d, 0, (w - d) * sizeof *t);
  }
}

// s (rows, KEYS) = scores of queries from q0 and keys from k0, −∞ where a query does not see a key. kt is from turn.
static void NAME(scores)(const attention *o, float *s, const float *q, const float *kt, const float *bias, int64_t q0, int64_t rows, int64_t k0, int64_t keys) {
  const sums product = {o->d, 1, o->d, 1, 0, KEYS, 0};
  NAME(add_up)(rows, KEYS, &product, q + q0 * o->d, kt, 0, 0, s, KEYS);
  for (int64_t i = 0; i < rows; i++) {
    float *restrict t = s + i * KEYS;
    int64_t seen = o->causal ? lesser(keys, q0 + i - k0 + 1) : keys;
    if (seen < 0) seen = 0;
    const float *b = bias ? bias + (q0 + i) * o->Lk + k0 : 0;
    for (int64_t j = 0; j < KEYS; j++) t[j] *= o->scale;
    if (b)
      for (int64_t j = 0; j < seen; j++) t[j] += b[j];
    for (int64_t j = seen; j < KEYS; j++) t[j] = -INFINITY;
  }
}

// keep (KEYS) = 1/(1 − rate), or 0 where the weight of query i of attention n for a key from k0 falls. Computed again wherever it is asked for.
static void NAME(kept)(const attention *o, const int64_t *state, float *restrict keep, int64_t n, int64_t i, int64_t k0, int64_t keys) {
  uint64_t e = (((uint64_t)state[2] * (uint64_t)o->rows + (uint64_t)n) * (uint64_t)o->Lq + (uint64_t)i) * (uint64_t)o->Lk + (uint64_t)k0;
  uint32_t word[KEYS + 4 * COUNTERS], below = fall_below(o->rate);
  int64_t skip = e % 4;
  float scale = 1 / (1 - o->rate);
  for (int64_t w = 0; w < skip + keys; w += 4 * COUNTERS)
    NAME(philox_words)(word + w, (e + (uint64_t)w) / 4, (uint32_t)state[1], o->number, (uint64_t)state[0]);
  for (int64_t j = 0; j < keys; j++) keep[j] = word[skip + j] < below ? 0 : scale;
  for (int64_t j = keys; j < KEYS; j++) keep[j] = 0;
}

// Dao et al. 2022, algorithm 1: the softmax of what was seen so far, corrected when a larger score comes.
KERNEL(attention) {  // blocks of queries
  ARGS(attend);
  const attention *o = k->o;
  int64_t blocks = (o->Lq + QUERIES - 1) / QUERIES, wide = padded(o->dv);
  _Alignas(64) float kt[HEAD * KEYS], vp[KEYS * HEAD], s[QUERIES * KEYS], sum[QUERIES * HEAD], keep[KEYS];
  float top[QUERIES], total[QUERIES];
  for (int64_t r = lo; r < hi; r++) {
    int64_t n = r / blocks, q0 = r % blocks * QUERIES, rows = lesser(o->Lq - q0, QUERIES);
    const float *q = k->q + n * o->Lq * o->d, *bias = bias_of(o, k->bias, n);
    for (int64_t i = 0; i < rows; i++) top[i] = -INFINITY, total[i] = 0;
    memset(sum, 0, rows * wide * sizeof *sum);
    for (int64_t k0 = 0; k0 < o->Lk && !(o->causal && k0 >= q0 + rows); k0 += KEYS) {
      int64_t keys = lesser(o->Lk - k0, KEYS);
      NAME(turn)(kt, k->k + (n * o->Lk + k0) * o->d, keys, o->d);
      NAME(widen)(vp, k->v + (n * o->Lk + k0) * o->dv, keys, o->dv);
      NAME(scores)(o, s, q, kt, bias, q0, rows, k0, keys);
      for (int64_t i = 0; i < rows; i++) {
        float *restrict t = s + i * KEYS, *restrict a = sum + i * wide;
        float m = ROW_LARGER(top[i], row_max(t, KEYS)), old = top[i] == m ? 1 : v_exp(top[i] - m);
        if (m == -INFINITY) {
          memset(t, 0, KEYS * sizeof *t);
          continue;
        }
        for (int64_t j = 0; j < KEYS; j++) t[j] = v_exp(t[j] - m);
        total[i] = total[i] * old + row_sum(t, KEYS);
        top[i] = m;
        for (int64_t c = 0; c < wide; c++) a[c] *= old;
        if (o->rate > 0) {
          NAME(kept)(o, k->state, keep, n, q0 + i, k0, keys);
          for (int64_t j = 0; j < KEYS; j++) t[j] *= keep[j];
        }
      }
      const sums product = {keys, 1, KEYS, 1, 0, wide, 0};
      NAME(add_up)(rows, wide, &product, s, vp, 0, 1, sum, wide);
    }
    float *y = k->out + (n * o->Lq + q0) * o->dv, *log = k->out + o->N * o->Lq * o->dv + n * o->Lq + q0;
    for (int64_t i = 0; i < rows; i++) {
      int none = top[i] == -INFINITY;
      for (int64_t c = 0; c < o->dv; c++) y[i * o->dv + c] = none ? 0 : sum[i * wide + c] / total[i];
      log[i] = none ? INFINITY : top[i] + v_log(total[i]);
    }
  }
}

// Dao et al. 2022, algorithm 4: dv = (z p)ᵀ dy, dp = z (dy vᵀ), ds = p (dp − Σ dy y), dq = ds k, dk = dsᵀ q, z what dropout keeps
KERNEL(attention_grad) {
  ARGS(attend);
  const attention *o = k->o;
  int64_t wd = padded(o->d), wv = padded(o->dv);
  _Alignas(64) float kt[HEAD * KEYS], vt[HEAD * KEYS], kp[KEYS * HEAD], dk[KEYS * HEAD], dv[KEYS * HEAD];
  _Alignas(64) float qp[QUERIES * HEAD], gp[QUERIES * HEAD], dq[QUERIES * HEAD], p[QUERIES * KEYS], ds[QUERIES * KEYS], keep[KEYS];
  for (int64_t n = lo; n < hi; n++) {
    const float *q = k->q + n * o->Lq * o->d, *key = k->k + n * o->Lk * o->d, *v = k->v + n * o->Lk * o->dv, *bias = bias_of(o, k->bias, n);
    const float *y = k->y + n * o->Lq * o->dv, *log = k->y + o->N * o->Lq * o->dv + n * o->Lq, *dy = k->dy + n * o->Lq * o->dv;
    float *to_q = k->out + n * o->Lq * o->d, *to_k = k->out + o->N * o->Lq * o->d + n * o->Lk * o->d;
    float *to_v = k->out + o->N * (o->Lq + o->Lk) * o->d + n * o->Lk * o->dv, *to_s = k->out + n * o->Lq * o->Lk;
    if (!k->scores) memset(to_q, 0, o->Lq * o->d * sizeof *to_q);
    for (int64_t k0 = 0; k0 < o->Lk; k0 += KEYS) {
      int64_t keys = lesser(o->Lk - k0, KEYS);
      NAME(turn)(kt, key + k0 * o->d, keys, o->d);
      NAME(turn)(vt, v + k0 * o->dv, keys, o->dv);
      NAME(widen)(kp, key + k0 * o->d, keys, o->d);
      memset(dk, 0, keys * wd * sizeof *dk);
      memset(dv, 0, keys * wv * sizeof *dv);
      for (int64_t q0 = 0; q0 < o->Lq; q0 += QUERIES) {
        int64_t rows = lesser(o->Lq - q0, QUERIES);
        NAME(scores)(o, p, q, kt, bias, q0, rows, k0, keys);
        const sums values = {o->dv, 1, o->dv, 1, 0, KEYS, 0};
        NAME(add_up)(rows, KEYS, &values, dy + q0 * o->dv, vt, 0, 0, ds, KEYS);
        for (int64_t i = 0; i < rows; i++) {
          float *restrict pr = p + i * KEYS, *restrict d = ds + i * KEYS, l = log[q0 + i];
          float mean = row_dot(dy + (q0 + i) * o->dv, y + (q0 + i) * o->dv, o->dv), scale = k->scores ? 1 : o->scale;
          if (o->rate > 0) {
            NAME(kept)(o, k->state, keep, n, q0 + i, k0, keys);
            for (int64_t j = 0; j < KEYS; j++) {
              float e = v_exp(pr[j] - l);
              d[j] = scale * e * (keep[j] * d[j] - mean);
              pr[j] = keep[j] * e;
            }
          } else
            for (int64_t j = 0; j < KEYS; j++) {
              pr[j] = v_exp(pr[j] - l);
              d[j] = scale * pr[j] * (d[j] - mean);
            }
          if (k->scores) memcpy(to_s + (q0 + i) * o->Lk + k0, d, keys * sizeof *d);
        }
        if (k->scores) continue;
        NAME(widen)(qp, q + q0 * o->d, rows, o->d);
        NAME(widen)(gp, dy + q0 * o->dv, rows, o->dv);
        const sums of_v = {rows, 1, 1, KEYS, 0, wv, 0}, of_k = {rows, 1, 1, KEYS, 0, wd, 0}, of_q = {keys, 1, KEYS, 1, 0, wd, 0};
        NAME(add_up)(keys, wv, &of_v, p, gp, 0, 1, dv, wv);
        NAME(add_up)(keys, wd, &of_k, ds, qp, 0, 1, dk, wd);
        NAME(add_up)(rows, wd, &of_q, ds, kp, 0, 0, dq, wd);
        for (int64_t i = 0; i < rows; i++)
          for (int64_t c = 0; c < o->d; c++) to_q[(q0 + i) * o->d + c] += dq[i * wd + c];
      }
      if (k->scores) continue;
      for (int64_t j = 0; j < keys; j++) {
        memcpy(to_k + (k0 + j) * o->d, dk + j * wd, o->d * sizeof *dk);
        memcpy(to_v + (k0 + j) * o->dv, dv + j * wv, o->dv * sizeof *dv);
      }
    }
  }
}
#endif
