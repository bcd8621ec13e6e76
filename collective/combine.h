// Elementwise combination of two runs of numbers.
#ifndef DEEPRC_COMBINE_H
#define DEEPRC_COMBINE_H
#include <stdint.h>

// acc[i] = acc[i] op x[i] for 0 ≤ i < n; type and op are collective.Type and collective.Op. The runs do not overlap.
void deeprc_combine(void *acc, const void *x, int64_t n, int type, int op);
#endif
