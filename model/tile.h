// tile.h: blocks of matrix products in registers. A file of kernels (isa.h) includes it at its head, so that each half
// has it: the first gets the types, the second the functions, in its version.
#ifndef DEEPRC_TILE_H
#define DEEPRC_TILE_H
#include "vecmath.h"

// Of each version: lanes of a vector, and the largest block, of ROWS × VECS vectors, whose sums fill the registers.
enum { WIDTH_base = 4, WIDTH_avx2 = 8, WIDTH_avx512 = 16 };
enum { ROWS_base = 4, ROWS_avx2 = 4, ROWS_avx512 = 6 };
enum { VECS_base = 2, VECS_avx2 = 3, VECS_avx512 = 4 };

// Sums of products c[r, j] = Σ_u Σ_v a[r·ar + u·au + v·av] · b[u·bu + v·bv + j], in this order, u < U, v < V.
typedef struct {
  int64_t U, V, ar, au, av, bu, bv;
} sums;

static inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
#endif

#ifdef ISA
#undef WIDTH
#undef ROWS
#undef VECS
#undef VECTOR
#define WIDTH ISA_JOIN(WIDTH, ISA)
#define ROWS ISA_JOIN(ROWS, ISA)
#define VECS ISA_JOIN(VECS, ISA)
#define VECTOR NAME(vector)
typedef float VECTOR __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

// c = start + sums: of rows × vecs vectors, c of rows ldc apart. start is from[r], or 0, plus c itself if add. The last
// vector begins at column last, over some of the one before it, which gives the same values twice.
VEC void NAME(block)(const int rows, const int vecs, const sums *s, const float *a, const float *b, int64_t last, const float *from, int add, float *c,
                     int64_t ldc) {
#define AT(j) (j == vecs - 1 ? last : j * WIDTH)
#define EACH_ROW_OF_BLOCK _Pragma("GCC unroll 8") for (int r = 0; r < rows; r++)
#define EACH_VECTOR _Pragma("GCC unroll 8") for (int j = 0; j < vecs; j++)
  VECTOR sum[ROWS][VECS];
  EACH_ROW_OF_BLOCK EACH_VECTOR sum[r][j] = (add ? *(const VECTOR *)(c + r * ldc + AT(j)) : (VECTOR){0}) + (from ? from[r] : 0);
  for (int64_t u = 0; u < s->U; u++)
    for (int64_t v = 0; v < s->V; v++) {
      const float *w = a + u * s->au + v * s->av, *x = b + u * s->bu + v * s->bv;
      VECTOR in[VECS];
      EACH_VECTOR in[j] = *(const VECTOR *)(x + AT(j));
      EACH_ROW_OF_BLOCK EACH_VECTOR sum[r][j] += w[r * s->ar] * in[j];
    }
  EACH_ROW_OF_BLOCK EACH_VECTOR *(VECTOR *)(c + r * ldc + AT(j)) = sum[r][j];
#undef AT
#undef EACH_ROW_OF_BLOCK
#undef EACH_VECTOR
}

// the largest block that fits into m rows and vecs ≤ VECS vectors; returns its rows
static __attribute__((noinline)) int64_t NAME(blocks)(int64_t m, int64_t vecs, const sums *s, const float *a, const float *b, int64_t last,
                                                      const float *from, int add, float *c, int64_t ldc) {
#define BLOCK_OF(R, J) \
  if (J <= VECS && vecs == J) NAME(block)(R, J, s, a, b, last, from, add, c, ldc)
#define BLOCKS_OF(R)         \
  if (R <= ROWS && m >= R) { \
    BLOCK_OF(R, 4);          \
    else BLOCK_OF(R, 3);     \
    else BLOCK_OF(R, 2);     \
    else BLOCK_OF(R, 1);     \
    return R;                \
  }
  BLOCKS_OF(6) BLOCKS_OF(4) BLOCKS_OF(2) BLOCKS_OF(1)
  return m;
#undef BLOCKS_OF
#undef BLOCK_OF
}

// m rows of n columns of c; fewer columns than WIDTH are slow. If add, n must be a multiple of WIDTH.
static inline void NAME(add_up)(int64_t m, int64_t n, const sums *s, const float *a, const float *b, const float *from, int add, float *c, int64_t ldc) {
  if (n < WIDTH) {
    for (int64_t r = 0; r < m; r++) {
      float *restrict y = c + r * ldc;
      for (int64_t j = 0; j < n; j++) y[j] = from ? from[r] : 0;
      for (int64_t u = 0; u < s->U; u++)
        for (int64_t v = 0; v < s->V; v++) {
          const float w = a[r * s->ar + u * s->au + v * s->av], *x = b + u * s->bu + v * s->bv;
          for (int64_t j = 0; j < n; j++) y[j] += w * x[j];
        }
    }
    return;
  }
  for (int64_t r = 0, done; r < m; r += done)
    for (int64_t j = 0; j < n; j += VECS * WIDTH) {
      int64_t wide = n - j < VECS * WIDTH ? n - j : VECS * WIDTH;
      done = NAME(blocks)(m - r, (wide + WIDTH - 1) / WIDTH, s, a + r * s->ar, b + j, wide - WIDTH, from ? from + r : 0, add, c + r * ldc + j, ldc);
    }
}
#endif
