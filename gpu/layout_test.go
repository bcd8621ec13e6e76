package gpu

import "testing"

// permuted is the walk of axes in another order: axis k of the result is axis order[k] of a dense array of this shape.
func permuted(shape []int, order ...int) (w Walk) {
	stride := make([]int, len(shape))
	n := 1
	for k := len(shape) - 1; k >= 0; k-- {
		stride[k] = n
		n *= shape[k]
	}
	w.Axes = int64(len(shape))
	for k, a := range order {
		w.Dim[k], w.Move[0][k] = int64(shape[a]), int64(stride[a])
	}
	return w
}

func TestPermute(t *testing.T) {
	for name, w := range map[string]Walk{
		"matrix":               permuted([]int{67, 45}, 1, 0),
		"one tile":             permuted([]int{32, 32}, 1, 0),
		"batch of matrices":    permuted([]int{3, 33, 40}, 0, 2, 1),
		"reversed":             permuted([]int{9, 10, 11}, 2, 1, 0),
		"last axis stays":      permuted([]int{5, 6, 7}, 1, 0, 2),
		"heads":                permuted([]int{2, 12, 3, 16}, 0, 2, 1, 3),
		"heads, transposed":    permuted([]int{2, 12, 3, 16}, 0, 2, 3, 1),
		"narrow":               permuted([]int{100, 3}, 1, 0),
		"repeated":             {3, [6]int64{4, 5, 6}, [3][6]int64{{6, 0, 1}}},
		"a number":             {1, [6]int64{100}, [3][6]int64{}},
		"first axis goes last": permuted([]int{20, 4, 15}, 1, 2, 0),
	} {
		x := normal(seeded(9), w.extent(0))
		got := inOrders(t, func(r *rig) []float32 {
			y := r.room(w.Len())
			must(t, r.s.Permute(y, r.put(x), w))
			return r.get(y, w.Len())
		})
		want := make([]float64, w.Len())
		for i := range want {
			want[i] = float64(x[w.at(0, i)])
		}
		near(t, name, got, want, 0, 0)
	}
}

func TestCopy(t *testing.T) {
	const n = 5000
	x := normal(seeded(10), n)
	r := newRig(t, healthy, Options{})
	y := r.room(n)
	must(t, r.s.Copy(y, r.put(x), 4*n))
	for i, v := range r.get(y, n) {
		if v != x[i] {
			t.Fatalf("element %d is %g, want %g", i, v, x[i])
		}
	}
}
