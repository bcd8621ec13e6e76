package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// adamCases are one update in place. Its value is the norm, and behind it stand here what the update wrote.
var adamCases = []opCase{
	adamCase("adam", TrainOptions{Beta1: .9, Beta2: .999, Eps: 1e-8, WeightDecay: .1}),
	adamCase("adamw", TrainOptions{Beta1: .9, Beta2: .95, Eps: 1e-8, WeightDecay: .1, Optimizer: "adamw"}),
	adamCase("adam, clipped", TrainOptions{Beta1: .8, Beta2: .99, Eps: 1e-3, ClipNorm: 1.2}),
}

func adamCase(name string, o TrainOptions) opCase {
	return opCase{name: name, shapes: [][]int{{37}, {37}, {37}, {37}, {1}, {3}}, domain: positive, noGradient: "an update",
		build: func(in []*Tensor) *Tensor {
			return Concat(0, o.adam().of(in[0], in[1], in[2], in[3], in[4], in[5]), in[0], in[2], in[3])
		},
		want: func(in [][]float32) []float64 {
			s := adamState{o: o, p: wide(in[0]), m: wide(in[2]), v: wide(in[3])}
			norm := s.step(in[1], float64(in[4][0]), wide(in[5]))
			y := append([]float64{norm}, s.p...)
			return append(append(y, s.m...), s.v...)
		},
		perf: [][]int{{1 << 20}, {1 << 20}, {1 << 20}, {1 << 20}, {1}, {3}}}
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// adamState is Adam by its formula (Kingma and Ba 2015, algorithm 1).
type adamState struct {
	o       TrainOptions
	p, m, v []float64
}

// step updates by the gradients grad/count, with hyper = {learning rate, both bias corrections}, and returns Σ (grad/count)².
func (s *adamState) step(grad []float32, count float64, hyper []float64) (norm float64) {
	for _, v := range grad {
		norm += float64(v) / count * float64(v) / count
	}
	clip := 1.
	if s.o.ClipNorm > 0 { // as torch.nn.utils.clip_grad_norm_
		clip = min(1, s.o.ClipNorm/(math.Sqrt(norm)+1e-6))
	}
	for i := range s.p {
		x := float64(grad[i]) / count * clip
		if s.o.Optimizer == "adamw" {
			s.p[i] *= 1 - hyper[0]*s.o.WeightDecay
		} else {
			x += s.o.WeightDecay * s.p[i]
		}
		s.m[i] = s.o.Beta1*s.m[i] + (1-s.o.Beta1)*x
		s.v[i] = s.o.Beta2*s.v[i] + (1-s.o.Beta2)*x*x
		s.p[i] -= hyper[0] * s.m[i] / hyper[1] / (math.Sqrt(s.v[i]/hyper[2]) + s.o.Eps)
	}
	return norm
}

func TestAdamAgainstTheFormula(t *testing.T) {
	for _, o := range []TrainOptions{
		{Beta1: .9, Beta2: .999, Eps: 1e-8}, {Beta1: .8, Beta2: .99, Eps: 1e-3, WeightDecay: .1},
		{Beta1: .9, Beta2: .95, Eps: 1e-8, WeightDecay: .1, Optimizer: "adamw"},
		{Beta1: .9, Beta2: .999, Eps: 1e-8, WeightDecay: .1, ClipNorm: 1.2}, {Beta1: .9, Beta2: .999, Eps: 1e-8, ClipNorm: 1e3},
	} {
		const n, count, lr = 9001, 5., .01 // several parts of the slab, the last one short
		g := &Graph{}
		p, d, m, v := g.Input(F32, n), g.Input(F32, n), g.Input(F32, n), g.Input(F32, n)
		cnt, hyper := g.Input(F32, 1), g.Input(F32, 3)
		y := o.adam().of(p, d, m, v, cnt, hyper)
		dev, err := CPU(2)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { dev.Close() })
		r, err := dev.Compile(g.Plan(align, y), nil)
		if err != nil {
			t.Fatal(err)
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		draw := func() []float32 {
			s := make([]float32, n)
			for i := range s {
				s[i] = float32(rnd.NormFloat64())
			}
			return s
		}
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		start := draw()
		must(r.Write(p, start))
		must(r.Write(m, make([]float32, n)))
		must(r.Write(v, make([]float32, n)))
		must(r.Write(cnt, []float32{count}))
		want := adamState{o, wide(start), make([]float64, n), make([]float64, n)}
		for step := 1; step <= 20; step++ {
			grad := draw()
			must(r.Write(d, grad))
			b1, b2 := 1-math.Pow(o.Beta1, float64(step)), 1-math.Pow(o.Beta2, float64(step))
			must(r.Write(hyper, []float32{lr, float32(b1), float32(b2)}))
			must(r.Run())
			norm := want.step(grad, count, []float64{lr, b1, b2})
			got := make([]float32, 1)
			must(r.Read(got, y))
			if math.Abs(float64(got[0])-norm) > 1e-5*norm {
				t.Fatalf("squared gradient norm %g, want %g", got[0], norm)
			}
		}
		got := make([]float32, n)
		must(r.Read(got, p))
		for i := range got {
			if math.Abs(float64(got[i])-want.p[i]) > 1e-5 {
				t.Fatalf("%+v: parameter %d is %g, want %g", o, i, got[i], want.p[i])
			}
		}
	}
}
