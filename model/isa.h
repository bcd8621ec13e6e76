// isa.h: loops compiled once for every instruction set, and chosen when the program runs.
//
// A file x.c of kernels has two halves. The second holds the loops, each a KERNEL(name) over a struct name of
// arguments; it is compiled once for each instruction set. The first holds those structs, names the file, and
// ends in the functions that Go calls, which RUN a loop on a pool:
//
//   #include "isa.h"
//   #ifndef ISA
//   struct scale { float *y; const float *x; float s; };
//   #define LOOPS "x.c"
//   #include "versions.h"
//   void k_scale(pool *p, float *y, const float *x, float s, int64_t n) { RUN(p, n, 1 << 14, scale, y, x, s); }
//   #else
//   KERNEL(scale) { ARGS(scale); for (int64_t i = lo; i < hi; i++) k->y[i] = k->s * k->x[i]; }
//   #endif
//
// Elsewhere than on x86-64 there is one version, the compiler's own.
#ifndef DEEPRC_ISA_H
#define DEEPRC_ISA_H
#include "threads.h"

enum { ISA_BASE, ISA_AVX2, ISA_AVX512, ISAS };
int isa_best(void);         // the best that this processor and this binary have
void isa_use(int level);    // which to use from now on; isa_best() at the start
int isa_used(void);

#if defined(__GNUC__) && !defined(__clang__)
// A choice vectorises only where both sides may be computed for all lanes; cgo does not let the option through.
#pragma GCC optimize("no-trapping-math")
#endif

#define ISA_JOIN2(a, b) a##_##b
#define ISA_JOIN(a, b) ISA_JOIN2(a, b)
#define NAME(f) ISA_JOIN(f, ISA)  // a function of the loops' half, in this version
#define KERNEL(name) static void NAME(name)(const void *args, int64_t lo, int64_t hi)
#define ARGS(name) const struct name *k = args

#ifdef __x86_64__
#define VERSIONS(f) {f##_base, f##_avx2, f##_avx512}
#else
#define VERSIONS(f) {f##_base, f##_base, f##_base}
#endif
#define RUN(pool, n, grain, name, ...) RUN_AS(pool, n, grain, name, name, __VA_ARGS__)
// RUN_AS runs a loop over the arguments of another: of struct type.
#define RUN_AS(pool, n, grain, type, loop, ...)               \
  do {                                                        \
    static range_fn *const version[ISAS] = VERSIONS(loop);    \
    const struct type args = {__VA_ARGS__};                   \
    parallel(pool, n, grain, version[isa_used()], &args);     \
  } while (0)

enum { LANES = 16 };  // partial sums of a reduction; their order is fixed, so that results repeat
#endif
