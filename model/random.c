#include "random.h"

void philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
  PHILOX(c0, c1, c2, c3, k0, k1);
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

struct dropout { float *y; const float *x; const int64_t *state; uint32_t op; float rate; int64_t outer, windows, inner; };

static void drop(const void *args, int64_t lo, int64_t hi) {
  const struct dropout *k = args;
  uint64_t seed = (uint64_t)k->state[0], first = (uint64_t)k->state[2];
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, word[4];
  uint32_t below = fall_below(k->rate);
  float keep = 1 / (1 - k->rate);
  for (int64_t i = lo; i < hi;) {
    int64_t run = i / k->inner, end = (run + 1) * k->inner < hi ? (run + 1) * k->inner : hi;
    uint64_t window = first + (uint64_t)(run % k->windows), place = (uint64_t)(run / k->windows);
    uint64_t e = (window * (uint64_t)k->outer + place) * (uint64_t)k->inner + (uint64_t)(i % k->inner);
    while (i < end) {
      uint32_t counter[4] = {(uint32_t)(e / 4), (uint32_t)(e / 4 >> 32), (uint32_t)k->state[1], k->op};
      philox(word, counter, key);
      for (uint64_t w = e % 4; w < 4 && i < end; w++, i++, e++) k->y[i] = word[w] < below ? 0 : keep * k->x[i];
    }
  }
}

void k_dropout(pool *p, float *y, const float *x, const int64_t *state, uint32_t op, float rate, int64_t outer, int64_t windows, int64_t inner) {
  struct dropout k = {y, x, state, op, rate, outer, windows, inner};
  parallel(p, outer * windows * inner, 1 << 12, drop, &k);
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
