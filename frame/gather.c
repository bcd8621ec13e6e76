#include "gather.h"
#include "bits.h"
#include <string.h>

// Rows ahead of which the next cells are asked for: a cell from memory takes some 100 ns,
// a row of the loop less than 5.
enum { AHEAD = 24 };

#define EACH(T)                                                                                   \
  {                                                                                               \
    T *restrict t = to;                                                                           \
    const T *f = from;                                                                            \
    int64_t i = 0;                                                                                \
    for (; i + AHEAD < n; i++) {                                                                  \
      uint32_t ahead = row[i + AHEAD];                                                            \
      __builtin_prefetch(f + (ahead == NO_ROW ? 0 : ahead));                                      \
      if (row[i] == NO_ROW) memset(t + i, 0, sizeof(T));                                          \
      else t[i] = f[row[i]];                                                                      \
    }                                                                                             \
    for (; i < n; i++)                                                                            \
      if (row[i] == NO_ROW) memset(t + i, 0, sizeof(T));                                          \
      else t[i] = f[row[i]];                                                                      \
  }

typedef struct {
  uint64_t lo, hi;
} cell16;

void gather(void *to, const void *from, const uint32_t *row, int64_t n, int width) {
  switch (width) {
  case 1: EACH(uint8_t) break;
  case 2: EACH(uint16_t) break;
  case 4: EACH(uint32_t) break;
  case 8: EACH(uint64_t) break;
  case 16: EACH(cell16) break;
  }
}

void gather_bits(uint8_t *to, const uint8_t *from, int64_t bit0, const uint32_t *row, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) {
    int m = n - i < 8 ? n - i : 8, b = 0;
    for (int k = 0; k < m; k++) {
      uint32_t r = row[i + k];
      if (r != NO_ROW) b |= bit(from, bit0 + r) << k;
    }
    to[i >> 3] = b;
  }
}

void gather_bytes(uint8_t *to, const uint8_t *from, int64_t bit0, const uint32_t *row, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = row[i] != NO_ROW && bit(from, bit0 + row[i]);
}

int64_t pack_bits(uint8_t *to, int64_t bit0, const uint8_t *from, int64_t n) {
  int64_t ones = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t at = bit0 + i;
    uint8_t mask = 1 << (at & 7);
    ones += from[i];
    to[at >> 3] = from[i] ? to[at >> 3] | mask : to[at >> 3] & ~mask;
  }
  return n - ones;
}

void gather_offsets(int64_t *to, const int64_t *off, const uint32_t *row, int64_t n) {
  int64_t at = 0;
  to[0] = 0;
  for (int64_t i = 0; i < n; i++) {
    if (i + AHEAD < n && row[i + AHEAD] != NO_ROW) __builtin_prefetch(off + row[i + AHEAD]);
    if (row[i] != NO_ROW) at += off[row[i] + 1] - off[row[i]];
    to[i + 1] = at;
  }
}

void gather_lengths(int64_t *to, const int64_t *off, const uint32_t *row, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    if (i + AHEAD < n) __builtin_prefetch(off + row[i + AHEAD]);
    to[i] = off[row[i] + 1] - off[row[i]];
  }
}

void gather_text(uint8_t *to, const int64_t *off, const uint8_t *text, const uint32_t *row, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    if (i + AHEAD < n && row[i + AHEAD] != NO_ROW) __builtin_prefetch(text + off[row[i + AHEAD]]);
    if (row[i] == NO_ROW) continue;
    int64_t k = off[row[i] + 1] - off[row[i]];
    memcpy(to, text + off[row[i]], k);
    to += k;
  }
}
