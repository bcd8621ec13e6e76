#define _GNU_SOURCE
#include "threads.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif

enum {
  SPINS = 4000,     // looks at the ticket before an idle thread sleeps: some 50 µs, longer than the gap between two kernels of a step
  PIECES = 4,       // of the work for each thread, so that one that is held up is waited for less
};

// The ticket is (job number << 16 | pieces not yet taken): one compare-and-swap takes a piece of the job that it
// was read for, never of a later one. What describes the job is read only by who holds a piece of it.
struct pool {
  _Alignas(64) _Atomic uint64_t ticket;
  _Alignas(64) _Atomic int64_t open;  // pieces not yet done
  range_fn *f;
  const void *args;
  int64_t n, piece;
  _Alignas(64) atomic_flag busy;
  _Atomic int sleepers, stop;
  pthread_mutex_t mu;
  pthread_cond_t wake;
  int threads;
  pthread_t id[];
};

// work takes pieces until none is left.
static void work(pool *p) {
  uint64_t t = atomic_load(&p->ticket);
  while (t & 0xffff) {
    if (!atomic_compare_exchange_weak(&p->ticket, &t, t - 1)) continue;
    int64_t lo = (int64_t)((t & 0xffff) - 1) * p->piece, hi = lo + p->piece;
    p->f(p->args, lo, hi < p->n ? hi : p->n);
    atomic_fetch_sub(&p->open, 1);
    t = atomic_load(&p->ticket);
  }
}

static int idle(pool *p) { return !(atomic_load(&p->ticket) & 0xffff) && !atomic_load(&p->stop); }

static void *worker(void *arg) {
  pool *p = arg;
  while (!atomic_load(&p->stop)) {
    work(p);
    for (int i = 0; i < SPINS && idle(p); i++) RELAX();
    if (!idle(p)) continue;
    pthread_mutex_lock(&p->mu);
    atomic_fetch_add(&p->sleepers, 1);
    while (idle(p)) pthread_cond_wait(&p->wake, &p->mu);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->mu);
  }
  return 0;
}

static void wake_all(pool *p) {
  pthread_mutex_lock(&p->mu);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->mu);
}

pool *pool_open(int threads) {
  size_t size = sizeof(pool) + threads * sizeof(pthread_t);
  pool *p = aligned_alloc(64, (size + 63) / 64 * 64);
  if (!p) return 0;
  atomic_init(&p->ticket, 0);
  atomic_init(&p->open, 0);
  atomic_init(&p->sleepers, 0);
  atomic_init(&p->stop, 0);
  atomic_flag_clear(&p->busy);
  pthread_mutex_init(&p->mu, 0);
  pthread_cond_init(&p->wake, 0);
  // Signals are the business of Go's threads.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int ok = 1;
  for (p->threads = 1; ok && p->threads < threads; p->threads += ok) ok = !pthread_create(&p->id[p->threads], 0, worker, p);
  pthread_sigmask(SIG_SETMASK, &old, 0);
  if (ok) return p;
  pool_close(p);
  return 0;
}

int pool_threads(const pool *p) { return p ? p->threads : 1; }

void pool_close(pool *p) {
  atomic_store(&p->stop, 1);
  wake_all(p);
  for (int i = 1; i < p->threads; i++) pthread_join(p->id[i], 0);
  pthread_cond_destroy(&p->wake);
  pthread_mutex_destroy(&p->mu);
  free(p);
}

void parallel(pool *p, int64_t n, int64_t grain, range_fn *f, const void *args) {
  if (!p || p->threads == 1 || n <= grain || atomic_flag_test_and_set(&p->busy)) {
    if (n > 0) f(args, 0, n);
    return;
  }
  int64_t grains = (n + grain - 1) / grain, pieces = (int64_t)PIECES * p->threads;
  if (pieces > grains) pieces = grains;
  if (pieces > 0xffff) pieces = 0xffff;
  p->piece = (grains + pieces - 1) / pieces * grain;
  pieces = (n + p->piece - 1) / p->piece;
  p->f = f;
  p->args = args;
  p->n = n;
  atomic_store(&p->open, pieces);
  uint64_t job = (atomic_load(&p->ticket) >> 16) + 1;
  atomic_store(&p->ticket, job << 16 | (uint64_t)pieces);
  if (atomic_load(&p->sleepers)) wake_all(p);
  work(p);
  for (int i = 0; atomic_load(&p->open); i++)
    if (i < SPINS) RELAX();
    else sched_yield();
  atomic_flag_clear(&p->busy);
}
