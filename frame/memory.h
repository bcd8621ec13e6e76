// memory.h: pages for columns, straight from the system.
#ifndef DEEPRC_MEMORY_H
#define DEEPRC_MEMORY_H
#include <stdint.h>

void *pages_get(int64_t n);                        // n zeroed bytes, or NULL; huge pages where the system gives them
void *pages_resize(void *p, int64_t old, int64_t n); // keeps the bytes, may move them; NULL: nothing has changed
void pages_put(void *p, int64_t n);
#endif
