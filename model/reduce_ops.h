// reduce_ops.h: what reductions join two values by, for the CPU (rows.h, reduce.c) and for CUDA (gpu/kernels/sums.h).
#ifndef DEEPRC_REDUCE_OPS_H
#define DEEPRC_REDUCE_OPS_H

#define ROW_PLUS(a, b) ((a) + (b))
// NaN where one is
#define ROW_LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define ROW_SMALLER(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#endif
