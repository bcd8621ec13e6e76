package model

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"deeprc/collective"
)

// rankCases are sums of a rank alone; those of several are in TestRankSum and in the nets' below.
var rankCases = []opCase{{name: "rank sum", shapes: [][]int{{3, 5}}, build: func(in []*Tensor) *Tensor { return (&ranks{}).sum(in[0]) },
	want: each(func(x float64) float64 { return x }), perf: [][]int{{224, 336}}}}

// families has one net of each, small, with dropout where it has any.
func families() map[string]Net {
	return map[string]Net{
		"nlinear":      &NLinear{},
		"mlp":          &MLP{Layers: 2, Hidden: 16},
		"nbeats":       nets()["nbeats"],
		"nhits":        nets()["nhits"],
		"lstm":         &LSTM{encoderDecoder{Layers: 2, Hidden: 8, Dropout: .1, DecoderLayers: 2, DecoderHidden: 8}},
		"gru":          Scaled{&GRU{encoderDecoder{Layers: 1, Hidden: 8, Recurrent: true, TrainHorizon: 3}}, "standard"},
		"dilatedrnn":   &DilatedRNN{Cell: "lstm", Dilations: [][]int{{1, 2}, {4}}, Hidden: 8, DecoderLayers: 2, DecoderHidden: 8},
		"deepar":       &DeepAR{Layers: 2, Hidden: 8, Dropout: .1, TrainHorizon: 3},
		"cudalstm":     &CudaLSTM{Hidden: 8, Forget: 3, Dropout: .1, Statics: []int{4}, Dynamics: []int{4}},
		"ealstm":       &EALSTM{Hidden: 8, Forget: 3, Dropout: .1},
		"tcn":          &TCN{Kernel: 2, Dilations: []int{1, 2, 4}, Hidden: 8, Activation: "relu", DecoderLayers: 2, DecoderHidden: 8},
		"bitcn":        &BiTCN{Hidden: 8, Dropout: .1},
		"tft":          &TFT{Hidden: 8, Heads: 2, Dropout: .1, AttentionDropout: .1, Activation: "elu", Cell: "lstm", Layers: 1},
		"timesnet":     &TimesNet{Hidden: 4, ConvHidden: 4, Top: 2, Kernels: 2, Layers: 2, Dropout: .1},
		"deeprc_lstm":  &DeepRCLSTM{Hidden: 8, Activation: "selu", Dropout: .1},
		"tsmixer":      &TSMixer{Blocks: 2, Hidden: 8, Dropout: .1, RevIN: true},
		"tsmixerx":     &TSMixerx{Blocks: 2, Hidden: 8, Dropout: .1, RevIN: true},
		"itransformer": &ITransformer{Hidden: 8, Heads: 2, Layers: 2, FFHidden: 12, Dropout: .1, Norm: true},
		"timemixer":    &TimeMixer{Hidden: 8, FFHidden: 6, Layers: 2, Dropout: .1, Kernel: 5, Scales: 2, Window: 2, Pooling: "avg", Norm: true},
		"tide":         &TiDE{Hidden: 8, EncoderLayers: 1, DecoderLayers: 2, DecoderOutput: 4, TemporalHidden: 4, TemporalWidth: 2, Dropout: .1},
		"patchtst": &PatchTST{Layers: 2, Heads: 2, Hidden: 8, FFHidden: 8, Patch: 4, Stride: 2, Dropout: .1, AttentionDropout: .1, Activation: "gelu",
			ResidualAttention: true, RevIN: true, RevINAffine: true},
		"autoformer":         &Autoformer{coder: coder{Hidden: 8, ConvHidden: 8, Heads: 2, Dropout: .1, EncoderLayers: 2, DecoderLayers: 2, DecoderInput: .5, Activation: "gelu"}, Factor: 1, Kernel: 5},
		"fedformer":          &FEDformer{coder: coder{Hidden: 8, ConvHidden: 8, Heads: 2, Dropout: .1, EncoderLayers: 2, DecoderLayers: 1, DecoderInput: .5, Activation: "gelu"}, Modes: 2, ModeSelect: "random", Kernel: 5},
		"informer":           &Informer{coder: coder{Hidden: 8, ConvHidden: 8, Heads: 2, Dropout: .1, EncoderLayers: 2, DecoderLayers: 2, DecoderInput: .5, Activation: "relu"}, Factor: 5, Distil: true}, // all queries attend: which of two do may hang on the last bit
		"vanillatransformer": &VanillaTransformer{coder: coder{Hidden: 8, ConvHidden: 8, Heads: 2, Dropout: .1, EncoderLayers: 2, DecoderLayers: 2, DecoderInput: .5, Activation: "gelu"}},
	}
}

const famL, famH, famC, famN, famX, famF, famS = 12, 4, 2, 200, 1, 2, 3

// famData is two series of each channel that follow the columns beside them, with gaps.
func famData() Data {
	rnd := rand.New(rand.NewPCG(3, 4))
	d := Data{Columns: Columns{famX, famF, famS}, Past: make([]float32, 2*famC*famN), Inputs: make([]float32, 2*((famX+famF)*famN+famS))}
	for i := range d.Inputs {
		d.Inputs[i] = float32(math.Sin(float64(i)*2*math.Pi/9) + .3*rnd.NormFloat64())
	}
	for i := range d.Past {
		series, t := i/famN, i%famN
		futr := d.Inputs[series/famC*((famX+famF)*famN+famS)+famX*famN+t]
		d.Past[i] = float32(math.Sin(float64(t)*2*math.Pi/12+float64(series))+.1*rnd.NormFloat64()) + .5*futr
	}
	d.Target = slices.Clone(d.Past)
	for i := 0; i < len(d.Target); i += 37 {
		d.Target[i] = float32(math.NaN())
	}
	return d
}

// n ranks train as one does, to 1e-4 of the losses of 200 steps.
func TestFamiliesTrainAsOne(t *testing.T) {
	d := famData()
	ws := twoGroups{famN, famC, famX + famF, famS, famN - famL - famH + 1}
	for name, net := range families() {
		o, steps := toyOptions(), 200
		if name == "fedformer" { // the poles of its tanh, and gradients that are divided by hidden⁴, make more of the last bit in every step
			steps = 60
		}
		if testing.Short() { // a sanitizer looks at each step, however many
			steps = 20
		}
		o.Steps, o.ValEvery, o.Batch, o.LR = steps, steps/4, 20, 1e-3
		if name == "deepar" {
			o.Loss = "normal"
		}
		train := func(n int) (h *History) {
			t.Helper()
			must(t, collective.RunLocal(n, func(c collective.Comm) error {
				dev, err := CPU(1)
				if err != nil {
					return err
				}
				defer dev.Close()
				f, err := NewFit(dev, net, Shape{famL, famH, famC, (o.Batch + n - 1) / n}, d, o, 1)
				if err != nil {
					return err
				}
				hist, err := Train(context.Background(), c, f, ws, ws, 1, Hooks{})
				if c.Rank() == 0 {
					h = hist
				}
				return err
			}))
			return h
		}
		want := train(1)
		if first, last := want.Records[0].Loss, want.Records[steps-1].Loss; !(last < first) && !testing.Short() {
			t.Errorf("%s: the loss did not fall: %g at first, %g at last", name, first, last)
		}
		for _, n := range []int{2, 3} {
			got, worst := train(n), 0.
			if len(got.Records) != len(want.Records) || got.Steps != steps {
				t.Fatalf("%s, %d ranks: %d records of %d steps, with one rank %d", name, n, len(got.Records), got.Steps, len(want.Records))
			}
			for i, r := range got.Records {
				a, b := want.Records[i].Loss, r.Loss
				if a != a { // a validation
					a, b = want.Records[i].Val, r.Val
				}
				off := math.Abs(a-b) / math.Abs(a)
				if !(off <= 1e-4) {
					t.Fatalf("%s, %d ranks: record %d is %+v, with one rank %+v", name, n, i, r, want.Records[i])
				}
				worst = max(worst, off)
			}
			t.Logf("%s, %d ranks: at most %.1e apart", name, n, worst)
		}
	}
}
