#include "isa.h"
#include "gemm.h"
#include "tile.h"
#include <string.h>

#ifndef ISA
struct gemm {
  const product *o;
  const float *a, *b;
  float *c;
  int64_t chunk;  // tiles down whose rows of a stay in the L2 cache while all panels of b pass
  int turned;     // cᵀ = bᵀ·aᵀ is computed, of m rows and n columns of cᵀ
};

struct gemm_sum {
  const product_sum *o;
  const float *a, *b;
  float *c;
};

struct gemm_shifted {
  const product_shifted *o;
  const float *a, *b, *bias;
  float *c;
};

// Of each version: rows and vectors of c whose sums stay in registers (Goto, Van de Geijn, Anatomy of High-Performance
// Matrix Multiplication, 2008, §4.2.3). DEPTH of k are added up before c is written; a panel of b of that depth is packed.
enum { TALL_base = 4, TALL_avx2 = 6, TALL_avx512 = 14 };
enum { ENOUGH = 1 << 18 };  // multiplications worth a piece, some 10 µs
enum { WIDE = 2, DEPTH = 512, ALIAS = 1024 };  // ALIAS: floats of a page, from one line to the next of the same set
enum { CACHE_base = 1 << 16, CACHE_avx2 = 1 << 16, CACHE_avx512 = 1 << 17 };  // floats of a in the L2 cache
enum { SHALLOW = 256 };                                                        // as many a row is taken to have at least, since c is there, too
enum { TILES = 16 };  // of a sum of products whose sums one pass over the matrices makes

#define LOOPS "gemm.c"
#include "versions.h"

static const int tall[ISAS] = {TALL_base, TALL_avx2, TALL_avx512}, wide[ISAS] = {WIDE * WIDTH_base, WIDE * WIDTH_avx2, WIDE * WIDTH_avx512};
static const int cache[ISAS] = {CACHE_base, CACHE_avx2, CACHE_avx512};

void gemm(pool *p, const product *asked, const float *a, const float *b, float *c) {
  product o = *asked;
  int64_t rows = tall[isa_used()], cols = wide[isa_used()];
  int turned = o.ta && o.n < cols / WIDE && o.m > o.n;  // a vector of a row of cᵀ is full, and a is read along its rows
  if (turned) {
    o = (product){!asked->tb, 0, asked->n, asked->m, asked->k, asked->batch};
    for (int64_t d = 0; d < o.batch.axes; d++) o.batch.move[0][d] = asked->batch.move[1][d], o.batch.move[1][d] = asked->batch.move[0][d];
    const float *x = a;
    a = b, b = x;
  }
  int64_t down = (o.m + rows - 1) / rows, across = (o.n + cols - 1) / cols, batch = 1, share = 1;
  for (int64_t d = 0; d < o.batch.axes; d++) batch *= o.batch.dim[d];
  if (batch < pool_threads(p)) share = pool_threads(p);  // into so many pieces goes each matrix, along its longer side
  int64_t depth = o.k < SHALLOW ? SHALLOW : o.k < DEPTH ? o.k : DEPTH, chunk = cache[isa_used()] / (rows * depth);
  int64_t grain = 1 + ENOUGH / (rows * cols * o.k), piece = 1;
  if (o.m >= o.n && down >= share) {
    int64_t chunks = (down + chunk - 1) / chunk;
    chunks = (chunks + share - 1) / share * share;
    chunk = (down + chunks - 1) / chunks;
    piece = chunk * across;
  } else if (o.ta && across >= share)
    piece = (across + share - 1) / share * down;
  RUN(p, batch * down * across, (grain + piece - 1) / piece * piece, gemm, &o, a, b, c, chunk < down ? chunk : down, turned);
}

void gemm_sum(pool *p, const product_sum *o, const float *a, const float *b, float *c) {
  int64_t rows = tall[isa_used()], cols = wide[isa_used()];
  RUN(p, (o->m + rows - 1) / rows * ((o->n + cols - 1) / cols) * o->shifts, 1 + ENOUGH / (rows * cols * o->depth * o->count), gemm_sum, o, a, b, c);
}

void gemm_shifted(pool *p, const product_shifted *o, const float *a, const float *b, const float *bias, float *c) {
  int64_t cols = wide[isa_used()];
  RUN(p, o->count * ((o->n + cols - 1) / cols), 1 + ENOUGH / (cols * o->m * o->depth * o->shifts), gemm_shifted, o, a, b, bias, c);
}

#else
#define TALL ISA_JOIN(TALL, ISA)
#define CACHE ISA_JOIN(CACHE, ISA)
enum { NAME(PANEL) = WIDE * WIDTH };
#define PANEL NAME(PANEL)

// n ≤ PANEL elements of a row
static inline void NAME(pack_row)(float *restrict to, const float *row, int64_t n) {
  if (n == PANEL) memcpy(to, row, PANEL * sizeof *to);  // inline, since of a known size
  else memcpy(to, row, n * sizeof *to);
}

// depth × n of b as rows of PANEL, the rest of them 0; b is (k, n), or (n, k) if transposed
static void NAME(pack_panel)(float *restrict to, const float *b, int64_t ldb, int transposed, int64_t depth, int64_t n) {
  if (n < PANEL) memset(to, 0, depth * PANEL * sizeof *to);
  if (!transposed) {
    for (int64_t k = 0; k < depth; k++) NAME(pack_row)(to + k * PANEL, b + k * ldb, n);
    return;
  }
  int64_t j = 0;
#ifdef __SSE__
  for (; j + 4 <= n; j += 4) {
    const float *row = b + j * ldb;
    int64_t k = 0;
    for (; k + 4 <= depth; k += 4) {
      __m128 r0 = _mm_loadu_ps(row + k), r1 = _mm_loadu_ps(row + ldb + k), r2 = _mm_loadu_ps(row + 2 * ldb + k), r3 = _mm_loadu_ps(row + 3 * ldb + k);
      _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
      float *y = to + k * PANEL + j;
      _mm_storeu_ps(y, r0);
      _mm_storeu_ps(y + PANEL, r1);
      _mm_storeu_ps(y + 2 * PANEL, r2);
      _mm_storeu_ps(y + 3 * PANEL, r3);
    }
    for (; k < depth; k++)
      for (int64_t l = 0; l < 4; l++) to[k * PANEL + j + l] = row[l * ldb + k];
  }
#endif
  for (; j < n; j++)
    for (int64_t k = 0; k < depth; k++) to[k * PANEL + j] = b[j * ldb + k];
}

// c = a·b, or c += a·b if more, for rows × vecs vectors: a[r·ar + k·ak], b packed, c of rows ldc apart
VEC void NAME(micro)(const int rows, const int vecs, int64_t depth, const float *a, int64_t ar, int64_t ak, const float *b, int more, float *c,
                     int64_t ldc) {
#define EACH_ROW _Pragma("GCC unroll 14") for (int r = 0; r < rows; r++)
#define EACH_VECTOR _Pragma("GCC unroll 2") for (int j = 0; j < vecs; j++)
  VECTOR sum[TALL][WIDE];
  EACH_ROW EACH_VECTOR sum[r][j] = more ? *(const VECTOR *)(c + r * ldc + j * WIDTH) : (VECTOR){0};
  const float *row[(TALL + 2) / 3];  // every third: an address is one of them and 0, 1 or 2 times ar
  _Pragma("GCC unroll 5") for (int r = 0; r < rows; r += 3) row[r / 3] = a + r * ar;
  for (int64_t k = 0; k < depth; k++) {
    VECTOR x[WIDE];
    EACH_VECTOR x[j] = *(const VECTOR *)(b + k * PANEL + j * WIDTH);
    EACH_ROW EACH_VECTOR sum[r][j] += row[r / 3][r % 3 * ar] * x[j];
    _Pragma("GCC unroll 5") for (int r = 0; r < rows; r += 3) row[r / 3] += ak;
  }
  EACH_ROW EACH_VECTOR *(VECTOR *)(c + r * ldc + j * WIDTH) = sum[r][j];
#undef EACH_ROW
#undef EACH_VECTOR
}

#define ROWS_OF(R)                                                                           \
  if (R <= TALL && m >= R) {                                                                 \
    if (vecs == 2 && ar == 1) NAME(micro)(R, 2, depth, a, 1, ak, b, more, c, ldc);            \
    else if (vecs == 2) NAME(micro)(R, 2, depth, a, ar, 1, b, more, c, ldc);                  \
    else if (ar == 1) NAME(micro)(R, 1, depth, a, 1, ak, b, more, c, ldc);                    \
    else NAME(micro)(R, 1, depth, a, ar, 1, b, more, c, ldc);                                 \
    return R;                                                                                \
  }
// the tallest tile that fits does some of the m rows left, and says how many
static __attribute__((noinline)) int64_t NAME(rows)(int64_t m, int vecs, int64_t depth, const float *a, int64_t ar, int64_t ak, const float *b, int more,
                                                    float *c, int64_t ldc) {
  ROWS_OF(14) ROWS_OF(8) ROWS_OF(6) ROWS_OF(4) ROWS_OF(2) ROWS_OF(1)
  return m;
}
#undef ROWS_OF

static inline void NAME(pick)(float *to, int64_t each, const float *from, int64_t of, int64_t n) {
  if (each == 1 && of == 1) memcpy(to, from, n * sizeof *to);
  else
    for (int64_t j = 0; j < n; j++) to[j * each] = from[j * of];
}

// m ≤ TALL rows and n ≤ PANEL columns of c[r·cr + j·cj]
VEC void NAME(gemm_tile)(int64_t m, int64_t n, int64_t depth, const float *a, int64_t ar, int64_t ak, const float *b, int more, float *c, int64_t cr,
                         int64_t cj) {
  int vecs = n > WIDTH ? 2 : 1;
  float rows[TALL * (DEPTH + LANES)];
  if (ar % ALIAS == 0) {  // rows would share one set of the L1 cache, which has fewer ways than they are
    for (int64_t r = 0; r < m; r++) memcpy(rows + r * (DEPTH + LANES), a + r * ar, depth * sizeof *a);
    a = rows, ar = DEPTH + LANES;
  }
  float edge[TALL * PANEL], *y = c;
  int64_t ldy = cr, part = n % WIDTH || cj != 1;
  if (part) {
    y = edge, ldy = PANEL;
    for (int64_t r = 0; more && r < m; r++) NAME(pick)(y + r * ldy, 1, c + r * cr, cj, n);
  }
  for (int64_t r = 0; r < m;) r += NAME(rows)(m - r, vecs, depth, a + r * ar, ar, ak, b, more, y + r * ldy, ldy);
  for (int64_t r = 0; part && r < m; r++) NAME(pick)(c + r * cr, cj, y + r * ldy, 1, n);
}

// rows of op(a) as tiles of depth × TALL, if a is (k, m)
static void NAME(pack_rows)(float *restrict to, const float *a, int64_t lda, int64_t depth, int64_t m) {
  for (int64_t k = 0; k < depth; k++)
    for (int64_t r = 0; r < m; r += TALL) {
      float *t = to + r * depth + k * TALL;
      if (m - r >= TALL) memcpy(t, a + k * lda + r, TALL * sizeof *t);
      else memcpy(t, a + k * lda + r, (m - r) * sizeof *t);
    }
}

// of one matrix of c, tiles lo ≤ t < hi of rows × across panels, panel by panel
static void NAME(gemm_chunk)(const struct gemm *k, int64_t lo, int64_t hi, int64_t rows, const float *a, const float *b, float *c) {
  const product *o = k->o;
  int64_t ar = o->ta ? 1 : o->k, ak = o->ta ? o->m : 1, ldb = o->tb ? o->k : o->n, down = (rows + TALL - 1) / TALL;
  int64_t cr = k->turned ? 1 : o->n, cj = k->turned ? o->m : 1;
  float packed[DEPTH * PANEL] __attribute__((aligned(64))), mine[CACHE];
  int64_t across = (o->n + PANEL - 1) / PANEL;
  if (hi - lo == down * across && across * o->k <= DEPTH) {  // all of b is packed at once
    for (int64_t q = 0; q < o->n; q += PANEL) NAME(pack_panel)(packed + q * o->k, b + (o->tb ? q * ldb : q), ldb, o->tb, o->k, lesser(PANEL, o->n - q));
    for (int64_t r = 0; r < rows; r += TALL)
      for (int64_t q = 0; q < o->n; q += PANEL)
        NAME(gemm_tile)(lesser(TALL, rows - r), lesser(PANEL, o->n - q), o->k, a + r * ar, ar, ak, packed + q * o->k, 0, c + r * cr + q * cj, cr, cj);
    return;
  }
  for (int64_t u = 0; u < o->k; u += DEPTH) {
    int64_t depth = lesser(DEPTH, o->k - u), pack = o->ta && hi - lo > down;
    if (pack) NAME(pack_rows)(mine, a + u * ak, ak, depth, rows);
    for (int64_t t = lo, end; t < hi; t = end) {  // tiles of one panel
      int64_t first = t / down * down, q = t / down * PANEL, n = lesser(PANEL, o->n - q);
      end = lesser(hi, first + down);
      NAME(pack_panel)(packed, b + (o->tb ? q * ldb + u : q + u * ldb), ldb, o->tb, depth, n);
      for (; t < end; t++) {
        int64_t r = (t - first) * TALL, m = lesser(TALL, rows - r);
        float *y = c + r * cr + q * cj;
        if (pack) NAME(gemm_tile)(m, n, depth, mine + r * depth, 1, TALL, packed, u > 0, y, cr, cj);
        else NAME(gemm_tile)(m, n, depth, a + r * ar + u * ak, ar, ak, packed, u > 0, y, cr, cj);
      }
    }
  }
}

KERNEL(gemm) {  // tiles of a matrix, then of a chunk of its rows, then of a panel
  ARGS(gemm);
  const product *o = k->o;
  int64_t down = (o->m + TALL - 1) / TALL, across = (o->n + PANEL - 1) / PANEL;
  for (int64_t i = lo, end; i < hi; i = end) {
    int64_t batch = i / (down * across), left = batch, ia = 0, ib = 0;
    for (int64_t d = o->batch.axes - 1; d >= 0; d--) {
      int64_t at = left % o->batch.dim[d];
      left /= o->batch.dim[d];
      ia += at * o->batch.move[0][d];
      ib += at * o->batch.move[1][d];
    }
    int64_t t = i % (down * across) / (k->chunk * across) * k->chunk, tiles = lesser(k->chunk, down - t), first = batch * down * across + t * across;
    end = lesser(hi, first + tiles * across);
    int64_t r = t * TALL, rows = lesser(tiles * TALL, o->m - r);
    NAME(gemm_chunk)(k, i - first, end - first, rows, k->a + ia * o->m * o->k + r * (o->ta ? 1 : o->k), k->b + ib * o->k * o->n,
                     k->c + batch * o->m * o->n + r * (k->turned ? 1 : o->n));
  }
}

KERNEL(gemm_sum) {  // tiles of c, down the rows first
  ARGS(gemm_sum);
  const product_sum *o = k->o;
  int64_t down = (o->m + TALL - 1) / TALL, across = (o->n + PANEL - 1) / PANEL;
  float packed[DEPTH * PANEL] __attribute__((aligned(64))), tile[TALL * PANEL] __attribute__((aligned(64)));
  float sum[TILES][TALL * PANEL] __attribute__((aligned(64)));
  for (int64_t i = lo, end; i < hi; i = end) {  // tiles of one panel
    int64_t first = i / down * down, q = i / down % across * PANEL, shift = i / (down * across), n = lesser(PANEL, o->n - q);
    end = lesser(lesser(hi, first + down), i + TILES);
    memset(sum, 0, (end - i) * sizeof *sum);
    for (int64_t j = 0; j < o->count; j++)
      for (int64_t u = 0; u < o->depth; u += DEPTH) {
        int64_t depth = lesser(DEPTH, o->depth - u);
        NAME(pack_panel)(packed, k->b + j * o->next_b + q * o->ldb + shift * o->shift + u, o->ldb, 1, depth, n);
        for (int64_t t = i; t < end; t++) {
          int64_t r = (t - first) * TALL, m = lesser(TALL, o->m - r);
          NAME(gemm_tile)(m, PANEL, depth, k->a + j * o->next_a + r * o->lda + u, o->lda, 1, packed, 0, tile, PANEL, 1);
          for (int64_t e = 0; e < m * PANEL; e++) sum[t - i][e] += tile[e];
        }
      }
    for (int64_t t = i; t < end; t++) {
      int64_t r = (t - first) * TALL, m = lesser(TALL, o->m - r);
      for (int64_t a = 0; a < m; a++)
        for (int64_t b = 0; b < n; b++) k->c[((r + a) * o->n + q + b) * o->shifts + shift] = sum[t - i][a * PANEL + b];
    }
  }
}

KERNEL(gemm_shifted) {  // panels of all matrices
  ARGS(gemm_shifted);
  const product_shifted *o = k->o;
  int64_t across = (o->n + PANEL - 1) / PANEL, all = o->depth * o->shifts, most = CACHE / DEPTH / TALL * TALL;
  float packed[DEPTH * PANEL] __attribute__((aligned(64))), mine[CACHE];
  for (int64_t first = 0; first < o->m; first += most)
    for (int64_t u = 0; u < all; u += DEPTH) {
      int64_t rows = lesser(most, o->m - first), depth = lesser(DEPTH, all - u);
      for (int64_t r = 0; r < rows; r += TALL)  // as tiles of depth × TALL
        for (int64_t d = 0; d < depth; d++) {
          const float *a = k->a + (first + r) * o->ar + (u + d) / o->shifts * o->ak + (u + d) % o->shifts * o->as;
          for (int64_t l = 0; l < lesser(TALL, rows - r); l++) mine[r * depth + d * TALL + l] = a[l * o->ar];
        }
      for (int64_t i = lo; i < hi; i++) {
        int64_t q = i % across * PANEL, n = lesser(PANEL, o->n - q), at = i / across;
        const float *b = k->b + at * o->next_b + q;
        if (n < PANEL) memset(packed, 0, depth * PANEL * sizeof *packed);
        for (int64_t d = 0; d < depth; d++)
          NAME(pack_row)(packed + d * PANEL, b + (u + d) / o->shifts * o->ldb + (u + d) % o->shifts * o->shift, n);
        for (int64_t r = 0; r < rows; r += TALL) {
          int64_t m = lesser(TALL, rows - r);
          float *c = k->c + at * o->next_c + (first + r) * o->n + q;
          if (!u && k->bias)
            for (int64_t l = 0; l < m; l++)
              for (int64_t j = 0; j < n; j++) c[l * o->n + j] = k->bias[first + r + l];
          NAME(gemm_tile)(m, n, depth, mine + r * depth, 1, TALL, packed, u || k->bias, c, o->n, 1);
        }
      }
    }
}
#undef TALL
#undef CACHE
#undef PANEL
#endif
