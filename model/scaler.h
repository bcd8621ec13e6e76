// scaler.h: what a window is scaled by: statistics of the first n elements of each row.
#ifndef DEEPRC_SCALER_H
#define DEEPRC_SCALER_H
#include "threads.h"

enum { K_STANDARD, K_ROBUST, K_MINMAX, K_MINMAX1 };

// stats[r] = {shift, scale} of x[r,0 … n−1], rows stride apart, over elements whose mask (rows, n) is not 0 (0: all are meant):
// mean and deviation; median and median distance from it; least and range; middle and half the range. See op_scaler.go.
void k_window_stats(pool *p, int kind, float *stats, const float *x, const float *mask, float eps, int64_t rows, int64_t n, int64_t stride);
#endif
