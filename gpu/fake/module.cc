// module.cc: modules and launches. An image, PTX or cubin, says which kernels it has and of what sizes their parameters are; the code that
// runs is that of kernels.cc, whose parameters must have the same sizes: an image of other sources is refused.
#include <elf.h>

#include "fake.h"

namespace {

typedef std::map<std::string, std::vector<int>> signatures;  // sizes of a kernel's parameters, by its name
struct module {
  signatures kernels;
};
struct function {
  const sim_kernel *kernel;
  unsigned dynamic;  // bytes of dynamic shared memory that it may have
};
enum { MOST_THREADS = 256, DYNAMIC = 48 << 10, DYNAMIC_OPTIN = 227 << 10 };  // MOST_THREADS: THREADS in kernel.h

// PTX names the version of CUDA that brought it: 7.8 is that of 11.8, 8.m of 12.m.
int cuda_of_ptx(int major, int minor) { return (major + 4) * 1000 + minor * 10; }

// .visible .entry name( .param .u64 name_param_0, .param .align 8 .b8 name_param_1[200] )
int read_ptx(const char *p, signatures *out) {
  int have_major, have_minor;
  capability(&have_major, &have_minor);
  int major, minor, target;
  const char *version = strstr(p, ".version "), *sm = strstr(p, ".target sm_");
  if (!version || !sm || sscanf(version, ".version %d.%d", &major, &minor) != 2 || sscanf(sm, ".target sm_%d", &target) != 1)
    return CUDA_ERROR_INVALID_IMAGE;
  if (cuda_of_ptx(major, minor) > driver_version()) return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
  if (target > 10 * have_major + have_minor) return CUDA_ERROR_NO_BINARY_FOR_GPU;
  while ((p = strstr(p, ".entry "))) {
    p += strlen(".entry ");
    const char *open = strchr(p, '('), *close = open ? strchr(open, ')') : 0;
    if (!close) return CUDA_ERROR_INVALID_IMAGE;
    std::vector<int> &sizes = (*out)[std::string(p, strcspn(p, "( \n"))];
    for (const char *q = open; (q = strstr(q, ".param ")) && q < close; q++) {
      int align, bits, count = 1;
      char type, name[128];
      const char *t = q + strlen(".param ");
      if (sscanf(t, ".align %d ", &align) == 1) t = strchr(t + 1, '.');
      if (!t || sscanf(t, ".%c%d %127[A-Za-z0-9_]", &type, &bits, name) != 3) return CUDA_ERROR_INVALID_IMAGE;
      const char *after = strstr(t, name) + strlen(name);
      if (*after == '[') count = atoi(after + 1);
      sizes.push_back(bits / 8 * count);
    }
    p = close;
  }
  return 0;
}

// A cubin is an ELF file. Its section .nv.info.NAME describes kernel NAME in records of {format, attribute, size}; of attribute 0x17 there
// is one a parameter: its index after the first four bytes, and its size from bit 18 of the last four.
int read_cubin(const char *image, signatures *out) {
  int major, minor;
  capability(&major, &minor);
  const Elf64_Ehdr *head = (const Elf64_Ehdr *)image;
  const Elf64_Shdr *sections = (const Elf64_Shdr *)(image + head->e_shoff);
  int target = head->e_flags & 0xff;
  if (target / 10 != major || target % 10 > minor) return CUDA_ERROR_NO_BINARY_FOR_GPU;
  const char *names = image + sections[head->e_shstrndx].sh_offset, *prefix = ".nv.info.";
  for (int i = 0; i < head->e_shnum; i++) {
    const char *name = names + sections[i].sh_name;
    if (strncmp(name, prefix, strlen(prefix))) continue;
    std::vector<int> &sizes = (*out)[name + strlen(prefix)];
    const char *p = image + sections[i].sh_offset, *end = p + sections[i].sh_size;
    while (p + 4 <= end) {
      uint16_t size;
      uint32_t last;
      memcpy(&size, p + 2, 2);
      if (p[0] == 4 && p[1] == 0x17) {
        uint16_t ordinal;
        memcpy(&ordinal, p + 8, 2);
        memcpy(&last, p + 12, 4);
        if (sizes.size() <= ordinal) sizes.resize(ordinal + 1u);
        sizes[ordinal] = (int)(last >> 18);
      }
      p += p[0] == 4 ? 4 + size : 4;  // the other formats have their value in place of the size
    }
  }
  return 0;
}

std::string text_of(const std::vector<int> &sizes) {
  std::string s;
  for (int n : sizes) s += (s.empty() ? "" : " ") + std::to_string(n);
  return "(" + s + ")";
}

}  // namespace

API CUresult cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned, int *, void **) {
  ENTER_CONTEXT("cuModuleLoadDataEx")
  signatures found;
  bool cubin = !memcmp(image, ELFMAG, SELFMAG);
  if (int error = cubin ? read_cubin((const char *)image, &found) : read_ptx((const char *)image, &found)) return error;
  *m = (CUmodule) new module{found};
  return 0;
}
API CUresult cuModuleUnload(CUmodule m) {
  ENTER_CONTEXT("cuModuleUnload")
  delete (module *)m;
  return 0;
}
API CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
  ENTER_CONTEXT("cuModuleGetFunction")
  signatures &all = ((module *)m)->kernels;
  const sim_kernel *k = find_kernel(name);
  auto image = all.find(name);
  if (!k || image == all.end()) return CUDA_ERROR_NOT_FOUND;
  std::vector<int> ours(k->size, k->size + k->params);
  if (ours != image->second) {
    say("kernel %s has parameters of %s bytes in its source and %s in the image: make kernels", name, text_of(ours).c_str(),
        text_of(image->second).c_str());
    return CUDA_ERROR_INVALID_IMAGE;
  }
  *f = (CUfunction) new function{k, DYNAMIC};  // stays as long as the process
  return 0;
}
API CUresult cuFuncSetAttribute(CUfunction f, int attribute, int value) {
  ENTER_CONTEXT("cuFuncSetAttribute")
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value > DYNAMIC_OPTIN) return CUDA_ERROR_INVALID_VALUE;
  ((function *)f)->dynamic = (unsigned)value;
  return 0;
}

API CUresult cuLaunchKernel(CUfunction handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned dynamic,
                            CUstream s, void **params, void **) {
  ENTER_CONTEXT("cuLaunchKernel")
  function *f = (function *)handle;
  const sim_kernel *k = f->kernel;
  uint64_t threads = (uint64_t)bx * by * bz;
  if (!gx || !gy || !gz || !threads || gx > 0x7fffffff || gy > 65535 || gz > 65535 || threads > MOST_THREADS || dynamic > f->dynamic) {
    say("kernel %s: a grid of (%u,%u,%u) blocks of (%u,%u,%u) threads with %u bytes of shared memory is not allowed", k->name, gx, gy, gz, bx, by,
        bz, dynamic);
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::vector<std::vector<char>> values;
  for (int i = 0; i < k->params; i++) {
    values.emplace_back((char *)params[i], (char *)params[i] + k->size[i]);
    CUdeviceptr p;
    if (!k->pointer[i] || (memcpy(&p, params[i], sizeof p), !p)) continue;
    void *host = host_address(p, 0, dev);
    if (!host) {
      say("kernel %s: parameter %d, %#lx, is no address of this device", k->name, i, (unsigned long)p);
      return enqueue(s, dev, k->name, [] { return CUDA_ERROR_ILLEGAL_ADDRESS; });
    }
    memcpy(values.back().data(), &host, sizeof host);
  }
  return enqueue(s, dev, k->name, [=]() mutable {
    void *args[32];
    for (int i = 0; i < k->params; i++) args[i] = values[i].data();
    return run_kernel(k, args, {gx, gy, gz}, {bx, by, bz}, dynamic);
  });
}
