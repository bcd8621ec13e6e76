// csv_records.h: CSV records without anything special, parsed a run at a time.
#ifndef DEEPRC_CSV_RECORDS_H
#define DEEPRC_CSV_RECORDS_H
#include <stdint.h>

// How the cells of a field are given out, each in 64 bits.
enum {
  CSV_SKIP, // not at all
  CSV_INT,  // int64
  CSV_FLOAT, // float64, correctly rounded
  CSV_TIME, // int64, µs since 1970-01-01 00:00 UTC
  CSV_TEXT, // where the cell is: its first byte in the low 32 bits, its length in the high ones
};

typedef struct {
  int32_t kind, verbatim; // verbatim: only an empty cell is missing
  int64_t lo, hi;         // of integers
  double top;             // magnitude of floats
  int64_t tick;           // times are a multiple of it
} csv_field;

typedef struct {
  uint8_t comma, comment; // comment: the first byte of a comment, 0 if there are none
  int64_t marks, numbers; // how many of them: cells that mean a missing value
} csv_rules;

// Parses records from b[0..n) until max of them, or one that is not simple: which is blank, a comment, has quotes, another
// number of fields, no newline, or a cell that is not of the field's plain form. Cell r of field f, the k-th that is not
// skipped, goes to cells[k*max + r]; where it is missing, valid[k*max + r], 1 before, becomes 0, and nulls[k] not 0.
// mark holds texts of up to 8 bytes, padded with 0, b has none of these. Returns the records, and their bytes in used.
int64_t csv_records(const uint8_t *b, int64_t n, const csv_field *field, int64_t fields, const csv_rules *rules,
                    const uint64_t *mark, const double *number, int64_t max, int64_t *cells, uint8_t *valid,
                    uint8_t *nulls, int64_t *used);
#endif
