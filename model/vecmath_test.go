package model

import (
	"math"
	"os"
	"testing"
)

// ulps is how far got is from want, in units of want's last place as float32.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	switch {
	case math.IsNaN(want):
		if got != got {
			return 0
		}
		return math.Inf(1)
	case w == got:
		return 0
	case math.IsInf(float64(w), 0) || math.IsInf(float64(got), 0) || got != got:
		return math.Inf(1)
	}
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e-24, -149))
}

func slopeOf(f func(x *Tensor) *Tensor) func(x *Tensor) *Tensor {
	return func(x *Tensor) *Tensor {
		y := f(x)
		return x.g.Gradients(y, x)[0]
	}
}

func density(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

func geluTanhSlope(x float64) float64 {
	c := 2 * math.Sqrt(2/math.Pi)
	s := 1 / (1 + math.Exp(-c*(x+.044715*x*x*x)))
	return s + x*s*(1-s)*c*(1+3*.044715*x*x)
}

// Every function of vecmath.h against float64, over all exponents and both
// signs: 512 numbers of each, 64 where tests are to be short, or with DEEPRC_TEST_FLOATS=all every float32.
func TestVecMath(t *testing.T) {
	step := uint64(1<<23/512 - 1)
	if testing.Short() {
		step = 1<<23/64 - 1
	}
	if os.Getenv("DEEPRC_TEST_FLOATS") == "all" {
		step = 1
	}
	const n = 1 << 14
	forEachISA(t, func(t *testing.T) {
		for _, c := range []struct {
			name     string
			build    func(x *Tensor) *Tensor
			want     func(x float64) float64
			ulp      float64
			from, to float64 // where the ulp are stated
			abs      float64 // by how much it is off at most, in all places; 0: not stated
		}{
			{"exp", (*Tensor).Exp, math.Exp, 2, math.Inf(-1), math.Inf(1), 0},
			{"log", (*Tensor).Log, math.Log, 2, math.Inf(-1), math.Inf(1), 0},
			{"sqrt", (*Tensor).Sqrt, math.Sqrt, .5, math.Inf(-1), math.Inf(1), 0},
			{"tanh", (*Tensor).Tanh, math.Tanh, 2, math.Inf(-1), math.Inf(1), 0},
			{"sigmoid", (*Tensor).Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 3, math.Inf(-1), math.Inf(1), 0},
			{"softplus", (*Tensor).Softplus, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 3, math.Inf(-1), math.Inf(1), 0},
			{"sinh", (*Tensor).Sinh, math.Sinh, 5, -88, 88, 0},
			{"asinh", (*Tensor).Asinh, math.Asinh, 5, math.Inf(-1), math.Inf(1), 0},
			{"elu", func(x *Tensor) *Tensor { return x.ELU(1) }, func(x float64) float64 { return max(x, 0) + min(math.Expm1(x), 0) }, 4, math.Inf(-1), math.Inf(1), 0},
			{"gelu", (*Tensor).GELU, func(x float64) float64 { return x * normal(x) }, 12, -12.9, math.MaxFloat32, 0},
			{"gelu tanh", (*Tensor).GELUTanh, geluTanh, 3, -1, math.MaxFloat32, 0},
			{"slope of gelu", slopeOf((*Tensor).GELU), func(x float64) float64 { return normal(x) + x*density(x) }, 4, -.5, 1e18, 2e-7},
			{"slope of gelu tanh", slopeOf((*Tensor).GELUTanh), geluTanhSlope, 6, -.5, 1e12, 5e-7},
		} {
			g := &Graph{}
			x := g.Input(F32, n)
			y := c.build(x)
			r, err := testCPU(t).Compile(g.Plan(0, y), nil)
			must(t, err)
			in, out := make([]float32, n), make([]float32, n)
			worst, at, off, offAt := 0., float32(0), 0., float32(0)
			for bits := uint64(0); bits < 1<<32; {
				for i := range in {
					in[i] = math.Float32frombits(uint32(min(bits, 1<<32-1)))
					bits += step
				}
				must(t, r.Write(x, in))
				must(t, r.Run())
				must(t, r.Read(out, y))
				for i, v := range in {
					if w, d := float64(out[i])-c.want(float64(v)), float64(v); math.Abs(d) < 1e12 && math.Abs(w) > off {
						off, offAt = math.Abs(w), v
					}
					if d := float64(v); d >= c.from && d <= c.to || d != d {
						if u := ulps(out[i], c.want(d)); u > worst {
							worst, at = u, v
						}
					}
				}
			}
			t.Logf("%s: %.2f ulp, at %g", c.name, worst, at)
			if c.abs > 0 {
				t.Logf("%s: off by %.3g, at %g", c.name, off, offAt)
				if !(off <= c.abs) {
					t.Errorf("%s: off by %g at %g, stated are %g", c.name, off, offAt, c.abs)
				}
			}
			if !(worst <= c.ulp) {
				t.Errorf("%s: off by %.2f ulp at %g, stated are %g", c.name, worst, at, c.ulp)
			}
		}
	})
}
