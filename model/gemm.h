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

int gemm_faster(const product *o);  // than OpenBLAS; by shape and instruction set alone, so that results repeat
// Each element is a sum in the order of k: the same bits for any number of threads.
void gemm(pool *p, const product *o, const float *a, const float *b, float *c);
#endif
