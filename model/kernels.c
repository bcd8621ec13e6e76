#include "kernels.h"
#include <math.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#define LANES 16                        // partial sums of a reduction; the order is fixed, so results repeat

// averages from ≤ t < to of one row by a running sum, the ends of the row repeated
static void running_avg(float *y, const float *x, int64_t cols, int64_t h, int64_t from, int64_t to) {
  double s = 0, k = 2 * h + 1;
  for (int64_t j = from - h; j <= from + h; j++) s += x[j < 0 ? 0 : j >= cols ? cols - 1 : j];
  for (int64_t t = from; t < to; t++) {
    y[t] = (float)(s / k);
    int64_t out = t - h, in = t + h + 1;
    s += (double)x[in >= cols ? cols - 1 : in] - x[out < 0 ? 0 : out];
  }
}

// Inside a row, where no end is repeated, a block of averages at a time: k vector additions each.
CLONES
void k_moving_avg(float *restrict y, const float *restrict x, int64_t rows, int64_t cols, int64_t k) {
  enum { BLOCK = 4 * LANES, WIDE = 65 };
  int64_t h = k / 2;
  float inv = 1.0f / k;
  for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
    int64_t t = h < cols ? h : cols;
    if (k > WIDE) t = 0;
    running_avg(y, x, cols, h, 0, t);
    for (; k <= WIDE && t + BLOCK + h <= cols; t += BLOCK) {
      float acc[BLOCK] = {0};
      for (int64_t j = t - h; j <= t + h; j++)
        for (int l = 0; l < BLOCK; l++) acc[l] += x[j + l];
      for (int l = 0; l < BLOCK; l++) y[t + l] = acc[l] * inv;
    }
    running_avg(y, x, cols, h, t, cols);
  }
}

// The transpose of k_moving_avg: each dy spreads evenly over the window it averaged.
CLONES
void k_moving_avg_grad(float *restrict dx, const float *restrict dy, int64_t rows, int64_t cols, int64_t k) {
  int64_t h = k / 2;
  for (int64_t r = 0; r < rows; r++, dx += cols, dy += cols) {
    memset(dx, 0, cols * sizeof *dx);
    for (int64_t t = 0; t < cols; t++)
      for (int64_t j = t - h; j <= t + h; j++) dx[j < 0 ? 0 : j >= cols ? cols - 1 : j] += dy[t] / k;
  }
}
