// The function table between the deeprc binary and its Gloo plugin (gloo.cc), like
// mpi.h. Gloo moves messages over TCP; the collectives are the binary's.
//
// Every call returns a DEEPRC_GLOO_ code, with text in err[cap] unless it is OK.
// Handles are numbers in the shape of pointers, looked up in a table: a handle that
// is freed or unknown gives ERROR, never a crash. All calls may be made from any
// thread at any time, also while others run or the same handle is being freed.
#ifndef DEEPRC_GLOO_H
#define DEEPRC_GLOO_H
#include <stdint.h>

// DEEPRC_GLOO_VERSION is raised with every change of this file.
#define DEEPRC_GLOO_VERSION 1

enum { DEEPRC_GLOO_OK = 0, DEEPRC_GLOO_ERROR = 1, DEEPRC_GLOO_ABORTED = 2, DEEPRC_GLOO_TIMEOUT = 3 };

// Bytes of one slot of an address list: int32 length, then Gloo's bytes.
#define DEEPRC_GLOO_ADDRESS 196

// One message, at an address that stays in place until its batch is released. A
// receive matches the sends of its peer with the same tag (>= 0) and number of
// bytes, in order. Numbers that differ never match: both wait until they time out.
struct deeprc_gloo_message {
  uint64_t ptr;
  int64_t bytes; // 0 and more than 4 GiB are fine
  int32_t peer, tag, send;
};

// X(name, parameters, arguments), one line a call.
#define DEEPRC_GLOO_CALLS(X) \
  X(library, (char *text, int cap), (text, cap)) \
  /* a device listens on a numeric address of this host and has two threads, in which every signal is blocked */ \
  X(device, (const char *address, void **dev, char *err, int cap), (address, dev, err, cap)) \
  /* the device itself ends with the last of its meshes */ \
  X(device_free, (void *dev), (dev)) \
  /* listens for each peer; slot j of addresses[size] is what rank j needs to connect here. *bytes: written, all slots */ \
  X(mesh, (void *dev, int rank, int size, int timeout_ms, void **ctx, char *addresses, int *bytes, char *err, int cap), \
    (dev, rank, size, timeout_ms, ctx, addresses, bytes, err, cap)) \
  /* slot i of addresses is from rank i. Blocks until this rank is connected to all, or for the timeout of mesh (0: no limit). After an error: mesh_free */ \
  X(connect, (void *ctx, const char *addresses, char *err, int cap), (ctx, addresses, err, cap)) \
  /* starts n messages, receives first. On an error nothing is left running and the mesh is broken */ \
  X(post, (void *ctx, const struct deeprc_gloo_message *m, int n, void **batch, char *err, int cap), (ctx, m, n, batch, err, cap)) \
  /* until all are complete (timeout_ms <= 0: no limit). A send is complete when the kernel has it. *peer: whose message failed, or -1. */ \
  /* A time-out breaks the mesh: Gloo closes all its connections, and the peers see that */ \
  X(wait, (void *batch, int timeout_ms, int *peer, char *err, int cap), (batch, timeout_ms, peer, err, cap)) \
  /* lets a wait that runs or comes return ABORTED; leaves the messages as they are */ \
  X(abort, (void *batch), (batch)) \
  /* ends a wait that still runs; on return Gloo does not touch the memory any more. If no wait has returned OK the mesh is broken: */ \
  /* its connections are closed, since a message that is cut off blocks all behind it */ \
  X(release, (void *batch), (batch)) \
  /* closes the connections, which never waits for a peer (a round of the device's thread each, at most 10 ms). What was sent still arrives */ \
  X(mesh_free, (void *ctx), (ctx))

struct deeprc_gloo {
  int64_t version; // first for ever, so that any binary can read any plugin's
#define DEEPRC_GLOO_FIELD(name, params, args) int (*name) params;
  DEEPRC_GLOO_CALLS(DEEPRC_GLOO_FIELD)
#undef DEEPRC_GLOO_FIELD
};

// The one symbol that a plugin exports.
#ifdef __cplusplus
extern "C" {
#endif
extern const struct deeprc_gloo deeprc_gloo_plugin;
#ifdef __cplusplus
}
#endif
#endif
