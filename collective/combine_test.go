package collective

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestCombine compares the kernels with plain Go for all types, operations and lengths round the vectors' widths, at odd offsets.
func TestCombine(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	combineInts[uint8](t, rng)
	combineInts[int32](t, rng)
	combineInts[int64](t, rng)
	combineFloats[float32](t, rng)
	combineFloats[float64](t, rng)
}

func combineInts[T uint8 | int32 | int64](t *testing.T, rng *rand.Rand) {
	combineAll(t, func() T { return []T{0, 0, T(rng.Uint64())}[rng.IntN(3)] }, func(op Op, a, b T) T {
		switch op {
		case BitAnd:
			return a & b
		case BitOr:
			return a | b
		}
		return plain(op, a, b)
	}, BitOr)
}

func combineFloats[T float32 | float64](t *testing.T, rng *rand.Rand) {
	values := []float64{0, math.Inf(1), math.Inf(-1), math.NaN()}
	combineAll(t, func() T {
		if rng.IntN(3) == 0 {
			return T(values[rng.IntN(4)])
		}
		return T(rng.NormFloat64())
	}, func(op Op, a, b T) T {
		if (op == Min || op == Max) && (a != a || b != b) {
			return T(math.NaN())
		}
		return plain(op, a, b)
	}, Or)
}

func plain[T Elem](op Op, a, b T) T {
	truth := func(v bool) T {
		if v {
			return 1
		}
		return 0
	}
	switch op {
	case Sum:
		return a + b
	case Prod:
		return a * b
	case Min:
		return min(a, b)
	case Max:
		return max(a, b)
	case And:
		return truth(a != 0 && b != 0)
	}
	return truth(a != 0 || b != 0)
}

func combineAll[T Elem](t *testing.T, value func() T, want func(op Op, a, b T) T, last Op) {
	for op := Sum; op <= last; op++ {
		for n := range 140 {
			t.Run(fmt.Sprintf("%v/%v/%d", typeOf[T](), op, n), func(t *testing.T) {
				a, b := make([]T, n+3), make([]T, n+1)
				for i := range a {
					a[i] = value()
				}
				for i := range b {
					b[i] = value()
				}
				before := append([]T(nil), a...)
				combine(Of(a[3:]), Of(b[1:]), op)
				for i := range a {
					w := before[i]
					if i >= 3 {
						w = want(op, w, b[i-2])
					}
					if a[i] != w && (a[i] == a[i] || w == w) {
						t.Fatalf("element %d: %v %v %v gives %v, want %v", i, before[i], op, b[max(0, i-2)], a[i], w)
					}
				}
			})
		}
	}
}
