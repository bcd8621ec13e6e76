#define _GNU_SOURCE
#include "blas.h"
#include <dlfcn.h>

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };  // of cblas.h
typedef void sgemm_t(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                     const float *b, int ldb, float beta, float *c, int ldc);
static sgemm_t *sgemm;
static void (*set_threads)(int);
static char *(*get_config)(void);

const char *blas_open(const char *path) {
  void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!lib) return dlerror();
  set_threads = (void (*)(int))dlsym(lib, "openblas_set_num_threads");
  get_config = (char *(*)(void))dlsym(lib, "openblas_get_config");
  sgemm = (sgemm_t *)dlsym(lib, "cblas_sgemm");
  return sgemm ? 0 : dlerror();
}
const char *blas_config(void) { return get_config ? get_config() : ""; }
void blas_threads(int n) {
  if (set_threads) set_threads(n);
}
void blas_sgemm(int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                float beta, float *c, int ldc) {
  sgemm(ROW_MAJOR, ta ? TRANS : NO_TRANS, tb ? TRANS : NO_TRANS, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
