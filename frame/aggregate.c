#include "aggregate.h"
#include "bits.h"
#include "gather.h"

// EACH runs its body for every row k of group g that is not missing, and asks for cells of x ahead.
#define EACH(x, body)                                                                             \
  for (int64_t i = 0; i < r->n; i++) {                                                            \
    if (r->row && i + 24 < r->n) __builtin_prefetch((x) + r->row[i + 24]);                        \
    uint32_t k = r->row ? r->row[i] : i, g = r->id[i];                                            \
    if (!ok(r->valid, r->bit0 + k)) continue;                                                     \
    body                                                                                          \
  }

void agg_count(int64_t *out, const agg_rows *r) {
  if (!r->valid) {
    for (int64_t i = 0; i < r->n; i++) out[r->id[i]]++;
    return;
  }
  EACH(r->valid, out[g]++;)
}

void agg_sum_f64(double *out, const agg_rows *r, const double *x) { EACH(x, out[g] += x[k];) }

int64_t agg_sum_i64(int64_t *out, const agg_rows *r, const int64_t *x) {
  EACH(x, if (__builtin_add_overflow(out[g], x[k], &out[g])) return k;)
  return -1;
}

int64_t agg_sum_u64(uint64_t *out, const agg_rows *r, const uint64_t *x) {
  EACH(x, if (__builtin_add_overflow(out[g], x[k], &out[g])) return k;)
  return -1;
}

static inline void add(agg_wide *s, uint64_t lo, uint64_t hi) { s->hi += hi + __builtin_add_overflow(s->lo, lo, &s->lo); }

void agg_wide_i64(agg_wide *out, const agg_rows *r, const int64_t *x) { EACH(x, add(out + g, x[k], x[k] >> 63);) }

void agg_wide_u64(agg_wide *out, const agg_rows *r, const uint64_t *x) { EACH(x, add(out + g, x[k], 0);) }

void agg_wide_128(agg_wide *out, const agg_rows *r, const agg_wide *x) { EACH(x, add(out + g, x[k].lo, x[k].hi);) }

void agg_squares(double *out, const agg_rows *r, const double *x, const double *mean) {
  EACH(x, double d = x[k] - mean[g]; out[g] += d * d;)
}

void agg_least(uint32_t *out, uint64_t *best, const agg_rows *r, const uint64_t *w) {
  EACH(w, if (out[g] == NO_ROW || w[k] < best[g] || (w[k] == best[g] && k < out[g])) { out[g] = k; best[g] = w[k]; })
}

void agg_most(uint32_t *out, uint64_t *best, const agg_rows *r, const uint64_t *w) {
  EACH(w, if (out[g] == NO_ROW || w[k] > best[g] || (w[k] == best[g] && k < out[g])) { out[g] = k; best[g] = w[k]; })
}

void agg_first(uint32_t *out, const agg_rows *r) { EACH(r->valid, if (out[g] == NO_ROW || k < out[g]) out[g] = k;) }

void agg_last(uint32_t *out, const agg_rows *r) { EACH(r->valid, if (out[g] == NO_ROW || k > out[g]) out[g] = k;) }

void agg_spread(uint64_t *to, int64_t *start, const agg_rows *r, const uint64_t *w) {
  EACH(w, to[start[g]++] = w[k];)
}
