package gpu

import (
	"fmt"
	"testing"
	"unsafe"
)

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

// along is an array (outer, n, inner), and where its elements stand.
type along struct{ outer, n, inner int }

func (a along) at(o, t, c int) int { return (o*a.n+t)*a.inner + c }
func (a along) len() int           { return a.outer * a.n * a.inner }

func TestIndex(t *testing.T) {
	for name, w := range map[string]Indexing{
		"slice":       {3, 10, 4, 5, 1, [3]int64{2}, [3]int64{4}, [3]int64{1}},
		"every third": {2, 10, 3, 1, 1, [3]int64{1}, [3]int64{3}, [3]int64{3}},
		"flip":        {2, 6, 6, 4, 1, [3]int64{5}, [3]int64{6}, [3]int64{-1}},
		"roll":        {2, 7, 7, 2, 2, [3]int64{5, 0}, [3]int64{2, 5}, [3]int64{1, 1}},
		"zeros":       {3, 5, 9, 2, 3, [3]int64{-1, 0, -1}, [3]int64{1, 5, 3}, [3]int64{0, 1, 0}},
		"replicated":  {3, 5, 11, 2, 3, [3]int64{0, 0, 4}, [3]int64{2, 5, 4}, [3]int64{0, 1, 0}},
		"circular":    {2, 5, 9, 1, 3, [3]int64{3, 0, 0}, [3]int64{2, 5, 2}, [3]int64{1, 1, 1}},
		"mirrored":    {2, 5, 9, 3, 3, [3]int64{2, 0, 3}, [3]int64{2, 5, 2}, [3]int64{-1, 1, -1}},
	} {
		from, to := along{int(w.Outer), int(w.From), int(w.Inner)}, along{int(w.Outer), int(w.To), int(w.Inner)}
		x, dy := normal(seeded(20), from.len()), normal(seeded(21), to.len())
		got := inOrders(t, func(r *rig) []float32 {
			y, dx := r.room(to.len()), r.room(from.len())
			must(t, r.s.Index(y, r.put(x), w))
			must(t, r.s.IndexGrad(dx, r.put(dy), w))
			return append(r.get(y, to.len()), r.get(dx, from.len())...)
		})
		y, dx := make([]float64, to.len()), make([]float64, from.len())
		for o := range to.outer {
			for c := range to.inner {
				k := 0
				for s := range w.Segments {
					for j := range w.N[s] {
						if w.Off[s] >= 0 {
							source := from.at(o, int(w.Off[s]+j*w.Step[s]), c)
							y[to.at(o, k, c)] = float64(x[source])
							dx[source] += float64(dy[to.at(o, k, c)])
						}
						k++
					}
				}
			}
		}
		near(t, name, got[:to.len()], y, 0, 0)
		near(t, "gradient of "+name, got[to.len():], dx, 1e-6, 1e-6)
	}
}

func TestConcat(t *testing.T) {
	const outer, m, n = 7, 5, 40
	a, b := normal(seeded(22), outer*m), normal(seeded(23), outer*n)
	got := inOrders(t, func(r *rig) []float32 {
		y := r.room(outer * (m + n))
		must(t, r.s.Concat(y, r.put(a), outer, m+n, 0, m))
		must(t, r.s.Concat(y, r.put(b), outer, m+n, m, n))
		return r.get(y, outer*(m+n))
	})
	var want []float64
	for o := range outer {
		for _, v := range append(append([]float32(nil), a[o*m:][:m]...), b[o*n:][:n]...) {
			want = append(want, float64(v))
		}
	}
	near(t, "concat", got, want, 0, 0)
}

// putInts is put of int64.
func (r *rig) putInts(x []int64) Ptr {
	r.t.Helper()
	p := r.room(2 * len(x))
	must(r.t, r.s.Write(p, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 8*len(x))))
	return p
}

func TestTake(t *testing.T) {
	const outer, n, m, inner = 3, 9, 20, 4
	from, to := along{outer, n, inner}, along{outer, m, inner}
	for of, indices := range map[int]int{OfAxis: m, OfElements: to.len(), OfRows: outer * m} {
		rng := seeded(24)
		x, dy, at := normal(rng, from.len()), normal(rng, to.len()), make([]int64, indices)
		for i := range at {
			at[i] = rng.Int64N(n)
		}
		got := inOrders(t, func(r *rig) []float32 {
			y, dx, pat := r.room(to.len()), r.room(from.len()), r.putInts(at)
			must(t, r.s.Take(y, r.put(x), pat, outer, n, m, inner, of))
			must(t, r.s.TakeGrad(dx, r.put(dy), pat, outer, n, m, inner, of))
			return append(r.get(y, to.len()), r.get(dx, from.len())...)
		})
		y, dx := make([]float64, to.len()), make([]float64, from.len())
		for o := range outer {
			for j := range m {
				for c := range inner {
					i := map[int]int{OfAxis: j, OfElements: to.at(o, j, c), OfRows: o*m + j}[of]
					source := from.at(o, int(at[i]), c)
					y[to.at(o, j, c)] = float64(x[source])
					dx[source] += float64(dy[to.at(o, j, c)])
				}
			}
		}
		near(t, fmt.Sprint("take ", of), got[:to.len()], y, 0, 0)
		near(t, fmt.Sprint("gradient of take ", of), got[to.len():], dx, 1e-5, 1e-6)
	}
}

func TestGather(t *testing.T) {
	const outer, all, from, to, shift, n = 5, 4, 1, 3, 2, 30
	series := normal(seeded(25), 500)
	at := make([]int64, outer*all)
	for i := range at {
		at[i] = int64(20 * i)
	}
	got := inOrders(t, func(r *rig) []float32 {
		y := r.room(outer * (to - from) * n)
		must(t, r.s.Gather(y, r.put(series), r.putInts(at), outer, all, from, to, shift, n))
		return r.get(y, outer*(to-from)*n)
	})
	var want []float64
	for o := range outer {
		for k := from; k < to; k++ {
			for j := range n {
				want = append(want, float64(series[int(at[o*all+k])+shift+j]))
			}
		}
	}
	near(t, "gather", got, want, 0, 0)
}
