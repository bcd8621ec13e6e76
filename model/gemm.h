// gemm.h: products of matrices by kernels of our own.
#ifndef DEEPRC_GEMM_H
#define DEEPRC_GEMM_H
#include "elementwise.h"

// A product is c = op(a)·op(b) for each matrix of a batch, op(a) of (m, k), op(b) of (k, n), row-major. Batch tells which
// matrix of a and of b belongs to each of c.
typedef struct {
  int64_t ta, tb, m, n, k;
  walk batch;
} product;

// Each element is a sum in the order of k: the same bits for any number of threads, and of rows or columns around it.
void gemm(pool *p, const product *o, const float *a, const float *b, float *c);

// A sum of products is c[r, j, s] = Σ_i Σ_k a[i, r, k] · b[i, j, k + s·shift], i < count, for r < m, j < n, k < depth, s < shifts; c is dense, rows of
// a are lda, of b ldb apart, and matrices next_a and next_b.
typedef struct {
  int64_t m, n, depth, count, lda, ldb, next_a, next_b, shifts, shift;
} product_sum;

// Each element is a sum over i of sums over k: the same bits for any number of threads.
void gemm_sum(pool *p, const product_sum *o, const float *a, const float *b, float *c);

// Shifted products are c[i, r, j] = bias[r] + Σ_k Σ_s a[r·ar + k·ak + s·as] · b[i, k, j + s·shift], i < count, for r < m, j < n, k < depth,
// s < shifts; rows of b are ldb, of c n apart, and matrices next_b and next_c.
typedef struct {
  int64_t m, n, depth, count, ar, ak, as, ldb, next_b, next_c, shifts, shift;
} product_shifted;

// Each element is a sum in the order of k, then of s: the same bits for any number of threads, and of matrices. No bias: 0.
void gemm_shifted(pool *p, const product_shifted *o, const float *a, const float *b, const float *bias, float *c);
#endif
