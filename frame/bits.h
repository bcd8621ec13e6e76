// bits.h: bits of a bitmap, least significant first, as Arrow has them.
#ifndef DEEPRC_BITS_H
#define DEEPRC_BITS_H
#include <stdint.h>

static inline int bit(const uint8_t *b, int64_t i) { return b[i >> 3] >> (i & 7) & 1; }
static inline int ok(const uint8_t *valid, int64_t i) { return !valid || bit(valid, i); } // cell i is not missing
#endif
