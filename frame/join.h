// join.h: equal codes of two sides, and groups of equal codes; part by part, so that a part's table stays in cache.
#ifndef DEEPRC_JOIN_H
#define DEEPRC_JOIN_H
#include <stdint.h>

// A part is of the codes whose first used bits of their scatter_code are the same.
// All pairs of equal codes of a part: probe rows in order, and for each its build rows in
// order. head has 2^bits entries, next n_build. Pairs beyond room are counted but not
// written. first: at most one build row for each probe row.
int64_t join_part(uint32_t *probe_out, uint32_t *build_out, int64_t room, const uint64_t *probe, const uint32_t *probe_row, int64_t n_probe,
                  const uint64_t *build, const uint32_t *build_row, int64_t n_build, uint32_t *head, uint32_t *next, int used, int bits, int first);

// group[i] = the number of the group of code[i], counted on from base; first[g] = the
// first row of group g. slot has 2^bits entries. Returns the number of groups, or −1 where they would fill more than half of them.
int64_t group_part(uint32_t *group, uint32_t *first, int64_t base, const uint64_t *code, const uint32_t *row, int64_t n,
                   uint32_t *slot, uint64_t *slot_code, int used, int bits);
#endif
