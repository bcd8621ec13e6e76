// loss.h: losses of a forecast row by row, and their slopes.
#ifndef DEEPRC_LOSS_H
#define DEEPRC_LOSS_H
#include "threads.h"

// What is summed over steps; see losses in loss.go for the formulas.
enum { K_SQUARED, K_ABSOLUTE, K_HUBER, K_MAPE, K_SMAPE, K_QUANTILES, K_NORMAL, K_STUDENT, K_POISSON, K_NEGATIVE_BINOMIAL };

// A forecast p (rows, h·k) holds the k values of a step side by side; t (rows, h) are the targets, NaN where missing, w the
// weights of windows, of per rows each. div (rows), or 0 for ones, divides a row's errors; where it is 0 the row's
// errors are 0. q are the k levels of K_QUANTILES; delta is K_HUBER's.
// y (rows, 2) = {Σ w·e/div, Σ w} over the targets of a row that are there
void k_loss(pool *pl, float *y, const float *p, const float *t, const float *w, const float *div, const float *q, int64_t h,
            int64_t k, int64_t per, int kind, float delta, int64_t rows);
// dp (rows, h·k) = dy[row, 0] · w · ∂e/∂p / div
void k_loss_grad(pool *pl, float *dp, const float *dy, const float *p, const float *t, const float *w, const float *div,
                 const float *q, int64_t h, int64_t k, int64_t per, int kind, float delta, int64_t rows);

// ln Γ(x) and its derivative for x > 0: within 1e-14·max(1, |value|) for ln Γ, 1e-13·max(1, |value|) for ψ (TestGamma)
double ln_gamma(double x);
double digamma(double x);
// −ln of the density of y under the distribution of parameters p: mean, deviation; degrees of freedom, location, scale; rate; or mean
// and dispersion. d, if not 0, takes its slopes in p
double likelihood(int kind, const float *p, double y, float *d);
#endif
