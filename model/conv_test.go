package model

import (
	"fmt"
	"testing"
)

// convolved is the plain sum, of x (B, C, L) and w (O, C/groups, K).
func convolved(B, C, L, O, K, dilation, groups int) func(in [][]float32) []float64 {
	n, in, out := L-(K-1)*dilation, C/groups, O/groups
	return func(a [][]float32) []float64 {
		y := make([]float64, B*O*n)
		for i := range y {
			b, o, t := i/(O*n), i/n%O, i%n
			if len(a) > 2 {
				y[i] = float64(a[2][o])
			}
			for c := range in {
				for k := range K {
					y[i] += float64(a[1][(o*in+c)*K+k]) * float64(a[0][(b*C+o/out*in+c)*L+t+k*dilation])
				}
			}
		}
		return y
	}
}

func convCase(B, C, L, O, K, dilation, groups int) opCase {
	return opCase{name: fmt.Sprintf("conv1d %d of %d by %d, dilation %d, groups %d", O, C, K, dilation, groups),
		shapes: [][]int{{B, C, L}, {O, C / groups, K}, {O}},
		build:  func(in []*Tensor) *Tensor { return in[0].Conv1d(in[1], in[2], dilation, groups) },
		want:   convolved(B, C, L, O, K, dilation, groups)}
}

var convCases = []opCase{
	convCase(2, 3, 9, 5, 3, 2, 1), // shorter than a vector
	convCase(2, 4, 27, 6, 2, 1, 1),
	convCase(2, 4, 101, 14, 3, 4, 2), // full blocks, and what is left
	convCase(3, 6, 40, 6, 7, 1, 6),
	convCase(3, 6, 21, 18, 1, 1, 3),
	{name: "conv1d without bias", shapes: [][]int{{2, 3, 20}, {4, 3, 3}}, build: func(in []*Tensor) *Tensor { return in[0].Conv1d(in[1], nil, 1, 1) },
		want: convolved(2, 3, 20, 4, 3, 1, 1)},
}

// BenchmarkConv is one convolution and both its gradients, of 32 windows.
func BenchmarkConv(b *testing.B) {
	for _, s := range [][4]int{{8, 24, 3, 1}, {32, 96, 2, 1}, {32, 96, 3, 4}, {64, 96, 3, 1}, {64, 168, 7, 2}, {128, 336, 3, 1}, {128, 24, 5, 1}} {
		C, L, K, dilation := s[0], s[1], s[2], s[3]
		g := &Graph{}
		x, w := g.Input(F32, 32, C, L), g.Input(F32, C, C, K)
		y := x.Pad(2, (K-1)*dilation, 0).Conv1d(w, nil, dilation, 1)
		d := g.Gradients(y.Reshape(1, y.Len()).MatMul(g.Const(1, y.Len(), 1)), x, w)
		for i, out := range []*Tensor{y, d[0], d[1]} {
			r, err := testCPU(b).Compile(g.Plan(0, out), nil)
			must(b, err)
			for _, in := range []*Tensor{x, w} {
				if _, used := r.(*cpuRunner).prog.place[in]; used {
					must(b, r.Write(in, make([]float32, in.Len())))
				}
			}
			b.Run(fmt.Sprintf("%s of %d channels, %d steps, %d taps", []string{"values", "input gradient", "weight gradient"}[i], C, L, K), func(b *testing.B) {
				for b.Loop() {
					must(b, r.Run())
				}
				b.ReportMetric(2*float64(32*C*C*K*L)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
	}
}

// TestConvByProducts: values and both gradients of whole numbers, whose sums are exact in any order, of more channels, steps and windows than
// a tile, by any number of threads.
func TestConvByProducts(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, s := range [][7]int{ // B, C, L, O, K, dilation, groups
			{3, 40, 600, 240, 2, 5, 1}, {2, 34, 60, 32, 3, 1, 2}, {1, 16, 18, 17, 1, 1, 1}, {2, 140, 50, 134, 3, 2, 2}, {2, 300, 41, 64, 2, 1, 1},
		} {
			B, C, L, O, K, dilation, groups := s[0], s[1], s[2], s[3], s[4], s[5], s[6]
			var g Graph
			x, w, bias := g.Input(F32, B, C, L), g.Input(F32, O, C/groups, K), g.Input(F32, O)
			y := x.Conv1d(w, bias, dilation, groups)
			dy := g.Input(F32, y.Shape...)
			grad := y.op.Grad(y, dy)
			inputs, in := []*Tensor{x, w, bias, dy}, [][]float32{}
			for _, i := range inputs {
				in = append(in, small(i.Len()))
			}
			values, dx, dw := convolved(B, C, L, O, K, dilation, groups)(in[:3]), make([]float64, x.Len()), make([]float64, w.Len())
			for i, d := range in[3] {
				b, o, t := i/(O*y.Last()), i/y.Last()%O, i%y.Last()
				for c := range C / groups {
					for k := range K {
						at, weight := (b*C+o/(O/groups)*(C/groups)+c)*L+t+k*dilation, (o*(C/groups)+c)*K+k
						dx[at] += float64(d * in[1][weight])
						dw[weight] += float64(d * in[0][at])
					}
				}
			}
			for _, threads := range []int{1, 2, 5} {
				dev, err := CPU(threads)
				must(t, err)
				r, err := dev.Compile(g.Plan(0, y, grad[0], grad[1]), nil)
				must(t, err)
				for i, data := range in {
					must(t, r.Write(inputs[i], data))
				}
				must(t, r.Run())
				for i, out := range []*Tensor{y, grad[0], grad[1]} {
					got := make([]float32, out.Len())
					must(t, r.Read(got, out))
					for j, want := range [][]float64{values, dx, dw}[i] {
						if float64(got[j]) != want {
							t.Fatalf("%v by %d threads: %s[%d] is %g, want %g", s, threads, []string{"y", "dx", "dw"}[i], j, got[j], want)
						}
					}
				}
				dev.Close()
			}
		}
	})
}
