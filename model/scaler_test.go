package model

import (
	"math"
	"slices"
	"testing"
)

// scalerStats are the shift and scale of each kind, by sorted rows.
var scalerStats = map[string]func(v []float64) (shift, scale float64){
	"standard": func(v []float64) (shift, scale float64) { return moments64(v) },
	"robust": func(v []float64) (shift, scale float64) {
		shift = lowerMedian(v)
		d := make([]float64, len(v))
		for i, x := range v {
			d[i] = math.Abs(x - shift)
		}
		return shift, lowerMedian(d)
	},
	"minmax": func(v []float64) (shift, scale float64) { return slices.Min(v), slices.Max(v) - slices.Min(v) },
	"minmax1": func(v []float64) (shift, scale float64) {
		return (slices.Min(v) + slices.Max(v)) / 2, (slices.Max(v) - slices.Min(v)) / 2
	},
}

// scalerCases hold the statistics to them; the mask leaves out every third element.
var scalerCases = []opCase{scalerCase("standard"), scalerCase("robust"), scalerCase("minmax"), scalerCase("minmax1")}

// scalerCase is the inverse of a scaler's statistics of in[1], of which no gradient is asked, applied to in[0].
func scalerCase(kind string) opCase {
	stats := scalerStats[kind]
	const rows, n, h = 3, 50, 7
	mask := func(i int) bool { return i%3 != 0 }
	return opCase{name: "scaler " + kind, shapes: [][]int{{rows, h}},
		build: func(in []*Tensor) *Tensor {
			g := in[0].g
			x, m := make([]float32, rows*(n+h)), make([]float32, rows*n)
			for i := range x {
				x[i] = float32(scalerData(i))
			}
			for i := range m {
				if mask(i % n) {
					m[i] = 1
				}
			}
			s := g.Literal(x, rows, n+h).windowScale(kind, n, g.Literal(m, rows, n))
			return s.undo(in[0])
		},
		want: func(in [][]float32) (y []float64) {
			for r := range rows {
				var v []float64
				for i := range n {
					if mask(i) {
						v = append(v, scalerData(r*(n+h)+i))
					}
				}
				shift, scale := stats(v)
				for j := range h {
					y = append(y, float64(in[0][r*h+j])*(scale+scalerEps)+shift)
				}
			}
			return y
		}}
}

func scalerData(i int) float64 { return float64(float32(math.Sin(float64(i*i)) * 2)) }

func moments64(v []float64) (mean, deviation float64) {
	mean = meanOf(v)
	for _, x := range v {
		deviation += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(v)))
}

func lowerMedian(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[(len(v)-1)/2]
}

// What has no deviation, no distance from the median or no values at all.
func TestScalersOfLittle(t *testing.T) {
	g := &Graph{}
	x, m := g.Input(F32, 4, 7), g.Input(F32, 4, 7)
	data := [][]float32{{.1, .1, .1, .1, .1, .1, .1, 9, 8, 7, 6, 5, 4, 3, 5, 5, 5, 5, 5, -2, 8, 1, -2, 3, -4, 5, -6, 7},
		{1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0}}
	_, dev := moments64([]float64{5, 5, 5, 5, 5, -2, 8})
	for kind, want := range map[string][8]float64{
		"standard": {.1, 1, 0, 1, 31. / 7, dev, -4, 1},
		"robust":   {.1, 1, 0, 1, 5, dev * .6744897501960817, -4, 1},
		"minmax":   {.1, 1, 0, 1, -2, 10, -4, 1},
		"minmax1":  {.6, .5, .5, .5, 3, 5, -3.5, .5},
	} {
		s := x.windowScale(kind, 7, m)
		got := run(t, g, []*Tensor{x, m}, data, s.shift, s.scale)
		for r := range 4 {
			if math.Abs(float64(got[0][r])-want[2*r]) > 2e-6 || math.Abs(float64(got[1][r])-want[2*r+1]) > 4e-6 {
				t.Errorf("%s: row %d has shift %g and scale %g, want %g and %g", kind, r, got[0][r], got[1][r], want[2*r], want[2*r+1])
			}
		}
	}
}

// The median by bisection is the one by sorting, for numbers of all sizes and both signs.
func TestMedianOfAnything(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 3, 16, 33, 336} {
			g := &Graph{}
			x := g.Input(F32, 2, n)
			data, want := make([]float32, 2*n), make([]float64, n)
			for i := range data {
				data[i] = float32(math.Sin(float64(3*i+n)) * math.Pow(10, float64(i%60-30)))
			}
			for i := range want {
				want[i] = float64(data[n+i])
			}
			if got := run(t, g, []*Tensor{x}, [][]float32{data}, x.windowScale("robust", n, nil).shift)[0][1]; float64(got) != lowerMedian(want) {
				t.Errorf("the median of %d is %g, want %g", n, got, lowerMedian(want))
			}
		}
	})
}

// Scaled back, a net that repeats the last value still does, whatever the scaler, its exogenous columns at hand.
func TestScaledNetIsEquivariant(t *testing.T) {
	for _, kind := range Scalers[1:] {
		g := &Graph{}
		past, mask, hist, future := g.Input(F32, 2, 3, 8), g.Input(F32, 2, 3, 8), g.Input(F32, 2, 1, 8), g.Input(F32, 2, 2, 12)
		p := NewParams("p")
		n := &probeNet{}
		y := Scaled{n, kind}.Forward(NewScope(g, p), Batch{Past: past, Mask: mask, Hist: hist, Future: future, Horizon: 4, Outputs: 2})
		reg := map[*Region]Mem{p.Region: Shared(p.Initial(1))}
		r, err := testCPU(t).Compile(g.Plan(0, y, n.seen, n.exogenous[0], n.exogenous[1]), reg)
		must(t, err)
		for _, x := range []*Tensor{past, mask, hist, future} {
			d := make([]float32, x.Len())
			for i := range d {
				if d[i] = float32(100 + 10*math.Sin(float64(i*i))); x == mask {
					d[i] = 1
				}
			}
			must(t, r.Write(x, d))
		}
		must(t, r.Run())
		out, seen := make([]float32, y.Len()), make([]float32, past.Len())
		must(t, r.Read(out, y))
		must(t, r.Read(seen, n.seen))
		for i, v := range out {
			want := 100 + 10*math.Sin(math.Pow(float64(i/8*8+7), 2))
			if math.Abs(float64(v)-want) > 1e-3 {
				t.Errorf("%s: forecast %d is %g, want %g", kind, i, v, want)
			}
		}
		for _, x := range append(n.exogenous, n.seen) {
			d := make([]float32, x.Len())
			must(t, r.Read(d, x))
			if m := largest(d); m > 30 {
				t.Errorf("%s: the net saw values up to %g", kind, m)
			}
		}
	}
}

// probeNet repeats the last value, and remembers what it saw.
type probeNet struct {
	seen      *Tensor
	exogenous []*Tensor
}

func (n *probeNet) Forward(_ *Scope, b Batch) *Tensor {
	n.seen, n.exogenous = b.Past, []*Tensor{b.Hist, b.Future}
	L := b.Past.Last()
	return b.Past.Slice(2, L-1, L).Expand(b.Past.Shape[0], b.Past.Shape[1], b.Width())
}
