#include "library.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

const char *library_open(const char *path, const char *const *names, int n, void *table) {
  static char text[512];
  void *found[n];
  void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!lib) {
    snprintf(text, sizeof text, "%s", dlerror());  // which is the thread's: Go may go on in another
    return text;
  }
  for (int i = 0; i < n; i++) {
    if (!(found[i] = dlsym(lib, names[i]))) {
      snprintf(text, sizeof text, "%s lacks %s", path, names[i]);
      dlclose(lib);
      return text;
    }
  }
  memcpy(table, found, sizeof found);
  return NULL;
}
