#include "csv_records.h"
#include <string.h>

#define EACH_BYTE 0x0101010101010101ull

// The 8 bytes at p, 0 behind end. Little-endian, as Arrow is.
static inline uint64_t load(const uint8_t *p, const uint8_t *end) {
  uint64_t w = 0;
  if (end - p >= 8) memcpy(&w, p, 8);
  else
    for (int i = 0; i < end - p; i++) w |= (uint64_t)p[i] << 8 * i;
  return w;
}

static const uint64_t pow10u[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
                                  100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
                                  10000000000000000, 100000000000000000, 1000000000000000000, 10000000000000000000ull};
static const double pow10f[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Appends the digits at p to m, which wraps beyond 19 of them; returns the index behind them.
static inline const uint8_t *digits(const uint8_t *p, const uint8_t *end, uint64_t *m) {
  for (;;) {
    uint64_t t = load(p, end) ^ 0x30 * EACH_BYTE;
    uint64_t other = (t | (t + 6 * EACH_BYTE)) & 0xF0 * EACH_BYTE; // its lowest byte that is not 0 is no digit
    int k = other ? __builtin_ctzll(other) >> 3 : 8;
    if (k == 0) return p;
    t <<= 64 - 8 * k; // zeros in front
    t = t * 10 + (t >> 8); // each second byte: two digits
    t = ((t & 0x000000FF000000FF) * 0x000F424000000064 + ((t >> 16) & 0x000000FF000000FF) * 0x0000271000000001) >> 32;
    *m = *m * pow10u[k] + (uint32_t)t;
    p += k;
    if (k < 8) return p;
  }
}

// m/10^k correctly rounded, for m > 0 and 1 ≤ k ≤ 19: as divPow10 of parse_float.go.
static double div_pow10(uint64_t m, int k) {
  uint64_t d = pow10u[k];
  int lm = __builtin_clzll(m), ld = __builtin_clzll(d);
  m <<= lm, d <<= ld;
  unsigned __int128 u = (unsigned __int128)m << 63;
  uint64_t q = u / d;
  q |= (uint64_t)u != q * d; // the remainder is below 2^64
  uint64_t bits = (uint64_t)(1023 + ld - lm - 63) << 52;
  double scale;
  memcpy(&scale, &bits, 8);
  return (double)q * scale;
}

// Each returns the index behind a cell of its plain form, or NULL.

static inline const uint8_t *parse_int(const uint8_t *p, const uint8_t *end, int64_t *v) {
  int neg = *p == '-';
  p += neg || *p == '+';
  uint64_t m = 0;
  const uint8_t *q = digits(p, end, &m);
  if (q == p || q - p > 19 || m > (uint64_t)INT64_MAX + neg) return NULL;
  *v = neg ? 0 - m : m;
  return q;
}

static inline const uint8_t *parse_float(const uint8_t *p, const uint8_t *end, double *v) {
  int neg = *p == '-';
  p += neg || *p == '+';
  uint64_t m = 0;
  const uint8_t *q = digits(p, end, &m);
  int64_t count = q - p, exp = 0;
  if (q < end && *q == '.') {
    p = q + 1;
    q = digits(p, end, &m);
    exp = p - q;
    count -= exp;
  }
  if (count == 0 || count > 19) return NULL;
  if (q < end && (*q | 0x20) == 'e') {
    uint64_t e = 0;
    p = q + 1;
    int down = p < end && *p == '-';
    p += down || (p < end && *p == '+');
    q = digits(p, end, &e);
    if (q == p || q - p > 4) return NULL;
    exp += down ? -(int64_t)e : (int64_t)e;
  }
  double x;
  if (m < 1ull << 53 && 0 <= exp && exp <= 22) x = (double)m * pow10f[exp]; // Clinger: both factors exact, one rounding
  else if (m < 1ull << 53 && -22 <= exp && exp < 0) x = (double)m / pow10f[-exp];
  else if (m != 0 && -19 <= exp && exp < 0) x = div_pow10(m, -exp);
  else return NULL;
  *v = neg ? -x : x;
  return q;
}

static inline int two(const uint8_t *p) { // 0 to 99, or more
  unsigned t = p[0] - '0', u = p[1] - '0';
  return t <= 9 && u <= 9 ? t * 10 + u : 100;
}

// yyyy-mm-dd[( |T)hh:mm[:ss]][Z]
static inline const uint8_t *parse_time(const uint8_t *p, const uint8_t *end, int64_t *v) {
  static const uint8_t length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (end - p < 10 || p[4] != '-' || p[7] != '-') return NULL;
  int century = two(p), year = two(p + 2), month = two(p + 5), day = two(p + 8);
  if (century > 99 || year > 99 || month < 1 || month > 12 || day < 1 || day > length[month - 1]) return NULL;
  year += 100 * century;
  if (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))) return NULL;
  int m = month > 2 ? month - 3 : month + 9, y = year + 400 - (month <= 2); // as daysTo of parse_time.go
  int64_t sec = 86400 * (int64_t)(365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468 - 146097);
  p += 10;
  if (p < end && (*p == ' ' || *p == 'T')) {
    if (end - p < 6 || p[3] != ':') return NULL;
    int hour = two(p + 1), minute = two(p + 4);
    if (hour > 23 || minute > 59) return NULL;
    sec += 3600 * hour + 60 * minute;
    p += 6;
    if (p < end && *p == ':') {
      if (end - p < 3) return NULL;
      int s = two(p + 1);
      if (s > 59) return NULL;
      sec += s;
      p += 3;
    }
    p += p < end && *p == 'Z';
  }
  *v = sec * 1000000;
  return p;
}

static inline uint64_t zeros(uint64_t w) { return (w - EACH_BYTE) & ~w & 0x80 * EACH_BYTE; } // the lowest is exact

// The index of the first comma, newline or quote from p on, or end.
static inline const uint8_t *stop(const uint8_t *p, const uint8_t *end, uint64_t commas) {
  while (p < end) {
    uint64_t w = load(p, end);
    uint64_t at = zeros(w ^ commas) | zeros(w ^ '\n' * EACH_BYTE) | zeros(w ^ '"' * EACH_BYTE);
    if (at) return p + (__builtin_ctzll(at) >> 3);
    p += 8;
  }
  return end;
}

// Whether a cell of up to 8 bytes, padded with 0, is a mark.
static inline int is_mark(const uint8_t *p, const uint8_t *q, const uint8_t *end, const uint64_t *mark, int64_t marks) {
  if (q - p > 8) return 0;
  uint64_t w = load(p, end) & (~0ull >> (64 - 8 * (q - p)));
  for (int64_t i = 0; i < marks; i++)
    if (mark[i] == w) return 1;
  return 0;
}

static inline int is_number(double v, const double *number, int64_t numbers) {
  for (int64_t i = 0; i < numbers; i++)
    if (number[i] == v) return 1;
  return 0;
}

int64_t csv_records(const uint8_t *b, int64_t n, const csv_field *field, int64_t fields, const csv_rules *rules,
                    const uint64_t *mark, const double *number, int64_t max, int64_t *cells, uint8_t *valid,
                    uint8_t *nulls, int64_t *used) {
  const uint8_t *p = b, *end = b + n, comma = rules->comma;
  const uint64_t commas = comma * EACH_BYTE;
  int64_t row = 0;
  *used = 0;
  for (; row < max; row++) {
    if (p == end || *p == '\n' || *p == '\r' || (rules->comment && *p == rules->comment)) return row;
    int64_t at = row, k = 0;
    for (int64_t i = 0; i < fields; i++) {
      const csv_field *f = &field[i];
      const uint8_t *q = NULL;
      int missing = 0;
      if (p == end) return row;
      switch (f->kind) {
      case CSV_INT: {
        int64_t v = 0;
        q = parse_int(p, end, &v);
        if (q && (v < f->lo || v > f->hi)) return row;
        missing = q && is_number(v, number, rules->numbers);
        cells[at] = v;
        break;
      }
      case CSV_FLOAT: {
        double v = 0;
        q = parse_float(p, end, &v);
        missing = q && is_number(v, number, rules->numbers);
        if (q && !missing && (v > f->top || v < -f->top)) return row;
        memcpy(&cells[at], &v, 8);
        break;
      }
      case CSV_TIME:
        cells[at] = 0;
        q = parse_time(p, end, &cells[at]);
        if (q && f->tick > 1 && cells[at] % f->tick != 0) return row;
        break;
      default:
        q = stop(p, end, commas);
        if (q == end || *q == '"') return row;
        if (f->kind == CSV_TEXT) {
          const uint8_t *last = q - (*q == '\n' && q > p && q[-1] == '\r');
          cells[at] = (p - b) | (int64_t)(last - p) << 32;
        }
      }
      if (!q) { // missing, perhaps
        q = stop(p, end, commas);
        if (q == end || *q == '"') return row;
        const uint8_t *last = q - (*q == '\n' && q > p && q[-1] == '\r');
        if (last > p && (f->verbatim || !is_mark(p, last, end, mark, rules->marks))) return row;
        missing = 1;
        q = last;
      }
      if (missing) {
        cells[at] = 0;
        valid[at] = 0;
        nulls[k] = 1;
      }
      if (i < fields - 1) {
        if (q == end || *q != comma) return row;
      } else {
        q += q < end && *q == '\r';
        if (q == end || *q != '\n') return row;
      }
      p = q + 1;
      if (f->kind != CSV_SKIP) at += max, k++;
    }
    *used = p - b;
  }
  return row;
}
