// nvrtc LIBNVRTC FILE.cu OUTPUT OPTION...: compiles a file of kernels with NVRTC, to PTX, or to a cubin where OUTPUT ends in .cubin.
// NVRTC needs neither a GPU, nor a driver, nor a header of CUDA. Its own calls, as NVIDIA documents them, are declared here.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct program program;
#define CALLS(X)                                                                                                  \
  X(nvrtcCreateProgram, (program **p, const char *text, const char *name, int headers, const char *const *header, \
                         const char *const *header_name))                                                         \
  X(nvrtcCompileProgram, (program *p, int options, const char *const *option))                                    \
  X(nvrtcGetProgramLogSize, (program *p, size_t *n))                                                              \
  X(nvrtcGetProgramLog, (program *p, char *text))                                                                 \
  X(nvrtcGetPTXSize, (program *p, size_t *n))                                                                     \
  X(nvrtcGetPTX, (program *p, char *out))                                                                         \
  X(nvrtcGetCUBINSize, (program *p, size_t *n))                                                                   \
  X(nvrtcGetCUBIN, (program *p, char *out))
#define POINTER(name, params) static int(*name) params;
CALLS(POINTER)

static void die(const char *what, const char *why) {
  fprintf(stderr, "nvrtc: %s: %s\n", what, why);
  exit(1);
}
static void check(const char *call, int rc) {
  if (!rc) return;
  char text[32];
  snprintf(text, sizeof text, "error %d", rc);
  die(call, text);
}
static void *room(size_t n) {
  void *p = calloc(1, n + 1);
  if (!p) die("memory", "there is not enough");
  return p;
}

static char *read_text(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f || fseek(f, 0, SEEK_END)) die(path, "cannot be read");
  long n = ftell(f);
  rewind(f);
  char *text = room((size_t)n);
  if (fread(text, 1, (size_t)n, f) != (size_t)n) die(path, "cannot be read");
  fclose(f);
  return text;
}

int main(int argc, char **argv) {
  if (argc < 4) die("usage", "nvrtc LIBNVRTC FILE.cu OUTPUT OPTION...");
  void *lib = dlopen(argv[1], RTLD_NOW);
  if (!lib) die(argv[1], dlerror());
#define RESOLVE(name, params) \
  if (!(*(void **)&name = dlsym(lib, #name))) die(argv[1], dlerror());
  CALLS(RESOLVE)

  program *p;
  size_t n;
  check("nvrtcCreateProgram", nvrtcCreateProgram(&p, read_text(argv[2]), argv[2], 0, NULL, NULL));
  int rc = nvrtcCompileProgram(p, argc - 4, (const char *const *)argv + 4);
  check("nvrtcGetProgramLogSize", nvrtcGetProgramLogSize(p, &n));
  char *log = room(n);
  check("nvrtcGetProgramLog", nvrtcGetProgramLog(p, log));
  fputs(log, stderr);
  check(argv[2], rc);

  size_t dot = strlen(argv[3]);
  int cubin = dot > 6 && !strcmp(argv[3] + dot - 6, ".cubin");
  check("size of the result", (cubin ? nvrtcGetCUBINSize : nvrtcGetPTXSize)(p, &n));
  char *out = room(n);
  check("result", (cubin ? nvrtcGetCUBIN : nvrtcGetPTX)(p, out));
  if (!cubin) n = strlen(out);
  FILE *f = fopen(argv[3], "wb");
  if (!f || fwrite(out, 1, n, f) != n || fclose(f)) die(argv[3], "cannot be written");
  return 0;
}
