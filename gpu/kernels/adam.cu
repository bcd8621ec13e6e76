// Adam on all parameters (adam_ops.h), in place: p, g, m and v are slabs of n elements; count (1) divides the gradients, hyper (3) is
// {lr, 1−β1^t, 1−β2^t}. Σ (g/count)² is summed in blocks of `each` elements, whose sums lie in part, in an order that n alone decides.
//
//   adam_squares  part = the sums of squares, for clip > 0: they are needed before the update
//   adam_norm     norm2 = Σ part
//   adam          the update, and part; clip > 0: gradients whose norm is larger are scaled to it, by norm2
#include "kernel.h"

#include "adam_ops.h"
#include "sums.h"

#define EACH_OF_BLOCK(i, n, each) \
  for (int64_t i = blockIdx.x * (each) + threadIdx.x, end = (blockIdx.x + 1) * (each); i < end && i < (n); i += blockDim.x)

KERNEL(adam_squares, float *part, const float *g, const float *count, int64_t n, int64_t each) {
  float inv = 1 / *count, s = 0;
  EACH_OF_BLOCK(i, n, each) s += (g[i] * inv) * (g[i] * inv);
  s = row_sum(s);
  if (threadIdx.x == 0) part[blockIdx.x] = s;
}

KERNEL(adam_norm, float *norm2, const float *part, int64_t parts) {
  float s = 0;
  EACH_OF_BLOCK(i, parts, parts) s += part[i];
  s = row_sum(s);
  if (threadIdx.x == 0) *norm2 = s;
}

KERNEL(adam, float *part, float *__restrict__ p, const float *__restrict__ g, float *__restrict__ m, float *__restrict__ v,
       const float *count, const float *hyper, const float *norm2, int64_t n, int64_t each, float beta1, float beta2, float eps, float decay, int32_t decoupled, float clip) {
  adam_rule k = adam_rule_of(*count, hyper, beta1, beta2, eps, decay, decoupled);
  if (clip > 0) adam_clip(&k, clip, *norm2);
  float s = 0;
  EACH_OF_BLOCK(i, n, each) {
    float pi = p[i], mi = m[i], vi = v[i];
    ADAM_UPDATE(float, k, pi, mi, vi, g[i], s, v_sqrt);
    p[i] = pi, m[i] = mi, v[i] = vi;
  }
  s = row_sum(s);
  if (threadIdx.x == 0) part[blockIdx.x] = s;
}
