#include "kernelmean.h"
#include "isa.h"

#ifndef ISA
struct kernel_mean { const kernel_mean *o; int first; float *y, *w; };

enum { OUTS = 16 };  // output channels of a block: a cache line of y

#define LOOPS "kernelmean.c"
#include "versions.h"

static int64_t blocks(const kernel_mean *o) { return o->in * ((o->out + OUTS - 1) / OUTS); }

void k_kernel_mean(pool *p, const kernel_mean *o, int first, float *y, const float *w) {
  RUN(p, blocks(o), 1, kernel_mean, o, first, y, (float *)w);
}
void k_kernel_mean_grad(pool *p, const kernel_mean *o, float *dw, const float *dy) {
  RUN_AS(p, blocks(o), 1, kernel_mean, kernel_mean_grad, o, 0, (float *)dy, dw);
}

#else

// the loops over the taps of a block: y and w of OUTS channels or fewer, x those of channel 0
#define EACH_TAP(BODY)                                                                     \
  ARGS(kernel_mean);                                                                       \
  const kernel_mean *o = k->o;                                                             \
  int64_t edge = (o->most - o->taps) / 2, taps = o->taps, next = o->in * taps * taps;      \
  for (int64_t piece = lo; piece < hi; piece++) {                                          \
    int64_t i = piece % o->in, c = piece / o->in * OUTS, n = o->out - c < OUTS ? o->out - c : OUTS; \
    for (int64_t a = 0; a < taps; a++)                                                     \
      for (int64_t b = 0; b < taps; b++) {                                                 \
        float *restrict y = k->y + (((a + edge) * o->most + b + edge) * o->in + i) * o->out + c; \
        float *restrict w = k->w + ((c * o->in + i) * taps + a) * taps + b;                \
        for (int64_t j = 0; j < n; j++) BODY;                                              \
      }                                                                                    \
  }

KERNEL(kernel_mean) {
  EACH_TAP(y[j] = o->share * w[j * next] + (k->first ? 0 : y[j]))
}

KERNEL(kernel_mean_grad) {
  EACH_TAP(w[j * next] = o->share * y[j])
}
#undef EACH_TAP
#endif
