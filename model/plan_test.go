package model

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// randomGraph is a chain and bush of adds, slices, views and matmuls.
func randomGraph(rnd *rand.Rand) (g *Graph, outs []*Tensor) {
	g = &Graph{}
	ts := []*Tensor{g.Input(F32, 4, 8), g.Input(F32, 4, 8)}
	for range 30 {
		x := ts[rnd.IntN(len(ts))]
		y := ts[rnd.IntN(len(ts))]
		switch rnd.IntN(4) {
		case 0:
			ts = append(ts, x.Add(y))
		case 1:
			ts = append(ts, x.Reshape(8, 4).Reshape(4, 8))
		case 2:
			ts = append(ts, x.Sum(0).Expand(x.Shape...))
		case 3:
			ts = append(ts, x.MatMul(x.Reshape(8, 4)).MatMul(y).Scale(.01))
		}
	}
	for range 3 {
		outs = append(outs, ts[rnd.IntN(len(ts))])
	}
	return g, outs
}

func TestPlanValuesAliveTogetherDoNotOverlap(t *testing.T) {
	for seed := range uint64(200) {
		g, outs := randomGraph(rand.New(rand.NewPCG(seed, 0)))
		p := g.Plan(0, outs...)
		last := map[*Tensor]int{}
		for _, s := range p.Steps {
			last[s] = max(last[s], s.id)
		}
		for _, s := range p.Steps {
			for _, x := range s.in {
				x, _ = x.root()
				last[x] = max(last[x], s.id)
			}
		}
		for _, x := range p.Leaves {
			last[x] = len(g.nodes)
		}
		for _, o := range outs {
			o, _ = o.root()
			last[o] = len(g.nodes)
		}
		born := func(x *Tensor) int {
			if x.op == nil {
				return -1
			}
			return x.id
		}
		for a, offA := range p.place {
			for b, offB := range p.place {
				apart := offA+a.Len() <= offB || offB+b.Len() <= offA
				if a != b && !apart && born(a) <= last[b] && born(b) <= last[a] {
					t.Fatalf("seed %d: tensors %d and %d share memory while both are alive", seed, a.id, b.id)
				}
			}
			if offA+a.Len() > p.Arena {
				t.Fatalf("seed %d: tensor %d ends behind the arena", seed, a.id)
			}
		}
	}
}

func TestPlanDropsWhatNobodyAsksFor(t *testing.T) {
	g := &Graph{}
	x, w, b := g.Input(F32, 4, 3), g.Input(F32, 2, 3), g.Input(F32, 2)
	loss := x.Linear(w, b, Identity).Sum()
	d := g.Gradients(loss, w)
	for _, s := range g.Plan(0, d[0]).Steps {
		if m, ok := s.op.(*matMul); ok && !m.tx {
			t.Fatal("the gradient of the input is computed though only the weight's was asked for")
		}
	}
}

func TestBuildNamesTheLineOfTheNet(t *testing.T) {
	g := &Graph{}
	x, w, b := g.Input(F32, 4, 3), g.Input(F32, 2, 5), g.Input(F32, 2)
	err := Build(func() { x.Linear(w, b, ReLU) })
	if err == nil || !strings.Contains(err.Error(), "plan_test.go:") || !strings.Contains(err.Error(), "[4 3]") {
		t.Fatalf("got %v, want file, line and shapes", err)
	}
	for name, f := range map[string]func(){
		"matmul":                func() { x.MatMul(x) },
		"add":                   func() { x.Add(w) },
		"slice":                 func() { x.Slice(1, 1, 9) },
		"reshape":               func() { x.Reshape(5) },
		"average":               func() { x.MovingAvg(4) },
		"region":                func() { g.At(&Region{"r", 3}, 1, 3) },
		"empty":                 func() { g.Input(F32, 0) },
		"foreign":               func() { x.Add((&Graph{}).Input(F32, 4, 3)) },
		"gather":                func() { x.Gather(w, 0, 3) },
		"loss":                  func() { Loss{Kind: "mse"}.Of(x, w, b, nil) },
		"batch norm of windows": func() { x.BatchNorm(0, b, b, b, b, 1) },
		"batch norm's vectors":  func() { x.BatchNorm(1, b, b, b, b, 1) },
		"batch norm's weight":   func() { c := g.Input(F32, 3); x.batchNormTrain(1, c, c, c, 1, &ranks{}) }, // 4 rows of 3 windows
		"instance norm":         func() { x.InstanceNorm(b, b, 1) },
		"dropout of attention":  func() { x.attend(x, x, nil, 1, false, drop{.5, g.Input(I64, 3), 1, 4}) }, // no axis of windows
		"batch norm used twice": func() {
			s := NewScope(g, NewParams("p"))
			s.train = &training{weight: g.Input(F32, 4), ranks: &ranks{}, batch: map[*Param]statistic{}}
			BatchNorm(s, x, 1)
			BatchNorm(s, x, 1)
		},
		"gradient": func() { g.Gradients(x.Sum(), w) },
	} {
		if Build(f) == nil {
			t.Errorf("%s: a wrong shape was accepted", name)
		}
	}
}
