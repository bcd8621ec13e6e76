package model

import (
	"fmt"
	"slices"
	"testing"
)

// Nets of every choice of columns, windows and options forecast K values of each step of each channel, and depend on all their parameters.
func TestNetsForecastAllOutputs(t *testing.T) {
	const B, C, K = 2, 3, 2
	nets := map[string]Net{
		"tcn":          &TCN{Kernel: 3, Dilations: []int{1, 4}, Hidden: 4, Activation: "selu", DecoderLayers: 1, DecoderHidden: 4},
		"bitcn":        &BiTCN{Hidden: 4, Dropout: .5},
		"tft":          &TFT{Hidden: 8, Heads: 2, Activation: "gelu", Cell: "lstm", Layers: 2, OneState: true},
		"tft of grus":  &TFT{Hidden: 8, Heads: 2, Activation: "relu", Cell: "gru", Layers: 2},
		"tft, one gru": &TFT{Hidden: 8, Heads: 2, Activation: "relu", Cell: "gru", Layers: 2, OneState: true},
		"timesnet":     &TimesNet{Hidden: 3, ConvHidden: 2, Top: 1, Kernels: 2, Layers: 1},
	}
	for name, net := range nets {
		for _, window := range [][2]int{{12, 4}, {3, 7}, {2, 1}} {
			for columns := range 8 { // hist, future, static
				t.Run(fmt.Sprint(name, window, columns), func(t *testing.T) {
					L, H := window[0], window[1]
					must(t, CheckNet(net, L, H))
					g, p := &Graph{}, NewParams("parameters")
					var ins []*Tensor
					var data [][]float32
					input := func(shape ...int) *Tensor {
						x := g.Input(F32, shape...)
						v := make([]float32, x.Len())
						for i := range v {
							v[i] = float32(i*7%11) / 5
						}
						ins, data = append(ins, x), append(data, v)
						return x
					}
					b := Batch{Past: input(B, C, L), Horizon: H, Outputs: K}
					if columns&1 != 0 {
						b.Hist = input(B, 2, L)
					}
					if columns&2 != 0 {
						b.Future = input(B, 1, L+H)
					}
					if columns&4 != 0 {
						b.Static = input(B, 1)
					}
					var y *Tensor
					must(t, Build(func() {
						s := NewScope(g, p)
						y = net.Forward(s, b)
						g.Gradients(y.Pow(2).Sum(0, 1, 2), s.Leaves()...)
					}))
					if want := []int{B, C, H * K}; !slices.Equal(y.Shape, want) {
						t.Fatalf("forecast of shape %v, want %v", y.Shape, want)
					}
					r, err := testCPU(t).Compile(g.Plan(0, y), map[*Region]Mem{p.Region: Shared(p.Initial(1))})
					must(t, err)
					for i, x := range ins {
						if _, used := r.(*cpuRunner).prog.place[x]; used {
							must(t, r.Write(x, data[i]))
						}
					}
					must(t, r.Run())
					got := make([]float32, y.Len())
					must(t, r.Read(got, y))
					for i, v := range got {
						if v != v {
							t.Fatalf("value %d is NaN", i)
						}
					}
				})
			}
		}
	}
}
