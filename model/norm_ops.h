// norm_ops.h: the formulas of softmax and layer norm for one element of a row, for the CPU (norm.c) and for CUDA (gpu/kernels/norm.cu).
#ifndef DEEPRC_NORM_OPS_H
#define DEEPRC_NORM_OPS_H
#include "vecmath.h"

#define SOFTMAX_GRAD(y, dy, s) ((y) * ((dy) - (s)))                // s = Σ y·dy
#define LOG_SOFTMAX_GRAD(y, dy, s) ((dy) - v_exp(y) * (s))         // s = Σ dy
#define NORM_SCALE(squares, n, eps) (1 / v_sqrt((squares) / (n) + (eps)))  // squares = Σ (x − mean)²
#define NORM(x, mean, s) (((x) - (mean)) * (s))
// g = dy·w, sg = Σ g, sx = Σ g·x̂
#define NORM_GRAD(x, mean, s, g, sg, sx, n) ((s) * ((g) - (sg) / (n) - ((x) - (mean)) * (s) * (sx) / (n)))
#endif
