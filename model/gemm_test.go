package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// gemmCase is op(x)·op(y) for x and y of these shapes.
type gemmCase struct {
	x, y   []int
	tx, ty bool
	batch  [][2]int // of which matrices each is
}

func (c gemmCase) String() string { return fmt.Sprintf("%v%v·%v%v", c.x, mark(c.tx), c.y, mark(c.ty)) }

func mark(transposed bool) string {
	if transposed {
		return "ᵀ"
	}
	return ""
}

func (c gemmCase) record() *Tensor {
	var g Graph
	return g.Input(F32, c.x...).matMul(g.Input(F32, c.y...), c.tx, c.ty)
}

// small are whole numbers, whose sums of products are exact in any order.
func small(n int) []float32 {
	v, r := make([]float32, n), rand.New(rand.NewPCG(1, uint64(n)))
	for i := range v {
		v[i] = float32(r.IntN(15) - 7)
	}
	return v
}

// sines are values whose sums of products are rounded.
func sines(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.Sin(float64(i)))
	}
	return v
}

// TestGemm compares with sums of products, one by one: edges of tiles, more than one part of k, rows a page apart, a batch.
func TestGemm(t *testing.T) {
	var cases []gemmCase
	one := [][2]int{{0, 0}}
	for _, s := range [][3]int{{1, 1, 1}, {14, 32, 512}, {15, 33, 513}, {27, 17, 3}, {6, 16, 40}, {7, 9, 1024}, {29, 49, 1100}, {70, 5, 8}} {
		m, n, k := s[0], s[1], s[2]
		cases = append(cases, gemmCase{[]int{m, k}, []int{k, n}, false, false, one}, gemmCase{[]int{m, k}, []int{n, k}, false, true, one},
			gemmCase{[]int{k, m}, []int{k, n}, true, false, one}, gemmCase{[]int{k, m}, []int{n, k}, true, true, one})
	}
	cases = append(cases, gemmCase{[]int{3, 1, 20, 30}, []int{2, 30, 40}, false, false, [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}}},
		gemmCase{[]int{2, 30, 20}, []int{2, 2, 40, 30}, true, true, [][2]int{{0, 0}, {1, 1}, {0, 2}, {1, 3}}})
	forEachISA(t, func(t *testing.T) {
		for _, c := range cases {
			y := c.record()
			o := y.op.(*matMul)
			in := [][]float32{small(y.in[0].Len()), small(y.in[1].Len())}
			var want []float32
			for _, v := range products(int(o.product.m), int(o.product.n), int(o.product.k), c.tx, c.ty, c.batch)(in) {
				want = append(want, float32(v))
			}
			for _, threads := range []int{1, 2, 5} {
				dev, err := CPU(threads)
				if err != nil {
					t.Fatal(err)
				}
				got := slices.Repeat([]float32{float32(math.NaN())}, len(want)+align) // what follows must stay
				gemm(dev.(cpu).pool, &o.product, in[0], in[1], got)
				dev.Close()
				if !slices.Equal(got[:len(want)], want) {
					t.Fatalf("%v by %d threads is wrong", c, threads)
				}
				if slices.ContainsFunc(got[len(want):], func(v float32) bool { return v == v }) {
					t.Fatalf("%v by %d threads writes beyond its end", c, threads)
				}
			}
		}
	})
}

// TestGemmRepeats: any number of threads gives the same bits.
func TestGemmRepeats(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		c := gemmCase{x: []int{101, 700}, y: []int{700, 90}}
		y := c.record()
		a, b := sines(y.in[0].Len()), sines(y.in[1].Len())
		var first []float32
		for _, threads := range []int{1, 2, 3, 8} {
			dev, err := CPU(threads)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float32, y.Len())
			gemm(dev.(cpu).pool, &y.op.(*matMul).product, a, b, got)
			dev.Close()
			if first == nil {
				first = got
			} else if !slices.Equal(got, first) {
				t.Fatalf("%d threads differ from one", threads)
			}
		}
	})
}

// TestGemmRowsStandAlone: what a row of a product is does not depend on the rows beside it, so that ranks which share windows otherwise
// forecast the same.
func TestGemmRowsStandAlone(t *testing.T) {
	const m = 300
	forEachISA(t, func(t *testing.T) {
		dev := testCPU(t)
		for _, s := range [][2]int{{1, 600}, {7, 600}, {32, 600}, {100, 600}, {1, 9}, {40, 9}} {
			n, k := s[0], s[1]
			for _, flags := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
				b := sines(k * n)
				product := func(a []float32, m int) []float32 { // a of rows of k
					c := gemmCase{x: []int{m, k}, y: []int{k, n}, tx: flags[0], ty: flags[1]}
					if c.tx {
						c.x = []int{k, m}
						turned := make([]float32, len(a))
						for i, v := range a {
							turned[i%k*m+i/k] = v
						}
						a = turned
					}
					if c.ty {
						c.y = []int{n, k}
					}
					got := make([]float32, m*n)
					gemm(dev.(cpu).pool, &c.record().op.(*matMul).product, a, b, got)
					return got
				}
				a := sines(m * k)
				all := product(a, m)
				for _, part := range [][2]int{{0, 1}, {299, 300}, {5, 24}, {40, 290}} {
					lo, hi := part[0], part[1]
					if !slices.Equal(product(a[lo*k:hi*k], hi-lo), all[lo*n:hi*n]) {
						t.Errorf("rows %d to %d of %d × %d × %d, transposed %v, are other bits alone", lo, hi, m, n, k, flags)
					}
				}
			}
		}
	})
}

// BenchmarkGemm is the products of a linear layer (forward, gradients of input and weights), of 32 windows.
func BenchmarkGemm(b *testing.B) {
	const rows = 224 // of 7 channels
	for _, s := range [][2]int{{512, 512}, {512, 336}, {432, 512}, {1024, 1024}, {96, 1024}, {96, 336}} {
		out, in := s[0], s[1]
		for _, c := range []gemmCase{{x: []int{rows, in}, y: []int{out, in}, ty: true}, {x: []int{rows, out}, y: []int{out, in}}, {x: []int{rows, out}, y: []int{rows, in}, tx: true}} {
			y := c.record()
			o := &y.op.(*matMul).product
			b.Run(c.String(), func(b *testing.B) {
				dev, err := CPU(2)
				if err != nil {
					b.Fatal(err)
				}
				defer dev.Close()
				x, w, to := small(y.in[0].Len()), small(y.in[1].Len()), make([]float32, y.Len())
				for b.Loop() {
					gemm(dev.(cpu).pool, o, x, w, to)
				}
				b.ReportMetric(2*float64(rows*out*in)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
