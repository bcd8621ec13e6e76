// recurrent.h: recurrent layers over whole sequences, and their gradients.
//
// Sequences are time-major, (T, N, …): what a step reads and writes of neighbouring rows is contiguous. Rows are
// independent, so a thread takes some of them through all steps and waits for nobody. A value is summed in the order of
// its terms whatever the cut, so results are the same for any number of threads. Weights are packed (k_pack).
#ifndef DEEPRC_RECURRENT_H
#define DEEPRC_RECURRENT_H
#include "threads.h"

enum { CELL_LSTM, CELL_EALSTM, CELL_GRU, CELL_RNN };
enum { ACT_TANH, ACT_RELU, ACT_SELU };
enum { PANEL = 16 };  // columns that a packed matrix keeps together

typedef struct {
  int64_t cell, act, T, N, H;
} recurrence;

// p = columns of a matrix (k, m) in panels: (⌈m/PANEL⌉, k, PANEL), filled up with 0; w is (k, m), or (m, k) if transposed
void k_pack(pool *p, float *packed, const float *w, int64_t k, int64_t m, int transposed);

// Writes the states s = [h (T, N, H), c (T, N, H), gates (T, N, G·H)] from x (T, N, M), what the inputs add to the M/H
// gates, and w, the packed transpose of the hidden state's weights (M, H); h0 and c0 (N, H), or 0 for zeros.
//   LSTM    gates i, f, g, o; c as above
//   EALSTM  gates f, o, g, and in (N, H), the input gate of all steps
//   GRU     gates r, z of M = 3H; G = 4: r, z, W_hn·h + b_hn, n; no c; b (3H) is the hidden state's bias
//   RNN     no gates, no c
void k_recurrent(pool *p, const recurrence *o, float *s, const float *x, const float *w, const float *b, const float *in, const float *h0,
                 const float *c0);
// Writes d = [dx (T, N, M), GRU: (T, N, M), the gradient of the hidden state's part of the gates; dh0, but RNN and GRU: dc0, EALSTM: din],
// the last of (N, H) each, from those of all h (T, N, H) and of the last c (N, H), each of which may be 0 for none; w is
// packed, not transposed.
void k_recurrent_grad(pool *p, const recurrence *o, float *d, const float *s, const float *w, const float *in, const float *h0, const float *c0,
                      const float *dh, const float *dc);
#endif
