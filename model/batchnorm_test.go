package model

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
)

// batchNormed is x̂·w + b of x (outer, channels, inner) by its definition; weight is of the rows of the outer axis.
func batchNormed(outer, channels, inner int, weight []float64) func(in [][]float32) []float64 {
	return func(in [][]float32) []float64 {
		y := make([]float64, len(in[0]))
		for c := range channels {
			var n, mean, square float64
			each := func(f func(i int, w float64)) {
				for i := range y {
					if i/inner%channels == c {
						f(i, weight[i/inner/channels])
					}
				}
			}
			each(func(i int, w float64) { n, mean = n+w, mean+w*float64(in[0][i]) })
			mean /= n
			each(func(i int, w float64) { square += w * math.Pow(float64(in[0][i])-mean, 2) })
			each(func(i int, _ float64) {
				y[i] = (float64(in[0][i])-mean)/math.Sqrt(square/n+.01)*float64(in[1][c]) + float64(in[2][c])
			})
		}
		return y
	}
}

func batchNormCase(name string, shape []int, channel int, weight []float32) opCase {
	var rows []float64 // of the outer axis
	outer, inner := length(shape[:channel]), length(shape[channel+1:])
	for i := range outer {
		rows = append(rows, float64(weight[i*len(weight)/outer]))
	}
	return opCase{name: name, shapes: [][]int{shape, {shape[channel]}, {shape[channel]}}, want: batchNormed(outer, shape[channel], inner, rows),
		build: func(in []*Tensor) *Tensor {
			y, _, _ := in[0].batchNormTrain(channel, in[0].g.Literal(weight, len(weight)), in[1], in[2], .01, &ranks{})
			return y
		}}
}

var batchNormCases = []opCase{
	batchNormCase("batch norm", []int{4, 3, 19}, 1, []float32{1, 1, 1, 1}),
	batchNormCase("batch norm, windows that do not count", []int{5, 3, 2}, 1, []float32{1, 1, 1, 0, 0}),
	batchNormCase("batch norm of the last axis", []int{6, 37}, 1, []float32{1, 1, 1, 1, 1, 0}),
	batchNormCase("batch norm, rows side by side", []int{6, 5, 35}, 2, []float32{1, 1, 0}),
	{name: "batch norm by given statistics", shapes: [][]int{{2, 3, 5}, {3}, {3}}, build: func(in []*Tensor) *Tensor {
		return in[0].BatchNorm(1, in[0].g.Literal([]float32{1, 2, 3}, 3), in[0].g.Literal([]float32{4, 1, .5}, 3), in[1], in[2], .01)
	}},
	{name: "batch norm of the last axis by given statistics", shapes: [][]int{{4, 3}, {3}, {3}}, build: func(in []*Tensor) *Tensor {
		return in[0].BatchNorm(1, in[0].g.Literal([]float32{1, 2, 3}, 3), in[0].g.Literal([]float32{4, 1, .5}, 3), in[1], in[2], .01)
	}},
}

// The running statistics after one batch are PyTorch's.
func TestRunningStatisticsAgainstPyTorch(t *testing.T) {
	file := readGolden(t, "ops_norm")
	var about struct{ Before, After [2][]float32 }
	must(t, json.Unmarshal(file.Cases["batch_norm_train"], &about))
	g, buffers := &Graph{}, [2]*Region{{"running_mean", 6}, {"running_var", 6}}
	x, w := g.Input(F32, 4, 6, 15), g.Input(F32, 6)
	_, mean, sample := x.batchNormTrain(1, g.Const(1, 4), w, w, batchNormEps, &ranks{})
	share := g.Const(batchNormMomentum, 1)
	p := g.Plan(align, runningAverage(g.At(buffers[0], 0, 6), mean, share), runningAverage(g.At(buffers[1], 0, 6), sample, share))
	r, err := testCPU(t).Compile(p, map[*Region]Mem{buffers[0]: Shared(about.Before[0]), buffers[1]: Shared(about.Before[1])})
	must(t, err)
	must(t, r.Write(x, file.floats(t, "batch_norm_train.in0")))
	must(t, r.Run())
	for i, b := range buffers {
		same(t, b.Name, about.Before[i], about.After[i], 1e-6, largest(about.After[i]))
	}
}

func BenchmarkBatchNorm(b *testing.B) {
	for _, s := range [][]int{{32 * 7 * 42, 128}, {32, 672, 1}, {32, 64, 512}} { // PatchTST's, TSMixer's, a convolution's
		g := &Graph{}
		x, w := g.Input(F32, s...), g.Input(F32, s[1])
		y, _, _ := x.batchNormTrain(1, g.Const(1, 32), w, w, batchNormEps, &ranks{})
		r, err := testCPU(b).Compile(g.Plan(0, append(g.Gradients(y.Reshape(1, y.Len()).MatMul(g.Const(1, y.Len(), 1)), x, w), y)...), nil)
		must(b, err)
		must(b, r.Write(x, make([]float32, x.Len())))
		must(b, r.Write(w, make([]float32, w.Len())))
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			b.SetBytes(4 * int64(x.Len()))
			for b.Loop() {
				must(b, r.Run())
			}
		})
	}
}
