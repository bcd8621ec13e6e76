// kernels.h: the CPU kernels, as loops that the compiler vectorises. Arrays are
// dense, row-major, float32; n counts elements; a row is a run of the last axis.
// kernels.c is compiled for AVX-512, AVX2 and the baseline; the loader picks.
#ifndef DEEPRC_KERNELS_H
#define DEEPRC_KERNELS_H
#include <stdint.h>

enum { K_MSE, K_MAE, K_HUBER };

// y[i,t] = mean of x[i,t−k/2 … t+k/2], the ends repeated; k odd
void k_moving_avg(float *y, const float *x, int64_t rows, int64_t cols, int64_t k);
void k_moving_avg_grad(float *dx, const float *dy, int64_t rows, int64_t cols, int64_t k);
// out = {Σ w·e(p − t), Σ w}, over targets t that are not NaN; row i has weight w[i/per]
void k_loss(float *out, const float *p, const float *t, const float *w, int64_t rows, int64_t cols,
            int64_t per, int kind, float delta);
void k_loss_grad(float *dp, const float *p, const float *t, const float *w, const float *dy, int64_t rows,
                 int64_t cols, int64_t per, int kind, float delta);
// Adam (Kingma and Ba 2015, algorithm 1) on g/count, in place; decay ≠ 0: decoupled
// (AdamW, Loshchilov and Hutter 2019) or added to the gradient (L2). hyper = {lr, 1−β1^t, 1−β2^t}.
// norm2 = Σ (g/count)²; clip > 0: g/count is first scaled to have at most this norm
void k_adam(float *norm2, float *p, const float *g, float *m, float *v, const float *count, const float *hyper,
            int64_t n, float beta1, float beta2, float eps, float decay, int decoupled, float clip);
#endif
