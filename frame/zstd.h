// zstd.h: Zstandard frames decompressed in one go into memory of a known size (RFC 8878). Dictionaries are not supported.
#ifndef DEEPRC_ZSTD_H
#define DEEPRC_ZSTD_H
#include <stdint.h>

#define ZSTD_WORKSPACE (200 << 10) // bytes that zstd_decode works in, aligned for any type; their content does not matter

// Decompresses the frames in src[0..n), one after another, to dst. It writes at most size bytes that count, and
// anything to the room bytes behind them; more room is not faster than 32. The result is the number of bytes
// that count, or what is wrong, negative.
int64_t zstd_decode(void *workspace, uint8_t *dst, int64_t size, int64_t room, const uint8_t *src, int64_t n);

enum {
  ZSTD_CORRUPT = -1,
  ZSTD_TOO_LARGE = -2, // more than size bytes
  ZSTD_DICTIONARY = -3,
  ZSTD_CHECKSUM = -4,
};
#endif
