#include "hash.h"
#include "bits.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t float_word(double x) {
  if (x != x) return UINT64_MAX;
  x += 0.0; // −0 + 0 = 0
  uint64_t b;
  memcpy(&b, &x, 8);
  return b >> 63 ? ~b : b | 1ull << 63;
}

#define WORDS(T, expr)                                                                            \
  {                                                                                               \
    const T *f = from;                                                                            \
    for (int64_t i = 0; i < n; i++) to[i] = (expr);                                               \
    break;                                                                                        \
  }
#define SIGN (1ull << 63)

void to_words(uint64_t *restrict to, const void *from, int64_t bit0, int64_t n, int kind) {
  switch (kind) {
  case W_I8: WORDS(int8_t, (uint64_t)(int64_t)f[i] ^ SIGN)
  case W_I16: WORDS(int16_t, (uint64_t)(int64_t)f[i] ^ SIGN)
  case W_I32: WORDS(int32_t, (uint64_t)(int64_t)f[i] ^ SIGN)
  case W_I64: WORDS(int64_t, (uint64_t)f[i] ^ SIGN)
  case W_U8: WORDS(uint8_t, f[i])
  case W_U16: WORDS(uint16_t, f[i])
  case W_U32: WORDS(uint32_t, f[i])
  case W_U64: WORDS(uint64_t, f[i])
  case W_F32: WORDS(float, float_word(f[i]))
  case W_F64: WORDS(double, float_word(f[i]))
  case W_BIT: WORDS(uint8_t, bit(f, bit0 + i))
  }
}

void bounds(uint64_t *lo, uint64_t *hi, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n) {
  uint64_t a = *lo, b = *hi;
  for (int64_t i = 0; i < n; i++)
    if (ok(valid, bit0 + i)) {
      a = w[i] < a ? w[i] : a;
      b = w[i] > b ? w[i] : b;
    }
  *lo = a;
  *hi = b;
}

void pack_words(uint64_t *h, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n, uint64_t lo, uint64_t range) {
  for (int64_t i = 0; i < n; i++) h[i] = h[i] * range + (ok(valid, bit0 + i) ? w[i] - lo + 1 : 0);
}

// The mix of SplitMix64 (Steele, Lea, Flood 2014; constants of Stafford's variant 13).
static inline uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}
static inline uint64_t mixed(uint64_t h, uint64_t w) { return mix(h + 0x9E3779B97F4A7C15u + mix(w + 0x9E3779B97F4A7C15u)); }

void hash_words(uint64_t *h, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n) {
  for (int64_t i = 0; i < n; i++) h[i] = ok(valid, bit0 + i) ? mixed(h[i], w[i]) : mix(~h[i]);
}

void hash_wide(uint64_t *h, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n) {
  for (int64_t i = 0; i < n; i++) h[i] = ok(valid, bit0 + i) ? mixed(mixed(h[i], w[2 * i]), w[2 * i + 1]) : mix(~h[i]);
}

void hash_text(uint64_t *h, const int64_t *off, const uint8_t *text, const uint8_t *valid, int64_t bit0, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    if (!ok(valid, bit0 + i)) {
      h[i] = mix(~h[i]);
      continue;
    }
    const uint8_t *p = text + off[i];
    int64_t k = off[i + 1] - off[i];
    uint64_t x = mixed(h[i], k), w;
    for (; k >= 8; k -= 8, p += 8) {
      memcpy(&w, p, 8);
      x = mix(x ^ w * 0x9E3779B97F4A7C15u);
    }
    if (k > 0) {
      w = 0;
      memcpy(&w, p, k);
      x = mix(x ^ w * 0x9E3779B97F4A7C15u);
    }
    h[i] = x;
  }
}

int64_t partition_codes(uint64_t *restrict code_to, uint32_t *restrict row_to, int64_t *start, const uint64_t *code, const uint8_t *valid,
                        int64_t bit0, int64_t n, int bits) {
  int64_t parts = 1ll << bits;
  memset(start, 0, (parts + 1) * sizeof *start);
  for (int64_t i = 0; i < n; i++)
    if (ok(valid, bit0 + i)) start[part_of(code[i], bits) + 1]++;
  for (int64_t p = 0; p < parts; p++) start[p + 1] += start[p];
  int64_t *at = malloc(parts * sizeof *at);
  if (!at) abort();
  memcpy(at, start, parts * sizeof *at);
  for (int64_t i = 0; i < n; i++) {
    if (!ok(valid, bit0 + i)) continue;
    int64_t to = at[part_of(code[i], bits)]++;
    code_to[to] = code[i];
    row_to[to] = i;
  }
  free(at);
  return start[parts];
}

void ranks_of(uint32_t *rank, int64_t *count, const uint64_t *h, int64_t n, int64_t n_ranks) {
  for (int64_t i = 0; i < n; i++) {
    rank[i] = (h[i] >> 32) * (uint64_t)n_ranks >> 32;
    count[rank[i]]++;
  }
}

void order_by_rank(uint32_t *order, const uint32_t *rank, const int64_t *count, int64_t n, int64_t n_ranks) {
  int64_t *at = malloc(n_ranks * sizeof *at), sum = 0;
  if (!at) abort();
  for (int64_t r = 0; r < n_ranks; r++) {
    at[r] = sum;
    sum += count[r];
  }
  for (int64_t i = 0; i < n; i++) order[at[rank[i]]++] = i;
  free(at);
}
