// hash.h: cells as 64-bit words, words to hashes, and rows in the order of a part of their hash.
#ifndef DEEPRC_HASH_H
#define DEEPRC_HASH_H
#include <stdint.h>

// Kinds of cells that a word holds.
enum { W_I8, W_I16, W_I32, W_I64, W_U8, W_U16, W_U32, W_U64, W_F32, W_F64, W_BIT };

// to[i] is cell i as a word: equal cells, equal words, and the order of words, as
// unsigned numbers, is the order of cells. −0 is 0; NaN is one value, above all others.
void to_words(uint64_t *to, const void *from, int64_t bit0, int64_t n, int kind);
void bounds(uint64_t *lo, uint64_t *hi, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n); // of those that are valid
// h[i] = h[i]·range + (w[i] − lo + 1), or + 0 where invalid: one number for several columns
void pack_words(uint64_t *h, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n, uint64_t lo, uint64_t range);
// h[i] = a mix of h[i] and w[i], or of h[i] and 0 where invalid
void hash_words(uint64_t *h, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n);
void hash_text(uint64_t *h, const int64_t *off, const uint8_t *text, const uint8_t *valid, int64_t bit0, int64_t n);
void hash_wide(uint64_t *h, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n); // cells of two words

// part of 2^bits of a code: the high bits of its product with 2^64/φ (Knuth, TAOCP 6.4)
static inline uint64_t scatter_code(uint64_t code) { return (code ^ code >> 32) * 0x9E3779B97F4A7C15u; }
static inline uint64_t part_of(uint64_t code, int bits) { return bits ? scatter_code(code) >> (64 - bits) : 0; }

// Stable partition of n codes, those of invalid rows left out: start[0..2^bits] are the
// parts' bounds in code_to and row_to. Returns the number of rows kept.
int64_t partition_codes(uint64_t *code_to, uint32_t *row_to, int64_t *start, const uint64_t *code, const uint8_t *valid,
                  int64_t bit0, int64_t n, int bits);
// rank[i] = the one of n_ranks that hash h[i] belongs to; count[r] rows each
void ranks_of(uint32_t *rank, int64_t *count, const uint64_t *h, int64_t n, int64_t n_ranks);
// order = the rows 0..n−1 by rank, stable
void order_by_rank(uint32_t *order, const uint32_t *rank, const int64_t *count, int64_t n, int64_t n_ranks);
#endif
