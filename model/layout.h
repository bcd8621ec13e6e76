// layout.h: kernels that only move elements.
#ifndef DEEPRC_LAYOUT_H
#define DEEPRC_LAYOUT_H
#include "elementwise.h"
#include "layout_ops.h"

// y, dense over w's axes, from x, which operand 0 of w moves through; a move of 0 repeats
void k_permute(pool *p, float *y, const float *x, const walk *w);

void k_index(pool *p, float *y, const float *x, const indexing *w);
void k_index_grad(pool *p, float *dx, const float *dy, const indexing *w);

// rows of n elements of x to place at of rows of y
void k_concat(pool *p, float *y, const float *x, int64_t outer, int64_t row, int64_t at, int64_t n);

// y[o,j,:] = x[o,i,:] with i = at[j], or, if each is 1, y[o,j,c] = x[o,at[o,j,c],c], if 2, y[o,j,:] = x[o,at[o,j],:]; the transpose adds dy up
void k_take(pool *p, float *y, const float *x, const int64_t *at, int64_t outer, int64_t from, int64_t to, int64_t inner, int each);
void k_take_grad(pool *p, float *dx, const float *dy, const int64_t *at, int64_t outer, int64_t from, int64_t to, int64_t inner, int each);

// dx[r,i·stride+j] += dy[r,i,j] from zeros, dx (rows, length), dy (rows, n, k)
void k_add_runs(pool *p, float *dx, const float *dy, int64_t rows, int64_t length, int64_t n, int64_t k, int64_t stride);
#endif
