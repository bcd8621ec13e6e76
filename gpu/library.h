// library.h: the functions of a shared library, found when the program runs.
#ifndef DEEPRC_LIBRARY_H
#define DEEPRC_LIBRARY_H

// Loads the library and fills table, n pointers to its functions of these names, once all are found. Returns 0, or what is wrong, in words,
// until the next call. Not for two threads at once.
const char *library_open(const char *path, const char *const *names, int n, void *table);

// What an X-macro table of X(name, parameters, arguments) makes of a line: the name in names.
#define LIBRARY_NAME(name, params, args) #name,
#endif
