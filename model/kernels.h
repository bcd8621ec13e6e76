// kernels.h: the CPU kernels, as loops that the compiler vectorises. Arrays are
// dense, row-major, float32; n counts elements; a row is a run of the last axis.
// kernels.c is compiled for AVX-512, AVX2 and the baseline; the loader picks.
#ifndef DEEPRC_KERNELS_H
#define DEEPRC_KERNELS_H
#include <stdint.h>

// y[i,t] = mean of x[i,t−k/2 … t+k/2], the ends repeated; k odd
void k_moving_avg(float *y, const float *x, int64_t rows, int64_t cols, int64_t k);
void k_moving_avg_grad(float *dx, const float *dy, int64_t rows, int64_t cols, int64_t k);
#endif
