package model

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"
)

// opCase is one op on small inputs. Every case is checked in every version of
// the kernels against finite differences in each differentiable input, with
// guard words round every value, and BenchmarkOps times it.
type opCase struct {
	name   string
	shapes [][]int
	build  func(in []*Tensor) *Tensor
	want   func(in [][]float32) []float64 // slow, obvious reference; nil where the gradient check is enough
	domain func(x float32) float32        // moves an input to where the op is defined and smooth; nil: the real line
	apart  bool                           // the elements of an input are a tenth apart or more
	at     []int64                        // data of the last input, which is of indices
	data   []int                          // a loss: the inputs that carry no gradient
	kink   bool                           // a loss that is not differentiable everywhere: inputs are kept apart
}

var opCases = slices.Concat(elementwiseCases, reduceCases, layoutCases, matmulCases, normCases, batchNormCases, poolCases, convCases, scalerCases, lossCases,
	recurrentCases, attentionCases, foldCases, selectCases, otherCases)

var otherCases = []opCase{
	{name: "moving average", shapes: [][]int{{2, 11}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvg(5) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, 22)
			for i := range y {
				for d := -2; d <= 2; d++ {
					y[i] += float64(in[0][i/11*11+min(max(i%11+d, 0), 10)]) / 5
				}
			}
			return y
		}},
	{name: "moving average in blocks", shapes: [][]int{{2, 200}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvg(25) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, 400)
			for i := range y {
				for d := -12; d <= 12; d++ {
					y[i] += float64(in[0][i/200*200+min(max(i%200+d, 0), 199)]) / 25
				}
			}
			return y
		}},
	{name: "moving average of steps", shapes: [][]int{{2, 40, 3}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvgSteps(5) }, want: movingSteps64(2, 40, 3, 2)},
	{name: "moving average of few steps", shapes: [][]int{{2, 3, 17}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvgSteps(25) }, want: movingSteps64(2, 3, 17, 12)},
	{name: "delays", shapes: [][]int{{2, 5, 3}, {2, 2}, {2, 2}}, at: []int64{0, 3, 4, 4}, build: func(in []*Tensor) *Tensor { return in[0].Delays(in[1], in[2]) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, 30)
			for i := range y {
				for j := range 2 {
					n, t, c := i/15, i/3%5, i%3
					y[i] += float64(in[1][n*2+j]) * float64(in[0][n*15+(t+int(in[2][n*2+j]))%5*3+c])
				}
			}
			return y
		}},
	{name: "delays of all", shapes: [][]int{{2, 5, 3}, {2, 3}, {3}}, at: []int64{1, 0, 3}, build: func(in []*Tensor) *Tensor { return in[0].Delays(in[1], in[2]) }},
	{name: "lags", shapes: [][]int{{2, 5, 3}, {2, 5, 3}, {2, 2}}, at: []int64{0, 3, 4, 4}, build: func(in []*Tensor) *Tensor { return in[0].Lags(in[1], in[2]) },
		want: func(in [][]float32) []float64 {
			w := make([]float64, 4)
			for i := range w {
				for j := range 15 {
					n, t, c := i/2, j/3, j%3
					w[i] += float64(in[0][n*15+j]) * float64(in[1][n*15+(t+int(in[2][i]))%5*3+c])
				}
			}
			return w
		}},
	{name: "lags of all", shapes: [][]int{{2, 5, 3}, {2, 5, 3}, {3}}, at: []int64{1, 0, 3}, build: func(in []*Tensor) *Tensor { return in[0].Lags(in[1], in[2]) }},
	{name: "complex tanh", shapes: [][]int{{2, 4, 6}}, domain: func(x float32) float32 { return .3 * x }, build: func(in []*Tensor) *Tensor { return in[0].ComplexTanh() }, want: complexTanh64},
	{name: "moving average wider than the axis", shapes: [][]int{{2, 3}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvg(9) }},
}

// complexTanh64 is of (2, 4, 6), by its definition.
func complexTanh64(in [][]float32) []float64 {
	y := make([]float64, 48)
	for r := range 2 {
		for i := range 6 {
			at := r*24 + i/3*6 + i%3 // and 3 columns or 2 rows on
			x := func(d int) float64 { return float64(in[0][at+d]) }
			t := cmplx.Tanh(complex(x(0)-x(15), x(3)+x(12)))
			y[at], y[at+3], y[at+12], y[at+15] = real(t), -imag(t), imag(t), real(t)
		}
	}
	return y
}

// movingSteps64 is the moving average of h steps on both sides of (N, n, m) by its definition.
func movingSteps64(N, n, m, h int) func(in [][]float32) []float64 {
	return func(in [][]float32) []float64 {
		y := make([]float64, N*n*m)
		for i := range y {
			for j := -h; j <= h; j++ {
				y[i] += float64(in[0][(i/m/n*n+min(max(i/m%n+j, 0), n-1))*m+i%m]) / float64(2*h+1)
			}
		}
		return y
	}
}

// testCPU is a device of one thread.
func testCPU(t testing.TB) Device {
	t.Helper()
	dev, err := CPU(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return dev
}

// run compiles and runs one output on the CPU with guard words, and checks them.
func run(t testing.TB, g *Graph, ins []*Tensor, data [][]float32, outs ...*Tensor) (got [][]float32) {
	t.Helper()
	r, err := testCPU(t).Compile(g.Plan(align, outs...), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := r.(*cpuRunner)
	for i, x := range ins {
		if _, used := c.prog.place[x]; used {
			if err := write(c, x, data[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, step := range c.prog.Steps {
		var guard []float32
		if off, ok := c.prog.place[step]; ok {
			guard = c.arena[off+step.Type.words(step.Len()):][:align]
		}
		for j := range guard {
			guard[j] = guardWord
		}
		c.steps[i].op.CPU(c.pool, c.steps[i].y, c.steps[i].in)
		for j, w := range guard {
			if math.Float32bits(w) != math.Float32bits(guardWord) {
				t.Fatalf("%T wrote %d words past its end", step.op, j+1)
			}
		}
	}
	for _, x := range outs {
		b := make([]float32, x.Len())
		if err := r.Read(b, x); err != nil {
			t.Fatal(err)
		}
		got = append(got, b)
	}
	return got
}

// write gives an input its data; indices are whole numbers in float32.
func write(r Runner, x *Tensor, data []float32) error {
	if x.Type != I64 {
		return r.Write(x, data)
	}
	at := make([]int64, len(data))
	for i, v := range data {
		at[i] = int64(v)
	}
	return r.WriteInts(x, at)
}

func (c opCase) inputs(seed uint64) [][]float32 {
	rnd := rand.New(rand.NewPCG(seed, 7))
	var data [][]float32
	for i, s := range c.shapes {
		d := make([]float32, length(s))
		for j := range d {
			d[j] = float32(rnd.NormFloat64())
			if c.domain != nil {
				d[j] = c.domain(d[j])
			}
			if c.at != nil && i == len(c.shapes)-1 {
				d[j] = float32(c.at[j])
			}
		}
		if c.apart {
			for j, k := range rnd.Perm(len(d)) {
				d[j] = float32(k)/10 - float32(len(d))/20
			}
		}
		if len(c.data) > 0 && i == 1 {
			d[3], d[25] = float32(math.NaN()), float32(math.NaN())
			for j := range d {
				if c.kink && math.Abs(float64(d[j]-data[0][j])) < .05 {
					d[j]++
				}
			}
		}
		if len(c.data) > 0 && i == 2 {
			d[0], d[1] = 1, 0
			if seed%2 == 0 {
				d[1] = 1
			}
		}
		data = append(data, d)
	}
	return data
}

func (c opCase) graph() (g *Graph, ins []*Tensor, y *Tensor) {
	g = &Graph{}
	for i, s := range c.shapes {
		typ := F32
		if c.at != nil && i == len(c.shapes)-1 {
			typ = I64
		}
		ins = append(ins, g.Input(typ, s...))
	}
	return g, ins, c.build(ins)
}

// forEachISA runs f with every version of the kernels that this processor has.
func forEachISA(t *testing.T, f func(t *testing.T)) {
	before := isaNames[min(bestISA(), len(isaNames)-1)]
	t.Cleanup(func() { useISA(slices.Index(isaNames, before)) })
	for level := range bestISA() + 1 {
		t.Run(isaNames[level], func(t *testing.T) {
			t.Setenv("DEEPRC_ISA", isaNames[level])
			f(t)
		})
	}
}

func TestOps(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, c := range opCases {
			for seed := range uint64(3) {
				t.Run(fmt.Sprint(c.name, seed), func(t *testing.T) { c.check(t, seed) })
			}
		}
	})
}

func (c opCase) check(t *testing.T, seed uint64) {
	data := c.inputs(seed)
	g, ins, y := c.graph()
	if c.want != nil {
		out := run(t, g, ins, data, y)[0]
		want := c.want(data)
		if len(want) != len(out) {
			t.Fatalf("%d values, want %d", len(out), len(want))
		}
		for i, w := range want {
			if got := float64(out[i]); math.Abs(got-w) > 1e-5*(1+math.Abs(w)) {
				t.Fatalf("value %d is %g, want %g", i, got, w)
			}
		}
	}
	// loss = Σ r_i y_i with random r, as a matmul, so that dy is not all ones.
	rnd := rand.New(rand.NewPCG(seed, 99))
	r := make([]float32, y.Len())
	for i := range r {
		r[i] = float32(rnd.NormFloat64())
	}
	if len(c.data) > 0 {
		r[1] = 0 // the count has no gradient
	}
	rt := g.Input(F32, y.Len(), 1)
	ins, data = append(ins, rt), append(data, r)
	loss := y.Reshape(1, y.Len()).MatMul(rt)
	runner, err := testCPU(t).Compile(g.Plan(0, y), nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, y.Len())
	value := func() float64 { // in float64, so that differences are not rounded away
		for i, x := range ins {
			if _, used := runner.(*cpuRunner).prog.place[x]; used {
				must(t, write(runner, x, data[i]))
			}
		}
		must(t, runner.Run())
		must(t, runner.Read(out, y))
		var s float64
		for i, v := range out {
			s += float64(v) * float64(r[i])
		}
		return s
	}
	for k, x := range ins[:len(c.shapes)] {
		if len(c.data) > 0 && k > 0 || x.Type == I64 {
			continue
		}
		d := g.Gradients(loss, x)[0]
		got := run(t, g, ins, data, d)[0]
		for range min(len(got), 100) { // all of a small input, some of a larger one
			const h = 1e-2
			i := len(got) - 1
			if got = got[:i]; len(data[k]) > 100 {
				i = rnd.IntN(len(data[k]))
			}
			v := data[k][i]
			data[k][i] = v + h
			up := value()
			data[k][i] = v - h
			down := value()
			data[k][i] = v
			got := got[:len(data[k])]
			if want := (up - down) / (2 * h); math.Abs(float64(got[i])-want) > 4e-3*(1+math.Abs(want)) {
				t.Fatalf("gradient of input %d at %d is %g, finite differences say %g", k, i, got[i], want)
			}
		}
	}
}

func TestGather(t *testing.T) {
	g := &Graph{}
	series := make([]float32, 40)
	for i := range series {
		series[i] = float32(i)
	}
	reg := &Region{"series", len(series)}
	at := g.Input(I64, 2, 3)
	y := g.At(reg, 0, 40).Gather(at, 4, 5) // (2, 3, 5)
	r, err := testCPU(t).Compile(g.Plan(align, y), map[*Region]Mem{reg: Shared(series)})
	if err != nil {
		t.Fatal(err)
	}
	offs := []int64{0, 10, 31, 3, 3, 7}
	if err := r.WriteInts(at, offs); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 30)
	if err := r.Read(got, y); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if want := float32(offs[i/5]) + 4 + float32(i%5); v != want {
			t.Fatalf("value %d is %g, want %g", i, v, want)
		}
	}
	offs[5] = 32 // one past the end
	if err := r.WriteInts(at, offs); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(); err == nil {
		t.Fatal("a window past the end of the series was cut without an error")
	}
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
		wp, wm, wv := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range wp {
			wp[i] = float64(start[i])
		}
		for step := 1; step <= 20; step++ {
			grad := draw()
			must(r.Write(d, grad))
			b1, b2 := 1-math.Pow(o.Beta1, float64(step)), 1-math.Pow(o.Beta2, float64(step))
			must(r.Write(hyper, []float32{lr, float32(b1), float32(b2)}))
			must(r.Run())
			var norm float64
			for _, v := range grad {
				norm += float64(v) / count * float64(v) / count
			}
			clip := 1.
			if o.ClipNorm > 0 { // as torch.nn.utils.clip_grad_norm_
				clip = min(1, o.ClipNorm/(math.Sqrt(norm)+1e-6))
			}
			for i := range wp {
				x := float64(grad[i]) / count * clip
				if o.Optimizer == "adamw" {
					wp[i] *= 1 - lr*o.WeightDecay
				} else {
					x += o.WeightDecay * wp[i]
				}
				wm[i] = o.Beta1*wm[i] + (1-o.Beta1)*x
				wv[i] = o.Beta2*wv[i] + (1-o.Beta2)*x*x
				wp[i] -= lr * wm[i] / b1 / (math.Sqrt(wv[i]/b2) + o.Eps)
			}
			got := make([]float32, 1)
			must(r.Read(got, y))
			if math.Abs(float64(got[0])-norm) > 1e-5*norm {
				t.Fatalf("squared gradient norm %g, want %g", got[0], norm)
			}
		}
		got := make([]float32, n)
		must(r.Read(got, p))
		for i := range got {
			if math.Abs(float64(got[i])-wp[i]) > 1e-5 {
				t.Fatalf("%+v: parameter %d is %g, want %g", o, i, got[i], wp[i])
			}
		}
	}
}

func BenchmarkOps(b *testing.B) {
	for _, c := range opCases {
		b.Run(c.name, func(b *testing.B) {
			g, ins, y := c.graph()
			r, err := testCPU(b).Compile(g.Plan(0, y), nil)
			if err != nil {
				b.Fatal(err)
			}
			for i, d := range c.inputs(1) {
				if err := write(r, ins[i], d); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if err := r.Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
