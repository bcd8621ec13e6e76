#include "isa.h"
#include "reduce.h"
#include "rows.h"

#ifndef ISA
enum {
  COLS = 64,          // columns reduced together, their sums in registers
  RUN_ROWS = 256,     // rows added in float32 before float64 takes over
  SPLIT = 1 << 16,    // one long row is cut into
  PARTS = 32,         // so many
};
struct reduce { float *y; const float *x; float scale; int64_t n, inner; };
struct reduce_part { double *part; const float *x; int64_t n, each; };

#define LOOPS "reduce.c"
#include "versions.h"

static void sum_long(pool *p, float *y, const float *x, float scale, int64_t n) {
  double part[PARTS] = {0}, s = 0;
  RUN(p, PARTS, 1, reduce_part, part, x, n, (n + PARTS - 1) / PARTS);
  for (int i = 0; i < PARTS; i++) s += part[i];
  *y = (float)(s * scale);
}

void k_reduce(pool *p, int op, float *y, const float *x, float scale, int64_t outer, int64_t n, int64_t inner) {
  if (op == K_SUM && inner == 1 && n >= SPLIT) {
    for (int64_t o = 0; o < outer; o++) sum_long(p, y + o, x + o * n, scale, n);
  } else if (inner == 1) {
    int64_t grain = 1 + (1 << 14) / n;
    if (op == K_SUM) RUN_AS(p, outer, grain, reduce, rows_sum, y, x, scale, n, 1);
    else if (op == K_LARGEST) RUN_AS(p, outer, grain, reduce, rows_max, y, x, scale, n, 1);
    else RUN_AS(p, outer, grain, reduce, rows_min, y, x, scale, n, 1);
  } else {
    int64_t blocks = outer * ((inner + COLS - 1) / COLS), grain = 1 + (1 << 14) / (n * (inner < COLS ? inner : COLS));
    if (op == K_SUM) RUN_AS(p, blocks, grain, reduce, cols_sum, y, x, scale, n, inner);
    else if (op == K_LARGEST) RUN_AS(p, blocks, grain, reduce, cols_max, y, x, scale, n, inner);
    else RUN_AS(p, blocks, grain, reduce, cols_min, y, x, scale, n, inner);
  }
}

#else

static double NAME(long_sum)(const float *x, int64_t n) {
  double s = 0;
  for (int64_t i = 0; i < n; i += 4096) s += row_sum(x + i, n - i < 4096 ? n - i : 4096);
  return s;
}

KERNEL(reduce_part) {
  ARGS(reduce_part);
  for (int64_t i = lo; i < hi; i++) {
    int64_t from = i * k->each, to = from + k->each < k->n ? from + k->each : k->n;
    if (from < to) k->part[i] = NAME(long_sum)(k->x + from, to - from);
  }
}

#define REDUCE_ROWS(name, VALUE)                                    \
  KERNEL(rows_##name) {                                             \
    ARGS(reduce);                                                   \
    for (int64_t o = lo; o < hi; o++) {                             \
      const float *x = k->x + o * k->n;                             \
      k->y[o] = k->scale * (float)VALUE(x, k->n);                   \
    }                                                               \
  }
REDUCE_ROWS(sum, NAME(long_sum))
REDUCE_ROWS(max, row_max)
REDUCE_ROWS(min, row_min)

// a block of columns: rows in runs, the sum of each run (or what JOIN does) into total
#define REDUCE_COLS(name, total_t, START, JOIN)                                                       \
  KERNEL(cols_##name) {                                                                               \
    ARGS(reduce);                                                                                     \
    int64_t per = (k->inner + COLS - 1) / COLS;                                                       \
    for (int64_t b = lo; b < hi; b++) {                                                               \
      int64_t c0 = b % per * COLS, w = k->inner - c0 < COLS ? k->inner - c0 : COLS;                   \
      const float *x = k->x + b / per * k->n * k->inner + c0;                                         \
      total_t total[COLS];                                                                            \
      for (int c = 0; c < COLS; c++) total[c] = START;                                                \
      for (int64_t t0 = 0; t0 < k->n; t0 += RUN_ROWS) {                                               \
        int64_t t1 = t0 + RUN_ROWS < k->n ? t0 + RUN_ROWS : k->n;                                     \
        float acc[COLS];                                                                              \
        for (int c = 0; c < COLS; c++) acc[c] = START;                                                \
        if (w == COLS)                                                                                \
          for (int64_t t = t0; t < t1; t++)                                                           \
            for (int c = 0; c < COLS; c++) acc[c] = JOIN(acc[c], x[t * k->inner + c]);                \
        else                                                                                          \
          for (int64_t t = t0; t < t1; t++)                                                           \
            for (int c = 0; c < w; c++) acc[c] = JOIN(acc[c], x[t * k->inner + c]);                   \
        for (int c = 0; c < COLS; c++) total[c] = JOIN(total[c], acc[c]);                             \
      }                                                                                               \
      float *y = k->y + b / per * k->inner + c0;                                                      \
      for (int c = 0; c < w; c++) y[c] = (float)(k->scale * total[c]);                                \
    }                                                                                                 \
  }
REDUCE_COLS(sum, double, 0, ROW_PLUS)
REDUCE_COLS(max, float, -INFINITY, ROW_LARGER)
REDUCE_COLS(min, float, INFINITY, ROW_SMALLER)
#endif
