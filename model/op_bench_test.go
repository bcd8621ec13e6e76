package model

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// perfCases are timed beside the rows with perf: what a row's function builds for one size alone.
var perfCases = []opCase{
	whole(attentionCase(32*8, 96, 96, 64, 64, false, false)),
	whole(convCase(32, 64, 96, 64, 3, 1, 1)),
	whole(batchNormCase("batch norm", []int{32, 64, 96}, 1, slices.Repeat([]float32{1}, 32))),
	whole(foldCase(8, 32, 32, 96, 1, 1, 2, 3, 7, 1, 2, 3, 7)),
	whole(opCase{name: "lstm", shapes: [][]int{{96, 32, 4 * 128}, {4 * 128, 128}, {32, 128}, {32, 128}}, domain: func(x float32) float32 { return .1 * x },
		build: func(in []*Tensor) *Tensor {
			h, _ := LSTMCell(in[1], Tanh).Run(in[0], nil, CellState{h: in[2], c: in[3]})
			return h
		}}),
	whole(opCase{name: "scaler robust", shapes: [][]int{{32, 7, 336}}, build: func(in []*Tensor) *Tensor { return in[0].windowScale("robust", 336, nil).apply(in[0]) }}),
	whole(opCase{name: "where", shapes: [][]int{{32, 96, 512}, {32, 96, 512}, {32, 96, 512}}, build: func(in []*Tensor) *Tensor {
		return Where(in[0].Greater(in[0].g.Const(0, 1)), in[1], in[2]).Add(in[0])
	}}),
}

// whole is c, timed on the shapes that it is for.
func whole(c opCase) opCase { return c.timed(c.shapes...) }

// flops is the multiplications and additions of a step that is a product of matrices, else 0.
func flops(s *Tensor) float64 {
	switch o := s.op.(type) {
	case *matMul:
		return 2 * float64(s.Len()) * float64(o.product.k)
	case *linear:
		return 2 * float64(s.Len()) * float64(o.product.k)
	case *conv:
		return 2 * float64(s.Len()) * float64(s.in[1].Len()/s.in[1].Shape[0])
	}
	return 0
}

// BenchmarkOps times each op of a real shape, without and with its gradients in all inputs: ns/op, and GB/s of what its steps read and
// write, or GFLOP/s where there is a product of matrices.
func BenchmarkOps(b *testing.B) {
	for _, c := range slices.Concat(perfCases, opCases) {
		if c.perf == nil {
			continue
		}
		c.shapes = c.perf
		for _, backward := range []bool{false, true} {
			if backward && c.noGradient != "" {
				continue
			}
			b.Run(c.name+map[bool]string{false: "/forward", true: "/both"}[backward], func(b *testing.B) {
				g, ins, y := c.graph()
				p := c.program(g, ins, y, backward)
				r, err := testCPU(b).Compile(p, nil)
				must(b, err)
				for i, d := range c.inputs(1) {
					if _, used := p.place[ins[i]]; used {
						must(b, write(r, ins[i], d))
					}
				}
				for b.Loop() {
					must(b, r.Run())
				}
				var work, bytes float64
				for _, s := range p.Steps {
					work += flops(s)
					for _, t := range append(s.in, s) {
						bytes += 4 * float64(t.Type.words(t.Len()))
					}
				}
				if ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N); work > 0 {
					b.ReportMetric(work/ns, "GFLOP/s")
				} else {
					b.ReportMetric(bytes/ns, "GB/s")
				}
			})
		}
	}
}

// program is the case's value, and with backward its gradients.
func (c opCase) program(g *Graph, ins []*Tensor, y *Tensor, backward bool) *Program {
	outs := []*Tensor{y}
	for i, x := range ins {
		if backward && c.noGradient == "" && x.Type == F32 && (len(c.data) == 0 || i == 0) {
			outs = append(outs, g.Gradients(y, x)...)
		}
	}
	return g.Plan(0, outs...)
}

// Every op of the engine is a step of a case, forward or backward, and of one that is timed.
func TestEveryOpHasACase(t *testing.T) {
	method := regexp.MustCompile(`(?m)^func \((?:\w+ )?\*?(\w+)\) CPU\(`)
	files, err := filepath.Glob("op_*.go")
	must(t, err)
	missing := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		must(t, err)
		for _, m := range method.FindAllStringSubmatch(string(text), -1) {
			missing[m[1]] = file
		}
	}
	delete(missing, "view") // never a step
	if len(missing) < 40 {
		t.Fatalf("only %d ops found: %v", len(missing), missing)
	}
	untimed := map[string]string{}
	for op, file := range missing {
		untimed[op] = file
	}
	for _, c := range slices.Concat(perfCases, opCases) {
		g, ins, y := c.graph()
		for _, s := range c.program(g, ins, y, true).Steps {
			delete(missing, opName(s.op))
			if c.perf != nil {
				delete(untimed, opName(s.op))
			}
		}
	}
	for op, file := range missing {
		t.Errorf("%s: op %s is in no case", file, op)
	}
	for op, file := range untimed {
		t.Errorf("%s: op %s is in no case with perf", file, op)
	}
}
