// The function table between the deeprc binary and its MPI plugin. The binary
// includes this file and no mpi.h; the plugin (mpi.c) is compiled once for each
// MPI library. Handles cross as 64-bit integers, element types and operations as
// the enums below. Every call returns 0 or an MPI error code.
#ifndef DEEPRC_MPI_H
#define DEEPRC_MPI_H
#include <stdint.h>

// DEEPRC_MPI_VERSION is raised with every change of this file.
#define DEEPRC_MPI_VERSION 1

typedef uint64_t deeprc_h; // MPI_Comm or MPI_Request

enum { DEEPRC_U8, DEEPRC_I32, DEEPRC_I64, DEEPRC_F32, DEEPRC_F64 };
enum { DEEPRC_SUM, DEEPRC_MIN, DEEPRC_MAX };

// X(name, parameters, arguments), one line a call; n counts elements of type.
#define DEEPRC_MPI_CALLS(X) \
  X(init, (void), ()) \
  X(finalize, (void), ()) \
  X(library, (char *text, int cap), (text, cap)) \
  X(error, (int code, char *text, int cap), (code, text, cap)) \
  X(world, (deeprc_h *out), (out)) \
  X(dup, (deeprc_h comm, deeprc_h *out), (comm, out)) \
  X(create_group, (deeprc_h comm, const int *ranks, int n, deeprc_h *out), (comm, ranks, n, out)) \
  X(free, (deeprc_h comm), (comm)) \
  X(rank, (deeprc_h comm, int *rank), (comm, rank)) \
  X(size, (deeprc_h comm, int *size), (comm, size)) \
  X(ibarrier, (deeprc_h comm, deeprc_h *req), (comm, req)) \
  X(ibcast, (void *buf, int n, int type, int root, deeprc_h comm, deeprc_h *req), (buf, n, type, root, comm, req)) \
  X(iallreduce, (void *buf, int n, int type, int op, deeprc_h comm, deeprc_h *req), (buf, n, type, op, comm, req)) \
  X(isend, (const void *buf, int n, int type, int to, int tag, deeprc_h comm, deeprc_h *req), (buf, n, type, to, tag, comm, req)) \
  X(irecv, (void *buf, int n, int type, int from, int tag, deeprc_h comm, deeprc_h *req), (buf, n, type, from, tag, comm, req)) \
  /* up to spins rounds of tests over n requests; *left is how many are not complete */ \
  X(test, (deeprc_h *reqs, int n, int spins, int *left), (reqs, n, spins, left)) \
  /* is a message of any rank and that tag waiting; its sender and bytes */ \
  X(iprobe, (int tag, deeprc_h comm, int *found, int *from, int *bytes), (tag, comm, found, from, bytes))

struct deeprc_mpi {
  int64_t version; // first for ever, so that any binary can read any plugin's
#define DEEPRC_MPI_FIELD(name, params, args) int (*name) params;
  DEEPRC_MPI_CALLS(DEEPRC_MPI_FIELD)
#undef DEEPRC_MPI_FIELD
};

// The one symbol that a plugin exports.
extern const struct deeprc_mpi deeprc_mpi_plugin;
#endif
