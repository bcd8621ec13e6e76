#include "isa.h"
#include "elementwise.h"
#include "vecmath.h"
#include <math.h>

#ifndef ISA
struct binary { float *y; const float *a, *b; const walk *w; };
struct unary { float *y; const float *x; float p, q; };
struct unary_grad { float *dx; const float *v, *dy; float p, q; };
struct bias_unary { float *y; const float *b; int64_t cols; };
struct where { float *y; const float *c, *a, *b; const walk *w; };
struct fill { float *y; float c; };

// A place is where a walk stands: the index along all axes but the last, and each operand's offset there.
typedef struct { int64_t at[AXES], off[OPERANDS]; } place;

static inline place seek(const walk *w, int64_t row) {
  place s = {{0}, {0}};
  for (int i = (int)w->axes - 2; i >= 0; i--) {
    s.at[i] = row % w->dim[i];
    row /= w->dim[i];
    for (int o = 0; o < OPERANDS; o++) s.off[o] += s.at[i] * w->move[o][i];
  }
  return s;
}

static inline void next(const walk *w, place *s) {
  for (int i = (int)w->axes - 2; i >= 0; i--) {
    for (int o = 0; o < OPERANDS; o++) s->off[o] += w->move[o][i];
    if (++s->at[i] < w->dim[i]) return;
    for (int o = 0; o < OPERANDS; o++) s->off[o] -= w->dim[i] * w->move[o][i];
    s->at[i] = 0;
  }
}

enum { CHEAP = 1 << 15, DEAR = 1 << 12 };  // elements worth a piece of their own: some 10 µs

static int64_t elements(const walk *w) {
  int64_t n = 1;
  for (int i = 0; i < w->axes; i++) n *= w->dim[i];
  return n;
}

#define LOOPS "elementwise.c"
#include "versions.h"

#define CASE_BINARY(name, f) \
  case K_##name: RUN_AS(p, elements(w), CHEAP, binary, binary_##name, y, a, b, w); break;
void k_binary(pool *p, int op, float *y, const float *a, const float *b, const walk *w) {
  switch (op) { BINARY_OPS(CASE_BINARY) }
}
#define CASE_UNARY(name, f, df) \
  case K_##name: RUN_AS(pl, n, DEAR, unary, unary_##name, y, x, p, q); break;
void k_unary(pool *pl, int op, float *y, const float *x, float p, float q, int64_t n) {
  switch (op) { UNARY_OPS(CASE_UNARY) }
}
#define CASE_GRAD(name, f, df) \
  case K_##name: RUN_AS(pl, n, DEAR, unary_grad, grad_##name, dx, v, dy, p, q); break;
void k_unary_grad(pool *pl, int op, float *dx, const float *v, const float *dy, float p, float q, int64_t n) {
  switch (op) { UNARY_OPS(CASE_GRAD) }
}
#define CASE_BIAS(name, f, df) \
  case K_##name: RUN_AS(pl, rows, 1 + DEAR / cols, bias_unary, bias_##name, y, b, cols); break;
void k_bias_unary(pool *pl, int op, float *y, const float *b, int64_t rows, int64_t cols) {
  switch (op) { UNARY_OPS(CASE_BIAS) }
}
void k_where(pool *p, float *y, const float *c, const float *a, const float *b, const walk *w) {
  RUN(p, elements(w), CHEAP, where, y, c, a, b, w);
}
void k_fill(pool *p, float *y, float c, int64_t n) { RUN(p, n, CHEAP, fill, y, c); }

#else

// runs of the last axis that lie in lo ≤ i < hi: y from i on, n elements, operands at s.off + j if they move
#define WALK(...)                                                                      \
  int64_t d = k->w->dim[k->w->axes - 1], j = lo % d;                                   \
  place s = seek(k->w, lo / d);                                                        \
  for (int64_t i = lo, n; i < hi; i += n, j = 0, next(k->w, &s)) {                     \
    n = d - j < hi - i ? d - j : hi - i;                                               \
    float *restrict y = k->y + i;                                                      \
    __VA_ARGS__                                                                        \
  }
#define MOVES(o) (k->w->move[o][k->w->axes - 1] != 0)
#define OPERAND(o, p) (k->p + s.off[o] + (MOVES(o) ? j : 0))

#define LOOP_BINARY(name, f)                                                     \
  static void NAME(binary_##name)(const void *args, int64_t lo, int64_t hi) {    \
    ARGS(binary);                                                                \
    int ma = MOVES(0), mb = MOVES(1);                                            \
    WALK(const float *pa = OPERAND(0, a), *pb = OPERAND(1, b);                   \
    if (ma && mb)                                                                \
      for (int64_t t = 0; t < n; t++) { float a = pa[t], b = pb[t]; y[t] = f; }  \
    else if (ma) { float b = *pb;                                                \
      for (int64_t t = 0; t < n; t++) { float a = pa[t]; y[t] = f; } }           \
    else if (mb) { float a = *pa;                                                \
      for (int64_t t = 0; t < n; t++) { float b = pb[t]; y[t] = f; } }           \
    else { float a = *pa, b = *pb, c = f;                                        \
      for (int64_t t = 0; t < n; t++) y[t] = c; })                               \
  }
BINARY_OPS(LOOP_BINARY)

#define LOOP_UNARY(name, f, df)                                                          \
  static void NAME(unary_##name)(const void *args, int64_t lo, int64_t hi) {             \
    ARGS(unary);                                                                         \
    float *restrict out = k->y;                                                          \
    const float *in = k->x;                                                              \
    float p = k->p, q = k->q;                                                            \
    (void)p, (void)q;                                                                    \
    for (int64_t i = lo; i < hi; i++) { float x = in[i]; out[i] = f; }                   \
  }                                                                                      \
  static void NAME(grad_##name)(const void *args, int64_t lo, int64_t hi) {              \
    ARGS(unary_grad);                                                                    \
    float *restrict out = k->dx;                                                         \
    const float *in = k->v, *dy = k->dy;                                                 \
    float p = k->p, q = k->q;                                                            \
    (void)p, (void)q;                                                                    \
    for (int64_t i = lo; i < hi; i++) { float v = in[i]; (void)v; out[i] = dy[i] * (df); } \
  }                                                                                      \
  static void NAME(bias_##name)(const void *args, int64_t lo, int64_t hi) {              \
    ARGS(bias_unary);                                                                    \
    const float p = 1, q = 1;                                                            \
    (void)p, (void)q;                                                                    \
    for (int64_t r = lo; r < hi; r++) {                                                  \
      float *y = k->y + r * k->cols;                                                     \
      if (k->b)                                                                          \
        for (int64_t j = 0; j < k->cols; j++) { float x = y[j] + k->b[j]; y[j] = f; }    \
      else                                                                               \
        for (int64_t j = 0; j < k->cols; j++) { float x = y[j]; y[j] = f; }              \
    }                                                                                    \
  }
UNARY_OPS(LOOP_UNARY)

KERNEL(where) {
  ARGS(where);
  int mc = MOVES(0), ma = MOVES(1), mb = MOVES(2);
  WALK(const float *c = OPERAND(0, c); const float *a = OPERAND(1, a); const float *b = OPERAND(2, b);
  if (mc && ma && mb)
    for (int64_t t = 0; t < n; t++) y[t] = c[t] != 0 ? a[t] : b[t];
  else
    for (int64_t t = 0; t < n; t++) y[t] = c[mc ? t : 0] != 0 ? a[ma ? t : 0] : b[mb ? t : 0];)
}

KERNEL(fill) {
  ARGS(fill);
  for (int64_t i = lo; i < hi; i++) k->y[i] = k->c;
}
#endif
