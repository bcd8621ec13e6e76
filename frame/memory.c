#define _GNU_SOURCE
#include "memory.h"
#include <sys/mman.h>

void *pages_get(int64_t n) {
  void *p = mmap(0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return 0;
  madvise(p, n, MADV_HUGEPAGE);
  return p;
}

void *pages_resize(void *p, int64_t old, int64_t n) {
  p = mremap(p, old, n, MREMAP_MAYMOVE);
  return p == MAP_FAILED ? 0 : p;
}

void pages_put(void *p, int64_t n) { munmap(p, n); }
