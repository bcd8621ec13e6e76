// libcuda.h: the calls of CUDA's driver API that deeprc makes, each declared here as NVIDIA documents it (CUDA Driver API reference), and
// found in libcuda.so.1 when the program runs: neither CUDA nor its headers are needed to build. Handles are pointers to the driver and
// numbers to us, so that Go's collector never sees them.
#ifndef DEEPRC_LIBCUDA_H
#define DEEPRC_LIBCUDA_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
typedef int CUresult, CUdevice;
typedef uint64_t CUdeviceptr, CUcontext, CUmodule, CUfunction, CUstream, CUevent, CUgraph, CUgraphExec, CUmemoryPool;
typedef struct {
  unsigned char bytes[16];
} CUuuid;

// Of the enumerations, what is used.
enum {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NOT_INITIALIZED = 3,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_DEVICE = 101,
  CUDA_ERROR_INVALID_IMAGE = 200,
  CUDA_ERROR_INVALID_CONTEXT = 201,
  CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
  CUDA_ERROR_INVALID_HANDLE = 400,
  CUDA_ERROR_NOT_FOUND = 500,
  CUDA_ERROR_NOT_READY = 600,
  CUDA_ERROR_ILLEGAL_ADDRESS = 700,
  CUDA_ERROR_LAUNCH_FAILED = 719,
  CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
  CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901,
  CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD = 908,

  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97,
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED = 115,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
  CU_MEMPOOL_ATTR_RELEASE_THRESHOLD = 4,
  CU_STREAM_NON_BLOCKING = 1,
  CU_EVENT_DISABLE_TIMING = 2,
  CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1,
  CU_JIT_ERROR_LOG_BUFFER = 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6
};

// X(name, parameters, arguments), one line a call: those that need no context, and
#define CUDA_CALLS(X) \
  X(cuInit, (unsigned flags), (flags)) \
  X(cuDriverGetVersion, (int *version), (version)) \
  X(cuGetErrorName, (CUresult code, const char **text), (code, text)) \
  X(cuGetErrorString, (CUresult code, const char **text), (code, text)) \
  X(cuDeviceGetCount, (int *n), (n)) \
  X(cuDeviceGet, (CUdevice *d, int index), (d, index)) \
  X(cuDeviceGetName, (char *name, int cap, CUdevice d), (name, cap, d)) \
  X(cuDeviceGetUuid_v2, (CUuuid *uuid, CUdevice d), (uuid, d)) \
  X(cuDeviceTotalMem_v2, (size_t *bytes, CUdevice d), (bytes, d)) \
  X(cuDeviceGetAttribute, (int *value, int attribute, CUdevice d), (value, attribute, d)) \
  X(cuDeviceGetDefaultMemPool, (CUmemoryPool *pool, CUdevice d), (pool, d)) \
  X(cuDevicePrimaryCtxRetain, (CUcontext *ctx, CUdevice d), (ctx, d)) \
  X(cuDevicePrimaryCtxRelease_v2, (CUdevice d), (d)) \
  X(cuCtxSetCurrent, (CUcontext ctx), (ctx))

// those that work in the current context of the calling thread
#define CUDA_CONTEXT_CALLS(X) \
  X(cuMemGetInfo_v2, (size_t *available, size_t *total), (available, total)) \
  X(cuMemPoolSetAttribute, (CUmemoryPool pool, int attribute, void *value), (pool, attribute, value)) \
  X(cuMemPoolTrimTo, (CUmemoryPool pool, size_t keep), (pool, keep)) \
  X(cuMemAllocAsync, (CUdeviceptr *p, size_t bytes, CUstream s), (p, bytes, s)) \
  X(cuMemFreeAsync, (CUdeviceptr p, CUstream s), (p, s)) \
  X(cuMemHostAlloc, (void **p, size_t bytes, unsigned flags), (p, bytes, flags)) \
  X(cuMemFreeHost, (void *p), (p)) \
  X(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void *from, size_t bytes, CUstream s), (to, from, bytes, s)) \
  X(cuMemcpyDtoHAsync_v2, (void *to, CUdeviceptr from, size_t bytes, CUstream s), (to, from, bytes, s)) \
  X(cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream s), (to, from, bytes, s)) \
  X(cuMemsetD32Async, (CUdeviceptr to, unsigned value, size_t n, CUstream s), (to, value, n, s)) \
  X(cuModuleLoadDataEx, (CUmodule *m, const void *image, unsigned options, int *option, void **value), (m, image, options, option, value)) \
  X(cuModuleUnload, (CUmodule m), (m)) \
  X(cuModuleGetFunction, (CUfunction *f, CUmodule m, const char *name), (f, m, name)) \
  X(cuFuncSetAttribute, (CUfunction f, int attribute, int value), (f, attribute, value)) \
  X(cuLaunchKernel, (CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream s, \
                     void **params, void **extra), (f, gx, gy, gz, bx, by, bz, shared, s, params, extra)) \
  X(cuStreamCreate, (CUstream *s, unsigned flags), (s, flags)) \
  X(cuStreamDestroy_v2, (CUstream s), (s)) \
  X(cuStreamSynchronize, (CUstream s), (s)) \
  X(cuStreamWaitEvent, (CUstream s, CUevent e, unsigned flags), (s, e, flags)) \
  X(cuStreamBeginCapture_v2, (CUstream s, int mode), (s, mode)) \
  X(cuStreamEndCapture, (CUstream s, CUgraph *g), (s, g)) \
  X(cuGraphGetNodes, (CUgraph g, uint64_t *nodes, size_t *n), (g, nodes, n)) \
  X(cuGraphInstantiateWithFlags, (CUgraphExec *e, CUgraph g, unsigned long long flags), (e, g, flags)) \
  X(cuGraphLaunch, (CUgraphExec e, CUstream s), (e, s)) \
  X(cuGraphExecDestroy, (CUgraphExec e), (e)) \
  X(cuGraphDestroy, (CUgraph g), (g)) \
  X(cuEventCreate, (CUevent *e, unsigned flags), (e, flags)) \
  X(cuEventDestroy_v2, (CUevent e), (e)) \
  X(cuEventRecord, (CUevent e, CUstream s), (e, s)) \
  X(cuEventQuery, (CUevent e), (e)) \
  X(cuEventSynchronize, (CUevent e), (e)) \
  X(cuEventElapsedTime, (float *ms, CUevent from, CUevent to), (ms, from, to))

// Loads the library; returns 0, or what is wrong, in words. Once it has returned 0 the calls below may be made, from any thread.
const char *cuda_open(const char *path);

// The calls, as call_NAME(...), and as in_NAME(ctx, ...), which first makes ctx the current context of whichever thread Go runs it on.
#define CUDA_ARGS(...) __VA_ARGS__
#define CUDA_CALL(name, params, args) CUresult call_##name params;
#define CUDA_CALL_IN(name, params, args) CUresult in_##name(CUcontext ctx, CUDA_ARGS params);
CUDA_CALLS(CUDA_CALL)
CUDA_CONTEXT_CALLS(CUDA_CALL_IN)

// A launch: argument i starts at slots[at[i]].
CUresult cuda_launch(CUcontext ctx, CUfunction f, const unsigned *grid, const unsigned *block, unsigned shared, CUstream s, uint64_t *slots,
                     const int *at, int n);
// cuModuleLoadDataEx, with what the compiler of PTX said in log.
CUresult cuda_load_module(CUcontext ctx, CUmodule *m, const void *image, char *log, int cap);
#ifdef __cplusplus
}
#endif
#endif
