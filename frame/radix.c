#include "radix.h"
#include "bits.h"
#include <string.h>

enum { SMALL = 48, MAX_DIGIT = 11 };

static void insertion(uint64_t *code, uint32_t *row, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    uint64_t c = code[i];
    uint32_t r = row[i];
    int64_t k = i;
    for (; k > 0 && code[k - 1] > c; k--) {
      code[k] = code[k - 1];
      row[k] = row[k - 1];
    }
    code[k] = c;
    row[k] = r;
  }
}

// digits are how a range of codes is cut: in as few passes of equal digits as digits of at most MAX_DIGIT bits allow.
typedef struct {
  int passes, bits;
} digits;

static digits cut(uint64_t range, int most) {
  int bits = 64 - __builtin_clzll(range), passes = (bits + most - 1) / most;
  return (digits){passes, (bits + passes - 1) / passes};
}

// Makes counts of digits the places of the first of each.
static void places(int64_t *count, int bits) {
  int64_t sum = 0;
  for (int d = 0; d < 1 << bits; d++) {
    int64_t k = count[d];
    count[d] = sum;
    sum += k;
  }
}

// Codes within 32 bits of lo move together with their rows as one number. The last pass takes the two apart.
static void sort_packed(uint64_t *code, uint32_t *row, uint64_t *tmp, int64_t n, uint64_t lo, digits d, int codes) {
  int64_t count[3][1 << MAX_DIGIT];
  memset(count, 0, sizeof count);
  uint64_t mask = (1ull << d.bits) - 1;
  uint64_t *from = d.passes % 2 ? tmp : code, *to = d.passes % 2 ? code : tmp; // so that the last pass reads tmp
  for (int64_t i = 0; i < n; i++) {
    uint64_t c = code[i] - lo;
    count[0][c & mask]++;
    if (d.passes > 1) count[1][c >> d.bits & mask]++;
    if (d.passes > 2) count[2][c >> 2 * d.bits & mask]++;
    from[i] = c << 32 | row[i];
  }
  for (int p = 0; p < d.passes; p++) places(count[p], d.bits);
  for (int p = 0; p < d.passes - 1; p++) {
    int shift = 32 + p * d.bits;
    int64_t *at = count[p];
    for (int64_t i = 0; i < n; i++) to[at[from[i] >> shift & mask]++] = from[i];
    uint64_t *t = from;
    from = to;
    to = t;
  }
  int shift = 32 + (d.passes - 1) * d.bits;
  int64_t *at = count[d.passes - 1];
  for (int64_t i = 0; i < n; i++) {
    uint64_t v = from[i];
    int64_t k = at[v >> shift & mask]++;
    row[k] = (uint32_t)v;
    if (codes) code[k] = (v >> 32) + lo;
  }
}

// Least significant digit first, on the bits in which codes differ at all.
void sort_pairs(uint64_t *code, uint32_t *row, uint64_t *tmp_code, uint32_t *tmp_row, int64_t n, int codes) {
  if (n <= SMALL) {
    insertion(code, row, n);
    return;
  }
  uint64_t lo = code[0], hi = code[0];
  int sorted = 1;
  for (int64_t i = 1; i < n; i++) {
    sorted &= code[i - 1] <= code[i];
    lo = code[i] < lo ? code[i] : lo;
    hi = code[i] > hi ? code[i] : hi;
  }
  if (sorted) return;
  digits d = cut(hi - lo, n < 4096 ? 8 : MAX_DIGIT);
  if (hi - lo <= UINT32_MAX && d.passes <= 3) {
    sort_packed(code, row, tmp_code, n, lo, d, codes);
    return;
  }
  uint64_t mask = (1ull << d.bits) - 1;
  uint64_t *from_code = code, *to_code = tmp_code;
  uint32_t *from_row = row, *to_row = tmp_row;
  int64_t count[1 << MAX_DIGIT];
  for (int p = 0; p < d.passes; p++) {
    int shift = p * d.bits;
    memset(count, 0, sizeof *count << d.bits);
    for (int64_t i = 0; i < n; i++) count[(from_code[i] - lo) >> shift & mask]++;
    places(count, d.bits);
    for (int64_t i = 0; i < n; i++) {
      int64_t to = count[(from_code[i] - lo) >> shift & mask]++;
      to_code[to] = from_code[i];
      to_row[to] = from_row[i];
    }
    uint64_t *c = from_code;
    from_code = to_code;
    to_code = c;
    uint32_t *r = from_row;
    from_row = to_row;
    to_row = r;
  }
  if (from_code != code) {
    memcpy(code, from_code, n * sizeof *code);
    memcpy(row, from_row, n * sizeof *row);
  }
}

void pack_order(uint64_t *code, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n, uint64_t lo, uint64_t hi,
                uint64_t scale, uint64_t base, int desc, int nulls, int nulls_first) {
  uint64_t none = nulls && !nulls_first ? base - 1 : 0, add = nulls && nulls_first;
  for (int64_t i = 0; i < n; i++) {
    uint64_t digit = ok(valid, bit0 + i) ? (desc ? hi - w[i] : w[i] - lo) + add : none;
    code[i] = code[i] * scale + digit;
  }
}

void text_codes(uint64_t *code, const uint32_t *row, int64_t n, const int64_t *off, const uint8_t *text, const uint8_t *valid,
                int64_t bit0, int64_t depth, int desc, int nulls_first) {
  for (int64_t i = 0; i < n; i++) {
    int64_t r = row ? row[i] : i;
    if (!ok(valid, bit0 + r)) {
      code[i] = nulls_first ? 0 : UINT64_MAX;
      continue;
    }
    const uint8_t *p = text + off[r] + 7 * depth;
    int64_t left = off[r + 1] - off[r] - 7 * depth;
    uint8_t b[8] = {0};
    memcpy(b, p, left < 7 ? left : 7);
    b[7] = (left < 8 ? left : 8) + 1;
    uint64_t c;
    memcpy(&c, b, 8);
    c = __builtin_bswap64(c);
    code[i] = desc ? ~c : c;
  }
}
