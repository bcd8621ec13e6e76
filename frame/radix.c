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

// Least significant digit first, on the bits in which codes differ at all, in as few
// passes of equal digits as digits of at most 11 bits allow.
void sort_pairs(uint64_t *code, uint32_t *row, uint64_t *tmp_code, uint32_t *tmp_row, int64_t n) {
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
  int bits = 64 - __builtin_clzll(hi - lo);
  int most = n < 4096 ? 8 : MAX_DIGIT;
  int passes = (bits + most - 1) / most, digit = (bits + passes - 1) / passes;
  uint64_t *from_code = code, *to_code = tmp_code;
  uint32_t *from_row = row, *to_row = tmp_row;
  int64_t count[1 << MAX_DIGIT];
  for (int p = 0; p < passes; p++) {
    int shift = p * digit;
    uint64_t mask = (1ull << digit) - 1;
    memset(count, 0, sizeof *count << digit);
    for (int64_t i = 0; i < n; i++) count[(from_code[i] - lo) >> shift & mask]++;
    int64_t sum = 0;
    for (uint64_t d = 0; d <= mask; d++) {
      int64_t k = count[d];
      count[d] = sum;
      sum += k;
    }
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
                uint64_t base, int desc, int nulls, int nulls_first) {
  uint64_t none = nulls && !nulls_first ? base - 1 : 0, add = nulls && nulls_first;
  for (int64_t i = 0; i < n; i++) {
    uint64_t digit = ok(valid, bit0 + i) ? (desc ? hi - w[i] : w[i] - lo) + add : none;
    code[i] = code[i] * base + digit;
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
