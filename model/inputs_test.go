package model

import (
	"slices"
	"strings"
	"testing"
)

// reader forecasts ŷ_{c,h} = w (x_c + 10 a + 100 b_h + 1000 s), of the last past value x_c of a channel, the last one a of the second
// historic column, the value b_h of the first future column, and the third static s.
type reader struct{}

func (reader) Forward(s *Scope, b Batch) *Tensor {
	B, C, L, H := b.Past.Shape[0], b.Past.Shape[1], b.Past.Last(), b.Horizon
	w := s.Param("w", func(int, float64) float64 { return 1 }, 1)
	x := b.Past.Slice(2, L-1, L)                                           // (B, C, 1)
	a := b.Hist.Slice(1, 1, 2).Slice(2, L-1, L).Scale(10)                  // (B, 1, 1)
	f := b.Future.Slice(1, 0, 1).Slice(2, L, L+H).Scale(100)               // (B, 1, H)
	st := b.Static.Slice(1, 2, 3).Unsqueeze(2).Scale(1000)                 // (B, 1, 1)
	return f.Add(a).Add(st).Add(x.Expand(B, C, H)).Mul(w.Reshape(1, 1, 1)) // (B, C, H)
}

// twoGroups are the windows of two series of n steps whose C channels lie in the slab of targets one series
// after the other, and so their X+F rows and S statics in that of inputs.
type twoGroups struct{ n, channels, inputs, static, last int }

func (w twoGroups) Len() int { return 2 * w.last }

func (w twoGroups) Offsets(dst []int64, i int) {
	g, start := i/w.last, i%w.last
	for r := range dst {
		dst[r] = int64((g*w.channels+r)*w.n + start)
		if k := r - w.channels; k >= 0 {
			dst[r] = int64(g*(w.inputs*w.n+w.static) + k*w.n)
			if k < w.inputs {
				dst[r] += int64(start)
			}
		}
	}
}

func TestFitReadsInputs(t *testing.T) {
	const n, C, X, F, S, L, H = 30, 2, 2, 1, 3, 5, 4
	d := Data{Columns: Columns{X, F, S}, Past: make([]float32, 2*C*n), Inputs: make([]float32, 2*((X+F)*n+S))}
	for i := range d.Past {
		d.Past[i] = float32(i*7%11) / 11
	}
	for i := range d.Inputs {
		d.Inputs[i] = float32(i*5%13) / 13
	}
	d.Target = d.Past
	ws := twoGroups{n, C, X + F, S, n - L - H + 1}
	o := toyOptions()
	f, err := NewFit(testCPU(t), reader{}, Shape{L, H, C, 8}, d, o, 1)
	must(t, err)
	got := make([]float32, ws.Len()*C*H)
	must(t, f.Predict(got, ws, 0, ws.Len()))
	at := make([]int64, d.rows(C))
	var want []float32
	for i := range ws.Len() {
		ws.Offsets(at, i)
		for c := range C {
			for h := range H {
				v := d.Inputs[at[C+X]+int64(L+h)] * 100
				v += d.Inputs[at[C+1]+L-1] * 10
				v += d.Inputs[at[C+X+F]+2] * 1000
				want = append(want, v+d.Past[at[c]+L-1])
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("forecasts %v, want %v", got[:12], want[:12])
	}
}

func TestUnread(t *testing.T) {
	all := Columns{2, 3, 4}
	for _, c := range []struct {
		n    Net
		has  Columns
		want []string
	}{
		{reader{}, all, nil},
		{&NLinear{}, Columns{}, nil},
		{&NLinear{}, all, []string{"hist", "future", "static"}},
		{&DLinear{Kernel: 3}, Columns{Future: 1}, []string{"future"}},
		{Scaled{&NLinear{}, "standard"}, Columns{Hist: 1}, []string{"hist"}},
		{&MLP{Layers: 1, Hidden: 4}, all, nil},
		{Scaled{&MLP{Layers: 1, Hidden: 4}, "robust"}, all, nil},
	} {
		got, err := Unread(c.n, 10, 4, c.has)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%T %+v: %v, %v; want %v", c.n, c.has, got, err, c.want)
		}
	}
	x := &NBEATSx{Stacks: []string{"exogenous"}, Blocks: []int{1}, Layers: 1, Hidden: 4, Activation: "relu"}
	if _, err := Unread(x, 10, 4, Columns{Hist: 1}); err == nil || !strings.Contains(err.Error(), "neither future nor static") {
		t.Errorf("a net that cannot be built: %v", err)
	}
}
