// kernel_host.h: kernel.h for g++: a kernel is a function that the software GPU calls once for every thread, each on a fiber (fibers.cc).
#ifndef DEEPRC_KERNEL_HOST_H
#define DEEPRC_KERNEL_HOST_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <utility>

struct sim_dim {
  unsigned x, y, z;
};
struct sim_place {
  sim_dim thread, block, block_dim, grid_dim;
};
extern sim_place sim_here;           // of the thread that runs
extern char *sim_dynamic;            // dynamic shared memory of its block
void sim_barrier(int line);          // __syncthreads
uint32_t sim_shuffle(uint32_t mask, uint32_t value, int lane, int line);  // the value of that lane of the warp
void sim_shared(void *at, size_t n);  // poisons static shared memory, once a block

#define threadIdx sim_here.thread
#define blockIdx sim_here.block
#define blockDim sim_here.block_dim
#define gridDim sim_here.grid_dim
#define __syncthreads() sim_barrier(__LINE__)

static inline int sim_lane() { return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32; }
template <class T>
static inline T sim_shuffled(uint32_t mask, T value, int lane, int line) {
  static_assert(sizeof(T) == 4, "shuffles move 32 bits");
  uint32_t bits;
  memcpy(&bits, &value, 4);
  bits = sim_shuffle(mask, bits, lane, line);
  memcpy(&value, &bits, 4);
  return value;
}
#define __shfl_sync(mask, value, lane) sim_shuffled(mask, value, (lane) & 31, __LINE__)
#define __shfl_xor_sync(mask, value, bits) sim_shuffled(mask, value, sim_lane() ^ (bits), __LINE__)
#define __shfl_down_sync(mask, value, by) sim_shuffled(mask, value, sim_lane() + (by) > 31 ? sim_lane() : sim_lane() + (by), __LINE__)

#define SHARED(type, name, dims) \
  static type name dims;         \
  sim_shared(name, sizeof name)
#define DYNAMIC_SHARED(type, name) type *name = (type *)sim_dynamic

// What a launch is checked against, and how it calls the kernel: args point to its arguments, pointers as the host has them.
struct sim_kernel {
  const char *name;
  void (*function)();
  void (*call)(void (*function)(), void **args);
  int params, size[32];
  bool pointer[32];
  sim_kernel *next;
};
extern sim_kernel *sim_kernels;  // all

template <class A>
struct sim_is_pointer {
  enum { yes = 0 };
};
template <class A>
struct sim_is_pointer<A *> {
  enum { yes = 1 };
};

template <class... A, size_t... I>
static void sim_call(void (*function)(A...), void **args, std::index_sequence<I...>) {
  function(*(A *)args[I]...);
}

template <class... A>
struct sim_entry : sim_kernel {
  static_assert(sizeof...(A) <= 32, "a kernel has up to 32 parameters");
  sim_entry(const char *its_name, void (*f)(A...)) {
    int sizes[] = {(int)sizeof(A)..., 0}, pointers[] = {sim_is_pointer<A>::yes..., 0};
    name = its_name;
    function = (void (*)())f;
    call = [](void (*any)(), void **args) { sim_call((void (*)(A...))any, args, std::index_sequence_for<A...>()); };
    params = sizeof...(A);
    for (int i = 0; i < params; i++) size[i] = sizes[i], pointer[i] = pointers[i];
    next = sim_kernels;
    sim_kernels = this;
  }
};
#define KERNEL(name, ...)                      \
  static void name(__VA_ARGS__);               \
  static sim_entry name##_entry(#name, name);  \
  static void name(__VA_ARGS__)
#endif
