package gpu

import (
	"fmt"
	"math"
	"testing"
)

func TestReduce(t *testing.T) {
	for _, shape := range [][3]int{
		{1, 1, 1}, {7, 5, 1}, {3, 100, 1}, {300, 33, 1}, {2, 1500, 1}, // rows
		{1, 70000, 1}, {3, 5000, 1}, // rows in parts
		{1, 9, 4}, {2, 100, 5}, {4, 3, 65}, {1, 20, 300}, {2, 40, 33}, // columns
		{1, 9000, 3}, {2, 3000, 40}, // columns in parts
	} {
		outer, n, inner := shape[0], shape[1], shape[2]
		x := normal(seeded(11), outer*n*inner)
		for op, join := range map[Reduction]func(a, b float64) float64{
			Sum: func(a, b float64) float64 { return a + b }, Largest: math.Max, Smallest: math.Min,
		} {
			got := inOrders(t, func(r *rig) []float32 {
				y := r.room(outer * inner)
				must(t, r.s.Reduce(op, y, r.put(x), .5, outer, n, inner))
				return r.get(y, outer*inner)
			})
			want := make([]float64, outer*inner)
			for o := range outer {
				for i := range inner {
					v := float64(x[o*n*inner+i])
					for k := 1; k < n; k++ {
						v = join(v, float64(x[(o*n+k)*inner+i]))
					}
					want[o*inner+i] = .5 * v
				}
			}
			abs := 0.
			if op == Sum {
				abs = 1e-7 * 3 * math.Sqrt(float64(n)) // 3 roundings of what the terms may come to
			}
			near(t, fmt.Sprint(op, shape), got, want, abs, 1e-6)
		}
	}
}

// Elements that are not a number are not lost.
func TestReduceNaN(t *testing.T) {
	x := make([]float32, 3*300)
	x[310] = float32(math.NaN())
	for _, op := range []Reduction{Sum, Largest, Smallest} {
		got := inOrders(t, func(r *rig) []float32 {
			rows, cols, p := r.room(3), r.room(300), r.put(x)
			must(t, r.s.Reduce(op, rows, p, 1, 3, 300, 1))
			must(t, r.s.Reduce(op, cols, p, 1, 1, 3, 300))
			return append(r.get(rows, 3), r.get(cols, 300)...)
		})
		for i, v := range got {
			if nan := i == 1 || i == 3+10; nan != (v != v) {
				t.Errorf("%s: result %d is %g", op, i, v)
			}
		}
	}
}

// A long sum keeps its digits: one number after another, in float32, it would be off by 4 %.
func TestReduceLong(t *testing.T) {
	const n = 1 << 20
	got := inOrders(t, func(r *rig) []float32 {
		x, y := r.room(n), r.room(1)
		must(t, r.s.Fill(x, .1, n))
		must(t, r.s.Reduce(Sum, y, x, 1, 1, n, 1))
		return r.get(y, 1)
	})
	near(t, "Σ 0.1", got, []float64{n * float64(float32(.1))}, 0, 1e-6)
}

// The parts of a reduction fit into the scratch memory, and are as many as keep a device busy, for any shape.
func TestReductionParts(t *testing.T) {
	for _, shape := range [][3]int{{1, 1 << 28, 1}, {1, 1 << 20, 1000}, {1 << 18, 4096, 1}, {1000, 1 << 16, 7}, {1, 2, 1}, {1, 1024, 1 << 18}} {
		outer, n, inner := shape[0], shape[1], shape[2]
		each := partOf(outer, n, inner)
		parts := ceil(n, each)
		if each < 1 || each > n || parts > 1 && 4*outer*parts*inner > scratchBytes {
			t.Errorf("%v: parts of %d elements, %d of them", shape, each, parts)
		}
		if outer*inner == 1 && n > 1<<20 && parts < 512 {
			t.Errorf("%v: only %d parts", shape, parts)
		}
	}
}
