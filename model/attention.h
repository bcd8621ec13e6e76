// attention.h: scaled dot-product attention, block by block: no (Lq, Lk) array is ever kept.
#ifndef DEEPRC_ATTENTION_H
#define DEEPRC_ATTENTION_H
#include "elementwise.h"

enum { HEAD = 256 };  // largest d and dv: blocks of keys and values are on the stack

// With dropout, weight (n, i, j) falls if element ((first·rows + n)·Lq + i)·Lk + j does in k_dropout, where state = {seed, step, first}.
// N attentions, of q (N, Lq, d), k (N, Lk, d), v (N, Lk, dv); bias is of matrices (Lq, Lk), and walk tells which belongs to
// each of the N. If causal, query i sees keys j ≤ i.
typedef struct {
  int64_t N, Lq, Lk, d, dv, causal;
  float scale;
  walk biases;
  float rate;       // of dropout; 0 for none
  uint32_t number;  // of this dropout in the net
  int64_t rows;     // attentions of a window
} attention;

// Writes y (N, Lq, dv) = dropout(softmax(scale·q·kᵀ + bias))·v and behind it (N, Lq), ln Σ e^score of each query, which the gradients
// are computed from. A query that sees no key gets 0. bias 0: none.
void k_attention(pool *p, const attention *o, float *y, const float *q, const float *k, const float *v, const float *bias,
                 const int64_t *state);
// Writes dq, dk, dv one behind the other, or, if scores, the gradient of bias of each of the N (N, Lq, Lk) instead.
void k_attention_grad(pool *p, const attention *o, float *d, const float *y, const float *q, const float *k, const float *v, const float *bias,
                      const int64_t *state, const float *dy, int scores);
#endif
