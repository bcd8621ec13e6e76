#include "isa.h"
#include "philox.h"

#ifndef ISA
struct dropout { float *y; const float *x; const int64_t *state; uint32_t op; float rate; int64_t outer, windows, inner; };

void philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
    uint64_t high = (uint64_t)PHILOX_TIMES_0 * c0, low = (uint64_t)PHILOX_TIMES_2 * c2;
    c0 = (uint32_t)(low >> 32) ^ c1 ^ k0, c2 = (uint32_t)(high >> 32) ^ c3 ^ k1, c1 = (uint32_t)low, c3 = (uint32_t)high;
    k0 += PHILOX_KEY_0, k1 += PHILOX_KEY_1;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

#define LOOPS "random.c"
#include "versions.h"

void k_dropout(pool *p, float *y, const float *x, const int64_t *state, uint32_t op, float rate, int64_t outer, int64_t windows, int64_t inner) {
  RUN(p, outer * windows * inner, 1 << 12, dropout, y, x, state, op, rate, outer, windows, inner);
}

void k_draw_below(int64_t *y, const int64_t *state, uint32_t op, uint32_t of, int64_t n) {
  uint64_t seed = state ? (uint64_t)state[0] : 0;
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, step = state ? (uint32_t)state[1] : 0, word[4];
  for (int64_t e = 0; e < n; e++) {
    uint32_t counter[4] = {(uint32_t)(e / 4), (uint32_t)((uint64_t)e / 4 >> 32), step, op};
    if (e % 4 == 0) philox(word, counter, key);
    y[e] = (int64_t)((uint64_t)word[e % 4] * of >> 32);
  }
}

#else

KERNEL(dropout) {
  ARGS(dropout);
  uint64_t key = (uint64_t)k->state[0], first = (uint64_t)k->state[2];
  uint32_t step = (uint32_t)k->state[1], below = fall_below(k->rate), word[4 * COUNTERS];
  float keep = 1 / (1 - k->rate);
  for (int64_t i = lo; i < hi;) {
    int64_t run = i / k->inner, end = (run + 1) * k->inner < hi ? (run + 1) * k->inner : hi;
    uint64_t window = first + (uint64_t)(run % k->windows), place = (uint64_t)(run / k->windows);
    uint64_t e = (window * (uint64_t)k->outer + place) * (uint64_t)k->inner + (uint64_t)(i % k->inner);
    while (i < end) {
      int64_t from = (int64_t)(e % 4), n = 4 * COUNTERS - from;
      NAME(philox_words)(word, e / 4, step, k->op, key);
      if (n > end - i) n = end - i;
      float *restrict y = k->y + i;
      const float *restrict x = k->x + i;
      const uint32_t *w = word + from;
      for (int64_t j = 0; j < n; j++) y[j] = w[j] < below ? 0 : keep * x[j];
      i += n, e += (uint64_t)n;
    }
  }
}
#endif
