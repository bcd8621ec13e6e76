#include "gloo_table.h"
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>

static const struct deeprc_gloo *table;

#define CALL(name, params, args) int gloo_##name params { return table->name args; }
DEEPRC_GLOO_CALLS(CALL)

const char *deeprc_gloo_load(const char *path, int *version) {
	// As for MPI (mpi_table.c): what a library does to the handlers of signals is undone.
	struct sigaction old[32];
	const char *text = NULL;
	if (!table) {
		for (int i = 1; i < 32; i++) sigaction(i, NULL, &old[i]);
		void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (!lib || !(table = dlsym(lib, "deeprc_gloo_plugin"))) text = dlerror();
		for (int i = 1; i < 32; i++)
			if (i != SIGKILL && i != SIGSTOP) sigaction(i, &old[i], NULL);
	}
	if (table) *version = table->version;
	return text;
}
