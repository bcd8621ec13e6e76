// elementwise.h: functions of one, two or three values, element by element, with NumPy's broadcasting.
#ifndef DEEPRC_ELEMENTWISE_H
#define DEEPRC_ELEMENTWISE_H
#include "elementwise_ops.h"
#include "threads.h"

void k_binary(pool *p, int op, float *y, const float *a, const float *b, const walk *w);
void k_unary(pool *pl, int op, float *y, const float *x, float p, float q, int64_t n);
void k_unary_grad(pool *pl, int op, float *dx, const float *v, const float *dy, float p, float q, int64_t n);
// y[i,j] = op(y[i,j] + b[j]), b = 0: none
void k_bias_unary(pool *pl, int op, float *y, const float *b, int64_t rows, int64_t cols);
void k_where(pool *p, float *y, const float *c, const float *a, const float *b, const walk *w);  // c ≠ 0 ? a : b
void k_fill(pool *p, float *y, float c, int64_t n);
#endif
