// memory.cc: memory of the software GPU. An allocation ends at a page that cannot be touched, and what lies before it on its first page is
// watched; with the address sanitizer it is the sanitizer's, which knows the bounds of both sides to the byte.
#include <sys/mman.h>

#include "fake.h"

namespace {

// Addresses of the host end below 2⁴⁷. A device's have bit 60, and the device in bits 52 to 59.
const uint64_t TAG = 1ull << 60, HOST = (1ull << 48) - 1;
enum { PAGE = 4096, POISON = 0xff, UNIT = 512, ALIGN = 16 };  // UNIT: what memory is counted in

struct allocation {
  size_t bytes, mapped;
  char *pages;
  int dev;
};
std::map<uintptr_t, allocation> &allocations() {
  static auto *all = new std::map<uintptr_t, allocation>;
  return *all;
}
std::map<uintptr_t, size_t> &pinned() {
  static auto *all = new std::map<uintptr_t, size_t>;
  return *all;
}

size_t counted(size_t bytes) { return (bytes + UNIT - 1) / UNIT * UNIT; }

// the entry of m that begins at or before p
template <class M>
typename M::iterator at_or_before(M &m, uintptr_t p) {
  auto i = m.upper_bound(p);
  return i == m.begin() ? m.end() : --i;
}

bool poisoned(const char *from, const char *to) {
  for (; from < to; from++)
    if ((unsigned char)*from != POISON) return false;
  return true;
}

bool margins_whole(uintptr_t at, const allocation &a) {
#ifdef __SANITIZE_ADDRESS__
  return true;
#endif
  const char *p = (const char *)at;
  return poisoned(a.pages, p) && poisoned(p + a.bytes, a.pages + a.mapped - PAGE);
}

}  // namespace

int allocate(int dev, size_t bytes, CUdeviceptr *p) {
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  if (devices[dev].used + counted(bytes) > device_memory()) return CUDA_ERROR_OUT_OF_MEMORY;
  size_t room = (bytes + ALIGN - 1) / ALIGN * ALIGN;
  allocation a = {bytes, (room + PAGE - 1) / PAGE * PAGE + PAGE, 0, dev};
#ifdef __SANITIZE_ADDRESS__
  char *at = a.pages = (char *)malloc(bytes);
  if (!at) return CUDA_ERROR_OUT_OF_MEMORY;
  memset(at, POISON, bytes);
#else
  a.pages = (char *)mmap(0, a.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (a.pages == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  memset(a.pages, POISON, a.mapped - PAGE);
  mprotect(a.pages + a.mapped - PAGE, PAGE, PROT_NONE);
  char *at = a.pages + a.mapped - PAGE - room;
#endif
  devices[dev].used += counted(bytes);
  allocations()[(uintptr_t)at] = a;
  *p = (uint64_t)at | TAG | (uint64_t)dev << 52;
  return 0;
}

int release(CUdeviceptr p) {
  auto i = allocations().find(p & HOST);
  if ((p & ~HOST & ~(0xffull << 52)) != TAG || i == allocations().end()) return CUDA_ERROR_INVALID_VALUE;
  int error = check_margins(i->second.dev);
  devices[i->second.dev].used -= counted(i->second.bytes);
#ifdef __SANITIZE_ADDRESS__
  free(i->second.pages);
#else
  munmap(i->second.pages, i->second.mapped);
#endif
  allocations().erase(i);
  return error;
}

void *host_address(CUdeviceptr p, size_t bytes, int dev) {
  uintptr_t at = p & HOST;
  auto i = at_or_before(allocations(), at);
  if ((p & ~HOST) != (TAG | (uint64_t)dev << 52) || i == allocations().end()) return 0;
  size_t off = at - i->first;
  return off <= i->second.bytes && bytes <= i->second.bytes - off ? (void *)at : 0;
}

int check_margins(int dev) {
  for (auto &[at, a] : allocations())
    if (a.dev == dev && !margins_whole(at, a)) {
      say("something was written beside an allocation of %zu bytes", a.bytes);
      fail_device(dev, CUDA_ERROR_ILLEGAL_ADDRESS);
      return CUDA_ERROR_ILLEGAL_ADDRESS;
    }
  return 0;
}

const char *where_is(const void *host) {
  static char text[128];
  auto i = at_or_before(allocations(), (uintptr_t)host);
  if (i == allocations().end() || (uintptr_t)host > i->first + i->second.bytes + (1 << 20))
    snprintf(text, sizeof text, "an illegal address that is in no allocation");
  else
    snprintf(text, sizeof text, "an illegal address, byte %zu of an allocation of %zu", (size_t)((uintptr_t)host - i->first), i->second.bytes);
  return text;
}

bool is_pinned(const void *p, size_t bytes) {
  auto i = at_or_before(pinned(), (uintptr_t)p);
  return i != pinned().end() && (uintptr_t)p - i->first + bytes <= i->second;
}

API CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
  ENTER_CONTEXT("cuMemGetInfo_v2")
  *total = device_memory();
  *available = device_memory() - devices[dev].used;
  return 0;
}
API CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice d) {
  ENTER("cuDeviceGetDefaultMemPool")
  *pool = (uint64_t)d + 1;
  return 0;
}
API CUresult cuMemPoolSetAttribute(CUmemoryPool, int, void *) {
  ENTER_CONTEXT("cuMemPoolSetAttribute")
  return 0;
}
API CUresult cuMemPoolTrimTo(CUmemoryPool, size_t) {
  ENTER_CONTEXT("cuMemPoolTrimTo")
  return 0;
}
API CUresult cuMemHostAlloc(void **p, size_t bytes, unsigned) {
  ENTER_CONTEXT("cuMemHostAlloc")
  if (!(*p = aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE))) return CUDA_ERROR_OUT_OF_MEMORY;
  memset(*p, POISON, bytes);
  pinned()[(uintptr_t)*p] = bytes;
  return 0;
}
API CUresult cuMemFreeHost(void *p) {
  ENTER("cuMemFreeHost")
  if (!pinned().erase((uintptr_t)p)) return CUDA_ERROR_INVALID_VALUE;
  free(p);
  return 0;
}

static int refuse(const char *call, const char *why) {
  say("%s: %s", call, why);
  return CUDA_ERROR_INVALID_VALUE;
}
API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream s) {
  ENTER_CONTEXT("cuMemcpyHtoDAsync_v2")
  void *host = host_address(to, bytes, dev);
  if (!host) return refuse("cuMemcpyHtoDAsync_v2", "the target is in no allocation");
  if (!is_pinned(from, bytes)) return refuse("cuMemcpyHtoDAsync_v2", "the source is not pinned, so this copy would wait");
  return enqueue(s, dev, "cuMemcpyHtoDAsync_v2", [=] { return memcpy(host, from, bytes), 0; });
}
API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream s) {
  ENTER_CONTEXT("cuMemcpyDtoHAsync_v2")
  void *host = host_address(from, bytes, dev);
  if (!host) return refuse("cuMemcpyDtoHAsync_v2", "the source is in no allocation");
  if (!is_pinned(to, bytes)) return refuse("cuMemcpyDtoHAsync_v2", "the target is not pinned, so this copy would wait");
  return enqueue(s, dev, "cuMemcpyDtoHAsync_v2", [=] { return memcpy(to, host, bytes), 0; });
}
API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream s) {
  ENTER_CONTEXT("cuMemcpyDtoDAsync_v2")
  void *a = host_address(to, bytes, dev), *b = host_address(from, bytes, dev);
  if (!a || !b) return refuse("cuMemcpyDtoDAsync_v2", "an end is in no allocation");
  return enqueue(s, dev, "cuMemcpyDtoDAsync_v2", [=] { return memmove(a, b, bytes), 0; });
}
API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t n, CUstream s) {
  ENTER_CONTEXT("cuMemsetD32Async")
  unsigned *host = (unsigned *)host_address(to, 4 * n, dev);
  if (!host) return refuse("cuMemsetD32Async", "the target is in no allocation");
  return enqueue(s, dev, "cuMemsetD32Async", [=] {
    for (size_t i = 0; i < n; i++) host[i] = value;
    return 0;
  });
}
