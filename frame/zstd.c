#include "zstd.h"
#include "zstd_entropy.h"

// Section numbers are those of RFC 8878.

enum {
  MAX_BLOCK = 128 << 10,
  WILD = 32, // bytes behind a copy that may be read or written
  LITERAL_LENGTHS = 36,
  MATCH_LENGTHS = 53,
  OFFSETS = 31, // 30 extra bits, and 26 of the states, are read at once; an offset of more is outside of any page
};

typedef struct {
  huffman literals;
  fse_state length[1 << 9], match[1 << 9], offset[1 << 8];
  int length_log, match_log, offset_log; // -1: none was read yet
  uint64_t rep[3];                       // 3.1.1.5: the last offsets
  uint8_t literal[MAX_BLOCK + WILD];
} decoder;
_Static_assert(sizeof(decoder) <= ZSTD_WORKSPACE, "ZSTD_WORKSPACE is too small");

// 3.1.1.3.2.1.1, and the default tables of 3.1.1.3.2.2
static const uint32_t length_base[LITERAL_LENGTHS] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,   10,  11,  12,   13,   14,   15,   16,    18,
                                                      20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536};
static const uint8_t length_extra[LITERAL_LENGTHS] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0,  0,  0,  1,  1,
                                                      1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const int16_t length_default[LITERAL_LENGTHS] = {4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1,  1,  2,  2,
                                                        2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1};
static const uint32_t match_base[MATCH_LENGTHS] = {3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,  18,  19,  20,   21,   22,   23,   24,    25,    26,   27, 28, 29,
                                                   30, 31, 32, 33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83,  99,  131, 259, 515,  1027, 2051, 4099,  8195,  16387, 32771, 65539};
static const uint8_t match_extra[MATCH_LENGTHS] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0,  0,  0,  0,  0,  0,
                                                   0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const int16_t match_default[MATCH_LENGTHS] = {1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  1,  1,  1,  1,  1,  1, 1, 1,
                                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1};
static const int16_t offset_default[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1};
static const uint32_t offset_base[OFFSETS] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,  1u << 8,  1u << 9,  1u << 10,
    1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15, 1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21,
    1u << 22, 1u << 23, 1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30};
static const uint8_t offset_extra[OFFSETS] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                              16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30};

// 3.1.1.3.2.1: how codes of one kind are made in a block; the bytes that say so, or -1.
static int64_t code_table(int mode, fse_state *table, int *log, int symbols, int max_log, const int16_t *usual, int usual_symbols, int usual_log,
                          const uint32_t *base, const uint8_t *extra, const uint8_t *src, int64_t n) {
  int16_t probability[FSE_MAX_SYMBOLS];
  switch (mode) {
  case 0:
    *log = usual_log;
    return fse_build(table, usual_log, usual, usual_symbols, base, extra);
  case 1:
    if (n < 1 || src[0] >= symbols) return -1;
    *log = 0;
    table[0] = fse_pack(base[src[0]], 0, 0, extra[src[0]]);
    return 1;
  case 2: {
    int count;
    int64_t size = fse_read(probability, &count, log, symbols, max_log, src, n);
    return size < 0 || fse_build(table, *log, probability, count, base, extra) < 0 ? -1 : size;
  }
  }
  return *log < 0 ? -1 : 0;
}

// 3.1.1.3.1: the literals of a block, with WILD bytes behind them; the bytes read, or -1.
static int64_t read_literals(decoder *d, const uint8_t **literals, const uint8_t **end, const uint8_t *src, int64_t n) {
  if (n < 1) return -1;
  int type = src[0] & 3, format = src[0] >> 2 & 3;
  int64_t size, packed, head;
  if (type < 2) {
    head = format == 1 ? 2 : format == 3 ? 3 : 1;
    if (head > n) return -1;
    size = head == 1 ? src[0] >> 3 : head == 2 ? src[0] >> 4 | src[1] << 4 : src[0] >> 4 | src[1] << 4 | src[2] << 12;
    packed = type == 0 ? size : 1;
    if (size > MAX_BLOCK || packed > n - head) return -1;
    *literals = d->literal;
    if (type == 1) memset(d->literal, src[head], size);
    else if (n - head - size >= WILD) *literals = src + head;
    else memcpy(d->literal, src + head, size);
    *end = *literals + size;
    return head + packed;
  }
  head = format < 2 ? 3 : format + 2;
  if (head > n) return -1;
  uint64_t v = 0;
  for (int i = 0; i < head; i++) v |= (uint64_t)src[i] << (8 * i);
  int width = format < 2 ? 10 : format == 2 ? 14 : 18;
  size = v >> 4 & ((1 << width) - 1);
  packed = v >> (4 + width);
  if (size > MAX_BLOCK || packed > n - head) return -1;
  const uint8_t *b = src + head;
  int64_t left = packed;
  if (type == 2) {
    int64_t tree = huffman_read(&d->literals, b, left);
    if (tree < 0) return -1;
    b += tree;
    left -= tree;
  } else if (d->literals.log == 0) return -1;
  *literals = d->literal;
  *end = d->literal + size;
  if ((format == 0 ? huffman_one : huffman_four)(&d->literals, d->literal, size, b, left) < 0) return -1;
  return head + packed;
}

// A sequence: length literals, then match bytes from back bytes before.
typedef struct {
  uint32_t length, match, back;
} sequence;

enum { BATCH = 64 }; // sequences that are decoded before they are carried out, so that what they copy is in the cache by then

// How the sequences of a block are read: states, bits left, and the last offsets.
typedef struct {
  const uint8_t *src;
  int64_t pos;
  fse_state length, match, offset;
  uint64_t rep[3];
  int bits; // that the states took last: those behind the last sequence count for nothing
} sequence_reader;

static int start_sequences(sequence_reader *r, const decoder *d, const uint8_t *src, int64_t n) {
  int64_t pos = backward_start(src, n);
  r->bits = d->length_log + d->offset_log + d->match_log;
  if (pos < r->bits) return -1;
  uint64_t bits = backward(src, pos);
  r->length = d->length[top(bits, d->length_log)];
  bits <<= d->length_log;
  r->offset = d->offset[top(bits, d->offset_log)];
  bits <<= d->offset_log;
  r->match = d->match[top(bits, d->match_log)];
  r->src = src;
  r->pos = pos - r->bits;
  memcpy(r->rep, d->rep, sizeof r->rep);
  return 0;
}

// field is n & 63 bits of a word from bit at on.
static inline uint64_t field(uint64_t bits, uint64_t at, uint64_t n) { return bits >> (at & 63) & ((1ull << (n & 63)) - 1); }

// 3.1.1.4: the next count sequences, whose bytes will be at to and behind it; 0, or -1 where they end early.
CLONES static int read_sequences(sequence_reader *r, const decoder *d, sequence *out, int count, const uint8_t *to) {
  const uint8_t *src = r->src;
  int64_t pos = r->pos;
  fse_state l = r->length, m = r->match, o = r->offset, all = 0;
  uint64_t rep0 = r->rep[0], rep1 = r->rep[1], rep2 = r->rep[2];
  for (int i = 0; i < count; i++) {
    if (UNLIKELY(pos < 0)) return -1;
    uint64_t bits = load64(src + (pos >> 3) - 7), at = 56 + (pos & 7); // bits of them that are left
    uint64_t offset = fse_base(o) + field(bits, at -= fse_extra(o), o), match = fse_base(m), length = fse_base(l);
    all = l + m + o; // their bits and extra are too few for a carry
    pos -= fse_bits(all) + fse_extra(all);
    if (UNLIKELY(fse_extra(all) != fse_extra(o))) { // more than the 56 bits that are there, perhaps
      int64_t more = pos + fse_bits(all);
      if (more < 0) return -1;
      at = fse_extra(m) + fse_extra(l);
      bits = load64(src + ((more + at) >> 3) - 7);
      at = 56 + ((more + at) & 7);
      match += field(bits, at -= fse_extra(m), m);
      length += field(bits, at - fse_extra(l), l);
      bits = load64(src + (more >> 3) - 7);
      at = 56 + (more & 7);
    }
    l = d->length[fse_next(l) + field(bits, at -= fse_bits(l), fse_bits(l))];
    m = d->match[fse_next(m) + field(bits, at -= fse_bits(m), fse_bits(m))];
    o = d->offset[fse_next(o) + field(bits, at -= fse_bits(o), fse_bits(o))];

    // 3.1.1.5. Which offset it is cannot be foretold: this has no branch but for a rare one.
    uint64_t fresh = -(uint64_t)(offset > 3), which = (offset - 1 + (length == 0)) | fresh;
    uint64_t d1 = (rep0 ^ rep1) & -(uint64_t)(which >= 1), d2 = (rep1 ^ rep2) & -(uint64_t)(which >= 2);
    uint64_t back = rep0 ^ d1 ^ d2;
    back ^= (back ^ (offset - 3)) & fresh;
    if (UNLIKELY(which == 3)) back = rep0 - 1;
    rep2 ^= d2;
    rep1 ^= d1;
    rep0 = back;
    out[i] = (sequence){length, match, back};
    to += length;
    __builtin_prefetch(to - back);
    to += match;
  }
  r->pos = pos;
  r->length = l, r->match = m, r->offset = o;
  r->rep[0] = rep0, r->rep[1] = rep1, r->rep[2] = rep2;
  r->bits = fse_bits(all);
  return 0;
}

static inline void copy8(uint8_t *to, const uint8_t *from) { memcpy(to, from, 8); }
static inline void copy16(uint8_t *to, const uint8_t *from) { memcpy(to, from, 16); }

// Repeats of a pattern of fewer than 8 bytes: they fill a word by a product, and are copied in steps of a multiple of
// their length that is 8 at least.
static inline void repeat(uint8_t *to, uint64_t back, uint64_t n) {
  static const uint64_t times[8] = {0, 0x0101010101010101, 0x0001000100010001, 0x0001000001000001, 0x0000000100000001, 1 | 1ull << 40, 1 | 1ull << 48, 1 | 1ull << 56};
  static const uint8_t steps[8] = {0, 8, 8, 9, 8, 10, 12, 14};
  uint64_t word = (load64(to - back) & ((1ull << (8 * back)) - 1)) * times[back];
  memcpy(to, &word, 8);
  for (uint64_t k = 8; k < n; k += 8) copy8(to + k, to + k - steps[back]);
}

// Where literals and output stand while sequences are carried out. Output's bytes from base to to are there, it may be written to
// end, and in a hurry to hard.
typedef struct {
  const uint8_t *literal, *literal_end;
  uint8_t *base, *to, *end, *hard;
} output;

// 3.1.1.4: carries out count sequences; 0, or an error.
static int copy_sequences(output *w, const sequence *s, int count) {
  const uint8_t *literal = w->literal;
  uint8_t *to = w->to;
  for (int i = 0; i < count; i++) {
    uint64_t length = s[i].length, match = s[i].match, back = s[i].back;
    if (UNLIKELY(length > (uint64_t)(w->literal_end - literal) || back - 1 >= to - w->base + length)) return ZSTD_CORRUPT;
    if (UNLIKELY((int64_t)(length + match) > w->hard - to - WILD)) {
      if ((int64_t)(length + match) > w->end - to) return ZSTD_TOO_LARGE;
      for (; length > 0; length--) *to++ = *literal++;
      for (; match > 0; match--, to++) *to = to[-(int64_t)back];
      continue;
    }
    copy16(to, literal);
    for (uint64_t k = 16; UNLIKELY(k < length); k += 16) copy16(to + k, literal + k);
    to += length;
    literal += length;
    const uint8_t *from = to - back;
    if (LIKELY(back >= 16)) {
      copy16(to, from);
      for (uint64_t k = 16; k < match; k += 16) copy16(to + k, from + k);
    } else if (back >= 8)
      for (uint64_t k = 0; k < match; k += 8) copy8(to + k, from + k);
    else repeat(to, back, match);
    to += match;
  }
  w->literal = literal;
  w->to = to;
  return 0;
}

// The sequences of a block; 0, or an error.
static int sequences(decoder *d, int count, output *w, const uint8_t *src, int64_t n) {
  sequence_reader r;
  sequence batch[BATCH];
  if (start_sequences(&r, d, src, n) < 0) return ZSTD_CORRUPT;
  for (int some; count > 0; count -= some) {
    some = count < BATCH ? count : BATCH;
    if (read_sequences(&r, d, batch, some, w->to) < 0) return ZSTD_CORRUPT;
    int err = copy_sequences(w, batch, some);
    if (err < 0) return err;
  }
  memcpy(d->rep, r.rep, sizeof r.rep);
  return r.pos + r.bits == 0 ? 0 : ZSTD_CORRUPT;
}

// 3.1.1.3: a compressed block, but for the literals behind its sequences, which stay in w; 0, or an error.
static int block(decoder *d, output *w, const uint8_t *src, int64_t n) {
  const uint8_t *stop = src + n;
  int64_t used = read_literals(d, &w->literal, &w->literal_end, src, n);
  if (used < 0 || used >= n) return ZSTD_CORRUPT;
  src += used;
  int count = *src++;
  if (count == 0) return src == stop ? 0 : ZSTD_CORRUPT;
  if (count >= 128) {
    if (stop - src < (count == 255 ? 2 : 1)) return ZSTD_CORRUPT;
    if (count == 255) {
      count = src[0] + (src[1] << 8) + 0x7f00;
      src += 2;
    } else count = ((count - 128) << 8) + *src++;
  }
  if (src == stop || (*src & 3) != 0) return ZSTD_CORRUPT;
  int modes = *src++;
  if ((used = code_table(modes >> 6, d->length, &d->length_log, LITERAL_LENGTHS, 9, length_default, LITERAL_LENGTHS, 6, length_base, length_extra,
                         src, stop - src)) < 0)
    return ZSTD_CORRUPT;
  src += used;
  if ((used = code_table(modes >> 4 & 3, d->offset, &d->offset_log, OFFSETS, 8, offset_default, sizeof offset_default / 2, 5, offset_base,
                         offset_extra, src, stop - src)) < 0)
    return ZSTD_CORRUPT;
  src += used;
  if ((used = code_table(modes >> 2 & 3, d->match, &d->match_log, MATCH_LENGTHS, 9, match_default, MATCH_LENGTHS, 6, match_base, match_extra, src,
                         stop - src)) < 0)
    return ZSTD_CORRUPT;
  src += used;
  return sequences(d, count, w, src, stop - src);
}

static inline uint64_t rotate(uint64_t v, int by) { return v << by | v >> (64 - by); }

// XXH64 with seed 0, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
static uint64_t xxh64(const uint8_t *b, int64_t n) {
  const uint64_t P1 = 0x9e3779b185ebca87, P2 = 0xc2b2ae3d27d4eb4f, P3 = 0x165667b19e3779f9, P4 = 0x85ebca77c2b2ae63, P5 = 0x27d4eb2f165667c5;
  const uint8_t *end = b + n;
  uint64_t h = P5;
  if (n >= 32) {
    uint64_t v[4] = {P1 + P2, P2, 0, -P1};
    for (; end - b >= 32; b += 32)
      for (int i = 0; i < 4; i++) v[i] = rotate(v[i] + load64(b + 8 * i) * P2, 31) * P1;
    h = rotate(v[0], 1) + rotate(v[1], 7) + rotate(v[2], 12) + rotate(v[3], 18);
    for (int i = 0; i < 4; i++) h = (h ^ rotate(v[i] * P2, 31) * P1) * P1 + P4;
  }
  h += n;
  for (; end - b >= 8; b += 8) h = rotate(h ^ rotate(load64(b) * P2, 31) * P1, 27) * P1 + P4;
  if (end - b >= 4) {
    uint32_t v;
    memcpy(&v, b, 4);
    h = rotate(h ^ v * P1, 23) * P2 + P3;
    b += 4;
  }
  for (; b < end; b++) h = rotate(h ^ *b * P5, 11) * P1;
  h = (h ^ h >> 33) * P2;
  h = (h ^ h >> 29) * P3;
  return h ^ h >> 32;
}

// 3.1.1: a frame behind its magic number; the bytes made, or an error.
static int64_t frame(decoder *d, uint8_t *to, uint8_t *end, uint8_t *hard, const uint8_t **from, const uint8_t *stop) {
  const uint8_t *src = *from;
  if (src == stop) return ZSTD_CORRUPT;
  int flags = *src++, single = flags >> 5 & 1, wide = flags >> 6;
  int id = "\0\1\2\4"[flags & 3], sized = wide == 0 ? single : 1 << wide;
  if ((flags & 8) != 0 || stop - src < 1 - single + id + sized) return ZSTD_CORRUPT;
  src += 1 - single;
  for (; id > 0; id--)
    if (*src++ != 0) return ZSTD_DICTIONARY;
  uint64_t want = wide == 1 ? 256 : 0;
  for (int i = 0; i < sized; i++) want += (uint64_t)*src++ << (8 * i);
  if (sized > 0 && want > (uint64_t)(end - to)) return ZSTD_TOO_LARGE;
  d->literals.log = 0;
  d->length_log = d->match_log = d->offset_log = -1;
  d->rep[0] = 1, d->rep[1] = 4, d->rep[2] = 8;
  output w = {0, 0, to, to, end, hard};
  for (int last = 0; !last;) {
    if (stop - src < 3) return ZSTD_CORRUPT;
    uint32_t head = src[0] | src[1] << 8 | src[2] << 16, size = head >> 3;
    int kind = head >> 1 & 3;
    src += 3;
    last = head & 1;
    if (size > MAX_BLOCK || (kind == 1 ? 1 : size) > stop - src) return ZSTD_CORRUPT;
    uint8_t *before = w.to;
    int err = kind == 2 ? block(d, &w, src, size) : kind == 3 ? ZSTD_CORRUPT : 0;
    if (err < 0) return err;
    if (kind < 2) w.literal = src, w.literal_end = src + size;
    int64_t rest = w.literal_end - w.literal; // literals behind the last sequence, or all there is
    if (w.to > end || rest > end - w.to) return ZSTD_TOO_LARGE;
    if (kind == 1) memset(w.to, *src, rest);
    else memcpy(w.to, w.literal, rest);
    w.to += rest;
    if (w.to - before > MAX_BLOCK) return ZSTD_CORRUPT;
    src += kind == 1 ? 1 : size;
  }
  if (sized > 0 && (uint64_t)(w.to - w.base) != want) return ZSTD_CORRUPT;
  if ((flags & 4) != 0) {
    if (stop - src < 4) return ZSTD_CORRUPT;
    if ((uint32_t)xxh64(w.base, w.to - w.base) != (src[0] | src[1] << 8 | src[2] << 16 | (uint32_t)src[3] << 24)) return ZSTD_CHECKSUM;
    src += 4;
  }
  *from = src;
  return w.to - w.base;
}

int64_t zstd_decode(void *workspace, uint8_t *dst, int64_t size, int64_t room, const uint8_t *src, int64_t n) {
  uint8_t *to = dst, *end = dst + size;
  const uint8_t *stop = src + n;
  while (src < stop) {
    if (stop - src < 8) return ZSTD_CORRUPT;
    uint32_t magic = src[0] | src[1] << 8 | src[2] << 16 | (uint32_t)src[3] << 24;
    src += 4;
    if ((magic & ~15u) == 0x184d2a50) { // 3.1.2: to be skipped
      uint32_t skip = src[0] | src[1] << 8 | src[2] << 16 | (uint32_t)src[3] << 24;
      src += 4;
      if (skip > stop - src) return ZSTD_CORRUPT;
      src += skip;
      continue;
    }
    if (magic != 0xfd2fb528) return ZSTD_CORRUPT;
    int64_t made = frame(workspace, to, end, end + room, &src, stop);
    if (made < 0) return made;
    to += made;
  }
  return to - dst;
}
