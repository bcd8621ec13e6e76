// The MPI plugin of deeprc: the only file that includes mpi.h. It is compiled by
// the mpicc of each MPI library into a shared library of its own:
//   mpicc -O2 -Wall -Werror -shared -fPIC -fvisibility=hidden -o libdeeprc-mpi-NAME.so mpi.c
#include "mpi.h"
#include <mpi.h>
#include <stdio.h>
#include <string.h>

#define H(type, x) ((type)(uintptr_t)(x))
#define U(x) ((deeprc_h)(uintptr_t)(x))

static int adopt(MPI_Comm c, deeprc_h *out) {
  *out = U(c);
  return MPI_Comm_set_errhandler(c, MPI_ERRORS_RETURN);
}

// -1: the library does not give MPI_THREAD_SERIALIZED.
static int dr_init(void) {
  int got = MPI_THREAD_SINGLE, rc = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &got);
  return rc ? rc : got >= MPI_THREAD_SERIALIZED ? 0 : -1;
}

static int dr_finalize(void) { return MPI_Finalize(); }

static int dr_library(char *text, int cap) {
  char t[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int n = 0, rc = MPI_Get_library_version(t, &n);
  snprintf(text, cap, "%s", t);
  return rc;
}

// Class numbers differ between libraries, so the class goes out by name.
static const char *class_name(int class) {
#define C(x) if (class == x) return #x;
  C(MPI_ERR_BUFFER) C(MPI_ERR_COUNT) C(MPI_ERR_TYPE) C(MPI_ERR_TAG) C(MPI_ERR_COMM) C(MPI_ERR_RANK)
  C(MPI_ERR_ROOT) C(MPI_ERR_GROUP) C(MPI_ERR_OP) C(MPI_ERR_ARG) C(MPI_ERR_TRUNCATE) C(MPI_ERR_REQUEST)
  C(MPI_ERR_NO_MEM) C(MPI_ERR_OTHER) C(MPI_ERR_INTERN) C(MPI_ERR_UNKNOWN)
#undef C
  return "MPI error";
}

static int dr_error(int code, char *text, int cap) {
  char t[MPI_MAX_ERROR_STRING] = "";
  int n = 0, class = 0;
  if (code == -1) {
    snprintf(text, cap, "this MPI library does not support MPI_THREAD_SERIALIZED");
    return 0;
  }
  MPI_Error_class(code, &class);
  MPI_Error_string(code, t, &n);
  snprintf(text, cap, "%s: %s", class_name(class), t);
  return 0;
}

static int dr_world(deeprc_h *out) { return adopt(MPI_COMM_WORLD, out); }

static int dr_dup(deeprc_h comm, deeprc_h *out) {
  MPI_Comm c;
  int rc = MPI_Comm_dup(H(MPI_Comm, comm), &c);
  return rc ? rc : adopt(c, out);
}

static int dr_create_group(deeprc_h comm, const int *ranks, int n, deeprc_h *out) {
  MPI_Group all, some;
  MPI_Comm c = MPI_COMM_NULL;
  int rc = MPI_Comm_group(H(MPI_Comm, comm), &all);
  if (rc) return rc;
  rc = MPI_Group_incl(all, n, ranks, &some);
  MPI_Group_free(&all);
  if (rc) return rc;
  rc = MPI_Comm_create_group(H(MPI_Comm, comm), some, 1, &c);
  MPI_Group_free(&some);
  return rc ? rc : adopt(c, out);
}

static int dr_free(deeprc_h comm) {
  MPI_Comm c = H(MPI_Comm, comm);
  return MPI_Comm_free(&c);
}

static int dr_rank(deeprc_h comm, int *rank) { return MPI_Comm_rank(H(MPI_Comm, comm), rank); }
static int dr_size(deeprc_h comm, int *size) { return MPI_Comm_size(H(MPI_Comm, comm), size); }

static int dr_test(deeprc_h *reqs, int n, int spins, int *left) {
  for (int s = 0; s < spins; s++) {
    *left = 0;
    for (int i = 0; i < n; i++) {
      MPI_Request q = H(MPI_Request, reqs[i]);
      int done = 0;
      if (q == MPI_REQUEST_NULL) continue;
      int rc = MPI_Test(&q, &done, MPI_STATUS_IGNORE);
      reqs[i] = U(q);
      if (rc) return rc;
      *left += !done;
    }
    if (!*left) break;
  }
  return 0;
}

static int dr_start(deeprc_h comm, const struct deeprc_message *m, int n, deeprc_h *reqs, int spins, int *left) {
  for (int i = 0; i < n; i++) reqs[i] = U(MPI_REQUEST_NULL);
  *left = n;
  for (int i = 0; i < n; i++) {
    MPI_Request q = MPI_REQUEST_NULL;
    void *p = (void *)(uintptr_t)m[i].address;
    int rc = m[i].send ? MPI_Isend(p, m[i].bytes, MPI_BYTE, m[i].peer, m[i].tag, H(MPI_Comm, comm), &q)
                       : MPI_Irecv(p, m[i].bytes, MPI_BYTE, m[i].peer, m[i].tag, H(MPI_Comm, comm), &q);
    reqs[i] = U(q);
    if (rc) return rc;
  }
  return dr_test(reqs, n, spins, left);
}

static int dr_cancel(deeprc_h *req, int send, int *state) {
  MPI_Request q = H(MPI_Request, *req);
  MPI_Status st;
  int done = 0, cancelled = 0, rc = 0;
  *state = q == MPI_REQUEST_NULL ? 1 : 2;
  if (*state == 1 || send) return 0;
  rc = MPI_Cancel(&q);
  for (int i = 0; !rc && !done && i < 1000; i++) rc = MPI_Test(&q, &done, &st);
  *req = U(q);
  if (rc || !done) return rc;
  rc = MPI_Test_cancelled(&st, &cancelled);
  *state = !cancelled;
  return rc;
}

static int dr_probe(deeprc_h comm, int *found, int *from, int *tag, int *bytes, deeprc_h *message) {
  MPI_Status st;
  MPI_Message m;
  int rc = MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, H(MPI_Comm, comm), found, &m, &st);
  if (rc || !*found) return rc;
  *from = st.MPI_SOURCE;
  *tag = st.MPI_TAG;
  *message = U(m);
  return MPI_Get_count(&st, MPI_BYTE, bytes);
}

static int dr_receive_matched(void *buf, int bytes, deeprc_h *message) {
  MPI_Message m = H(MPI_Message, *message);
  return MPI_Mrecv(buf, bytes, MPI_BYTE, &m, MPI_STATUS_IGNORE);
}

#define FIELD(name, params, args) dr_##name,
__attribute__((visibility("default"))) const struct deeprc_mpi deeprc_mpi_plugin = {
    DEEPRC_MPI_VERSION, DEEPRC_MPI_CALLS(FIELD)};
