// select.h: which elements stand out.
#ifndef DEEPRC_SELECT_H
#define DEEPRC_SELECT_H
#include "threads.h"

// y (rows, k) = where the k largest of each row of x (rows, n) are, the largest first, of equal ones the first
void k_topk(pool *p, int64_t *y, const float *x, int64_t rows, int64_t n, int64_t k);
// y (N, Lq) = max_j s_j − Σ_j s_j/Lk, s_j = q_i·k_at[i,j], of q (N, Lq, d), k (N, Lk, d), at (Lq, U)
void k_sparsity(pool *p, float *y, const float *q, const float *k, const int64_t *at, int64_t N, int64_t Lq, int64_t Lk, int64_t d, int64_t U);
#endif
