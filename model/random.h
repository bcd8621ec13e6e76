// random.h: counter-based random numbers.
#ifndef DEEPRC_RANDOM_H
#define DEEPRC_RANDOM_H
#include "threads.h"

// Philox 4×32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011, §3.3): a counter, under a key, becomes four numbers.
// What words 0 and 2 of the counter are multiplied by, and what is added to those of the key, in each of the rounds:
#define PHILOX_TIMES_0 0xD2511F53u
#define PHILOX_TIMES_2 0xCD9E8D57u
#define PHILOX_KEY_0 0x9E3779B9u
#define PHILOX_KEY_1 0xBB67AE85u
enum { PHILOX_ROUNDS = 10 };

// An element whose number is below it falls, of 0 ≤ rate < 1.
static inline uint32_t fall_below(float rate) { return (uint32_t)((double)rate * 4294967296.0); }

void philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);
// y (n) = whole numbers of 0 ≤ y < of: element e is word e mod 4 of counter {e/4, step, op} under key seed, scaled down; state = {seed, step, …}, 0 for zeros
void k_draw_below(int64_t *y, const int64_t *state, uint32_t op, uint32_t of, int64_t n);
// y = x/(1 − rate), or 0 with probability rate, of x (outer, windows, inner): element (o, w, i) draws word e mod 4 of counter {e/4, step, op} under
// key seed, where e = ((first + w)·outer + o)·inner + i, and state = {seed, step, first}
void k_dropout(pool *p, float *y, const float *x, const int64_t *state, uint32_t op, float rate, int64_t outer, int64_t windows, int64_t inner);
#endif
