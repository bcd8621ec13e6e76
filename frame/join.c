#include "join.h"
#include "hash.h"
#include <string.h>

// The bits below those that chose the part; bits ≥ 1.
static inline uint32_t slot_of(uint64_t code, int used, int bits) { return scatter_code(code) << used >> (64 - bits); }

// Row i of the build side is entry i + 1 of a chain; 0 ends it.
int64_t join_part(uint32_t *probe_out, uint32_t *build_out, int64_t room, const uint64_t *probe, const uint32_t *probe_row, int64_t n_probe,
                  const uint64_t *build, const uint32_t *build_row, int64_t n_build, uint32_t *head, uint32_t *next, int used, int bits, int first) {
  memset(head, 0, sizeof *head << bits);
  for (int64_t i = n_build - 1; i >= 0; i--) {
    uint32_t s = slot_of(build[i], used, bits);
    next[i] = head[s];
    head[s] = i + 1;
  }
  enum { AHEAD = 16 };
  int64_t n = 0;
  for (int64_t i = 0; i < n_probe; i++) {
    if (i + AHEAD < n_probe) __builtin_prefetch(head + slot_of(probe[i + AHEAD], used, bits));
    uint64_t code = probe[i];
    for (uint32_t k = head[slot_of(code, used, bits)]; k; k = next[k - 1]) {
      if (build[k - 1] != code) continue;
      if (n < room) {
        probe_out[n] = probe_row ? probe_row[i] : i;
        build_out[n] = build_row ? build_row[k - 1] : k - 1;
      }
      n++;
      if (first) break;
    }
  }
  return n;
}

int64_t group_part(uint32_t *group, uint32_t *first, int64_t base, const uint64_t *code, const uint32_t *row, int64_t n,
                   uint32_t *slot, uint64_t *slot_code, int used, int bits) {
  memset(slot, 0, sizeof *slot << bits); // a group's number in this part, from 1; 0: free
  uint32_t mask = (1ull << bits) - 1, groups = 0;
  for (int64_t i = 0; i < n; i++) {
    uint32_t s = slot_of(code[i], used, bits);
    while (slot[s] && slot_code[s] != code[i]) s = (s + 1) & mask;
    if (!slot[s]) {
      if (groups > mask / 2) return -1;
      slot[s] = ++groups;
      slot_code[s] = code[i];
      first[base + groups - 1] = row ? row[i] : i;
    }
    group[i] = base + slot[s] - 1;
  }
  return groups;
}
