#include "isa.h"
#include <stdatomic.h>

int isa_best(void) {
#ifdef __x86_64__
  __builtin_cpu_init();
  if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2")))
    return ISA_BASE;
  if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")))
    return ISA_AVX2;
  return ISA_AVX512;
#else
  return ISA_BASE;
#endif
}

static _Atomic int used = -1;

void isa_use(int level) { atomic_store_explicit(&used, level, memory_order_relaxed); }
int isa_used(void) {
  int level = atomic_load_explicit(&used, memory_order_relaxed);
  if (level < 0) isa_use(level = isa_best());
  return level;
}
