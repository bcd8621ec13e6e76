#include "foldconv.h"
#include "isa.h"
#include "tile.h"
#include <math.h>
#include <string.h>

// A convolution is a product of spectra (the convolution theorem), on a grid as large as the image and what taps reach beyond its
// edge. All images of a batch that have one period share the grid and the spectrum of w. A spectrum is of F = rows × halves
// frequencies, the conjugates of the others left out, which a real image has twice.
#ifndef ISA
#define PI 3.14159265358979323846
enum { IMAGES = 64, COLUMNS = 64 };  // images whose spectra stand in the work at once; columns of w that one piece of work takes

typedef struct {
  int64_t p, rows;           // of the image
  int64_t near_r, near_c;    // taps on each side that do not see zeros only
  int64_t m_r, m_c, halves;  // of the grid, and m_c / 2 + 1
  int64_t F;
} grid;

// Tables of a discrete Fourier transform in two steps: along a line a product by cols, across the lines by re and im.
typedef struct { float *cols, *re, *im; } tables;

typedef struct {
  int64_t *list;  // of the images with the period at hand
  float *roots;
  tables image, kernel, back;
  float *z, *x, *y, *w_z, *w;
  int64_t z_size, w_z_size;
} work;

struct image_spectra { const grid *g; const tables *t; const int64_t *list; int64_t n, channels, size; const float *x; float *z; int64_t z_size; float *y; };
struct spectral_images { const grid *g; const tables *t; const int64_t *list; int64_t n, channels, size; float *y, *z; int64_t z_size; const float *x; };
struct kernel_spectrum { const grid *g; const tables *t; int64_t half, channels; const float *w; float *z; int64_t z_size; float *y; };
struct spectral_kernel { const grid *g; const tables *t; int64_t half, channels; float *dw, *z; int64_t z_size; const float *x; };
struct products { int64_t n, in, out; const float *x, *w; float *y; };

static inline int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }

static grid grid_of(const folded_conv *o, int64_t top) {
  int64_t p = o->f.steps / (top + 1), rows = parts(o->f.steps, p);
  grid g = {.p = p, .rows = rows, .near_r = lesser(o->half, rows - 1), .near_c = lesser(o->half, p - 1)};
  g.m_r = g.rows + g.near_r, g.m_c = g.p + g.near_c;
  g.halves = g.m_c / 2 + 1, g.F = g.m_r * g.halves;
  return g;
}

#define LOOPS "foldconv.c"
#include "versions.h"

static inline int64_t mod(int64_t a, int64_t m) { return (a % m + m) % m; }

// roots[j] = cos, sin of 2πj / m, m of them
static void roots_of(float *roots, int64_t m) {
  for (int64_t j = 0; j < m; j++) roots[2 * j] = cos(2 * PI * j / m), roots[2 * j + 1] = sin(2 * PI * j / m);
}

// t (halves, 2, n): real and imaginary part of Σ x(s) e^(−i sign θ u s) at u, of n places s from first on
static void along(float *t, const float *roots, int64_t halves, int64_t n, int64_t first, int64_t m, float sign) {
  for (int64_t u = 0; u < halves; u++)
    for (int64_t s = 0; s < n; s++) {
      const float *e = roots + 2 * mod(u * (first + s), m);
      t[2 * u * n + s] = e[0], t[(2 * u + 1) * n + s] = -sign * e[1];
    }
}

// t (n, halves, 2): what takes a spectrum without its conjugates back, over a grid of all places
static void back_along(float *t, const float *roots, int64_t halves, int64_t n, int64_t first, int64_t m, int64_t all) {
  for (int64_t s = 0; s < n; s++)
    for (int64_t u = 0; u < halves; u++) {
      const float *e = roots + 2 * mod(u * (first + s), m);
      float weight = (u == 0 || 2 * u == m ? 1.f : 2.f) / all;
      *t++ = weight * e[0], *t++ = -weight * e[1];
    }
}

// re and im (n_a, n_b, 2): real and imaginary part of Σ_b z(b) e^(−i sign θ a b)
static void across(tables *t, const float *roots, int64_t n_a, int64_t first_a, int64_t n_b, int64_t first_b, int64_t m, float sign) {
  float *re = t->re, *im = t->im;
  for (int64_t a = 0; a < n_a; a++)
    for (int64_t b = 0; b < n_b; b++) {
      const float *e = roots + 2 * mod((first_a + a) * (first_b + b), m);
      *re++ = e[0], *re++ = sign * e[1];
      *im++ = -sign * e[1], *im++ = e[0];
    }
}

static void image_tables(const grid *g, work *k) {
  roots_of(k->roots, g->m_c);
  along(k->image.cols, k->roots, g->halves, g->p, 0, g->m_c, 1);
  roots_of(k->roots, g->m_r);
  across(&k->image, k->roots, g->m_r, 0, g->rows, 0, g->m_r, 1);
}

// sign −1 makes of the spectra's product a sum of x at places after, not before
static void kernel_tables(const grid *g, work *k, float sign) {
  roots_of(k->roots, g->m_c);
  along(k->kernel.cols, k->roots, g->halves, 2 * g->near_c + 1, -g->near_c, g->m_c, sign);
  roots_of(k->roots, g->m_r);
  across(&k->kernel, k->roots, g->m_r, 0, 2 * g->near_r + 1, -g->near_r, g->m_r, sign);
}

static void back_tables(const grid *g, work *k, int64_t n_r, int64_t first_r, int64_t n_c, int64_t first_c) {
  roots_of(k->roots, g->m_c);
  back_along(k->back.cols, k->roots, g->halves, n_c, first_c, g->m_c, g->m_r * g->m_c);
  roots_of(k->roots, g->m_r);
  across(&k->back, k->roots, n_r, first_r, g->m_r, 0, g->m_r, -1);
}

// lays the work out at base; returns its bytes
static int64_t lay(const folded_conv *o, char *base, work *k) {
  int64_t roots = 0, cols = 0, rows = 0, z = 0, w_z = 0, F = 0, n = lesser(o->f.images, IMAGES), wide = greater(o->in, o->out), size = 0;
  for (int64_t top = 0; top < o->f.steps / 2; top++) {
    grid g = grid_of(o, top);
    roots = greater(roots, 2 * greater(g.m_r, g.m_c));
    cols = greater(cols, 2 * g.halves * greater(g.p, 2 * g.near_c + 1));
    rows = greater(rows, 2 * g.m_r * greater(g.rows, 2 * g.near_r + 1));
    z = greater(z, 2 * g.halves * g.rows);
    w_z = greater(w_z, 2 * g.halves * (2 * g.near_r + 1));
    F = greater(F, g.F);
  }
  k->z_size = z * wide, k->w_z_size = w_z * COLUMNS;
#define LAY(to, count) to = (void *)(base + size), size += ((count) * sizeof *to + 63) / 64 * 64
  LAY(k->list, o->f.images);
  LAY(k->roots, roots);
  LAY(k->image.cols, cols);
  LAY(k->image.re, rows);
  LAY(k->image.im, rows);
  LAY(k->kernel.cols, cols);
  LAY(k->kernel.re, rows);
  LAY(k->kernel.im, rows);
  LAY(k->back.cols, cols);
  LAY(k->back.re, rows);
  LAY(k->back.im, rows);
  LAY(k->z, n * k->z_size);
  LAY(k->x, F * n * 3 * o->in);
  LAY(k->y, F * n * 3 * o->out);
  LAY(k->w_z, parts(o->in * o->out, COLUMNS) * k->w_z_size);
  LAY(k->w, F * 2 * o->in * o->out);
#undef LAY
  return size;
}

int64_t k_folded_conv_work(const folded_conv *o) {
  work k;
  return lay(o, 0, &k);
}

// the images of frequency f; returns how many they are
static int64_t list_images(const folded_conv *o, const int64_t *top, int64_t f, int64_t *list) {
  int64_t n = 0;
  for (int64_t q = 0; q < o->f.images; q++)
    if (top[q] == f) list[n++] = q;
  return n;
}

void k_folded_conv(pool *p, const folded_conv *o, float *y, const float *x, const float *w, const int64_t *top, void *base) {
  work k;
  lay(o, base, &k);
  for (int64_t f = 0; f < o->f.steps / 2; f++) {
    int64_t of_f = list_images(o, top, f, k.list);
    if (!of_f) continue;
    const grid g = grid_of(o, f);
    image_tables(&g, &k);
    kernel_tables(&g, &k, o->back ? 1 : -1);
    back_tables(&g, &k, g.rows, 0, g.p, 0);
    RUN(p, parts(o->in * o->out, COLUMNS), 1, kernel_spectrum, &g, &k.kernel, o->half, o->in * o->out, w, k.w_z, k.w_z_size, k.w);
    for (int64_t q = 0; q < of_f; q += IMAGES) {
      int64_t n = lesser(of_f - q, IMAGES);
      RUN(p, n, 1, image_spectra, &g, &k.image, k.list + q, n, o->in, o->f.most * o->in, x, k.z, k.z_size, k.x);
      RUN(p, g.F, 1, products, n, o->in, o->out, k.x, k.w, k.y);
      RUN(p, n, 1, spectral_images, &g, &k.back, k.list + q, n, o->out, o->f.most * o->out, y, k.z, k.z_size, k.y);
    }
  }
}

void k_folded_conv_weight_grad(pool *p, const folded_conv *o, float *dw, const float *x, const float *dy, const int64_t *top, void *base) {
  work k;
  lay(o, base, &k);
  int64_t taps = 2 * o->half + 1;
  memset(dw, 0, taps * taps * o->in * o->out * sizeof *dw);
  for (int64_t f = 0; f < o->f.steps / 2; f++) {
    int64_t of_f = list_images(o, top, f, k.list);
    if (!of_f) continue;
    const grid g = grid_of(o, f);
    image_tables(&g, &k);
    back_tables(&g, &k, 2 * g.near_r + 1, -g.near_r, 2 * g.near_c + 1, -g.near_c);
    for (int64_t q = 0; q < of_f; q += IMAGES) {
      int64_t n = lesser(of_f - q, IMAGES);
      RUN(p, n, 1, image_spectra, &g, &k.image, k.list + q, n, o->in, o->f.most * o->in, x, k.z, k.z_size, k.x);
      RUN(p, n, 1, image_spectra, &g, &k.image, k.list + q, n, o->out, o->f.most * o->out, dy, k.z, k.z_size, k.y);
      RUN_AS(p, g.F, 1, products, correlations, n, o->in, o->out, k.x, k.y, k.w);
      RUN(p, parts(o->in * o->out, COLUMNS), 1, spectral_kernel, &g, &k.back, o->half, o->in * o->out, dw, k.w_z, k.w_z_size, k.w);
    }
  }
}

#else

KERNEL(image_spectra) {  // of image q at frequency f: imaginary part, real part, and less the imaginary part, at y[f, q]
  ARGS(image_spectra);
  const grid *g = k->g;
  int64_t C = k->channels, line = 2 * g->halves * C, next = g->halves * k->n * 3 * C;
  sums in_line = {1, g->p, g->p, 0, 1, 0, C}, lines = {g->rows, 2, 2 * g->rows, 2, 1, line, C};
  for (int64_t q = lo; q < hi; q++) {
    const float *x = k->x + k->list[q] * k->size;
    float *z = k->z + q * k->z_size;
    for (int64_t r = 0; r < g->rows; r++) NAME(add_up)(2 * g->halves, C, &in_line, k->t->cols, x + r * g->p * C, 0, 0, z + r * line, C);
    for (int64_t u = 0; u < g->halves; u++) {
      float *y = k->y + (u * k->n + q) * 3 * C;
      NAME(add_up)(g->m_r, C, &lines, k->t->im, z + u * 2 * C, 0, 0, y, next);
      NAME(add_up)(g->m_r, C, &lines, k->t->re, z + u * 2 * C, 0, 0, y + C, next);
      for (int64_t v = 0; v < g->m_r; v++, y += next)
        for (int64_t c = 0; c < C; c++) y[2 * C + c] = -y[c];
    }
  }
}

KERNEL(spectral_images) {  // x[f, q]: real part, imaginary part
  ARGS(spectral_images);
  const grid *g = k->g;
  int64_t C = k->channels, line = 2 * g->halves * C;
  sums lines = {g->m_r, 2, 2 * g->m_r, 2, 1, g->halves * k->n * 2 * C, C}, in_line = {1, 2 * g->halves, 2 * g->halves, 0, 1, 0, C};
  for (int64_t q = lo; q < hi; q++) {
    float *y = k->y + k->list[q] * k->size, *z = k->z + q * k->z_size;
    for (int64_t u = 0; u < g->halves; u++) {
      const float *x = k->x + (u * k->n + q) * 2 * C;
      NAME(add_up)(g->rows, C, &lines, k->t->re, x, 0, 0, z + u * 2 * C, line);
      NAME(add_up)(g->rows, C, &lines, k->t->im, x, 0, 0, z + u * 2 * C + C, line);
    }
    for (int64_t r = 0; r < g->rows; r++) NAME(add_up)(g->p, C, &in_line, k->t->cols, z + r * line, 0, 0, y + r * g->p * C, C);
    int64_t n = g->rows * g->p;
    memset(y + n * C, 0, (k->size - n * C) * sizeof *y);
  }
}

KERNEL(kernel_spectrum) {  // y (F, 2, channels), of COLUMNS channels
  ARGS(kernel_spectrum);
  const grid *g = k->g;
  int64_t C = k->channels, taps = 2 * k->half + 1, n_r = 2 * g->near_r + 1, n_c = 2 * g->near_c + 1, line = 2 * g->halves * COLUMNS;
  sums in_line = {1, n_c, n_c, 0, 1, 0, C}, lines = {n_r, 2, 2 * n_r, 2, 1, line, COLUMNS};
  for (int64_t piece = lo; piece < hi; piece++) {
    int64_t at = piece * COLUMNS, wide = lesser(COLUMNS, C - at);
    const float *w = k->w + ((k->half - g->near_r) * taps + k->half - g->near_c) * C + at;
    float *z = k->z + piece * k->z_size;
    for (int64_t r = 0; r < n_r; r++) NAME(add_up)(2 * g->halves, wide, &in_line, k->t->cols, w + r * taps * C, 0, 0, z + r * line, COLUMNS);
    for (int64_t u = 0; u < g->halves; u++) {
      float *y = k->y + u * 2 * C + at;
      NAME(add_up)(g->m_r, wide, &lines, k->t->re, z + u * 2 * COLUMNS, 0, 0, y, g->halves * 2 * C);
      NAME(add_up)(g->m_r, wide, &lines, k->t->im, z + u * 2 * COLUMNS, 0, 0, y + C, g->halves * 2 * C);
    }
  }
}

KERNEL(spectral_kernel) {  // adds to dw the taps of x (F, 2, channels), of COLUMNS channels
  ARGS(spectral_kernel);
  const grid *g = k->g;
  int64_t C = k->channels, taps = 2 * k->half + 1, n_r = 2 * g->near_r + 1, n_c = 2 * g->near_c + 1, line = 2 * g->halves * COLUMNS;
  sums lines = {g->m_r, 2, 2 * g->m_r, 2, 1, g->halves * 2 * C, C}, in_line = {1, 2 * g->halves, 2 * g->halves, 0, 1, 0, COLUMNS};
  float sum[(2 * FOLD_HALF + 1) * COLUMNS];
  for (int64_t piece = lo; piece < hi; piece++) {
    int64_t at = piece * COLUMNS, wide = lesser(COLUMNS, C - at);
    float *z = k->z + piece * k->z_size;
    for (int64_t u = 0; u < g->halves; u++) {
      const float *x = k->x + u * 2 * C + at;
      NAME(add_up)(n_r, wide, &lines, k->t->re, x, 0, 0, z + u * 2 * COLUMNS, line);
      NAME(add_up)(n_r, wide, &lines, k->t->im, x, 0, 0, z + u * 2 * COLUMNS + COLUMNS, line);
    }
    for (int64_t r = 0; r < n_r; r++) {
      NAME(add_up)(n_c, wide, &in_line, k->t->cols, z + r * line, 0, 0, sum, COLUMNS);
      float *dw = k->dw + ((k->half - g->near_r + r) * taps + k->half - g->near_c) * C + at;
      for (int64_t b = 0; b < n_c; b++)
        for (int64_t c = 0; c < wide; c++) dw[b * C + c] += sum[b * COLUMNS + c];
    }
  }
}

KERNEL(products) {  // y[f, q] = x[f, q] · w[f], complex: real part, imaginary part
  ARGS(products);
  sums s = {1, 2 * k->in, 3 * k->in, 0, 1, 0, k->out};
  for (int64_t f = lo; f < hi; f++) {
    const float *x = k->x + f * k->n * 3 * k->in, *w = k->w + f * 2 * k->in * k->out;
    float *y = k->y + f * k->n * 2 * k->out;
    NAME(add_up)(k->n, k->out, &s, x + k->in, w, 0, 0, y, 2 * k->out);
    NAME(add_up)(k->n, k->out, &s, x, w, 0, 0, y + k->out, 2 * k->out);
  }
}

KERNEL(correlations) {  // y[f] = Σ_q x[f, q] · conjugate of w[f, q], (in, out): real part, imaginary part
  ARGS(products);
  sums s = {k->n, 2, 1, 3 * k->in, k->in, 3 * k->out, k->out};
  for (int64_t f = lo; f < hi; f++) {
    const float *x = k->x + f * k->n * 3 * k->in, *w = k->w + f * k->n * 3 * k->out;
    float *y = k->y + f * 2 * k->in * k->out;
    NAME(add_up)(k->in, k->out, &s, x, w, 0, 0, y, k->out);
    NAME(add_up)(k->in, k->out, &s, x, w + k->out, 0, 0, y + k->in * k->out, k->out);
  }
}
#endif
