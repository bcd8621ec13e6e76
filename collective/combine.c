#include "combine.h"

// One loop for each operation and type, for the vectors of x86-64-v4, v3 and the baseline, chosen at load time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define CLONES
#endif

#define LOOP(name, type, expr) \
	CLONES static void name##_##type(void *accs, const void *xs, int64_t n) { \
		type *restrict acc = accs; \
		const type *restrict x = xs; \
		for (int64_t i = 0; i < n; i++) { \
			type a = acc[i], b = x[i]; \
			acc[i] = expr; \
		} \
	}

typedef uint8_t u8;
typedef int32_t i32;
typedef int64_t i64;
typedef float f32;
typedef double f64;

// Signed sums and products wrap round, as Go's do.
#define NUMBERS(type, wide) \
	LOOP(sum, type, (type)((wide)a + (wide)b)) \
	LOOP(prod, type, (type)((wide)a * (wide)b)) \
	LOOP(and, type, (type)((a != 0) & (b != 0))) \
	LOOP(or, type, (type)((a != 0) | (b != 0)))
#define INTEGERS(type, wide) \
	NUMBERS(type, wide) \
	LOOP(min, type, b < a ? b : a) \
	LOOP(max, type, b > a ? b : a) \
	LOOP(bitand, type, a & b) \
	LOOP(bitor, type, a | b)
#define FLOATS(type) \
	NUMBERS(type, type) \
	LOOP(min, type, (b < a || b != b) ? b : a) \
	LOOP(max, type, (b > a || b != b) ? b : a)

INTEGERS(u8, uint8_t)
INTEGERS(i32, uint32_t)
INTEGERS(i64, uint64_t)
FLOATS(f32)
FLOATS(f64)

void deeprc_combine(void *acc, const void *x, int64_t n, int type, int op) {
#define INTEGER_ROW(t) {sum_##t, min_##t, max_##t, prod_##t, and_##t, or_##t, bitand_##t, bitor_##t}
#define FLOAT_ROW(t) {sum_##t, min_##t, max_##t, prod_##t, and_##t, or_##t, 0, 0}
	typedef void (*loop)(void *, const void *, int64_t);
	static const loop loops[5][8] = {INTEGER_ROW(u8), INTEGER_ROW(i32), INTEGER_ROW(i64), FLOAT_ROW(f32), FLOAT_ROW(f64)};
	loops[type][op](acc, x, n);
}
