// aggregate.h: one number for each group of rows. Position i is of group id[i] and holds
// row row[i], or row i where row is NULL. Missing cells do not count.
#ifndef DEEPRC_AGGREGATE_H
#define DEEPRC_AGGREGATE_H
#include <stdint.h>

typedef struct {
  const uint32_t *id, *row;
  int64_t n;
  const uint8_t *valid; // bits, from bit0 on; NULL: no cell is missing
  int64_t bit0;
} agg_rows;

void agg_count(int64_t *out, const agg_rows *r);
void agg_sum_f64(double *out, const agg_rows *r, const double *x);
int64_t agg_sum_i64(int64_t *out, const agg_rows *r, const int64_t *x);   // the row where it overflows, or −1
int64_t agg_sum_u64(uint64_t *out, const agg_rows *r, const uint64_t *x); // the same
// The same in 128 bits, which the sums of 2^32 cells cannot leave; of cells of 64 bits, signed or not, and of 128 bits.
typedef struct {
  uint64_t lo, hi; // two's complement
} agg_wide;
void agg_wide_i64(agg_wide *out, const agg_rows *r, const int64_t *x);
void agg_wide_u64(agg_wide *out, const agg_rows *r, const uint64_t *x);
void agg_wide_128(agg_wide *out, const agg_rows *r, const agg_wide *x);
void agg_squares(double *out, const agg_rows *r, const double *x, const double *mean); // Σ (x − mean)²
// out[g] = the row with the least word, or the greatest, and of equal ones the first; best is working space of a word a group
void agg_least(uint32_t *out, uint64_t *best, const agg_rows *r, const uint64_t *w);
void agg_most(uint32_t *out, uint64_t *best, const agg_rows *r, const uint64_t *w);
void agg_first(uint32_t *out, const agg_rows *r);
void agg_last(uint32_t *out, const agg_rows *r);
// words by group: to[start[g] …] are those of group g; start[0..groups] are sums of agg_count
void agg_spread(uint64_t *to, int64_t *start, const agg_rows *r, const uint64_t *w);
#endif
