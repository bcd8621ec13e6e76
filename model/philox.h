// philox.h: counter-based random numbers for loops. A file of kernels (isa.h) includes it at its head, so that its second half has the
// function in its version.
#ifndef DEEPRC_PHILOX_H
#define DEEPRC_PHILOX_H
#include "random.h"
#include "vecmath.h"
#include <string.h>

enum { COUNTERS = 16 };  // at a time

// Of each version: numbers of 32 bits, each in the low half of a lane. The high halves are anything.
typedef uint64_t lanes_base __attribute__((vector_size(16)));
typedef uint64_t lanes_avx2 __attribute__((vector_size(32)));
typedef uint64_t lanes_avx512 __attribute__((vector_size(64)));

// the products of low halves, of 64 bits: the compiler does not see by itself that one cheap instruction does it
#ifdef __x86_64__
#define LOW_TIMES(version, features, type, multiply) \
  VEC __attribute__((target(features))) lanes_##version times_##version(lanes_##version a, lanes_##version b) { return (lanes_##version)multiply((type)a, (type)b); }
LOW_TIMES(base, "sse2", __m128i, _mm_mul_epu32)
LOW_TIMES(avx2, "avx2", __m256i, _mm256_mul_epu32)
LOW_TIMES(avx512, "avx512f", __m512i, _mm512_mul_epu32)
#undef LOW_TIMES
#else
VEC lanes_base times_base(lanes_base a, lanes_base b) { return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu); }
#endif
#endif

#ifdef ISA
#undef LANES_OF
#define LANES_OF NAME(lanes)

// word (4 of each counter) = what counters {at, step, op}, {at + 1, step, op}, … under key become, as philox has it
static inline void NAME(philox_words)(uint32_t *restrict word, uint64_t at, uint32_t step, uint32_t op, uint64_t key) {
  enum { WIDE = sizeof(LANES_OF) / 8, VECTORS = COUNTERS / WIDE };
  const LANES_OF none = {0};
  LANES_OF c0[VECTORS], c1[VECTORS], c2[VECTORS], c3[VECTORS];
  uint64_t counter[COUNTERS];
  for (int l = 0; l < COUNTERS; l++) counter[l] = at + (uint64_t)l;
#pragma GCC unroll 8
  for (int v = 0; v < VECTORS; v++) {
    memcpy(&c0[v], counter + v * WIDE, sizeof none);
    c1[v] = c0[v] >> 32, c2[v] = none + step, c3[v] = none + op;
  }
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
      LANES_OF high = NAME(times)(c0[v], none + PHILOX_TIMES_0), low = NAME(times)(c2[v], none + PHILOX_TIMES_2);
      c0[v] = (low >> 32) ^ c1[v] ^ k0, c2[v] = (high >> 32) ^ c3[v] ^ k1, c1[v] = low, c3[v] = high;
    }
    k0 += PHILOX_KEY_0, k1 += PHILOX_KEY_1;
  }
  uint64_t two[2][COUNTERS];
#pragma GCC unroll 8
  for (int v = 0; v < VECTORS; v++) {
    LANES_OF a = (c0[v] & 0xFFFFFFFFu) | c1[v] << 32, b = (c2[v] & 0xFFFFFFFFu) | c3[v] << 32;
    memcpy(two[0] + v * WIDE, &a, sizeof a), memcpy(two[1] + v * WIDE, &b, sizeof b);
  }
  for (int l = 0; l < COUNTERS; l++) memcpy(word + 4 * l, &two[0][l], 8), memcpy(word + 4 * l + 2, &two[1][l], 8);
}
#endif
