// random.h: counter-based random numbers.
#ifndef DEEPRC_RANDOM_H
#define DEEPRC_RANDOM_H
#include "threads.h"

// Philox 4×32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011, §3.3): four numbers of a counter and a key
void philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);
// y = x/(1 − rate), or 0 with probability rate, of x (outer, windows, inner): element (o, w, i) draws word e mod 4 of counter {e/4, step, op} under
// key seed, where e = ((first + w)·outer + o)·inner + i, and state = {seed, step, first}
void k_dropout(pool *p, float *y, const float *x, const int64_t *state, uint32_t op, float rate, int64_t outer, int64_t windows, int64_t inner);
#endif
