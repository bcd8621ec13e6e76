// adam.h: the update of all parameters.
#ifndef DEEPRC_ADAM_H
#define DEEPRC_ADAM_H
#include "threads.h"

// Adam (Kingma and Ba 2015, algorithm 1) on g/count, in place, over n elements; decay ≠ 0: decoupled
// (AdamW, Loshchilov and Hutter 2019) or added to the gradient (L2). hyper = {lr, 1−β1^t, 1−β2^t}.
// norm2 = Σ (g/count)²; clip > 0: g/count is first scaled to have at most this norm
void k_adam(pool *pl, float *norm2, float *p, const float *g, float *m, float *v, const float *count, const float *hyper,
            int64_t n, float beta1, float beta2, float eps, float decay, int decoupled, float clip);
#endif
