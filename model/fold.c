#include "fold.h"
#include "isa.h"
#include "tile.h"
#include <string.h>

#ifndef ISA
struct fold { const folding *o; int64_t channels, size; int shared; float *y; const float *x; const int64_t *top; };
struct folded_conv { const folded_conv *o; float *y; const float *x, *w, *bias; const int64_t *top; };

enum { OUTS = 3, ACROSS = 3 };  // a block of the weights' gradient, output channels by taps of a line: 9 sums fit 16 registers

typedef struct { int64_t period, rows, line; } image;

static inline image image_of(const folding *o, const int64_t *top, int64_t q) {
  int64_t p = o->steps / (top[q] + 1);
  return (image){p, (o->steps + p - 1) / p, p + o->half};
}
static inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }

#define LOOPS "fold.c"
#include "versions.h"

void k_fold(pool *p, const folding *o, int64_t channels, int64_t size, int shared, float *y, const float *x, const int64_t *top) {
  RUN(p, o->images, 1 + (1 << 14) / size, fold, o, channels, size, shared, y, x, top);
}
void k_unfold(pool *p, const folding *o, int64_t channels, int64_t size, int shared, float *y, const float *x, const int64_t *top) {
  RUN_AS(p, o->images / o->k, 1 + (1 << 14) / (size * o->k), fold, unfold, o, channels, size, shared, y, x, top);
}
void k_folded_conv(pool *p, const folded_conv *o, float *y, const float *x, const float *w, const float *bias, const int64_t *top) {
  RUN(p, o->f.images, 1, folded_conv, o, y, x, w, bias, top);
}
void k_folded_conv_weight_grad(pool *p, const folded_conv *o, float *dw, const float *x, const float *dy, const int64_t *top) {
  int64_t taps = 2 * o->f.half + 1;
  RUN_AS(p, parts(o->out, OUTS) * taps * o->in, 1, folded_conv, folded_conv_weight_grad, o, dw, x, dy, 0, top);
}
void k_folded_conv_bias_grad(pool *p, const folded_conv *o, float *db, const float *dy, const int64_t *top) {
  RUN_AS(p, o->out, 1, folded_conv, folded_conv_bias_grad, o, db, dy, 0, 0, top);
}

#else

KERNEL(fold) {
  ARGS(fold);
  const folding *o = k->o;
  for (int64_t q = lo; q < hi; q++) {
    image m = image_of(o, k->top, q);
    float *y = k->y + q * k->size;
    const float *x = k->x + (k->shared ? q / o->k : q) * k->channels * o->steps;
    memset(y, 0, k->size * sizeof *y);
    for (int64_t r = 0; r < m.rows; r++)
      for (int64_t c = 0; c < k->channels; c++)
        memcpy(y + o->half + (r * k->channels + c) * m.line, x + c * o->steps + r * m.period, lesser(m.period, o->steps - r * m.period) * sizeof *y);
  }
}

KERNEL(unfold) {  // all images of a series
  ARGS(fold);
  const folding *o = k->o;
  for (int64_t q = lo * o->k; q < hi * o->k; q++) {
    image m = image_of(o, k->top, q);
    int add = k->shared && q % o->k;
    const float *x = k->x + q * k->size;
    float *y = k->y + (k->shared ? q / o->k : q) * k->channels * o->steps;
    for (int64_t r = 0; r < m.rows; r++)
      for (int64_t c = 0; c < k->channels; c++) {
        float *restrict to = y + c * o->steps + r * m.period;
        const float *from = x + o->half + (r * k->channels + c) * m.line;
        int64_t n = lesser(m.period, o->steps - r * m.period);
        if (add) for (int64_t t = 0; t < n; t++) to[t] += from[t];
        else memcpy(to, from, n * sizeof *to);
      }
  }
}

KERNEL(folded_conv) {  // line r of all channels of y is a sum over lines of x that lie behind each other, those of the rows around r
  ARGS(folded_conv);
  const folded_conv *o = k->o;
  int64_t half = o->f.half, taps = 2 * half + 1;
  for (int64_t q = lo; q < hi; q++) {
    image m = image_of(&o->f, k->top, q);
    float *y = k->y + q * o->out_size;
    memset(y, 0, o->out_size * sizeof *y);
    int64_t near = lesser(half, m.period - 1);  // taps further away see zeros
    for (int64_t r = 0; r < m.rows; r++) {
      int64_t first = r < half ? 0 : r - half, end = lesser(m.rows, r + half + 1);
      sums s = {(end - first) * o->in, 2 * near + 1, taps * o->in * taps, taps, 1, m.line, 1};
      // a line shorter than a vector is written as one, the next one over what is too much of it
      NAME(add_up)(o->out, m.period < WIDTH ? WIDTH : m.period, &s, k->w + (first - r + half) * o->in * taps + half - near,
                   k->x + q * o->in_size + first * o->in * m.line + half - near, k->bias, 0, y + half + r * o->out * m.line, m.line);
    }
    if (m.period >= WIDTH) continue;
    for (int64_t c = 0; c < m.rows * o->out; c++) memset(y + half + c * m.line + m.period, 0, half * sizeof *y);
    int64_t end = half + m.rows * o->out * m.line;
    memset(y + end, 0, (o->out_size - end) * sizeof *y);
  }
}

// sums over all images of dy of outs channels from c on, times x of channel i moved by a rows and by b … b + across − 1 less half columns
VEC void NAME(fold_block)(const int outs, const int across, const folded_conv *o, const int64_t *top, const float *dy, const float *x, int64_t c, int64_t i,
                          int64_t a, int64_t b, float *dw, int64_t ldw) {
  VECTOR sum[OUTS][ACROSS] = {{{0}}};
  for (int64_t q = 0; q < o->f.images; q++) {
    image m = image_of(&o->f, top, q);
    int64_t first = a < 0 ? -a : 0, end = lesser(m.rows, m.rows - a);
    if (b >= o->f.half + m.period || b + across <= o->f.half - m.period + 1) continue;  // zeros
    VECTOR left;  // of the last vector of a line
    for (int l = 0; l < WIDTH; l++) left[l] = l < m.period - (m.period - 1) / WIDTH * WIDTH;
    for (int64_t r = first; r < end; r++) {
      const float *d = dy + q * o->out_size + o->f.half + (r * o->out + c) * m.line, *u = x + q * o->in_size + ((r + a) * o->in + i) * m.line + b;
      for (int64_t t = 0; t < m.period; t += WIDTH) {
        VECTOR in[ACROSS];
#pragma GCC unroll 4
        for (int j = 0; j < across; j++) in[j] = *(const VECTOR *)(u + t + j);
#pragma GCC unroll 4
        for (int n = 0; n < outs; n++) {
          VECTOR e = *(const VECTOR *)(d + n * m.line + t);
          if (t + WIDTH > m.period) e *= left;
#pragma GCC unroll 4
          for (int j = 0; j < across; j++) sum[n][j] += e * in[j];
        }
      }
    }
  }
  for (int n = 0; n < outs; n++)
    for (int j = 0; j < across; j++) {
      float s = 0;
      for (int l = 0; l < WIDTH; l++) s += sum[n][j][l];
      dw[n * ldw + j] = s;
    }
}

#define FOLD_BLOCK(M, N) \
  if (outs == M && across == N) NAME(fold_block)(M, N, o, top, dy, x, c, i, a, b, dw, ldw)
static __attribute__((noinline)) void NAME(fold_blocks)(int64_t outs, int64_t across, const folded_conv *o, const int64_t *top, const float *dy,
                                                        const float *x, int64_t c, int64_t i, int64_t a, int64_t b, float *dw, int64_t ldw) {
  FOLD_BLOCK(3, 3);
  else FOLD_BLOCK(3, 2);
  else FOLD_BLOCK(3, 1);
  else FOLD_BLOCK(2, 3);
  else FOLD_BLOCK(2, 2);
  else FOLD_BLOCK(2, 1);
  else FOLD_BLOCK(1, 3);
  else FOLD_BLOCK(1, 2);
  else FOLD_BLOCK(1, 1);
}
#undef FOLD_BLOCK

KERNEL(folded_conv_weight_grad) {  // row a of the taps on channel i of x, for OUTS channels of dy
  ARGS(folded_conv);
  const folded_conv *o = k->o;
  int64_t half = o->f.half, taps = 2 * half + 1, next = taps * o->in * taps;
  for (int64_t piece = lo; piece < hi; piece++) {
    int64_t i = piece % o->in, a = piece / o->in % taps, c = piece / (o->in * taps) * OUTS;
    for (int64_t b = 0; b < taps; b += ACROSS)
      NAME(fold_blocks)(lesser(OUTS, o->out - c), lesser(ACROSS, taps - b), o, k->top, k->w, k->x, c, i, a - half, b, k->y + c * next + (a * o->in + i) * taps + b, next);
  }
}

KERNEL(folded_conv_bias_grad) {
  ARGS(folded_conv);
  const folded_conv *o = k->o;
  for (int64_t c = lo; c < hi; c++) {
    float s = 0;
    for (int64_t q = 0; q < o->f.images; q++) {
      image m = image_of(&o->f, k->top, q);
      const float *d = k->x + q * o->out_size + o->f.half + c * m.line;
      for (int64_t r = 0; r < m.rows; r++) {
        float line = 0;
        for (int64_t t = 0; t < m.period; t++) line += d[r * o->out * m.line + t];
        s += line;
      }
    }
    k->y[c] = s;
  }
}
#endif
