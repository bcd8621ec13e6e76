// fake.h: what the files of the software GPU share. It is a libcuda and a libcublas in one library, for tests: kernels run on the CPU,
// one thread after another, and only when the host waits for them, so that what a host must wait for and does not is seen to be missing.
//
// Environment, read at each use:
//   FAKE_CUDA_DEVICES=n            devices (1), read by the first cuInit
//   FAKE_CUDA_CAPABILITY=9.0       compute capability (8.6, which runs cubins of sm_80)
//   FAKE_CUDA_DRIVER=13000         the CUDA version that the driver serves; it refuses newer PTX (13000)
//   FAKE_CUDA_MEMORY=bytes         memory of a device (256 MiB)
//   FAKE_CUDA_ORDER=order          of threads and blocks: forward, reverse, or random:seed
//   FAKE_CUDA_FAIL=call:nth:code   the nth call of this name since the variable was set gives this code; several separated by commas. An
//                                  error of the device, such as 700, comes up at the call after it, as on a GPU
//   FAKE_CUDA_QUIET=1              without the lines on stderr that say what a kernel did wrong
#ifndef DEEPRC_FAKE_H
#define DEEPRC_FAKE_H
#include <stdio.h>
#include <stdlib.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../libcuda.h"
#include "kernel_host.h"

#define API extern "C" __attribute__((visibility("default")))

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));  // on stderr

// device.cc
enum { MOST_DEVICES = 16 };
struct device {
  size_t used;
  int sticky;  // the error that ended its work, or 0
};
extern device devices[MOST_DEVICES];
extern int device_count;     // −1: cuInit was not called
size_t device_memory();      // of each
int driver_version();        // 12040 is 12.4
void capability(int *major, int *minor);
int current_device();      // of this thread's context, or −1
void lock();               // one call at a time
void unlock();
struct locked {
  locked() { lock(); }
  ~locked() { unlock(); }
};
int injected(const char *call);      // the error that this call is to give
void fail_device(int dev, int code);  // the first one stays
// Begins every call: the driver is initialised, for ENTER_CONTEXT a device is current and well, and no error is injected.
#define ENTER(call)                                        \
  locked one_at_a_time;                                    \
  if (device_count < 0) return CUDA_ERROR_NOT_INITIALIZED; \
  if (int error = injected(call)) return error;
#define ENTER_CONTEXT(call)                                \
  locked one_at_a_time;                                    \
  if (device_count < 0) return CUDA_ERROR_NOT_INITIALIZED; \
  int dev = current_device();                              \
  if (dev < 0) return CUDA_ERROR_INVALID_CONTEXT;          \
  if (devices[dev].sticky) return devices[dev].sticky;     \
  if (int error = injected(call)) return error;
bool is_device_error(int code);

// memory.cc. A device address is no address of the host: it has a tag where those have none, and faults if it is used as one.
void *host_address(CUdeviceptr p, size_t bytes, int dev);  // of these bytes of one allocation, or 0
int allocate(int dev, size_t bytes, CUdeviceptr *p);
int release(CUdeviceptr p);
bool is_pinned(const void *p, size_t bytes);
int check_margins(int dev);  // has anything been written beside an allocation of this device? 0 or an error
const char *where_is(const void *host);  // what lies near this address, in words

// stream.cc. What a stream has been given runs when the host waits for it.
typedef std::function<int()> work;
int enqueue(CUstream s, int dev, const char *what, work w);

// fibers.cc
int run_kernel(const sim_kernel *k, void **args, sim_dim grid, sim_dim block, unsigned dynamic);
const sim_kernel *find_kernel(const char *name);
#endif
