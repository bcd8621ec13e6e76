// sample.h: draws from the distributions of loss.h.
#ifndef DEEPRC_SAMPLE_H
#define DEEPRC_SAMPLE_H
#include "threads.h"

// y (n) = one draw of the distribution kind, as likelihood in loss.c maps its parameters raw (n, k). Draw i depends on the key seed, on number + draw, and
// on its place first·per + i alone, where state = {seed, draw, first}.
void k_sample(pool *p, float *y, const float *raw, const int64_t *state, uint32_t number, int kind, int64_t k, int64_t per, int64_t n);
#endif
