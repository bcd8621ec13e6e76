// The binary's side of shim/mpi.h: loads a plugin and calls through its table.
#ifndef DEEPRC_MPI_TABLE_H
#define DEEPRC_MPI_TABLE_H
#include "shim/mpi.h"

// Go's build cache does not look into shim/: with every change there this line changes too.
_Static_assert(DEEPRC_MPI_VERSION == 2, "shim/mpi.h is of another version than mpi_table.h");

// deeprc_mpi_load opens the plugin at path and starts MPI. Its result is the text
// of what went wrong in dlopen, or NULL; *version is the plugin's, *rc is that of
// MPI_Init_thread, which is called only if the version is this binary's.
const char *deeprc_mpi_load(const char *path, int *version, int *rc);
void deeprc_pause_us(int us);

#define DEEPRC_MPI_CALL(name, params, args) int mpi_##name params;
DEEPRC_MPI_CALLS(DEEPRC_MPI_CALL)
#undef DEEPRC_MPI_CALL
#endif
