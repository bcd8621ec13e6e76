// threads.h: a pool of threads that share one kernel's work. A pool belongs to one
// device, so that several ranks in a process each keep to their own cores.
#ifndef DEEPRC_THREADS_H
#define DEEPRC_THREADS_H
#include <stdint.h>

typedef struct pool pool;
// A range_fn does elements lo ≤ i < hi of a kernel's work. What it computes must not depend on
// where the work was cut: then results are the same for any number of threads, bit for bit.
typedef void range_fn(const void *args, int64_t lo, int64_t hi);

pool *pool_open(int threads);  // the caller of parallel is one of them; 0 where the system gives no more threads
int pool_threads(const pool *p);  // with the caller's; 1 for 0
void pool_close(pool *p);      // after the last parallel has returned
// f over 0 ≤ i < n, cut at multiples of grain; returns when all is done. Work of one grain, a pool of 0
// and a pool at work for another caller run on this thread alone. Nothing is allocated.
void parallel(pool *p, int64_t n, int64_t grain, range_fn *f, const void *args);
#endif
