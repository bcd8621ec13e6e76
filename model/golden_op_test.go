package model

import (
	"fmt"
	"slices"
	"testing"
)

// goldenOps are the ops held to PyTorch or another reference: a case of a file
// of testdata/golden, arrays that its cases share (they come after the inputs),
// and the op.
var goldenOps = []struct {
	file, key string
	shared    []string
	build     func(in []*Tensor) []*Tensor
}{
	{"losses", "mse", []string{"target"}, meanLoss(Loss{Kind: "mse"}, 46)},
	{"losses", "mae", []string{"target"}, meanLoss(Loss{Kind: "mae"}, 46)},
	{"losses", "huber", []string{"target"}, meanLoss(Loss{Kind: "huber", Delta: .7}, 46)},
	{"losses", "rmse", []string{"target"}, meanLoss(Loss{Kind: "rmse"}, 46)},
	{"losses", "mape", []string{"target"}, meanLoss(Loss{Kind: "mape"}, 46)},
	{"losses", "smape", []string{"target"}, meanLoss(Loss{Kind: "smape"}, 46)},
	{"losses", "mase", []string{"target", "past"}, func(in []*Tensor) []*Tensor {
		// The reference divides the errors of each window by the scales of all, one after the other.
		scales := Loss{Kind: "mase", Season: 4}.Divisor(in[2], nil)
		mae := meanLoss(Loss{Kind: "mae"}, 46)(in[:2])[0]
		return []*Tensor{mae.Mul(scales.Pow(-1).Sum().Reshape(1))}
	}},
	{"losses", "quantile", []string{"target"}, meanLoss(Loss{Kind: "quantile", Quantiles: []float64{.2}}, 46)},
	{"losses", "quantiles", []string{"target"}, meanLoss(Loss{Kind: "mqloss", Quantiles: []float64{.5, .05, .1, .9, .95}}, 46)},
	{"losses_hydrology", "nse", []string{"target", "std"}, meanLoss(Loss{Kind: "nse"}, 18)},
	{"losses_distribution", "normal", []string{"target"}, meanLoss(Loss{Kind: "normal"}, 46)},
	{"losses_distribution", "studentt", []string{"target"}, meanLoss(Loss{Kind: "studentt"}, 46)},
	{"losses_distribution", "poisson", []string{"counts"}, meanLoss(Loss{Kind: "poisson"}, 47)},
	{"losses_distribution", "negativebinomial", []string{"counts"}, meanLoss(Loss{Kind: "negativebinomial"}, 47)},
}

// meanLoss is l over the file's targets that are there, of which there are n.
func meanLoss(l Loss, n float32) func(in []*Tensor) []*Tensor {
	return func(in []*Tensor) []*Tensor {
		pred, target := in[0], in[1]
		w := pred.g.Const(1, pred.Shape[0])
		var more *Tensor // past or deviation
		if len(in) > 2 {
			more = in[2]
		}
		mean := l.Of(pred.Reshape(target.Shape[0], target.Shape[1], target.Shape[2]*l.Outputs()), target, w, l.Divisor(more, more)).
			Slice(0, 0, 1).Scale(1 / n)
		if losses[l.Kind].root {
			mean = mean.Sqrt()
		}
		return []*Tensor{mean}
	}
}

// Values and gradients to 1e-5 of the array's largest.
func TestOpsAgainstTheirReference(t *testing.T) {
	for _, c := range goldenOps {
		t.Run(c.file+" "+c.key, func(t *testing.T) {
			f := readGolden(t, c.file)
			g := &Graph{}
			var ins, outs, asked []*Tensor
			var data, want []Named
			input := func(name string) *Tensor {
				a := f.arrays[name]
				typ := F32
				if _, ok := a.Data.([]int64); ok {
					typ = I64
				}
				x := g.Input(typ, a.Shape...)
				ins, data = append(ins, x), append(data, a)
				return x
			}
			has := func(format string, i int) (string, bool) {
				name := fmt.Sprintf(format, c.key, i)
				_, ok := f.arrays[name]
				return name, ok
			}
			for i := 0; ; i++ {
				name, ok := has("%s.in%d", i)
				if !ok {
					break
				}
				input(name)
			}
			n := len(ins)
			for _, name := range c.shared {
				input(name)
			}
			outs = c.build(ins)
			var loss *Tensor // Σ dout·out
			for i, y := range outs {
				suffix := fmt.Sprint(i)
				if len(outs) == 1 {
					suffix = ""
				}
				dout := input(c.key+".dout"+suffix).Reshape(y.Len(), 1)
				if part := y.Reshape(1, y.Len()).MatMul(dout); loss == nil {
					loss = part
				} else {
					loss = loss.Add(part)
				}
				asked, want = append(asked, y), append(want, f.arrays[c.key+".out"+suffix])
			}
			for i, x := range ins[:n] {
				if name, ok := has("%s.grad%d", i); ok {
					asked, want = append(asked, g.Gradients(loss, x)[0]), append(want, f.arrays[name])
				}
			}
			r, err := testCPU(t).Compile(g.Plan(align, asked...), nil)
			must(t, err)
			for i, x := range ins {
				switch d := data[i].Data.(type) {
				case []float32:
					must(t, r.Write(x, d))
				case []int64:
					must(t, r.WriteInts(x, d))
				}
			}
			must(t, r.Run())
			for i, y := range asked {
				got, w := make([]float32, y.Len()), want[i].Data.([]float32)
				must(t, r.Read(got, y))
				if !slices.Equal(y.Shape, want[i].Shape) {
					t.Errorf("%s has shape %v, the reference %v", want[i].Name, y.Shape, want[i].Shape)
				}
				same(t, want[i].Name, got, w, 1e-5, largest(w))
			}
		})
	}
}
