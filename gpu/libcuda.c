#include "libcuda.h"
#include "library.h"

#define FIELD(name, params, args) CUresult(*name) params;
static struct {
  CUDA_CALLS(FIELD)
  CUDA_CONTEXT_CALLS(FIELD)
} cuda;
static const char *const names[] = {CUDA_CALLS(LIBRARY_NAME) CUDA_CONTEXT_CALLS(LIBRARY_NAME)};

const char *cuda_open(const char *path) { return library_open(path, names, sizeof names / sizeof *names, &cuda); }

#define DEFINE(name, params, args) \
  CUresult call_##name params { return cuda.name args; }
#define DEFINE_IN(name, params, args)                                     \
  CUresult in_##name(CUcontext ctx, CUDA_ARGS params) {                   \
    CUresult rc = cuda.cuCtxSetCurrent(ctx);                              \
    return rc ? rc : cuda.name args;                                      \
  }
CUDA_CALLS(DEFINE)
CUDA_CONTEXT_CALLS(DEFINE_IN)

enum { PARAMS = 64 };

CUresult cuda_launch(CUcontext ctx, CUfunction f, const unsigned *grid, const unsigned *block, unsigned shared, CUstream s, uint64_t *slots,
                     const int *at, int n) {
  void *params[PARAMS];
  if (n > PARAMS) return CUDA_ERROR_INVALID_VALUE;
  for (int i = 0; i < n; i++) params[i] = slots + at[i];
  return in_cuLaunchKernel(ctx, f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, s, params, NULL);
}

CUresult cuda_load_module(CUcontext ctx, CUmodule *m, const void *image, char *log, int cap) {
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)(uintptr_t)cap};
  log[0] = 0;
  return in_cuModuleLoadDataEx(ctx, m, image, 2, options, values);
}
