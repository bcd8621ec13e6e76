// adam_ops.h: the formulas of Adam's update, for the CPU (adam.c) and for CUDA (gpu/kernels/adam.cu).
#ifndef DEEPRC_ADAM_OPS_H
#define DEEPRC_ADAM_OPS_H
#include "vecmath.h"

// What one update has in common for all parameters.
typedef struct {
  float inv, step, root2, beta1, beta2, eps, keep, l2;
} adam_rule;

// hyper = {lr, 1−β1^t, 1−β2^t}; decay is decoupled (AdamW) or added to the gradient (L2)
VEC adam_rule adam_rule_of(float count, const float *hyper, float beta1, float beta2, float eps, float decay, int decoupled) {
  adam_rule k = {1 / count, hyper[0] / hyper[1], 1 / v_sqrt(hyper[2]), beta1, beta2, eps, 1, 0};
  if (decoupled) k.keep = 1 - hyper[0] * decay;
  else k.l2 = decay;
  return k;
}

// Scales gradients whose norm is above clip to it; norm2 = Σ (g/count)².
VEC void adam_clip(adam_rule *k, float clip, double norm2) {
  float most = clip / ((float)sqrt(norm2) + 1e-6f);
  k->inv *= most < 1 ? most : 1;
}

// The update k of one element, or of a vector of them, of type T; (g/count)² is added to square.
#define ADAM_UPDATE(T, k, p, m, v, g, square, root)                         \
  do {                                                                      \
    T d = (g) * (k).inv;                                                    \
    square += d * d;                                                        \
    d += (k).l2 * (p);                                                      \
    m = (k).beta1 * (m) + (1 - (k).beta1) * d;                              \
    v = (k).beta2 * (v) + (1 - (k).beta2) * d * d;                          \
    p = (k).keep * (p) - (k).step * (m) / (root(v) * (k).root2 + (k).eps);  \
  } while (0)
#endif
