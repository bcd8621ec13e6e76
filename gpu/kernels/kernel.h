// kernel.h: what a file of kernels includes first. The same text is compiled three ways: by NVRTC, which has no headers at all (make
// kernels); by nvcc; and by g++ as C++17 for the software GPU (gpu/fake), where every CUDA thread is a fiber of one host thread.
//
//   KERNEL(name, parameters...) { ... }  a kernel, which Go launches by this name, with blocks of up to THREADS threads
//   SHARED(float, tile, [32][33]);       shared memory of a fixed size
//   DYNAMIC_SHARED(float, row);          shared memory of the size that the launch gives
//   DEVICE float f(float x) { ... }      a function that kernels call
//   EACH(i, n)                           a loop over 0 ≤ i < n, shared by all threads of the grid
//
// and, as in CUDA: threadIdx, blockIdx, blockDim, gridDim, __syncthreads(), __shfl_xor_sync, __shfl_down_sync, __shfl_sync.
// There are no atomics on numbers of floating point: their order, and so the last bits of a sum, would change from run to run.
#ifndef DEEPRC_KERNEL_H
#define DEEPRC_KERNEL_H

enum { THREADS = 256, WARP = 32 };

#ifdef __CUDACC__
#ifdef __CUDACC_RTC__
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long int64_t;
typedef unsigned long uint64_t;
static_assert(sizeof(int64_t) == 8 && sizeof(void *) == 8, "a 64-bit machine");
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fc00000)
#else
#include <math.h>
#include <stdint.h>
#endif
#define DEVICE static __device__ __forceinline__
#define KERNEL(name, ...) extern "C" __global__ void __launch_bounds__(THREADS) name(__VA_ARGS__)
#define SHARED(type, name, dims) __shared__ type name dims
#define DYNAMIC_SHARED(type, name)                        \
  extern __shared__ __align__(16) char dynamic_shared[]; \
  type *name = (type *)dynamic_shared
#else
#include "../fake/kernel_host.h"
#define DEVICE static inline __attribute__((always_inline))
#endif

#define EACH(i, n) \
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += (int64_t)gridDim.x * blockDim.x)
#endif
