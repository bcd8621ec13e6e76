package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
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
	{"ops_conv", "max_pool2", nil, one(func(x *Tensor) *Tensor { return x.MaxPool(2, 2, 0, true) })},
	{"ops_conv", "max_pool3", nil, one(func(x *Tensor) *Tensor { return x.MaxPool(3, 3, 0, true) })},
	{"ops_conv", "max_pool2_floor", nil, one(func(x *Tensor) *Tensor { return x.MaxPool(2, 2, 0, false) })},
	{"ops_conv", "max_pool3_floor", nil, one(func(x *Tensor) *Tensor { return x.MaxPool(3, 3, 0, false) })},
	{"ops_conv", "max_pool_overlap", nil, one(func(x *Tensor) *Tensor { return x.MaxPool(3, 2, 1, false) })},
	{"ops_conv", "avg_pool2", nil, one(func(x *Tensor) *Tensor { return x.AvgPool(2, 2, true) })},
	{"ops_conv", "avg_pool3", nil, one(func(x *Tensor) *Tensor { return x.AvgPool(3, 3, true) })},
	{"ops_conv", "interpolate_nearest_12", nil, interpolated("nearest", 12)},
	{"ops_conv", "interpolate_nearest_13", nil, interpolated("nearest", 13)},
	{"ops_conv", "interpolate_nearest_3", nil, interpolated("nearest", 3)},
	{"ops_conv", "interpolate_linear_12", nil, interpolated("linear", 12)},
	{"ops_conv", "interpolate_linear_13", nil, interpolated("linear", 13)},
	{"ops_conv", "interpolate_linear_3", nil, interpolated("linear", 3)},
	{"ops_conv", "interpolate_cubic_12", nil, interpolated("cubic", 12)},
	{"ops_conv", "interpolate_cubic_13", nil, interpolated("cubic", 13)},
	{"ops_conv", "conv1d", nil, convolution(0, 0, 1, 1, 1)},
	{"ops_conv", "conv1d_same", nil, convolution(1, 1, 1, 1, 1)},
	{"ops_conv", "conv1d_circular", nil, func(in []*Tensor) []*Tensor {
		return []*Tensor{in[0].PadCircular(2, 1, 1).Conv1d(in[1], in[2], 1, 1)}
	}},
	{"ops_conv", "conv1d_stride", nil, convolution(1, 1, 1, 1, 2)},
	{"ops_conv", "conv1d_dilated", nil, convolution(0, 0, 3, 1, 1)},
	{"ops_conv", "conv1d_groups", nil, convolution(0, 0, 1, 2, 1)},
	{"ops_conv", "conv1d_depthwise", nil, convolution(0, 0, 1, 4, 1)},
	{"ops_conv", "conv1d_causal1", nil, convolution(2, 0, 1, 1, 1)},
	{"ops_conv", "conv1d_causal2", nil, convolution(4, 0, 2, 1, 1)},
	{"ops_conv", "conv1d_causal4", nil, convolution(8, 0, 4, 1, 1)},
	{"ops_recurrent", "lstm_1", nil, layersOf(2, plainCell(LSTMCell, Tanh))},
	{"ops_recurrent", "lstm_2", nil, layersOf(2, plainCell(LSTMCell, Tanh))},
	{"ops_recurrent", "gru_1", nil, layersOf(1, GRUCell)},
	{"ops_recurrent", "gru_2", nil, layersOf(1, GRUCell)},
	{"ops_recurrent", "rnn_tanh_1", nil, layersOf(1, plainCell(RNNCell, Tanh))},
	{"ops_recurrent", "rnn_tanh_2", nil, layersOf(1, plainCell(RNNCell, Tanh))},
	{"ops_recurrent", "rnn_relu_1", nil, layersOf(1, plainCell(RNNCell, ReLU))},
	{"ops_recurrent", "rnn_relu_2", nil, layersOf(1, plainCell(RNNCell, ReLU))},
	{"ops_attention", "attention", nil, attended(.5, false, nil)},
	{"ops_attention", "attention_mask", nil, attended(.5, false, []float32{9: masked, 10: masked, 11: masked, 29: masked, 30: masked, 31: masked, 32: masked, 33: masked, 34: masked})},
	{"ops_attention", "attention_bias", nil, attended(.5, false, nil)},
	{"ops_attention", "attention_causal", nil, attended(.5, true, nil)},
	{"ops_attention", "attention_scale", nil, attended(.3, false, nil)},
	{"ops_pointwise", "relu", nil, one((*Tensor).ReLU)},
	{"ops_pointwise", "gelu", nil, one((*Tensor).GELU)},
	{"ops_pointwise", "gelu_tanh", nil, one((*Tensor).GELUTanh)},
	{"ops_pointwise", "sigmoid", nil, one((*Tensor).Sigmoid)},
	{"ops_pointwise", "tanh", nil, one((*Tensor).Tanh)},
	{"ops_pointwise", "softplus", nil, one((*Tensor).Softplus)},
	{"ops_pointwise", "elu", nil, one(func(x *Tensor) *Tensor { return x.ELU(1) })},
	{"ops_pointwise", "selu", nil, one((*Tensor).SELU)},
	{"ops_pointwise", "silu", nil, one(func(x *Tensor) *Tensor { return x.Mul(x.Sigmoid()) })},
	{"ops_pointwise", "leaky_relu", nil, one(func(x *Tensor) *Tensor { return x.LeakyReLU(.2) })},
	{"ops_pointwise", "exp", nil, one((*Tensor).Exp)},
	{"ops_pointwise", "softmax", nil, one((*Tensor).Softmax)},
	{"ops_pointwise", "log_softmax", nil, one((*Tensor).LogSoftmax)},
	{"ops_pointwise", "glu", nil, one(func(x *Tensor) *Tensor { return x.Slice(-1, 0, 10).Mul(x.Slice(-1, 10, 20).Sigmoid()) })},
	{"ops_pointwise", "log1p", nil, one(func(x *Tensor) *Tensor { return x.Shift(1).Log() })},
	{"ops_norm", "layer_norm", nil, func(in []*Tensor) []*Tensor { return []*Tensor{in[0].LayerNorm(in[1], in[2], 1e-5)} }},
	{"ops_norm", "layer_norm_plain", nil, one(func(x *Tensor) *Tensor { return x.Standardise(1e-5) })},
	{"ops_norm", "embedding", nil, func(in []*Tensor) []*Tensor { return []*Tensor{in[1].Embedding(in[0])} }},
	{"ops_norm", "batch_norm_train", nil, func(in []*Tensor) []*Tensor {
		y, _, _ := in[0].batchNormTrain(1, in[0].g.Const(1, 4), in[1], in[2], 1e-5, &ranks{})
		return []*Tensor{y}
	}},
	{"ops_norm", "batch_norm_eval", nil, func(in []*Tensor) []*Tensor {
		return []*Tensor{in[0].BatchNorm(1, in[1], in[2], in[3], in[4], 1e-5)}
	}},
	{"ops_norm", "instance_norm", nil, func(in []*Tensor) []*Tensor {
		return []*Tensor{in[0].InstanceNorm(in[1], in[2], 1e-5)}
	}},
	{"ops_frequency", "rfft", nil, one(realTransform)},
	{"ops_frequency", "rfft_odd", nil, one(realTransform)},
	{"ops_frequency", "irfft", nil, one(func(z *Tensor) *Tensor { // (3, 13, 2)
		return fromModes(z.Permute(0, 2, 1).Reshape(3, 26, 1), lowModes(13), 24).Reshape(3, 24)
	})},
	{"ops_frequency", "roll", nil, one(func(x *Tensor) *Tensor { return x.Roll(1, -5) })},
	{"scaler_standard", "standard", []string{"mask"}, scaled("standard")},
	{"scaler_robust", "robust", []string{"mask"}, scaled("robust")},
	{"scaler_minmax", "minmax", []string{"mask"}, scaled("minmax")},
	{"scaler_minmax1", "minmax1", []string{"mask"}, scaled("minmax1")},
	{"scaler_invariant", "invariant", []string{"mask"}, scaled("invariant")},
	{"scaler_revin", "revin", []string{"mask"}, scaled("revin")},
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
	{"losses_distribution", "normal_scaled", []string{"target", "loc", "scale"}, distributionLoss("normal", 46)},
	{"losses_distribution", "studentt_scaled", []string{"target", "loc", "scale"}, distributionLoss("studentt", 46)},
	{"losses_distribution", "poisson", []string{"counts"}, distributionLoss("poisson", 47)},
	{"losses_distribution", "negativebinomial", []string{"counts"}, distributionLoss("negativebinomial", 47)},
}

// notOps are cases of such files that no op is held to: what other cases hold, and functions that no net uses as an op.
var notOps = []string{"ops_pointwise lgamma", "losses_distribution normal", "losses_distribution studentt", "losses_distribution normal_arguments",
	"losses_distribution studentt_arguments", "losses_distribution poisson_arguments", "losses_distribution negativebinomial_arguments",
	"losses_hydrology mse", "losses_hydrology rmse", "ops_conv conv2d_same"}

// Every case of every file of ops, scalers and losses has its op.
func TestNoGoldenOpIsForgotten(t *testing.T) {
	held := slices.Clone(notOps)
	for _, c := range goldenOps {
		held = append(held, c.file+" "+c.key)
	}
	for _, file := range goldenFiles(t) {
		if family, _, _ := strings.Cut(file, "_"); !slices.Contains([]string{"ops", "scaler", "losses"}, family) {
			continue
		}
		for key := range readGolden(t, file).Cases {
			if !slices.Contains(held, file+" "+key) {
				t.Errorf("%s: the case %s is held to no op", file, key)
			}
		}
	}
}

// one is an op of one input and one output.
func one(f func(x *Tensor) *Tensor) func(in []*Tensor) []*Tensor {
	return func(in []*Tensor) []*Tensor { return []*Tensor{f(in[0])} }
}

// realTransform is that of x (N, T), its real and imaginary parts beside each other (N, T/2 + 1, 2).
func realTransform(x *Tensor) *Tensor {
	N, T := x.Shape[0], x.Last()
	return toModes(x.Unsqueeze(2), lowModes(T/2+1)).Reshape(N, 2, T/2+1).Permute(0, 2, 1)
}

// convolution is of x, w and b, if there is one, with zeros before and after x and every stride-th value of the result.
func convolution(before, after, dilation, groups, stride int) func(in []*Tensor) []*Tensor {
	return func(in []*Tensor) []*Tensor {
		x := in[0]
		if before+after > 0 {
			x = x.Pad(2, before, after)
		}
		y := x.Conv1d(in[1], append(in, nil)[2], dilation, groups)
		return []*Tensor{y.SliceStep(2, 0, y.Last(), stride)}
	}
}

var masked = float32(math.Inf(-1))

// attended is of q, k, v and a bias: the mask (5, 7), if there is one, or the fourth input.
func attended(scale float32, causal bool, mask []float32) func(in []*Tensor) []*Tensor {
	return func(in []*Tensor) []*Tensor {
		bias := append(in, nil)[3]
		if mask != nil {
			bias = in[0].g.Literal(mask, 5, 7)
		}
		return []*Tensor{in[0].Attention(in[1], in[2], bias, scale, causal)}
	}
}

func interpolated(mode string, n int) func(in []*Tensor) []*Tensor {
	return one(func(x *Tensor) *Tensor { return x.Interpolate(mode, n) })
}

// scaled is the past scaled, the forecast scaled back, shift and scale, as the file's outputs are.
func scaled(kind string) func(in []*Tensor) []*Tensor {
	return func(in []*Tensor) []*Tensor {
		past, forecast, mask := in[0], in[1], in[len(in)-1]
		s := past.windowScale(kind, past.Last(), mask)
		z := s.apply(past)
		switch kind {
		case "revin":
			s = s.affine(in[2], in[3])
		case "minmax1": // the reference has least and range, and takes half of the range elsewhere
			return []*Tensor{z, s.undo(forecast), s.shift.Sub(s.scale), s.scale.Scale(2)}
		}
		return []*Tensor{z, s.undo(forecast), s.shift, s.scale}
	}
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

// distributionLoss is that of what a net put out, behind the window's scale if there is one.
func distributionLoss(kind string, n float32) func(in []*Tensor) []*Tensor {
	return func(in []*Tensor) []*Tensor {
		l, raw, target := Loss{Kind: kind}, in[0], in[1]
		var back *windowScale
		if len(in) > 2 {
			back = &windowScale{shift: in[2].Reshape(in[2].Len(), 1, 1), scale: in[3].Reshape(in[3].Len(), 1, 1)}
		}
		y := l.outputs(raw.Reshape(target.Shape[0], target.Shape[1], target.Shape[2]*l.Outputs()), back)
		return meanLoss(l, n)([]*Tensor{y, target})
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
				if _, used := r.(*cpuRunner).prog.place[x]; !used {
					continue // the dout of a value without gradient
				}
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
