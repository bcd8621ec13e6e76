// blas.h: the one call of CBLAS that we use, from a library found at run time.
#include <stdint.h>
const char *blas_open(const char *path);  // 0, or what dlopen said
const char *blas_config(void);            // OpenBLAS's own description, or ""
void blas_threads(int n);
void blas_sgemm(int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                float beta, float *c, int ldc);
