// complex.h: functions of complex numbers z = a + ib, kept as blocks of a real matrix, which multiplies vectors of real, then imaginary parts.
#ifndef DEEPRC_COMPLEX_H
#define DEEPRC_COMPLEX_H
#include "threads.h"

// y (N, 2m, 2n) = [[Re t, −Im t], [Im t, Re t]], t = tanh z, z = x₀₀ − x₁₁ + i(x₀₁ + x₁₀) of the blocks (m, n) of x
void k_complex_tanh(pool *p, float *y, const float *x, int64_t N, int64_t m, int64_t n);
// dx from y and dy
void k_complex_tanh_grad(pool *p, float *dx, const float *y, const float *dy, int64_t N, int64_t m, int64_t n);
#endif
