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
#endif
