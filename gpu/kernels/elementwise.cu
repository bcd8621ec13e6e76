// Functions of one, two or three values, element by element (elementwise_ops.h):
//
//   binary_F      y[i] = F(a[i], b[i])              a and b broadcast, as walk w says; n elements
//   unary_F       y[i] = F(x[i])                    with constants p and q
//   unary_grad_F  dx[i] = dy[i] · F'(v[i])          v is x or y, as F has it
//   bias_F        y[r,c] = F(y[r,c] + b[c])         b = 0: none; p = q = 1
//   where         y[i] = c[i] ≠ 0 ? a[i] : b[i]     all broadcast
//   fill          y[i] = c
//
// A result may lie where an operand of its shape does.
#include "kernel.h"

#include "vecmath.h"
#include "walk.h"
#pragma nv_diag_suppress 177, 550  // a derivative may need no value

#define BINARY(name, f)                                                                                     \
  KERNEL(binary_##name, float *y, const float *pa, const float *pb, walk w, int64_t n, int32_t narrow) {    \
    EACH_AT(2, i, off, w, n, narrow, float a = pa[off[0]]; float b = pb[off[1]]; y[i] = f;);                \
  }
BINARY_OPS(BINARY)

#define UNARY(name, f, df)                                                                                             \
  KERNEL(unary_##name, float *y, const float *px, float p, float q, int64_t n) {                                       \
    EACH(i, n) {                                                                                                       \
      float x = px[i];                                                                                                 \
      y[i] = f;                                                                                                        \
    }                                                                                                                  \
  }                                                                                                                    \
  KERNEL(unary_grad_##name, float *dx, const float *pv, const float *dy, float p, float q, int64_t n) {                \
    EACH(i, n) {                                                                                                       \
      float v = pv[i];                                                                                                 \
      dx[i] = dy[i] * (df);                                                                                            \
    }                                                                                                                  \
  }                                                                                                                    \
  KERNEL(bias_##name, float *y, const float *b, int64_t cols, int64_t n, int32_t narrow) {                             \
    const float p = 1, q = 1;                                                                                          \
    (void)p, (void)q;                                                                                                  \
    EACH(i, n) {                                                                                                       \
      int64_t c = narrow ? (int64_t)((uint32_t)i % (uint32_t)cols) : i % cols;                                         \
      float x = y[i] + (b ? b[c] : 0);                                                                                 \
      y[i] = f;                                                                                                        \
    }                                                                                                                  \
  }
UNARY_OPS(UNARY)

KERNEL(where, float *y, const float *c, const float *a, const float *b, walk w, int64_t n, int32_t narrow) {
  EACH_AT(3, i, off, w, n, narrow, y[i] = c[off[0]] != 0 ? a[off[1]] : b[off[2]];);
}

KERNEL(fill, float *y, float c, int64_t n) {
  EACH(i, n) y[i] = c;
}
