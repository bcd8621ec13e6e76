// zstd_entropy.h: the codes inside of a Zstandard block, for zstd.c. Section numbers are those of RFC 8878.
// Functions return the bytes that they have read, or -1 where src is no such code.
#ifndef DEEPRC_ZSTD_ENTROPY_H
#define DEEPRC_ZSTD_ENTROPY_H
#include <stdint.h>
#include <string.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

static inline uint64_t load64(const void *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}

static inline int highest_bit(uint32_t v) { return 31 - __builtin_clz(v); } // of v > 0

// A stream of bits is read from its end, where the highest bit that is set is a mark, to its first byte: pos bits are left.
// Fewer than 0 means that it was too short. backward() is the next 56 bits at least, the first of them on top; it reads
// up to 8 bytes before the stream, which must be there.
static inline uint64_t backward(const uint8_t *b, int64_t pos) { return load64(b + (pos >> 3) - 7) << (8 - (pos & 7)); }
static inline uint64_t top(uint64_t bits, int n) { return bits >> 1 >> (63 - n); } // n < 64
static inline int64_t backward_start(const uint8_t *b, int64_t n) { return n < 1 || !b[n - 1] ? -1 : 8 * (n - 1) + highest_bit(b[n - 1]); }

// 4.1: a state of an FSE table, and what its symbol means, base + extra bits; in one word, extra lowest, since the loop over
// sequences has registers for no more.
typedef uint64_t fse_state;
static inline fse_state fse_pack(uint32_t base, uint32_t next, int bits, int extra) { return (uint64_t)base << 32 | next << 16 | bits << 8 | extra; }
static inline uint64_t fse_base(fse_state s) { return s >> 32; }
static inline uint64_t fse_next(fse_state s) { return s >> 16 & 0xffff; } // + bits of the stream is the next state
static inline uint64_t fse_bits(fse_state s) { return s >> 8 & 0xff; }
static inline uint64_t fse_extra(fse_state s) { return s & 0xff; }

enum { FSE_MAX_LOG = 9, FSE_MAX_SYMBOLS = 64 };

int64_t fse_read(int16_t *probability, int *symbols, int *log, int max_symbols, int max_log, const uint8_t *src, int64_t n);
// base[s] and extra[s] are those of symbol s. -1 if the probabilities make no table.
int fse_build(fse_state *table, int log, const int16_t *probability, int symbols, const uint32_t *base, const uint8_t *extra);

// 4.2: codes of at most 11 bits.
enum { HUFFMAN_MAX_LOG = 11 };
typedef struct {
  int log; // 0: none was read yet
  uint16_t code[1 << HUFFMAN_MAX_LOG]; // by the next log bits: symbol, and above it the bits that it takes
} huffman;

int64_t huffman_read(huffman *h, const uint8_t *src, int64_t n);
// Decodes exactly size literals of the n bytes of one stream, or of four; 0, or -1 where that is not what the bytes are.
int huffman_one(const huffman *h, uint8_t *dst, int64_t size, const uint8_t *src, int64_t n);
int huffman_four(const huffman *h, uint8_t *dst, int64_t size, const uint8_t *src, int64_t n);
#endif
