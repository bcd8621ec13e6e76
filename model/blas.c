#define _GNU_SOURCE
#include "blas.h"
#include <dlfcn.h>

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };  // of cblas.h
typedef void sgemm_t(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                     const float *b, int ldb, float beta, float *c, int ldc);
static sgemm_t *sgemm;  // of a library that runs it on the calling thread only, where we can tell it so
static char *(*get_config)(void);

const char *blas_open(const char *path) {
  void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!lib) return dlerror();
  void (*set_threads)(int) = (void (*)(int))dlsym(lib, "openblas_set_num_threads");
  if (set_threads) set_threads(1);
  get_config = (char *(*)(void))dlsym(lib, "openblas_get_config");
  sgemm = (sgemm_t *)dlsym(lib, "cblas_sgemm");
  return sgemm ? 0 : dlerror();
}
const char *blas_config(void) { return get_config ? get_config() : ""; }

struct pieces {
  const product *o;
  const float *a, *b;
  float *c;
  int64_t rows, cols, down, across;  // of a piece; pieces in a column and in a row of c
};

static void multiply(const void *args, int64_t lo, int64_t hi) {
  const struct pieces *s = args;
  const product *o = s->o;
  int64_t lda = o->ta ? o->m : o->k, ldb = o->tb ? o->k : o->n;
  for (int64_t i = lo; i < hi; i++) {
    int64_t x = i % s->across, y = i / s->across % s->down, batch = i / (s->across * s->down), left = batch, ia = 0, ib = 0;
    for (int64_t d = o->batch.axes - 1; d >= 0; d--) {
      int64_t at = left % o->batch.dim[d];
      left /= o->batch.dim[d];
      ia += at * o->batch.move[0][d];
      ib += at * o->batch.move[1][d];
    }
    int64_t r = y * s->rows, q = x * s->cols;
    int64_t m = o->m - r < s->rows ? o->m - r : s->rows, n = o->n - q < s->cols ? o->n - q : s->cols;
    sgemm(ROW_MAJOR, o->ta ? TRANS : NO_TRANS, o->tb ? TRANS : NO_TRANS, (int)m, (int)n, (int)o->k, 1,
          s->a + ia * o->m * o->k + (o->ta ? r : r * lda), (int)lda, s->b + ib * o->k * o->n + (o->tb ? q * ldb : q), (int)ldb, 0,
          s->c + batch * o->m * o->n + r * o->n + q, (int)o->n);
  }
}

enum { SMALLEST = 32, ENOUGH = 1 << 18 };  // a side of a piece; multiplications worth a piece, some 10 µs

void blas_product(pool *p, const product *o, const float *a, const float *b, float *c) {
  if (gemm_faster(o)) {
    gemm(p, o, a, b, c);
    return;
  }
  int64_t batch = 1, down = 1, across = 1, want = pool_threads(p);
  for (int64_t d = 0; d < o->batch.axes; d++) batch *= o->batch.dim[d];
  int64_t most = o->m * o->n * o->k / ENOUGH;
  if (want > most) want = most;
  if (batch < want) {  // each matrix is cut, along its longer side first
    want = (want + batch - 1) / batch;
    while (down * across < want) {
      int64_t rows = o->m / down, cols = o->n / across;
      if (rows >= cols && rows >= 2 * SMALLEST) down = down == 1 && o->m / want >= SMALLEST ? want : 2 * down;
      else if (cols >= 2 * SMALLEST) across = across == 1 && o->n / want >= SMALLEST ? (want + down - 1) / down : 2 * across;
      else break;
    }
  }
  struct pieces s = {o, a, b, c, (o->m + down - 1) / down, (o->n + across - 1) / across, 0, 0};
  s.down = (o->m + s.rows - 1) / s.rows;
  s.across = (o->n + s.cols - 1) / s.cols;
  int64_t each = s.rows * s.cols * o->k;
  parallel(p, batch * s.down * s.across, each >= ENOUGH ? 1 : 1 + ENOUGH / each, multiply, &s);
}
