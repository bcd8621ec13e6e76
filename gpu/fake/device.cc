// device.cc: initialisation, devices, contexts, errors and their injection.
#include <stdarg.h>

#include <mutex>

#include "fake.h"

device devices[MOST_DEVICES];
int device_count = -1;

static std::recursive_mutex &mutex() {
  static auto *m = new std::recursive_mutex;
  return *m;
}
void lock() { mutex().lock(); }
void unlock() { mutex().unlock(); }

void say(const char *format, ...) {
  if (getenv("FAKE_CUDA_QUIET")) return;
  va_list args;
  va_start(args, format);
  fputs("software GPU: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
}

static long setting(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text && *text ? atol(text) : otherwise;
}

size_t device_memory() { return (size_t)setting("FAKE_CUDA_MEMORY", 256l << 20); }
int driver_version() { return (int)setting("FAKE_CUDA_DRIVER", 13000); }
void capability(int *major, int *minor) {
  const char *text = getenv("FAKE_CUDA_CAPABILITY");
  *major = 8, *minor = 6;
  if (text) sscanf(text, "%d.%d", major, minor);
}

bool is_device_error(int code) {
  static const int all[] = {214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911};  // lost, in ../error.go
  for (int one : all)
    if (one == code) return true;
  return false;
}

void fail_device(int dev, int code) {
  if (!devices[dev].sticky) devices[dev].sticky = code;
}

int injected(const char *call) {
  static auto *calls = new std::map<std::string, long>;
  static auto *before = new std::string;
  const char *list = getenv("FAKE_CUDA_FAIL");
  if (*before != (list ? list : "")) {
    *before = list ? list : "";
    calls->clear();
  }
  long nth = ++(*calls)[call];
  for (const char *one = list; one && *one; one = strchr(one, ',') ? strchr(one, ',') + 1 : "") {
    char name[64];
    long when;
    int code;
    if (sscanf(one, "%63[^:]:%ld:%d", name, &when, &code) != 3) {
      say("FAKE_CUDA_FAIL=%s: want call:nth:code", list);
      abort();
    }
    if (strcmp(name, call) || when != nth) continue;
    if (!is_device_error(code)) return code;
    fail_device(current_device(), code);  // the next call tells of it
  }
  return 0;
}

static thread_local CUcontext current;
int current_device() { return current ? (int)current - 1 : -1; }

API CUresult cuInit(unsigned) {
  locked one_at_a_time;
  if (int error = injected("cuInit")) return error;
  if (device_count < 0) {
    int n = (int)setting("FAKE_CUDA_DEVICES", 1);
    device_count = n < MOST_DEVICES ? n : MOST_DEVICES;
  }
  return device_count ? 0 : CUDA_ERROR_NO_DEVICE;
}
API CUresult cuDriverGetVersion(int *version) {
  ENTER("cuDriverGetVersion")
  *version = driver_version();
  return 0;
}
API CUresult cuDeviceGetCount(int *n) {
  ENTER("cuDeviceGetCount")
  *n = device_count;
  return 0;
}
API CUresult cuDeviceGet(CUdevice *d, int index) {
  ENTER("cuDeviceGet")
  if (index < 0 || index >= device_count) return CUDA_ERROR_INVALID_DEVICE;
  *d = index;
  return 0;
}
API CUresult cuDeviceGetName(char *name, int cap, CUdevice) {
  ENTER("cuDeviceGetName")
  snprintf(name, cap, "software GPU");
  return 0;
}
API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice d) {
  ENTER("cuDeviceGetUuid_v2")
  memset(uuid, 0, sizeof *uuid);
  uuid->bytes[15] = (unsigned char)d;
  return 0;
}
API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice) {
  ENTER("cuDeviceTotalMem_v2")
  *bytes = device_memory();
  return 0;
}
API CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice) {
  ENTER("cuDeviceGetAttribute")
  int major, minor;
  capability(&major, &minor);
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = major; return 0;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = minor; return 0;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 2; return 0;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = 227 << 10; return 0;
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED: *value = 1; return 0;
  }
  say("cuDeviceGetAttribute: attribute %d is not among those it knows", attribute);
  return CUDA_ERROR_INVALID_VALUE;
}
API CUresult cuDevicePrimaryCtxRetain(CUcontext *ctx, CUdevice d) {
  ENTER("cuDevicePrimaryCtxRetain")
  if (devices[d].sticky) return devices[d].sticky;
  *ctx = (CUcontext)d + 1;
  return 0;
}
API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  ENTER("cuDevicePrimaryCtxRelease_v2")
  return 0;
}
API CUresult cuCtxSetCurrent(CUcontext ctx) {
  ENTER("cuCtxSetCurrent")
  current = ctx;
  return 0;
}

#define ERRORS(X)                                                                      \
  X(CUDA_SUCCESS, "no error")                                                          \
  X(CUDA_ERROR_INVALID_VALUE, "invalid argument")                                      \
  X(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")                                         \
  X(CUDA_ERROR_NOT_INITIALIZED, "initialization error")                                \
  X(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected")                        \
  X(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal")                               \
  X(CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid")                        \
  X(CUDA_ERROR_INVALID_CONTEXT, "invalid device context")                              \
  X(CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution")        \
  X(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "the PTX was compiled with a newer toolchain") \
  X(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle")                              \
  X(CUDA_ERROR_NOT_FOUND, "named symbol not found")                                    \
  X(CUDA_ERROR_NOT_READY, "device not ready")                                          \
  X(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered")            \
  X(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure")                            \
  X(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "operation not permitted while capturing")  \
  X(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was invalidated")              \
  X(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "the capture was begun by another thread")
API CUresult cuGetErrorName(CUresult code, const char **text) {
  switch (code) {
#define NAME_OF(name, words) case name: *text = #name; return 0;
    ERRORS(NAME_OF)
  }
  *text = 0;
  return CUDA_ERROR_INVALID_VALUE;
}
API CUresult cuGetErrorString(CUresult code, const char **text) {
  switch (code) {
#define WORDS_OF(name, words) case name: *text = words; return 0;
    ERRORS(WORDS_OF)
  }
  *text = 0;
  return CUDA_ERROR_INVALID_VALUE;
}
