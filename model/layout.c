// Moves are bound by memory: one version of each loop will do, and memcpy picks its own.
#include "layout.h"
#include <string.h>

enum { PIECE = 1 << 15, TILE = 16 };

struct permute { float *y; const float *x; const walk *w; int64_t axis; };
struct indexed { float *y; const float *x; const indexing *w; };
struct concat { float *y; const float *x; int64_t row, at, n; };
struct take { float *y; const float *x; const int64_t *at; int64_t outer, from, to, inner; int each; };

static int64_t grain(int64_t each) { return 1 + PIECE / each; }

// where x stands at index i of the axes before last, outermost first, leaving out one axis
static int64_t start(const walk *w, int64_t i, int64_t skip, int64_t *y) {
  int64_t off = 0, stride = w->dim[w->axes - 1];
  *y = 0;
  for (int64_t a = w->axes - 2; a >= 0; a--) {
    if (a != skip) {
      int64_t k = i % w->dim[a];
      i /= w->dim[a];
      off += k * w->move[0][a];
      *y += k * stride;
    }
    stride *= w->dim[a];
  }
  return off;
}

static void by_rows(const void *args, int64_t lo, int64_t hi) {
  const struct permute *k = args;
  int64_t n = k->w->dim[k->w->axes - 1], step = k->w->move[0][k->w->axes - 1], to;
  for (int64_t r = lo; r < hi; r++) {
    const float *x = k->x + start(k->w, r, -1, &to);
    float *y = k->y + to;
    if (step == 1)
      memcpy(y, x, n * sizeof *y);
    else
      for (int64_t j = 0; j < n; j++) y[j] = x[j * step];
  }
}

// The last axis of y strides through x, and axis k->axis of y is the one that x is contiguous in: both in tiles.
static void by_tiles(const void *args, int64_t lo, int64_t hi) {
  const struct permute *k = args;
  const walk *w = k->w;
  int64_t n = w->dim[w->axes - 1], step = w->move[0][w->axes - 1], m = w->dim[k->axis], far = n;
  for (int64_t a = w->axes - 2; a > k->axis; a--) far *= w->dim[a];
  int64_t strips = (m + TILE - 1) / TILE;
  for (int64_t r = lo; r < hi; r++) {
    int64_t to, i0 = r % strips * TILE, i1 = i0 + TILE < m ? i0 + TILE : m;
    const float *x = k->x + start(w, r / strips, k->axis, &to);
    float *y = k->y + to;
    for (int64_t j0 = 0; j0 < n; j0 += TILE) {
      int64_t j1 = j0 + TILE < n ? j0 + TILE : n;
      for (int64_t i = i0; i < i1; i++)
        for (int64_t j = j0; j < j1; j++) y[i * far + j] = x[i + j * step];
    }
  }
}

void k_permute(pool *p, float *y, const float *x, const walk *w) {
  int64_t n = w->dim[w->axes - 1], rows = 1, axis = -1;
  for (int64_t a = 0; a < w->axes - 1; a++) {
    rows *= w->dim[a];
    if (w->move[0][a] == 1) axis = a;
  }
  struct permute k = {y, x, w, axis};
  if (w->move[0][w->axes - 1] > 1 && axis >= 0) {
    int64_t m = w->dim[axis];
    parallel(p, rows / m * ((m + TILE - 1) / TILE), grain(n * TILE), by_tiles, &k);
  } else {
    parallel(p, rows, grain(n), by_rows, &k);
  }
}

static void take_segments(const void *args, int64_t lo, int64_t hi) {
  const struct indexed *k = args;
  const indexing *w = k->w;
  float *y = k->y + lo * w->to * w->inner;
  for (int64_t o = lo; o < hi; o++) {
    const float *x = k->x + o * w->from * w->inner;
    for (int64_t s = 0; s < w->segments; s++) {
      int64_t n = w->n[s], inner = w->inner, step = w->step[s];
      const float *from = x + w->off[s] * inner;
      if (w->off[s] < 0)
        memset(y, 0, n * inner * sizeof *y);
      else if (step == 1)
        memcpy(y, from, n * inner * sizeof *y);
      else if (inner == 1)
        for (int64_t j = 0; j < n; j++) y[j] = from[j * step];
      else
        for (int64_t j = 0; j < n; j++) memcpy(y + j * inner, from + j * step * inner, inner * sizeof *y);
      y += n * inner;
    }
  }
}

static void add_segments(const void *args, int64_t lo, int64_t hi) {
  const struct indexed *k = args;
  const indexing *w = k->w;
  const float *dy = k->x + lo * w->to * w->inner;
  for (int64_t o = lo; o < hi; o++) {
    float *dx = k->y + o * w->from * w->inner;
    memset(dx, 0, w->from * w->inner * sizeof *dx);
    for (int64_t s = 0; s < w->segments; s++) {
      int64_t n = w->n[s], inner = w->inner;
      for (int64_t j = 0; w->off[s] >= 0 && j < n; j++) {
        float *to = dx + (w->off[s] + j * w->step[s]) * inner;
        for (int64_t i = 0; i < inner; i++) to[i] += dy[j * inner + i];
      }
      dy += n * inner;
    }
  }
}

void k_index(pool *p, float *y, const float *x, const indexing *w) {
  struct indexed k = {y, x, w};
  parallel(p, w->outer, grain(w->to * w->inner), take_segments, &k);
}

void k_index_grad(pool *p, float *dx, const float *dy, const indexing *w) {
  struct indexed k = {dx, dy, w};
  parallel(p, w->outer, grain(w->to * w->inner), add_segments, &k);
}

static void put_rows(const void *args, int64_t lo, int64_t hi) {
  const struct concat *k = args;
  for (int64_t o = lo; o < hi; o++) memcpy(k->y + o * k->row + k->at, k->x + o * k->n, k->n * sizeof *k->y);
}

void k_concat(pool *p, float *y, const float *x, int64_t outer, int64_t row, int64_t at, int64_t n) {
  struct concat k = {y, x, row, at, n};
  parallel(p, outer, grain(n), put_rows, &k);
}

static void take_rows(const void *args, int64_t lo, int64_t hi) {
  const struct take *k = args;
  for (int64_t r = lo; r < hi; r++) {
    const float *x = k->x + r / k->to * k->from * k->inner;
    float *y = k->y + r * k->inner;
    if (k->each != 1)
      memcpy(y, x + k->at[k->each ? r : r % k->to] * k->inner, k->inner * sizeof *y);
    else
      for (int64_t c = 0; c < k->inner; c++) y[c] = x[k->at[r * k->inner + c] * k->inner + c];
  }
}

void k_take(pool *p, float *y, const float *x, const int64_t *at, int64_t outer, int64_t from, int64_t to, int64_t inner, int each) {
  struct take k = {y, x, at, outer, from, to, inner, each};
  parallel(p, outer * to, grain(inner), take_rows, &k);
}

// Columns lo ≤ c < hi of dx: no two threads add to one element, and the order is that of dy.
static void add_columns(const void *args, int64_t lo, int64_t hi) {
  const struct take *k = args;
  for (int64_t o = 0; o < k->outer; o++) {
    float *dx = k->y + o * k->from * k->inner;
    const float *dy = k->x + o * k->to * k->inner;
    const int64_t *at = k->at + (k->each == 1 ? o * k->to * k->inner : k->each ? o * k->to : 0);
    for (int64_t i = 0; i < k->from; i++) memset(dx + i * k->inner + lo, 0, (hi - lo) * sizeof *dx);
    for (int64_t j = 0; j < k->to; j++)
      for (int64_t c = lo; c < hi; c++) dx[(k->each == 1 ? at[j * k->inner + c] : at[j]) * k->inner + c] += dy[j * k->inner + c];
  }
}

void k_take_grad(pool *p, float *dx, const float *dy, const int64_t *at, int64_t outer, int64_t from, int64_t to, int64_t inner, int each) {
  struct take k = {dx, dy, at, outer, from, to, inner, each};
  parallel(p, inner, 16 * grain(16 * outer * (from + to)), add_columns, &k);
}

struct fold { float *dx; const float *dy; int64_t length, n, k, stride; };

static void fold_rows(const void *args, int64_t lo, int64_t hi) {
  const struct fold *f = args;
  for (int64_t r = lo; r < hi; r++) {
    float *dx = f->dx + r * f->length;
    const float *dy = f->dy + r * f->n * f->k;
    memset(dx, 0, f->length * sizeof *dx);
    for (int64_t i = 0; i < f->n; i++)
      for (int64_t j = 0; j < f->k; j++) dx[i * f->stride + j] += dy[i * f->k + j];
  }
}

void k_add_runs(pool *p, float *dx, const float *dy, int64_t rows, int64_t length, int64_t n, int64_t k, int64_t stride) {
  struct fold f = {dx, dy, length, n, k, stride};
  parallel(p, rows, grain(n * k), fold_rows, &f);
}
