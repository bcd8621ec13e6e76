// elementwise_ops.h: the functions of one, two or three values, element by element, for the CPU (elementwise.c) and for CUDA
// (gpu/kernels/elementwise.cu). Formulas use vecmath.h.
#ifndef DEEPRC_ELEMENTWISE_OPS_H
#define DEEPRC_ELEMENTWISE_OPS_H
#ifndef __CUDACC__
#include <stdint.h>
#endif

// A walk is the axes of a dense result, outermost first, and how far each operand moves along them in elements: 0 where
// it is spread. Neighbours that all operands run through as one are merged, so the last axis moves an operand by 0 or 1.
enum { AXES = 6, OPERANDS = 3 };
typedef struct {
  int64_t axes, dim[AXES], move[OPERANDS][AXES];
} walk;

// name, value of a and b. The larger and the smaller of two are NaN where one is. STEP is the slope of max, halved in a tie.
#define BINARY_OPS(X)                        \
  X(ADD, a + b)                              \
  X(SUB, a - b)                              \
  X(MUL, a *b)                               \
  X(DIV, a / b)                              \
  X(MAX, a > b || a != a ? a : b)            \
  X(MIN, a < b || a != a ? a : b)            \
  X(GT, a > b ? 1.0f : 0.0f)                 \
  X(GE, a >= b ? 1.0f : 0.0f)                \
  X(EQ, a == b ? 1.0f : 0.0f)                \
  X(STEP, a > b ? 1.0f : a == b ? 0.5f : 0.0f)

// name, value of x, its derivative in terms of v, which is y or x as the op's Go side says; p and q are constants.
#define UNARY_OPS(X)                                                                                    \
  X(AFFINE, p *x + q, p)                                                                                \
  X(ABS, fabsf(x), v > 0 ? 1.0f : v < 0 ? -1.0f : 0.0f)                                                 \
  X(EXP, v_exp(x), v)                                                                                   \
  X(LOG, v_log(x), 1 / v)                                                                               \
  X(SQRT, v_sqrt(x), 0.5f / v)                                                                          \
  X(SQUARE, x *x, 2 * v)                                                                                \
  X(POW, powf(x, p), p *powf(v, p - 1))                                                                 \
  X(TANH, v_tanh(x), 1 - v * v)                                                                         \
  X(SIGMOID, v_sigmoid(x), v *(1 - v))                                                                  \
  X(RELU, x < 0 ? 0.0f : x, v > 0 ? 1.0f : 0.0f)                                                        \
  X(GELU, v_gelu(x), v_gelu_slope(v))                                                                   \
  X(GELU_TANH, v_gelu_tanh(x), v_gelu_tanh_slope(v))                                                    \
  X(ELU, q *(x > 0 ? x : p * v_expm1(x)), v > 0 ? q : v + p * q)                                        \
  X(LEAKY_RELU, x > 0 ? x : p * x, v > 0 ? 1.0f : p)                                                    \
  X(SOFTPLUS, v_softplus(x), v_sigmoid(v))                                                              \
  X(CLAMP, x < p ? p : x > q ? q : x, v >= p && v <= q ? 1.0f : 0.0f)                                   \
  X(SINH, v_sinh(x), v_sqrt(1 + v * v))                                                                 \
  X(ASINH, v_asinh(x), 1 / v_sqrt(1 + v * v))                                                           \
  X(IDENTITY, x, 1.0f)

#define ENUM_BINARY(name, f) K_##name,
#define ENUM_UNARY(name, f, df) K_##name,
enum { BINARY_OPS(ENUM_BINARY) BINARIES };
enum { UNARY_OPS(ENUM_UNARY) UNARIES };
#endif
