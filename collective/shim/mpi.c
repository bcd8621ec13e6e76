// The MPI plugin of deeprc: the only file that includes mpi.h. It is compiled by
// the mpicc of each MPI library into a shared library of its own:
//   mpicc -O2 -Wall -Werror -shared -fPIC -fvisibility=hidden -o libdeeprc-mpi-NAME.so mpi.c
#include "mpi.h"
#include <mpi.h>
#include <stdio.h>
#include <string.h>

#define H(type, x) ((type)(uintptr_t)(x))
#define U(x) ((deeprc_h)(uintptr_t)(x))

static MPI_Datatype type_of(int t) {
  switch (t) {
  case DEEPRC_U8: return MPI_UINT8_T;
  case DEEPRC_I32: return MPI_INT32_T;
  case DEEPRC_I64: return MPI_INT64_T;
  case DEEPRC_F32: return MPI_FLOAT;
  default: return MPI_DOUBLE;
  }
}

static MPI_Op op_of(int o) { return o == DEEPRC_SUM ? MPI_SUM : o == DEEPRC_MIN ? MPI_MIN : MPI_MAX; }

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

// START runs a non-blocking call that fills q and hands q out.
#define START(call) \
  MPI_Request q = MPI_REQUEST_NULL; \
  int rc = call; \
  *req = U(q); \
  return rc

static int dr_ibarrier(deeprc_h comm, deeprc_h *req) { START(MPI_Ibarrier(H(MPI_Comm, comm), &q)); }

static int dr_ibcast(void *buf, int n, int type, int root, deeprc_h comm, deeprc_h *req) {
  START(MPI_Ibcast(buf, n, type_of(type), root, H(MPI_Comm, comm), &q));
}

static int dr_iallreduce(void *buf, int n, int type, int op, deeprc_h comm, deeprc_h *req) {
  START(MPI_Iallreduce(MPI_IN_PLACE, buf, n, type_of(type), op_of(op), H(MPI_Comm, comm), &q));
}

static int dr_isend(const void *buf, int n, int type, int to, int tag, deeprc_h comm, deeprc_h *req) {
  START(MPI_Isend(buf, n, type_of(type), to, tag, H(MPI_Comm, comm), &q));
}

static int dr_irecv(void *buf, int n, int type, int from, int tag, deeprc_h comm, deeprc_h *req) {
  START(MPI_Irecv(buf, n, type_of(type), from, tag, H(MPI_Comm, comm), &q));
}

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

static int dr_iprobe(int tag, deeprc_h comm, int *found, int *from, int *bytes) {
  MPI_Status st;
  int rc = MPI_Iprobe(MPI_ANY_SOURCE, tag, H(MPI_Comm, comm), found, &st);
  if (rc || !*found) return rc;
  *from = st.MPI_SOURCE;
  return MPI_Get_count(&st, MPI_UINT8_T, bytes);
}

#define FIELD(name, params, args) dr_##name,
__attribute__((visibility("default"))) const struct deeprc_mpi deeprc_mpi_plugin = {
    DEEPRC_MPI_VERSION, DEEPRC_MPI_CALLS(FIELD)};
