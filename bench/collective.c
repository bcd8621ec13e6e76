// The blocking collectives of MPI, timed as `deeprc bench collective` times deeprc's: the yardstick of its --c-program.
//
//   mpicc.openmpi -O2 -o /tmp/collective-openmpi bench/collective.c
//   mpirun.openmpi -n 2 /tmp/collective-openmpi [--ops LIST] [--sizes LIST] [--repeats N]
//
// With COLLECTIVE_SEPARATE in the environment AllReduce has a second buffer for its result, instead of MPI_IN_PLACE.
// Rank 0 prints one JSON document of the fields that `deeprc bench collective --json` has too: µs of a call, slowest rank.
// Operations, order, warm-up, iterations and checks are those of stages/bench_collective.go; keep the two alike.
#include <errno.h>
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(*(a))))

enum { MAX_SIZES = 64, MAX_REPEATS = 1000, MAX_ITERATIONS = 1 << 20, MAX_BYTES = 1 << 30 };
static const double run_seconds = 20e-3;     // one timed run
static const double estimate_seconds = 5e-3; // the run by which the iterations are chosen

static int rank, ranks;
static unsigned char *mine; // this rank's buffer
static unsigned char *in;   // what alltoall and allgather receive, and allreduce with COLLECTIVE_SEPARATE set
static int separate;        // MPI's other form of allreduce, which leaves its operand; deeprc's replaces it

// fail ends the program on all ranks, which meet the same error; rank 0 tells.
static void fail(const char *what, const char *text) {
  if (rank == 0)
    fprintf(stderr, "collective: %s%s\n", what, text);
  MPI_Finalize();
  exit(2);
}

// n is the bytes of a rank's buffer; alltoall sends n/ranks of them to each rank, at least one.
static int part(int n) { return n < ranks ? 1 : n / ranks; }

static void barrier(int n) {
  (void)n;
  MPI_Barrier(MPI_COMM_WORLD);
}
static void broadcast(int n) { MPI_Bcast(mine, n, MPI_BYTE, 0, MPI_COMM_WORLD); }
static void allreduce(int n) {
  MPI_Allreduce(separate ? mine : MPI_IN_PLACE, separate ? in : mine, n / 4, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}
static void alltoall(int n) { MPI_Alltoall(mine, part(n), MPI_BYTE, in, part(n), MPI_BYTE, MPI_COMM_WORLD); }
static void allgather(int n) { MPI_Allgather(mine, n, MPI_BYTE, in, n, MPI_BYTE, MPI_COMM_WORLD); }

// Before its check, every byte of a rank's buffer (float of allreduce's) is rank + 1.
static void fill_bytes(int n) { memset(mine, rank + 1, n < ranks ? ranks : n); }
static void fill_floats(int n) {
  float *f = (float *)mine;
  for (int i = 0; i < n / 4; i++)
    f[i] = rank + 1;
}

static int all_are(const unsigned char *p, int n, int value) {
  for (int i = 0; i < n; i++)
    if (p[i] != (unsigned char)value)
      return 0;
  return 1;
}
static int parts_are(int n) { // of each rank, in rank order
  for (int r = 0; r < ranks; r++)
    if (!all_are(in + (size_t)r * n, n, r + 1))
      return 0;
  return 1;
}
static int good_barrier(int n) { return n == 0; }
static int good_broadcast(int n) { return all_are(mine, n, 1); }
static int good_allreduce(int n) {
  const float *f = (const float *)(separate ? in : mine);
  for (int i = 0; i < n / 4; i++)
    if (f[i] != (float)ranks * (ranks + 1) / 2)
      return 0;
  return 1;
}
static int good_alltoall(int n) { return parts_are(part(n)); }
static int good_allgather(int n) { return parts_are(n); }

static const struct op {
  const char *name;
  void (*call)(int n), (*fill)(int n);
  int (*good)(int n);
} ops[] = {
    {"barrier", barrier, fill_bytes, good_barrier},
    {"broadcast", broadcast, fill_bytes, good_broadcast},
    {"allreduce", allreduce, fill_floats, good_allreduce},
    {"alltoall", alltoall, fill_bytes, good_alltoall},
    {"allgather", allgather, fill_bytes, good_allgather},
};

struct trial {
  const struct op *op;
  int bytes, iterations;
  double us[MAX_REPEATS];
};

// timed is the seconds of so many calls on the slowest rank.
static double timed(const struct trial *t, int iterations) {
  t->op->call(t->bytes);
  MPI_Barrier(MPI_COMM_WORLD);
  double begin = MPI_Wtime();
  for (int i = 0; i < iterations; i++)
    t->op->call(t->bytes);
  double s = MPI_Wtime() - begin, slowest;
  MPI_Allreduce(&s, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return slowest;
}

// prepare checks one call's result and sets the iterations that fill a run. It leaves zeros: their sums stay zero.
static void prepare(struct trial *t) {
  t->op->fill(t->bytes);
  t->op->call(t->bytes);
  int ok = t->op->good(t->bytes), every;
  MPI_Allreduce(&ok, &every, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
  if (!every)
    fail("wrong result of ", t->op->name);
  memset(mine, 0, t->bytes < ranks ? ranks : t->bytes);
  for (int n = 1;; n *= 2) {
    double s = timed(t, n), again = timed(t, n);
    s = again < s ? again : s;
    if (s < estimate_seconds && n < MAX_ITERATIONS)
      continue;
    double iterations = run_seconds / (s / n);
    t->iterations = iterations < 1 ? 1 : iterations > MAX_ITERATIONS ? MAX_ITERATIONS : (int)iterations;
    return;
  }
}

// number reads a decimal number from lo to hi that ends at the string's end.
static int number(const char *flag, const char *text, int lo, int hi) {
  char *end;
  errno = 0;
  long v = strtol(text, &end, 10);
  if (errno || end == text || *end || v < lo || v > hi) {
    char why[200];
    snprintf(why, sizeof why, "%s %.80s: want %d to %d", flag, text, lo, hi);
    fail(why, "");
  }
  return (int)v;
}

static void print(const struct trial *trials, int n, int repeats) {
  char library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length;
  MPI_Get_library_version(library, &length);
  library[strcspn(library, "\n,")] = 0;
  printf("{\"library\": \"");
  for (const char *c = library; *c; c++)
    putchar(*c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? ' ' : *c);
  printf("%s\", \"ranks\": %d, \"results\": [", separate ? ", AllReduce into a second buffer" : "", ranks);
  for (int i = 0; i < n; i++) {
    const struct trial *t = &trials[i];
    printf("%s\n{\"name\": \"%s\", \"unit\": \"us\", \"bytes\": %d, \"iterations\": %d, \"all\": [", i ? "," : "", t->op->name, t->bytes, t->iterations);
    for (int k = 0; k < repeats; k++)
      printf("%s%.6g", k ? ", " : "", t->us[k]);
    printf("]}");
  }
  printf("\n]}\n");
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  separate = getenv("COLLECTIVE_SEPARATE") != NULL;

  int sizes[MAX_SIZES] = {8, 64, 512, 4 << 10, 32 << 10, 256 << 10, 1 << 20, 8 << 20, 64 << 20};
  int chosen[COUNT(ops)] = {0, 1, 2, 3, 4};
  int sizes_n = 9, chosen_n = COUNT(ops), repeats = 9;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc)
      fail("no value for ", argv[i]);
    if (!strcmp(argv[i], "--repeats")) {
      repeats = number("--repeats", argv[i + 1], 1, MAX_REPEATS);
    } else if (!strcmp(argv[i], "--sizes")) {
      sizes_n = 0;
      for (char *s = strtok(argv[i + 1], ","); s; s = strtok(NULL, ",")) {
        if (sizes_n == MAX_SIZES)
          fail("too many --sizes", "");
        int v = number("--sizes", s, 4, MAX_BYTES);
        if (v % 4)
          fail("--sizes: want multiples of 4, not ", s);
        sizes[sizes_n++] = v;
      }
    } else if (!strcmp(argv[i], "--ops")) {
      chosen_n = 0;
      for (char *s = strtok(argv[i + 1], ","); s; s = strtok(NULL, ",")) {
        int k = 0;
        while (k < COUNT(ops) && strcmp(s, ops[k].name))
          k++;
        if (k == COUNT(ops) || chosen_n == COUNT(ops))
          fail("--ops: unknown, or named twice: ", s);
        chosen[chosen_n++] = k;
      }
    } else {
      fail("unknown flag, want --ops, --sizes or --repeats: ", argv[i]);
    }
  }

  int largest = ranks;
  for (int i = 0; i < sizes_n; i++)
    largest = sizes[i] > largest ? sizes[i] : largest;
  struct trial *trials = calloc((size_t)chosen_n * sizes_n, sizeof *trials);
  mine = malloc(largest);
  in = malloc((size_t)largest * ranks);
  if (!trials || !mine || !in) { // perhaps on this rank alone
    fprintf(stderr, "collective: rank %d: no memory for buffers of %d bytes: want smaller --sizes\n", rank, largest);
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  int n = 0;
  for (int i = 0; i < chosen_n; i++)
    for (int k = 0; k < sizes_n; k++) {
      const struct op *op = &ops[chosen[i]];
      if (op->call != barrier || k == 0) // it has no size
        trials[n++] = (struct trial){.op = op, .bytes = op->call == barrier ? 0 : sizes[k]};
    }

  for (int i = 0; i < n; i++)
    prepare(&trials[i]);
  for (int k = 0; k < repeats; k++)
    for (int i = 0; i < n; i++)
      trials[i].us[k] = timed(&trials[i], trials[i].iterations) / trials[i].iterations * 1e6;
  if (rank == 0)
    print(trials, n, repeats);
  MPI_Finalize();
  return 0;
}
