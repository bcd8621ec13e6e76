// attention.h: scaled dot-product attention, block by block: no (Lq, Lk) array is ever kept.
#ifndef DEEPRC_ATTENTION_H
#define DEEPRC_ATTENTION_H
#include "elementwise.h"

enum { HEAD = 256 };  // largest d and dv: blocks of keys and values are on the stack

// N attentions, of q (N, Lq, d), k (N, Lk, d), v (N, Lk, dv); bias is of matrices (Lq, Lk), and walk tells which belongs to
// each of the N. If causal, query i sees keys j ≤ i.
typedef struct {
  int64_t N, Lq, Lk, d, dv, causal;
  float scale;
  walk biases;
} attention;

// Writes y (N, Lq, dv) = softmax(scale·q·kᵀ + bias)·v and behind it (N, Lq), ln Σ e^score of each query, which the gradients
// are computed from. A query that sees no key gets 0. bias 0: none.
void k_attention(pool *p, const attention *o, float *y, const float *q, const float *k, const float *v, const float *bias);
// Writes dq, dk, dv one behind the other, or, if scores, the gradient of bias of each of the N (N, Lq, Lk) instead.
void k_attention_grad(pool *p, const attention *o, float *d, const float *y, const float *q, const float *k, const float *v, const float *bias,
                      const float *dy, int scores);
#endif
