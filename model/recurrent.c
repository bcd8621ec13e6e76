#include "isa.h"
#include "recurrent.h"
#include "vecmath.h"
#include <string.h>

#ifndef ISA
struct pack { float *packed; const float *w; int64_t k, m; int transposed; };
struct recurrent { recurrence o; float *s; const float *x, *w, *b, *in, *h0, *c0; };
struct recurrent_grad { recurrence o; float *d; const float *s, *w, *in, *h0, *c0, *dh, *dc; };

// Of each version: lanes of a vector, and rows and panels of a tile, whose sums fill the registers.
enum { WIDTH_base = 4, WIDTH_avx2 = 8, WIDTH_avx512 = 16 };
enum { ROWS_base = 2, ROWS_avx2 = 6, ROWS_avx512 = 8 };
enum { GROUP_base = 1, GROUP_avx2 = 1, GROUP_avx512 = 3 };

static inline int64_t gates_of(int64_t cell) { return cell == CELL_LSTM ? 4 : cell == CELL_RNN ? 1 : 3; }
static inline int64_t has_cell(int64_t cell) { return cell == CELL_LSTM || cell == CELL_EALSTM; }

// rows for a thread: an equal share, of full tiles where there are many
static int64_t share(const pool *p, int64_t rows) {
  int64_t n = (rows + pool_threads(p) - 1) / pool_threads(p);
  return n < 16 ? n : (n + 7) / 8 * 8;
}

#define LOOPS "recurrent.c"
#include "versions.h"

void k_pack(pool *p, float *packed, const float *w, int64_t k, int64_t m, int transposed) {
  RUN(p, (m + PANEL - 1) / PANEL, 1 + (1 << 12) / k, pack, packed, w, k, m, transposed);
}
void k_recurrent(pool *p, const recurrence *o, float *s, const float *x, const float *w, const float *b, const float *in, const float *h0,
                 const float *c0) {
  RUN(p, o->N, share(p, o->N), recurrent, *o, s, x, w, b, in, h0, c0);
}
void k_recurrent_grad(pool *p, const recurrence *o, float *d, const float *s, const float *w, const float *in, const float *h0, const float *c0,
                      const float *dh, const float *dc) {
  RUN(p, o->N, share(p, o->N), recurrent_grad, *o, d, s, w, in, h0, c0, dh, dc);
}

#else

KERNEL(pack) {
  ARGS(pack);
  for (int64_t i = lo; i < hi; i++)
    for (int64_t j = 0; j < k->k; j++)
      for (int64_t l = 0; l < PANEL; l++) {
        int64_t col = i * PANEL + l;
        k->packed[(i * k->k + j) * PANEL + l] = col >= k->m ? 0 : k->transposed ? k->w[col * k->k + j] : k->w[j * k->m + col];
      }
}

#define WIDTH ISA_JOIN(WIDTH, ISA)
#define ROWS ISA_JOIN(ROWS, ISA)
#define GROUP ISA_JOIN(GROUP, ISA)
#define VECTOR NAME(vector)
typedef float VECTOR __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

// c = from + a·w for rows × panels: a (rows, n), w packed; from = 0: zeros
VEC void NAME(tile)(const int rows, const int panels, const float *a, int64_t lda, const float *w, int64_t n, const float *from, int64_t ldf, float *c,
                    int64_t ldc) {
  enum { PER = PANEL / WIDTH };
  VECTOR sum[ROWS][GROUP * PER];
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
    for (int v = 0; v < panels * PER; v++) sum[r][v] = from ? *(const VECTOR *)(from + r * ldf + v * WIDTH) : (VECTOR){0};
  for (int64_t k = 0; k < n; k++) {
    VECTOR b[GROUP * PER];
#pragma GCC unroll 16
    for (int v = 0; v < panels * PER; v++) b[v] = *(const VECTOR *)(w + (v / PER * n + k) * PANEL + v % PER * WIDTH);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
      for (int v = 0; v < panels * PER; v++) sum[r][v] += a[r * lda + k] * b[v];
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
    for (int v = 0; v < panels * PER; v++) *(VECTOR *)(c + r * ldc + v * WIDTH) = sum[r][v];
}

// the largest tile that fits does some of the m rows left, and says how many
static __attribute__((noinline)) int64_t NAME(some)(int64_t m, int64_t panels, const float *a, int64_t lda, const float *w, int64_t n, const float *from,
                                                    int64_t ldf, float *c, int64_t ldc) {
#define TILE(R, P) if (P <= GROUP && panels == P) NAME(tile)(R, P, a, lda, w, n, from, ldf, c, ldc)
#define TILES(R)               \
  if (R <= ROWS && m >= R) {   \
    TILE(R, 3);                \
    else TILE(R, 2);           \
    else TILE(R, 1);           \
    return R;                  \
  }
  TILES(8) TILES(6) TILES(4) TILES(2) TILES(1)
  return m;
#undef TILES
#undef TILE
}

// c = from + a·w for all rows and columns: a (rows, n), w packed of (n, cols)
static void NAME(product)(int64_t rows, int64_t cols, const float *a, int64_t lda, const float *w, int64_t n, const float *from, int64_t ldf, float *c,
                          int64_t ldc) {
  float edge[ROWS * GROUP * PANEL];
  for (int64_t q = 0; q < cols; q += GROUP * PANEL) {
    int64_t wide = cols - q < GROUP * PANEL ? cols - q : GROUP * PANEL, panels = (wide + PANEL - 1) / PANEL, row = panels * PANEL;
    for (int64_t r = 0; r < rows;) {
      const float *f = from ? from + r * ldf + q : 0;
      float *y = c + r * ldc + q;
      if (wide == row) {
        r += NAME(some)(rows - r, panels, a + r * lda, lda, w + q * n, n, f, ldf, y, ldc);
        continue;
      }
      int64_t most = rows - r < ROWS ? rows - r : ROWS;
      memset(edge, 0, sizeof edge);
      for (int64_t i = 0; f && i < most; i++) memcpy(edge + i * row, f + i * ldf, wide * sizeof *edge);
      int64_t done = NAME(some)(most, panels, a + r * lda, lda, w + q * n, n, edge, row, edge, row);
      for (int64_t i = 0; i < done; i++) memcpy(y + i * ldc, edge + i * row, wide * sizeof *edge);
      r += done;
    }
  }
}

VEC float NAME(act)(const int act, float x) {
  return act == ACT_RELU ? (x < 0 ? 0 : x) : act == ACT_SELU ? 1.0507010f * (x > 0 ? x : 1.6732632f * v_expm1(x)) : v_tanh(x);
}
VEC float NAME(slope)(const int act, float y) {  // in terms of the value
  return act == ACT_RELU ? (y > 0 ? 1 : 0) : act == ACT_SELU ? (y > 0 ? 1.0507010f : y + 1.0507010f * 1.6732632f) : 1 - y * y;
}

#define EACH                  \
  _Pragma("GCC ivdep")        \
  for (int64_t j = 0; j < H; j++)

VEC void NAME(lstm)(const int act, int64_t H, float *restrict gate, float *restrict c, float *restrict h, const float *restrict cp) {
  float *i = gate, *f = gate + H, *g = gate + 2 * H, *o = gate + 3 * H;
  EACH {
    i[j] = v_sigmoid(i[j]);
    f[j] = v_sigmoid(f[j]);
    g[j] = NAME(act)(act, g[j]);
    o[j] = v_sigmoid(o[j]);
    c[j] = i[j] * g[j] + (cp ? f[j] * cp[j] : 0);
    h[j] = o[j] * NAME(act)(act, c[j]);
  }
}

VEC void NAME(ealstm)(int64_t H, float *restrict gate, float *restrict c, float *restrict h, const float *restrict cp, const float *restrict i) {
  float *f = gate, *o = gate + H, *g = gate + 2 * H;
  EACH {
    f[j] = v_sigmoid(f[j]);
    o[j] = v_sigmoid(o[j]);
    g[j] = v_tanh(g[j]);
    c[j] = i[j] * g[j] + (cp ? f[j] * cp[j] : 0);
    h[j] = o[j] * v_tanh(c[j]);
  }
}

VEC void NAME(gru)(int64_t H, float *restrict gate, float *restrict h, const float *restrict x, const float *restrict hp) {
  float *r = gate, *z = gate + H, *u = gate + 2 * H, *n = gate + 3 * H;
  EACH {
    r[j] = v_sigmoid(r[j] + x[j]);
    z[j] = v_sigmoid(z[j] + x[H + j]);
    n[j] = v_tanh(x[2 * H + j] + r[j] * u[j]);
    h[j] = n[j] + (hp ? z[j] * (hp[j] - n[j]) : -z[j] * n[j]);
  }
}

VEC void NAME(rnn)(const int act, int64_t H, float *restrict h) {
  EACH h[j] = NAME(act)(act, h[j]);
}

KERNEL(recurrent) {
  ARGS(recurrent);
  int64_t T = k->o.T, H = k->o.H, step = k->o.N * H, cell = k->o.cell, M = gates_of(cell) * H, G = cell == CELL_GRU ? 4 * H : M;
  float *hs = k->s, *cs = hs + T * step, *gs = cs + (has_cell(cell) ? T * step : 0);
  for (int64_t t = 0; t < T; t++) {
    const float *hp = t ? hs + (t - 1) * step : k->h0, *cp = t ? cs + (t - 1) * step : k->c0, *x = k->x + t * k->o.N * M;
    float *h = hs + t * step, *c = cs + t * step, *gate = gs + t * k->o.N * G;
    const float *from = cell == CELL_GRU ? k->b : x + lo * M;
    float *to = cell == CELL_RNN ? h + lo * H : gate + lo * G;
    NAME(product)(hi - lo, M, hp ? hp + lo * H : 0, H, k->w, hp ? H : 0, from, cell == CELL_GRU ? 0 : M, to, cell == CELL_RNN ? H : G);
    for (int64_t r = lo; r < hi; r++) {
      const float *hr = hp ? hp + r * H : 0, *cr = cp ? cp + r * H : 0;
      switch (cell) {
        case CELL_LSTM:
          if (k->o.act == ACT_SELU) NAME(lstm)(ACT_SELU, H, gate + r * G, c + r * H, h + r * H, cr);
          else NAME(lstm)(ACT_TANH, H, gate + r * G, c + r * H, h + r * H, cr);
          break;
        case CELL_EALSTM: NAME(ealstm)(H, gate + r * G, c + r * H, h + r * H, cr, k->in + r * H); break;
        case CELL_GRU: NAME(gru)(H, gate + r * G, h + r * H, x + r * M, hr); break;
        case CELL_RNN:
          if (k->o.act == ACT_RELU) NAME(rnn)(ACT_RELU, H, h + r * H);
          else NAME(rnn)(ACT_TANH, H, h + r * H);
      }
    }
  }
}

// Each takes dh, what comes from the later step (dhn) and from the output (dy, or 0), and leaves the gradients of the gates before their
// activation, and in dhn and dcn what goes on to the step before beside that which the gates' product adds.
VEC void NAME(lstm_grad)(const int act, int64_t H, float *restrict d, float *restrict dhn, float *restrict dcn, const float *restrict gate,
                         const float *restrict c, const float *restrict cp, const float *restrict dy) {
  const float *i = gate, *f = gate + H, *g = gate + 2 * H, *o = gate + 3 * H;
  EACH {
    float dh = dhn[j] + (dy ? dy[j] : 0), y = NAME(act)(act, c[j]);
    float dc = dcn[j] + dh * o[j] * NAME(slope)(act, y);
    d[j] = dc * g[j] * i[j] * (1 - i[j]);
    d[H + j] = cp ? dc * cp[j] * f[j] * (1 - f[j]) : 0;
    d[2 * H + j] = dc * i[j] * NAME(slope)(act, g[j]);
    d[3 * H + j] = dh * y * o[j] * (1 - o[j]);
    dcn[j] = dc * f[j];
  }
}

VEC void NAME(ealstm_grad)(int64_t H, float *restrict d, float *restrict dhn, float *restrict dcn, float *restrict di, const float *restrict gate,
                           const float *restrict c, const float *restrict cp, const float *restrict i, const float *restrict dy) {
  const float *f = gate, *o = gate + H, *g = gate + 2 * H;
  EACH {
    float dh = dhn[j] + (dy ? dy[j] : 0), y = v_tanh(c[j]);
    float dc = dcn[j] + dh * o[j] * (1 - y * y);
    d[j] = cp ? dc * cp[j] * f[j] * (1 - f[j]) : 0;
    d[H + j] = dh * y * o[j] * (1 - o[j]);
    d[2 * H + j] = dc * i[j] * (1 - g[j] * g[j]);
    di[j] += dc * g[j];
    dcn[j] = dc * f[j];
  }
}

VEC void NAME(gru_grad)(int64_t H, float *restrict d, float *restrict dr, float *restrict dhn, const float *restrict gate, const float *restrict hp,
                        const float *restrict dy) {
  const float *r = gate, *z = gate + H, *u = gate + 2 * H, *n = gate + 3 * H;
  EACH {
    float dh = dhn[j] + (dy ? dy[j] : 0);
    float dn = dh * (1 - z[j]) * (1 - n[j] * n[j]);
    d[j] = dr[j] = dn * u[j] * r[j] * (1 - r[j]);
    d[H + j] = dr[H + j] = dh * ((hp ? hp[j] : 0) - n[j]) * z[j] * (1 - z[j]);
    d[2 * H + j] = dn;
    dr[2 * H + j] = dn * r[j];
    dhn[j] = dh * z[j];
  }
}

VEC void NAME(rnn_grad)(const int act, int64_t H, float *restrict d, const float *restrict dhn, const float *restrict h, const float *restrict dy) {
  EACH d[j] = (dhn[j] + (dy ? dy[j] : 0)) * NAME(slope)(act, h[j]);
}

KERNEL(recurrent_grad) {
  ARGS(recurrent_grad);
  int64_t T = k->o.T, H = k->o.H, step = k->o.N * H, cell = k->o.cell, M = gates_of(cell) * H, G = cell == CELL_GRU ? 4 * H : M, all = T * k->o.N * M;
  const float *hs = k->s, *cs = hs + T * step, *gs = cs + (has_cell(cell) ? T * step : 0);
  float *rec = cell == CELL_GRU ? k->d + all : k->d, *dhn = rec + all, *dcn = dhn + step, *din = dcn + step;
  memset(dhn + lo * H, 0, (hi - lo) * H * sizeof *dhn);
  if (has_cell(cell)) {
    if (k->dc) memcpy(dcn + lo * H, k->dc + lo * H, (hi - lo) * H * sizeof *dcn);
    else memset(dcn + lo * H, 0, (hi - lo) * H * sizeof *dcn);
  }
  if (cell == CELL_EALSTM) memset(din + lo * H, 0, (hi - lo) * H * sizeof *din);
  for (int64_t t = T - 1; t >= 0; t--) {
    const float *hp = t ? hs + (t - 1) * step : k->h0, *cp = t ? cs + (t - 1) * step : k->c0;
    const float *h = hs + t * step, *c = cs + t * step, *gate = gs + t * k->o.N * G, *dy = k->dh ? k->dh + t * step : 0;
    float *d = k->d + t * k->o.N * M, *dr = rec + t * k->o.N * M;
    for (int64_t r = lo; r < hi; r++) {
      int64_t at = r * H;
      const float *y = dy ? dy + at : 0, *cr = cp ? cp + at : 0;
      switch (cell) {
        case CELL_LSTM:
          if (k->o.act == ACT_SELU) NAME(lstm_grad)(ACT_SELU, H, d + r * M, dhn + at, dcn + at, gate + r * G, c + at, cr, y);
          else NAME(lstm_grad)(ACT_TANH, H, d + r * M, dhn + at, dcn + at, gate + r * G, c + at, cr, y);
          break;
        case CELL_EALSTM: NAME(ealstm_grad)(H, d + r * M, dhn + at, dcn + at, din + at, gate + r * G, c + at, cr, k->in + at, y); break;
        case CELL_GRU: NAME(gru_grad)(H, d + r * M, dr + r * M, dhn + at, gate + r * G, hp ? hp + at : 0, y); break;
        case CELL_RNN:
          if (k->o.act == ACT_RELU) NAME(rnn_grad)(ACT_RELU, H, d + r * M, dhn + at, h + at, y);
          else NAME(rnn_grad)(ACT_TANH, H, d + r * M, dhn + at, h + at, y);
      }
    }
    if (t || k->h0) {
      const float *from = cell == CELL_GRU ? dhn + lo * H : 0;
      NAME(product)(hi - lo, H, dr + lo * M, M, k->w, M, from, H, dhn + lo * H, H);
    }
  }
}
#undef EACH
#undef WIDTH
#undef ROWS
#undef GROUP
#undef VECTOR
#endif
