#include "zstd_entropy.h"

// bits_at is the n ≤ 16 bits of src from bit at on, least significant first; behind its end they are 0.
static uint32_t bits_at(const uint8_t *src, int64_t size, int64_t at, int n) {
  uint32_t v = 0;
  for (int k = 0; k < 3 && (at >> 3) + k < size; k++) v |= (uint32_t)src[(at >> 3) + k] << (8 * k);
  return v >> (at & 7) & ((1u << n) - 1);
}

// 4.1.1
int64_t fse_read(int16_t *probability, int *symbols, int *log, int max_symbols, int max_log, const uint8_t *src, int64_t n) {
  int64_t at = 4;
  if (n < 1 || (*log = (src[0] & 15) + 5) > max_log) return -1;
  int32_t left = 1 << *log;
  int s = 0;
  while (left > 0) {
    if (s >= max_symbols || at > 8 * n) return -1;
    int width = highest_bit(left + 1) + 1;
    uint32_t v = bits_at(src, n, at, width), low = v & ((1u << (width - 1)) - 1), small = (1u << width) - 1 - (left + 1);
    if (low < small) {
      v = low;
      at += width - 1;
    } else {
      if (v >= 1u << (width - 1)) v -= small;
      at += width;
    }
    int p = (int)v - 1;
    left -= p < 0 ? 1 : p;
    probability[s++] = p;
    for (uint32_t zeros = p == 0 ? 3 : 0; zeros == 3;) {
      zeros = bits_at(src, n, at, 2);
      at += 2;
      if (s + (int)zeros > max_symbols || at > 8 * n) return -1;
      for (uint32_t k = 0; k < zeros; k++) probability[s++] = 0;
    }
  }
  if (left < 0 || at > 8 * n) return -1;
  *symbols = s;
  return (at + 7) / 8;
}

int fse_build(fse_state *table, int log, const int16_t *probability, int symbols, const uint32_t *base, const uint8_t *extra) {
  uint8_t symbol[1 << FSE_MAX_LOG];
  uint16_t next[FSE_MAX_SYMBOLS];
  int size = 1 << log, end = size, at = 0, step = (size >> 1) + (size >> 3) + 3;
  for (int s = 0; s < symbols; s++) {
    next[s] = probability[s] < 0 ? 1 : probability[s];
    if (probability[s] < 0) symbol[--end] = s;
  }
  for (int s = 0; s < symbols; s++)
    for (int i = 0; i < probability[s]; i++) {
      symbol[at] = s;
      do at = (at + step) & (size - 1);
      while (at >= end);
    }
  if (at != 0) return -1;
  for (int i = 0; i < size; i++) {
    int s = symbol[i], x = next[s]++, bits = log - highest_bit(x);
    table[i] = fse_pack(base ? base[s] : (uint32_t)s, (x << bits) - size, bits, extra ? extra[s] : 0);
  }
  return 0;
}

// 4.2.1.2: the weights of symbols; their number, or -1.
static int weights_fse(uint8_t *weight, const uint8_t *src, int64_t n) {
  enum { LOG = 6, MAX_WEIGHTS = 255 };
  int16_t probability[HUFFMAN_MAX_LOG + 1];
  fse_state table[1 << LOG];
  int symbols, log, count = 0;
  int64_t head = fse_read(probability, &symbols, &log, HUFFMAN_MAX_LOG + 1, LOG, src, n);
  if (head < 0 || fse_build(table, log, probability, symbols, 0, 0) < 0) return -1;
  const uint8_t *b = src + head;
  int64_t pos = backward_start(b, n - head);
  if (pos < 2 * log) return -1;
  fse_state s[2];
  for (int k = 0; k < 2; k++) {
    s[k] = table[top(backward(b, pos), log)];
    pos -= log;
  }
  for (int k = 0;; k ^= 1) {
    if (count >= MAX_WEIGHTS - 1) return -1;
    weight[count++] = fse_base(s[k]);
    int bits = fse_bits(s[k]);
    if (pos < bits) { // the other state is the last
      weight[count++] = fse_base(s[k ^ 1]);
      return count;
    }
    s[k] = table[fse_next(s[k]) + top(backward(b, pos), bits)];
    pos -= bits;
  }
}

// 4.2.1
int64_t huffman_read(huffman *h, const uint8_t *src, int64_t n) {
  uint8_t weight[256];
  int count;
  int64_t size;
  h->log = 0;
  if (n < 1) return -1;
  if (src[0] >= 128) {
    count = src[0] - 127;
    size = 1 + (count + 1) / 2;
    if (size > n) return -1;
    for (int i = 0; i < count; i++) weight[i] = i & 1 ? src[1 + i / 2] & 15 : src[1 + i / 2] >> 4;
  } else {
    size = 1 + src[0];
    if (size > n || (count = weights_fse(weight, src + 1, src[0])) < 0) return -1;
  }
  uint32_t sum = 0;
  int start[HUFFMAN_MAX_LOG + 1] = {0}; // codes of a weight, then where they begin
  for (int i = 0; i < count; i++) {
    if (weight[i] > HUFFMAN_MAX_LOG) return -1;
    if (weight[i] > 0) {
      sum += 1u << (weight[i] - 1);
      start[weight[i]] += 1 << (weight[i] - 1);
    }
  }
  if (sum == 0) return -1;
  int log = highest_bit(sum) + 1;
  uint32_t rest = (1u << log) - sum;
  if (log > HUFFMAN_MAX_LOG || (rest & (rest - 1)) != 0) return -1;
  weight[count] = highest_bit(rest) + 1;
  start[weight[count++]] += rest;
  for (int w = 1, at = 0; w <= HUFFMAN_MAX_LOG; w++) {
    int codes = start[w];
    start[w] = at;
    at += codes;
  }
  for (int i = 0; i < count; i++)
    if (weight[i] > 0)
      for (int k = 1 << (weight[i] - 1); k > 0; k--) h->code[start[weight[i]]++] = i | (log + 1 - weight[i]) << 8;
  h->log = log;
  return size;
}

#define SYMBOL(to, bits, pos)                  \
  {                                            \
    uint32_t code_ = h->code[bits >> shift];   \
    to = (uint8_t)code_;                       \
    bits <<= code_ >> 8;                       \
    pos -= code_ >> 8;                         \
  }

// The literals from dst on to end, of a stream with pos bits left; whether it ends with them.
static int huffman_rest(const huffman *h, uint8_t *dst, uint8_t *end, const uint8_t *src, int64_t pos) {
  int shift = 64 - h->log;
  for (; dst < end && pos > 0; dst++) {
    uint64_t bits = backward(src, pos);
    SYMBOL(*dst, bits, pos)
  }
  return dst == end && pos == 0;
}

CLONES int huffman_one(const huffman *h, uint8_t *dst, int64_t size, const uint8_t *src, int64_t n) {
  int shift = 64 - h->log;
  uint8_t *end = dst + size;
  int64_t pos = backward_start(src, n);
  while (end - dst >= 5 && pos >= 0) {
    uint64_t bits = backward(src, pos);
    for (int k = 0; k < 5; k++) SYMBOL(dst[k], bits, pos)
    dst += 5;
  }
  return huffman_rest(h, dst, end, src, pos) ? 0 : -1;
}

CLONES int huffman_four(const huffman *h, uint8_t *dst, int64_t size, const uint8_t *src, int64_t n) {
  int shift = 64 - h->log;
  int64_t part = (size + 3) / 4, at = 6;
  const uint8_t *s[4];
  uint8_t *to[4], *end[4];
  int64_t pos[4];
  if (n < 10 || size < 3 * part) return -1;
  for (int i = 0; i < 4; i++) {
    int64_t len = i < 3 ? src[2 * i] | src[2 * i + 1] << 8 : n - at;
    if (len < 1 || len > n - at) return -1;
    s[i] = src + at;
    pos[i] = backward_start(s[i], len);
    to[i] = dst + i * part;
    end[i] = i < 3 ? to[i] + part : dst + size;
    at += len;
  }
  const uint8_t *s0 = s[0], *s1 = s[1], *s2 = s[2], *s3 = s[3];
  int64_t p0 = pos[0], p1 = pos[1], p2 = pos[2], p3 = pos[3];
  int64_t k = 0;
  for (int64_t last = end[3] - to[3]; k + 5 <= last && (p0 | p1 | p2 | p3) >= 0; k += 5) { // the last part is the shortest
    uint64_t b0 = backward(s0, p0), b1 = backward(s1, p1), b2 = backward(s2, p2), b3 = backward(s3, p3);
    for (int i = 0; i < 5; i++) {
      SYMBOL(to[0][k + i], b0, p0)
      SYMBOL(to[1][k + i], b1, p1)
      SYMBOL(to[2][k + i], b2, p2)
      SYMBOL(to[3][k + i], b3, p3)
    }
  }
  return huffman_rest(h, to[0] + k, end[0], s0, p0) && huffman_rest(h, to[1] + k, end[1], s1, p1) &&
                 huffman_rest(h, to[2] + k, end[2], s2, p2) && huffman_rest(h, to[3] + k, end[3], s3, p3)
             ? 0
             : -1;
}
