#include "conv.h"
#include "gemm.h"
#include "isa.h"
#include "tile.h"

#ifndef ISA
struct conv { float *y; const float *x, *w, *bias; const convolution *o; sums s; int64_t first; };
struct conv_weight_grad { float *dw; const float *x, *dy; const convolution *o; };

enum { OUTS = 3, PAIRS = 3 };  // a block of the weights' gradient, output channels by pairs of input channel and tap: 9 sums fit 16 registers
enum { WORTH = 1 << 16 };      // multiplications worth a piece

static inline int64_t blocks_of(int64_t n, int64_t size) { return (n + size - 1) / size; }

#define LOOPS "conv.c"
#include "versions.h"

// Products of matrices where they fill their tiles, else blocks of our own. By shape alone, so that results repeat.
void k_conv(pool *p, float *y, const float *x, const float *w, const float *bias, const convolution *o, int transposed) {
  int64_t from = o->n + (o->taps - 1) * o->dilation;
  if (o->out >= 64 && o->in * o->taps >= 16 && o->n >= 16) {
    int64_t next_x = o->groups * o->in * from, next_y = o->groups * o->out * o->n;
    product_shifted s = {o->out, o->n, o->in, o->batch, o->in * o->taps, o->taps, 1, from, next_x, next_y, o->taps, o->dilation};
    if (transposed) s.ar = o->taps, s.ak = o->out * o->taps, s.as = -1;
    for (int64_t g = 0; g < o->groups; g++)
      gemm_shifted(p, &s, w + g * o->out * o->in * o->taps + (transposed ? o->taps - 1 : 0), x + g * o->in * from, bias ? bias + g * o->out : 0,
                   y + g * o->out * o->n);
    return;
  }
  sums s = {o->in, o->taps, o->in * o->taps, o->taps, 1, from, o->dilation};
  if (transposed) s.ar = o->taps, s.au = o->out * o->taps, s.av = -1;
  RUN(p, o->batch * o->groups * o->out, 12 * (1 + WORTH / (12 * o->in * o->taps * o->n)), conv, y, x, w, bias, o, s, transposed ? o->taps - 1 : 0);
}
void k_conv_weight_grad(pool *p, float *dw, const float *x, const float *dy, const convolution *o) {
  int64_t all = o->in * o->taps, row = o->n + (o->taps - 1) * o->dilation;
  if (o->out >= 16 && o->in >= 16 && o->n >= 16) {
    product_sum s = {o->out, o->in, o->n, o->batch, o->n, row, o->groups * o->out * o->n, o->groups * o->in * row, o->taps, o->dilation};
    for (int64_t g = 0; g < o->groups; g++) gemm_sum(p, &s, dy + g * o->out * o->n, x + g * o->in * row, dw + g * o->out * all);
    return;
  }
  RUN(p, o->groups * blocks_of(o->out, OUTS) * blocks_of(all, PAIRS), 1 + WORTH / (OUTS * PAIRS * o->batch * o->n), conv_weight_grad, dw, x, dy, o);
}

#else

KERNEL(conv) {  // rows of y
  ARGS(conv);
  const convolution *o = k->o;
  for (int64_t r = lo, done; r < hi; r += done) {
    int64_t c = r % o->out, g = r / o->out % o->groups;
    done = hi - r < o->out - c ? hi - r : o->out - c;
    NAME(add_up)(done, o->n, &k->s, k->w + g * o->out * o->in * o->taps + c * k->s.ar + k->first, k->x + r / o->out * o->in * k->s.bu,
                 k->bias ? k->bias + g * o->out + c : 0, 0, k->y + r * o->n, o->n);
  }
}

// One block of outs × pairs of dw: sums over time in vectors, of all of a batch. What is left of a row is the last vector
// of it, with zeros where it was counted before.
VEC void NAME(weight_block)(const int outs, const int pairs, const convolution *o, const float *dy, int64_t next_y, const float *const *x, int64_t next_x,
                            float *dw, int64_t ldw) {
  VECTOR sum[OUTS][PAIRS] = {{{0}}}, left;
  for (int l = 0; l < WIDTH; l++) left[l] = l >= WIDTH - o->n % WIDTH;
  for (int64_t b = 0; b < o->batch; b++)
    for (int64_t t = 0; t < o->n; t += WIDTH) {
      int64_t at = t + WIDTH <= o->n ? t : o->n - WIDTH;
      VECTOR in[PAIRS];
#pragma GCC unroll 4
      for (int j = 0; j < pairs; j++) in[j] = *(const VECTOR *)(x[j] + b * next_x + at);
#pragma GCC unroll 4
      for (int i = 0; i < outs; i++) {
        VECTOR d = *(const VECTOR *)(dy + b * next_y + i * o->n + at);
        if (at < t) d *= left;
#pragma GCC unroll 4
        for (int j = 0; j < pairs; j++) sum[i][j] += d * in[j];
      }
    }
  for (int i = 0; i < outs; i++)
    for (int j = 0; j < pairs; j++) {
      float s = 0;
      for (int l = 0; l < WIDTH; l++) s += sum[i][j][l];
      dw[i * ldw + j] = s;
    }
}

KERNEL(conv_weight_grad) {
  ARGS(conv_weight_grad);
  const convolution *o = k->o;
  int64_t all = o->in * o->taps, across = blocks_of(all, PAIRS), down = blocks_of(o->out, OUTS), row = o->n + (o->taps - 1) * o->dilation;
  int64_t next_y = o->groups * o->out * o->n, next_x = o->groups * o->in * row;
  for (int64_t i = lo; i < hi; i++) {
    int64_t q = i % across * PAIRS, c = i / across % down * OUTS, g = i / (across * down);
    int64_t outs = o->out - c < OUTS ? o->out - c : OUTS, pairs = all - q < PAIRS ? all - q : PAIRS;
    const float *dy = k->dy + (g * o->out + c) * o->n, *x[PAIRS];
    float *dw = k->dw + (g * o->out + c) * all + q;
    for (int64_t j = 0; j < pairs; j++) x[j] = k->x + (g * o->in + (q + j) / o->taps) * row + (q + j) % o->taps * o->dilation;
    if (o->n >= WIDTH && outs == OUTS && pairs == PAIRS) {
      NAME(weight_block)(OUTS, PAIRS, o, dy, next_y, x, next_x, dw, all);
      continue;
    }
    for (int64_t a = 0; a < outs; a++)
      for (int64_t j = 0; j < pairs; j++)
        if (o->n >= WIDTH) NAME(weight_block)(1, 1, o, dy + a * o->n, next_y, x + j, next_x, dw + a * all + j, all);
        else {
          float s = 0;
          for (int64_t b = 0; b < o->batch; b++)
            for (int64_t t = 0; t < o->n; t++) s += dy[b * next_y + a * o->n + t] * x[j][b * next_x + t];
          dw[a * all + j] = s;
        }
  }
}
#endif
