// blas.h: products of matrices, by the one call of CBLAS that we use, from a library found at run time.
#ifndef DEEPRC_BLAS_H
#define DEEPRC_BLAS_H
#include "gemm.h"

const char *blas_open(const char *path);  // 0, or what dlopen said
const char *blas_config(void);            // OpenBLAS's own description, or ""

// By gemm, if gemm_faster; else cut over the threads of p: the library itself runs on the thread that calls it, since the
// number of its own threads is one for the process, and calls from several of its ranks would wait for each other.
void blas_product(pool *p, const product *o, const float *a, const float *b, float *c);
#endif
