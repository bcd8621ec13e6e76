// Kernels that move elements:
//
//   permute          y[i] = x[at(i)]   y dense over walk w, of which operand 0 moves through x
//   transpose        the same where one axis of y, of m elements, is contiguous in x and the last one, of n, is `step` apart there: tiles
//                    go through shared memory, so that both are read and written in runs. y is `far` apart along the first of the two;
//                    operand 0 of `rest` moves x, operand 1 y along the other axes.
//   index_axis       y (outer, to, inner) = segments of the axis of x (outer, from, inner), as w says
//   index_axis_grad  dx = what of dy was taken from each element, added up
//   concat           y[r, at + j] = x[r,j], for rows of `row` and of n elements
//   take             y (outer, to, inner) of x (outer, from, inner): y[o,j,c] = x[o,i,c] with i = at[j], each 1: at[o,j,c], 2: at[o,j]
//   take_grad        dx[o,i,c] = Σ_j dy[o,j,c] where j takes i
//   gather           y[r,j] = series[at[r / rows · all + from + r mod rows] + shift + j], windows of n elements
//
// A gradient is summed by the thread of its result, in the order of dy.
#include "kernel.h"

#include "layout_ops.h"
#include "walk.h"

KERNEL(permute, float *y, const float *x, walk w, int64_t n, int32_t narrow) {
  EACH_AT(1, i, off, w, n, narrow, y[i] = x[off[0]];);
}

KERNEL(transpose, float *y, const float *x, int64_t m, int64_t n, int64_t step, int64_t far, walk rest, int64_t tiles) {
  enum { SIDE = 32 };
  SHARED(float, tile, [SIDE][SIDE + 1]);  // one more: a column then lies in 32 banks
  int64_t across = (n + SIDE - 1) / SIDE, down = (m + SIDE - 1) / SIDE;
  for (int64_t t = blockIdx.x; t < tiles; t += gridDim.x) {
    uint64_t off[2];
    seek<2, uint64_t>(rest, (uint64_t)(t / (across * down)), off);
    int64_t i0 = t / across % down * SIDE, j0 = t % across * SIDE;
    for (int j = threadIdx.y; j < SIDE; j += blockDim.y)
      if (i0 + threadIdx.x < m && j0 + j < n) tile[j][threadIdx.x] = x[off[0] + i0 + threadIdx.x + (j0 + j) * step];
    __syncthreads();
    for (int i = threadIdx.y; i < SIDE; i += blockDim.y)
      if (i0 + i < m && j0 + threadIdx.x < n) y[off[1] + (i0 + i) * far + j0 + threadIdx.x] = tile[threadIdx.x][i];
    __syncthreads();
  }
}

// i of an array (…, n, inner): the place along inner, along n, and before
struct place {
  int64_t c, t, o;
};
DEVICE place place_of(int64_t i, int64_t n, int64_t inner, int32_t narrow) {
  if (narrow) {
    uint32_t r = (uint32_t)i / (uint32_t)inner, o = r / (uint32_t)n;
    return {(int64_t)((uint32_t)i - r * (uint32_t)inner), (int64_t)(r - o * (uint32_t)n), (int64_t)o};
  }
  int64_t r = i / inner, o = r / n;
  return {i - r * inner, r - o * n, o};
}

KERNEL(index_axis, float *y, const float *x, indexing w, int64_t n, int32_t narrow) {
  EACH(i, n) {
    place at = place_of(i, w.to, w.inner, narrow);
    float v = 0;
    int64_t j = at.t;
#pragma unroll
    for (int s = 0; s < SEGMENTS; s++) {
      if (s < w.segments && j >= 0 && j < w.n[s] && w.off[s] >= 0) v = x[(at.o * w.from + w.off[s] + j * w.step[s]) * w.inner + at.c];
      j -= w.n[s];
    }
    y[i] = v;
  }
}

KERNEL(index_axis_grad, float *dx, const float *dy, indexing w, int64_t n, int32_t narrow) {
  EACH(i, n) {
    place at = place_of(i, w.from, w.inner, narrow);
    const float *d = dy + at.o * w.to * w.inner + at.c;
    float v = 0;
#pragma unroll
    for (int s = 0; s < SEGMENTS; s++) {
      if (s >= w.segments) continue;
      int64_t away = at.t - w.off[s], j = 0, end = 0;  // elements j ≤ … < end of the segment were taken from this one
      if (w.off[s] >= 0 && w.step[s] == 0 && away == 0) {
        end = w.n[s];
      } else if (w.off[s] >= 0 && w.step[s] != 0 && away % w.step[s] == 0) {
        j = away / w.step[s];
        end = j >= 0 && j < w.n[s] ? j + 1 : j;
      }
      for (; j < end; j++) v += d[j * w.inner];
      d += w.n[s] * w.inner;
    }
    dx[i] = v;
  }
}

KERNEL(concat, float *y, const float *x, int64_t row, int64_t at, int64_t n, int64_t all, int32_t narrow) {
  EACH(i, all) {
    place p = place_of(i, 1, n, narrow);
    y[p.o * row + at + p.c] = x[i];
  }
}

// which index is that of element (o, j, c)
DEVICE int64_t index_at(const int64_t *at, place p, int64_t to, int64_t inner, int32_t each) {
  return at[each == 0 ? p.t : each == 1 ? (p.o * to + p.t) * inner + p.c : p.o * to + p.t];
}

KERNEL(take, float *y, const float *x, const int64_t *at, int64_t from, int64_t to, int64_t inner, int32_t each, int64_t n, int32_t narrow) {
  EACH(i, n) {
    place p = place_of(i, to, inner, narrow);
    y[i] = x[(p.o * from + index_at(at, p, to, inner, each)) * inner + p.c];
  }
}

KERNEL(take_grad, float *dx, const float *dy, const int64_t *at, int64_t from, int64_t to, int64_t inner, int32_t each, int64_t n,
       int32_t narrow) {
  EACH(i, n) {
    place p = place_of(i, from, inner, narrow);
    int64_t here = p.t;
    float v = 0;
    for (p.t = 0; p.t < to; p.t++)
      if (index_at(at, p, to, inner, each) == here) v += dy[(p.o * to + p.t) * inner + p.c];
    dx[i] = v;
  }
}

KERNEL(gather, float *y, const float *series, const int64_t *at, int64_t rows, int64_t all, int64_t from, int64_t shift, int64_t n,
       int64_t total, int32_t narrow) {
  EACH(i, total) {
    place p = place_of(i, rows, n, narrow);
    y[i] = series[at[p.o * all + from + p.t] + shift + p.c];
  }
}
