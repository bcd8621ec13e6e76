#include "mpi_table.h"
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static const struct deeprc_mpi *table;

#define CALL(name, params, args) int mpi_##name params { return table->name args; }
DEEPRC_MPI_CALLS(CALL)

const char *deeprc_mpi_load(const char *path, int *version, int *rc) {
	// MPI libraries, and UCX below them, install signal handlers when they are loaded
	// and initialised. Both break Go: a nil dereference is no panic any more, and a
	// handler without SA_ONSTACK is fatal. Those of the Go runtime are put back.
	struct sigaction old[32];
	const char *text = NULL;
	for (int i = 1; i < 32; i++) sigaction(i, NULL, &old[i]);
	void *lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	if (!lib || !(table = dlsym(lib, "deeprc_mpi_plugin"))) {
		text = dlerror();
	} else {
		*version = table->version;
		if (*version == DEEPRC_MPI_VERSION) *rc = table->init();
	}
	for (int i = 1; i < 32; i++)
		if (i != SIGKILL && i != SIGSTOP) sigaction(i, &old[i], NULL);
	return text;
}

void deeprc_pause_us(int us) {
	struct timespec t = {0, us * 1000L};
	nanosleep(&t, NULL);
}
