// fibers.cc: runs a kernel block after block. Each thread is a fiber of this host thread: it runs until it waits at a barrier or a shuffle,
// then the next one does, in an order that FAKE_CUDA_ORDER chooses.
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "fake.h"

sim_place sim_here;
char *sim_dynamic;
sim_kernel *sim_kernels;

const sim_kernel *find_kernel(const char *name) {
  for (const sim_kernel *k = sim_kernels; k; k = k->next)
    if (!strcmp(k->name, name)) return k;
  return 0;
}

#ifndef __x86_64__
#error "the software GPU changes fibers as x86-64 does"
#endif
// saves the registers that a function must keep, and the stack, and takes up another one (System V ABI, AMD64, §3.2.1)
extern "C" void sim_switch(void **save, void *to);
__asm__(
    ".text\n.globl sim_switch\n.hidden sim_switch\n.type sim_switch,@function\nsim_switch:\n"
    "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
    "movq %rsp,(%rdi); movq %rsi,%rsp\n"
    "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret\n.size sim_switch,.-sim_switch\n");

namespace {

enum { STACK = 64 << 10, PAGE = 4096, POISON = 0xff, SIM_WARP = 32 };  // bytes of 0xff are NaN, or −1

struct fiber {
  char *stack;
  void *sp;
};

enum state { NEW, READY, AT_BARRIER, AT_SHUFFLE, DONE };
struct thread {
  fiber *on;
  state is;
  int line;  // where it waits
  uint32_t mask, value;
  int lane;
};

// The launch under way. There is one at a time (fake.h, locked).
struct launch {
  const sim_kernel *kernel;
  void **args;
  std::vector<thread> threads;
  std::vector<int> order;
  std::vector<void *> shared;  // static arrays that this block has poisoned
  thread *current;
  void *scheduler;
  int error;
  pthread_t on;
} *run;

std::vector<fiber *> idle;

int stop_launch(int code, int line, const char *why) {
  say("kernel %s, line %d, block (%u,%u,%u), thread (%u,%u,%u): %s", run->kernel->name, line, sim_here.block.x, sim_here.block.y, sim_here.block.z,
      sim_here.thread.x, sim_here.thread.y, sim_here.thread.z, why);
  return run->error = code;
}

void fiber_main() {
  for (;;) {
    run->kernel->call(run->kernel->function, run->args);
    run->current->is = DONE;
    sim_switch(&run->current->on->sp, run->scheduler);
  }
}

// so that the next switch to f begins fiber_main
void rewind_fiber(fiber *f) {
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(f->stack, STACK);  // from the marks of functions that will not return
#endif
  void **top = (void **)(f->stack + STACK);
  *--top = 0;                     // where fiber_main would return to
  *--top = (void *)fiber_main;    // where sim_switch returns to
  for (int i = 0; i < 6; i++) *--top = 0;
  f->sp = top;
}

fiber *take_fiber() {
  if (!idle.empty()) {
    fiber *f = idle.back();
    idle.pop_back();
    return f;
  }
  char *at = (char *)mmap(0, PAGE + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return 0;
  mprotect(at, PAGE, PROT_NONE);
  fiber *f = new fiber{at + PAGE, 0};
  rewind_fiber(f);
  return f;
}

void wait_as(state is, int line) {
  run->current->is = is;
  run->current->line = line;
  sim_switch(&run->current->on->sp, run->scheduler);
}

// An access outside of all memory ends the launch, as on a GPU; one of anything else than a kernel is whoever's it was before.
struct sigaction before[2];
void leave_kernel() { sim_switch(&run->current->on->sp, run->scheduler); }
void on_fault(int signal, siginfo_t *info, void *context) {
  struct sigaction *old = &before[signal == SIGBUS];
  if (run && pthread_equal(run->on, pthread_self()) && run->current) {
    stop_launch(CUDA_ERROR_ILLEGAL_ADDRESS, 0, where_is(info->si_addr));
    ucontext_t *c = (ucontext_t *)context;
    c->uc_mcontext.gregs[REG_RSP] = ((c->uc_mcontext.gregs[REG_RSP] - 128) & ~15ll) - 8;
    c->uc_mcontext.gregs[REG_RIP] = (greg_t)leave_kernel;
  } else if (old->sa_flags & SA_SIGINFO) {
    old->sa_sigaction(signal, info, context);
  } else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
    old->sa_handler(signal);
  } else {
    sigaction(signal, old, 0);  // happens again, to the default action
  }
}

void catch_faults() {
#ifndef __SANITIZE_ADDRESS__  // the sanitizer tells more
  static bool done;
  if (done) return;
  done = true;
  struct sigaction act = {};
  act.sa_sigaction = on_fault;
  act.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGSEGV, &act, &before[0]);
  sigaction(SIGBUS, &act, &before[1]);
#endif
}

struct ordering {
  enum { FORWARD, REVERSE, RANDOM } kind = FORWARD;
  uint64_t random = 0x9e3779b97f4a7c15;
  ordering() {
    const char *order = getenv("FAKE_CUDA_ORDER");
    if (!order || !*order || !strcmp(order, "forward")) return;
    if (!strcmp(order, "reverse")) {
      kind = REVERSE;
    } else if (!strncmp(order, "random:", 7)) {
      kind = RANDOM;
      random ^= strtoull(order + 7, 0, 10) * 0xbf58476d1ce4e5b9;
    } else {
      say("FAKE_CUDA_ORDER=%s: want forward, reverse or random:seed", order);
      abort();
    }
  }
  uint64_t next() {  // xorshift (Marsaglia 2003)
    random ^= random << 13;
    random ^= random >> 7;
    return random ^= random << 17;
  }
  template <class T>
  void arrange(std::vector<T> &v) {
    if (kind == RANDOM)
      for (size_t i = v.size(); i > 1; i--) std::swap(v[i - 1], v[next() % i]);
  }
};

// Wakes the warps all of whose named lanes wait at one shuffle; reports whether there was one.
bool resolve_shuffles() {
  bool woke = false;
  std::vector<thread> &threads = run->threads;
  for (size_t first = 0; first < threads.size(); first += SIM_WARP) {
    thread *warp = &threads[first];
    int lanes = threads.size() - first < SIM_WARP ? (int)(threads.size() - first) : SIM_WARP;
    uint32_t waiting = 0, all = lanes == 32 ? 0xffffffffu : (1u << lanes) - 1, values[SIM_WARP];
    thread *one = 0;
    for (int l = 0; l < lanes; l++)
      if (warp[l].is == AT_SHUFFLE) {
        if (one && (one->line != warp[l].line || one->mask != warp[l].mask)) return false;  // found to be stuck, below
        one = &warp[l];
        waiting |= 1u << l;
        values[l] = one->value;
      }
    if (!one || (one->mask & all) != waiting) continue;
    for (int l = 0; l < lanes; l++)
      if (waiting >> l & 1) {
        int from = warp[l].lane;
        warp[l].value = from >= 0 && from < lanes && (waiting >> from & 1) ? values[from] : 0xffffffffu;  // undefined: a NaN
        warp[l].is = READY;
        woke = true;
      }
  }
  return woke;
}

// Wakes the block if all of its threads wait at one barrier; else it is stuck for ever.
int resolve_barrier() {
  std::vector<thread> &threads = run->threads;
  thread *waits = 0;
  for (thread &t : threads)
    if (t.is == AT_BARRIER || t.is == AT_SHUFFLE) waits = &t;
  for (thread &t : threads)
    if (t.is != AT_BARRIER || t.line != waits->line)
      return stop_launch(CUDA_ERROR_LAUNCH_FAILED, waits->line, "a barrier or shuffle that not all threads reach");
  for (thread &t : threads) t.is = READY;
  return 0;
}

int run_block(ordering *order, sim_dim grid, sim_dim block, sim_dim at) {
  int n = (int)(block.x * block.y * block.z), done = 0;
  run->shared.clear();
  for (thread &t : run->threads) t = thread{};
  while (done < n) {
    order->arrange(run->order);
    for (int i : run->order) {
      thread *t = &run->threads[i];
      if (t->is != NEW && t->is != READY) continue;
      if (!t->on && !(t->on = take_fiber())) return stop_launch(CUDA_ERROR_OUT_OF_MEMORY, 0, "no memory for its stack");
      unsigned u = (unsigned)i;
      sim_here = {{u % block.x, u / block.x % block.y, u / block.x / block.y}, at, block, grid};
      run->current = t;
      sim_switch(&run->scheduler, t->on->sp);
      run->current = 0;
      if (run->error) {
        rewind_fiber(t->on);
        return run->error;
      }
      if (t->is == DONE) {
        done++;
        idle.push_back(t->on);
        t->on = 0;
      }
    }
    if (done < n && !resolve_shuffles() && resolve_barrier()) return run->error;
  }
  return 0;
}

}  // namespace

void sim_barrier(int line) { wait_as(AT_BARRIER, line); }

uint32_t sim_shuffle(uint32_t mask, uint32_t value, int lane, int line) {
  thread *t = run->current;
  t->mask = mask, t->value = value, t->lane = lane;
  wait_as(AT_SHUFFLE, line);
  return t->value;
}

void sim_shared(void *at, size_t n) {
  for (void *seen : run->shared)
    if (seen == at) return;
  run->shared.push_back(at);
  memset(at, POISON, n);
}

int run_kernel(const sim_kernel *k, void **args, sim_dim grid, sim_dim block, unsigned dynamic) {
  catch_faults();
  ordering order;
  launch l = {};
  l.kernel = k, l.args = args, l.on = pthread_self();
  l.threads.resize(block.x * block.y * block.z);
  for (int i = 0; i < (int)l.threads.size(); i++) l.order.push_back(order.kind == ordering::REVERSE ? (int)l.threads.size() - 1 - i : i);
  std::vector<uint64_t> blocks((uint64_t)grid.x * grid.y * grid.z);
  for (uint64_t b = 0; b < blocks.size(); b++) blocks[b] = order.kind == ordering::REVERSE ? blocks.size() - 1 - b : b;
  order.arrange(blocks);
  sim_dynamic = (char *)malloc(dynamic ? dynamic : 1);
  run = &l;
  for (uint64_t b : blocks) {
    memset(sim_dynamic, POISON, dynamic);
    if (run_block(&order, grid, block, {(unsigned)(b % grid.x), (unsigned)(b / grid.x % grid.y), (unsigned)(b / grid.x / grid.y)})) break;
  }
  for (thread &t : l.threads)
    if (t.on) {  // it will not go on
      rewind_fiber(t.on);
      idle.push_back(t.on);
    }
  run = 0;
  free(sim_dynamic);
  return l.error;
}
