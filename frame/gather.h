// gather.h: rows of a column picked by number. Cells are 1, 2, 4, 8 or 16 bytes, or
// bits, least significant first. A row number NO_ROW gives a zero cell, and a 0 bit.
#ifndef DEEPRC_GATHER_H
#define DEEPRC_GATHER_H
#include <stdint.h>

#define NO_ROW UINT32_MAX

void gather(void *to, const void *from, const uint32_t *row, int64_t n, int width); // to[i] = from[row[i]]
void gather_bits(uint8_t *to, const uint8_t *from, int64_t bit0, const uint32_t *row, int64_t n);
void gather_bytes(uint8_t *to, const uint8_t *from, int64_t bit0, const uint32_t *row, int64_t n); // bits to bytes of 0 or 1
int64_t pack_bits(uint8_t *to, int64_t bit0, const uint8_t *from, int64_t n);     // bytes to bits; the number of zeros
void gather_lengths(int64_t *to, const int64_t *off, const uint32_t *row, int64_t n); // of text cells, in bytes
// Text: offsets to[0..n] of the picked cells, from 0, and their bytes.
void gather_offsets(int64_t *to, const int64_t *off, const uint32_t *row, int64_t n);
void gather_text(uint8_t *to, const int64_t *off, const uint8_t *text, const uint32_t *row, int64_t n);
#endif
