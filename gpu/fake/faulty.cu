// Kernels with one fault each, in the software GPU only: its tests show that it finds them (fake_test.go).
//
//   faulty_barrier_missing    y[block] = Σ x, but threads read what others have not written yet
//   faulty_barrier_divergent  a barrier that not every thread reaches
//   faulty_shuffle_divergent  a shuffle of all lanes that some do not take part in
//   faulty_index              y[i] = x[i], one element beyond n
//   faulty_index_before       writes the word before y
//   faulty_shared             y[i] = shared memory that nobody has written
#include "kernel.h"

KERNEL(faulty_barrier_missing, float *y, const float *x) {
  SHARED(float, s, [THREADS]);
  int t = threadIdx.x;
  s[t] = x[blockIdx.x * blockDim.x + t];
  for (int d = blockDim.x / 2; d > 0; d /= 2) {
    if (t < d) s[t] += s[t + d];
    __syncthreads();
  }
  if (t == 0) y[blockIdx.x] = s[0];
}

KERNEL(faulty_barrier_divergent, float *y, int32_t n) {
  if ((int)threadIdx.x < n) {
    y[threadIdx.x] = 1;
    __syncthreads();
  }
}

KERNEL(faulty_shuffle_divergent, float *y) {
  if (threadIdx.x < 7) y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
}

KERNEL(faulty_index, float *y, const float *x, int64_t n) {
  EACH(i, n + 1) y[i] = x[i];
}

KERNEL(faulty_index_before, float *y) {
  y[-1] = 1;
}

KERNEL(faulty_shared, float *y) {
  SHARED(float, s, [THREADS]);
  y[threadIdx.x] = s[threadIdx.x];
}
