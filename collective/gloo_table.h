// The binary's side of shim/gloo.h: loads the plugin and calls through its table.
#ifndef DEEPRC_GLOO_TABLE_H
#define DEEPRC_GLOO_TABLE_H
#include "shim/gloo.h"

// Go's build cache does not look into shim/: with every change there this line changes too.
_Static_assert(DEEPRC_GLOO_VERSION == 1, "shim/gloo.h is of another version than gloo_table.h");

// deeprc_gloo_load opens the plugin at path, once: later calls find it open. Its
// result is the text of what went wrong in dlopen, or NULL; *version is the
// plugin's. Nothing may be called unless that is this binary's. Not for two threads at once.
const char *deeprc_gloo_load(const char *path, int *version);

#define DEEPRC_GLOO_CALL(name, params, args) int gloo_##name params;
DEEPRC_GLOO_CALLS(DEEPRC_GLOO_CALL)
#undef DEEPRC_GLOO_CALL
#endif
