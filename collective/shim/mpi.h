// The function table between the deeprc binary and its MPI plugin. The binary
// includes this file and no mpi.h; the plugin (mpi.c) is compiled once for each
// MPI library. Handles cross as 64-bit integers, data as bytes. Every call
// returns 0 or an MPI error code.
#ifndef DEEPRC_MPI_H
#define DEEPRC_MPI_H
#include <stdint.h>

// DEEPRC_MPI_VERSION is raised with every change of this file.
#define DEEPRC_MPI_VERSION 2

typedef uint64_t deeprc_h; // MPI_Comm or MPI_Request

// One message. Its address is an integer: who starts it keeps the memory in place.
struct deeprc_message {
  uint64_t address;
  int32_t bytes, peer, tag, send;
};

// X(name, parameters, arguments), one line a call.
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
  /* starts n messages, receives first where the caller lists them first, and tests up to spins times; *left: not complete */ \
  X(start, (deeprc_h comm, const struct deeprc_message *m, int n, deeprc_h *reqs, int spins, int *left), (comm, m, n, reqs, spins, left)) \
  /* up to spins rounds of tests over n requests */ \
  X(test, (deeprc_h *reqs, int n, int spins, int *left), (reqs, n, spins, left)) \
  /* withdraws a receive. *state: 0 withdrawn, 1 the message is complete, 2 it is on its way: test it on. A send is not withdrawn */ \
  X(cancel, (deeprc_h *req, int send, int *state), (req, send, state)) \
  /* is a message of any rank and any tag waiting; its sender, tag and bytes. receive_matched takes that one */ \
  X(probe, (deeprc_h comm, int *found, int *from, int *tag, int *bytes, deeprc_h *message), (comm, found, from, tag, bytes, message)) \
  X(receive_matched, (void *buf, int bytes, deeprc_h *message), (buf, bytes, message))

struct deeprc_mpi {
  int64_t version; // first for ever, so that any binary can read any plugin's
#define DEEPRC_MPI_FIELD(name, params, args) int (*name) params;
  DEEPRC_MPI_CALLS(DEEPRC_MPI_FIELD)
#undef DEEPRC_MPI_FIELD
};

// The one symbol that a plugin exports.
extern const struct deeprc_mpi deeprc_mpi_plugin;
#endif
