// radix.h: stable sorting of row numbers by 64-bit codes.
#ifndef DEEPRC_RADIX_H
#define DEEPRC_RADIX_H
#include <stdint.h>

// Sorts n pairs (code, row) by code; equal codes keep their order. tmp_code and tmp_row have
// room for n. The result is in row and, if codes, in code, which else has anything.
void sort_pairs(uint64_t *code, uint32_t *row, uint64_t *tmp_code, uint32_t *tmp_row, int64_t n, int codes);
// code[i] of rows as digits of a number: code·scale + digit below base, where a digit is w − lo, or hi − w if desc, moved by 1 if there
// are missing cells, on whichever side, that come first; they are 0 then, and base − 1 else.
// Without nulls missing cells are 0: another level tells them apart. code may be w, if scale is 0.
void pack_order(uint64_t *code, const uint64_t *w, const uint8_t *valid, int64_t bit0, int64_t n, uint64_t lo, uint64_t hi,
                uint64_t scale, uint64_t base, int desc, int nulls, int nulls_first);
// Bytes 7·depth… of the texts of rows, as a number in their order: 7 bytes, then how many are left (8: more than 7). Missing
// text is the least or the greatest number.
void text_codes(uint64_t *code, const uint32_t *row, int64_t n, const int64_t *off, const uint8_t *text, const uint8_t *valid,
                int64_t bit0, int64_t depth, int desc, int nulls_first);
#endif
