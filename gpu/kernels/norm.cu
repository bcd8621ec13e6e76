// Rows of n elements, normalised (norm_ops.h): softmax, and mean 0 and variance 1. A row has a warp, or a block if it is long.
//
//   softmax           y = e^(x − max) / Σ e^(x − max)       softmax_grad      dx = y (dy − Σ y·dy)
//   log_softmax       y = x − max − ln Σ e^(x − max)        log_softmax_grad  dx = dy − e^y Σ dy
//   moments           stats[r] = {mean, 1/√(variance + eps)}
//   layer_norm        y = x̂·w + b with x̂ = (x − mean)·scale; w and b (n), or 0 for none
//   layer_norm_grad   dx = scale (g − mean g − x̂ · mean(g·x̂)) with g = dy·w
//
// y may be x, and dx may be dy.
#include "kernel.h"

#include "norm_ops.h"
#include "sums.h"

#define EACH_ROW(r, rows) \
  for (int64_t r = (int64_t)blockIdx.x * blockDim.y + threadIdx.y; r < (rows); r += (int64_t)gridDim.x * blockDim.y)
#define EACH_OF_ROW(j, n) for (int64_t j = threadIdx.x; j < (n); j += blockDim.x)

KERNEL(softmax, float *py, const float *px, int64_t rows, int64_t n) {
  EACH_ROW(r, rows) {
    const float *x = px + r * n;
    float *y = py + r * n, top = -INFINITY, s = 0;
    EACH_OF_ROW(j, n) top = ROW_LARGER(top, x[j]);
    top = row_largest(top);
    EACH_OF_ROW(j, n) {
      float e = v_exp(x[j] - top);
      y[j] = e;
      s += e;
    }
    s = 1 / row_sum(s);
    EACH_OF_ROW(j, n) y[j] *= s;
  }
}

KERNEL(softmax_grad, float *pdx, const float *py, const float *pdy, int64_t rows, int64_t n) {
  EACH_ROW(r, rows) {
    const float *y = py + r * n, *dy = pdy + r * n;
    float *dx = pdx + r * n, s = 0;
    EACH_OF_ROW(j, n) s += y[j] * dy[j];
    s = row_sum(s);
    EACH_OF_ROW(j, n) dx[j] = SOFTMAX_GRAD(y[j], dy[j], s);
  }
}

KERNEL(log_softmax, float *py, const float *px, int64_t rows, int64_t n) {
  EACH_ROW(r, rows) {
    const float *x = px + r * n;
    float *y = py + r * n, top = -INFINITY, s = 0;
    EACH_OF_ROW(j, n) top = ROW_LARGER(top, x[j]);
    top = row_largest(top);
    EACH_OF_ROW(j, n) s += v_exp(x[j] - top);
    s = v_log(row_sum(s));
    EACH_OF_ROW(j, n) y[j] = x[j] - top - s;
  }
}

KERNEL(log_softmax_grad, float *pdx, const float *py, const float *pdy, int64_t rows, int64_t n) {
  EACH_ROW(r, rows) {
    const float *y = py + r * n, *dy = pdy + r * n;
    float *dx = pdx + r * n, s = 0;
    EACH_OF_ROW(j, n) s += dy[j];
    s = row_sum(s);
    EACH_OF_ROW(j, n) dx[j] = LOG_SOFTMAX_GRAD(y[j], dy[j], s);
  }
}

KERNEL(moments, float *stats, const float *px, float eps, int64_t rows, int64_t n) {
  EACH_ROW(r, rows) {
    const float *x = px + r * n;
    float mean = 0, squares = 0;
    EACH_OF_ROW(j, n) mean += x[j];
    mean = row_sum(mean) / n;
    EACH_OF_ROW(j, n) squares += (x[j] - mean) * (x[j] - mean);
    squares = row_sum(squares);
    if (threadIdx.x == 0) {
      stats[2 * r] = mean;
      stats[2 * r + 1] = NORM_SCALE(squares, n, eps);
    }
  }
}

KERNEL(layer_norm, float *py, const float *px, const float *stats, const float *w, const float *b, int64_t rows, int64_t n) {
  EACH_ROW(r, rows) {
    const float *x = px + r * n;
    float *y = py + r * n, mean = stats[2 * r], s = stats[2 * r + 1];
    EACH_OF_ROW(j, n) y[j] = w ? NORM(x[j], mean, s) * w[j] + b[j] : NORM(x[j], mean, s);
  }
}

KERNEL(layer_norm_grad, float *pdx, const float *px, const float *stats, const float *w, const float *pdy, int64_t rows, int64_t n) {
  EACH_ROW(r, rows) {
    const float *x = px + r * n, *dy = pdy + r * n;
    float *dx = pdx + r * n, mean = stats[2 * r], s = stats[2 * r + 1], sg = 0, sx = 0;
    EACH_OF_ROW(j, n) {
      float g = dy[j] * (w ? w[j] : 1);
      sg += g;
      sx += g * NORM(x[j], mean, s);
    }
    sg = row_sum(sg);
    sx = row_sum(sx);
    EACH_OF_ROW(j, n) dx[j] = n == 1 ? 0 : NORM_GRAD(x[j], mean, s, dy[j] * (w ? w[j] : 1), sg, sx, n);  // n = 1: y is b
  }
}
