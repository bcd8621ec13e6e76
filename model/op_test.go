package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// opCase is one op on small inputs. Every case is checked in every version of
// the kernels against finite differences in each differentiable input, with
// guard words round every value, and BenchmarkOps times it on its perf shapes.
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
	perf   [][]int                        // shapes near those of the nets' defaults, to time it on

	noGradient string // why it has none, so that it is held to want alone
}

var opCases = slices.Concat(elementwiseCases, reduceCases, layoutCases, matmulCases, normCases, batchNormCases, poolCases, convCases, scalerCases, lossCases,
	recurrentCases, attentionCases, foldCases, kernelMeanCases, selectCases,
	movingCases, delayCases, complexCases, fourierCases, dropoutCases, gatherCases, sampleCases, adamCases, rankCases)

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
				d[j] = float32(c.at[j%len(c.at)])
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

// timed is c with the shapes that it is timed on.
func (c opCase) timed(shapes ...[]int) opCase {
	c.perf = shapes
	return c
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
	if c.noGradient != "" {
		if c.want == nil {
			t.Fatalf("neither a gradient (%s) nor a reference", c.noGradient)
		}
		return
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
