#include "fold.h"
#include "isa.h"
#include <string.h>

#ifndef ISA
struct fold { const folding *o; int64_t channels; int shared; float *y; const float *x; };

enum { TILE = 16 };  // steps and channels of a block that is transposed

static inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

#define LOOPS "fold.c"
#include "versions.h"

void k_fold(pool *p, const folding *o, int64_t channels, int shared, float *y, const float *x) {
  RUN(p, o->images, 1 + (1 << 14) / (o->most * channels), fold, o, channels, shared, y, x);
}
void k_unfold(pool *p, const folding *o, int64_t channels, int shared, float *y, const float *x) {
  RUN_AS(p, o->images / o->k, 1 + (1 << 14) / (o->most * channels * o->k), fold, unfold, o, channels, shared, y, x);
}

#else

// y (n, m), of lines ldy, is or, if add, gets added x (m, n), of lines ldx, transposed
static inline void NAME(transposed)(int64_t n, int64_t m, float *restrict y, int64_t ldy, const float *restrict x, int64_t ldx, int add) {
  for (int64_t i0 = 0; i0 < n; i0 += TILE)
    for (int64_t j0 = 0; j0 < m; j0 += TILE)
      for (int64_t i = i0; i < lesser(n, i0 + TILE); i++)
        for (int64_t j = j0; j < lesser(m, j0 + TILE); j++) y[i * ldy + j] = x[j * ldx + i] + (add ? y[i * ldy + j] : 0);
}

KERNEL(fold) {
  ARGS(fold);
  const folding *o = k->o;
  int64_t size = o->most * k->channels, filled = o->steps * k->channels;
  for (int64_t q = lo; q < hi; q++) {
    float *y = k->y + q * size;
    if (k->shared && q % o->k && q > lo) memcpy(y, y - size, filled * sizeof *y);
    else NAME(transposed)(o->steps, k->channels, y, k->channels, k->x + (k->shared ? q / o->k : q) * filled, o->steps, 0);
    memset(y + filled, 0, (size - filled) * sizeof *y);
  }
}

KERNEL(unfold) {  // all images of a series
  ARGS(fold);
  const folding *o = k->o;
  int64_t size = o->most * k->channels, filled = o->steps * k->channels;
  for (int64_t q = lo * o->k; q < hi * o->k; q++)
    NAME(transposed)(k->channels, o->steps, k->y + (k->shared ? q / o->k : q) * filled, o->steps, k->x + q * size, k->channels, k->shared && q % o->k);
}
#endif
