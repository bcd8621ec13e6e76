package model

import "fmt"

// Gradients extends the graph by the gradient of loss (its first element, where
// it has several) with respect to each x, walking the record backwards (reverse
// accumulation; Griewank and Walther, Evaluating Derivatives, 2008, §3.2).
// Only what lies between the loss and an x is differentiated; where an op has
// inputs of both kinds, the planner drops the gradient that leads nowhere.
func (g *Graph) Gradients(loss *Tensor, xs ...*Tensor) []*Tensor {
	grad := map[*Tensor]*Tensor{loss: g.Const(1, loss.Shape...)}
	leads := make([]bool, loss.id+1) // to an x
	for _, x := range xs {
		if x.id <= loss.id {
			leads[x.id] = true
		}
	}
	for i, y := range g.nodes[:loss.id+1] {
		for _, x := range y.in {
			leads[i] = leads[i] || leads[x.id]
		}
	}
	for i := loss.id; i >= 0; i-- {
		y := g.nodes[i]
		dy := grad[y]
		if y.op == nil || dy == nil || !leads[i] {
			continue
		}
		for j, d := range y.op.Grad(y, dy) {
			x := y.in[j]
			switch {
			case d == nil || !leads[x.id]:
			case grad[x] == nil:
				grad[x] = d
			default:
				grad[x] = grad[x].Add(d)
			}
		}
	}
	out := make([]*Tensor, len(xs))
	for i, x := range xs {
		if out[i] = grad[x]; out[i] == nil {
			badBuild("gradients: the loss does not depend on tensor %d of shape %v", i, x.Shape)
		}
	}
	return out
}

// noGrad is embedded by ops that are never differentiated: gradients and updates.
type noGrad struct{}

func (noGrad) Grad(y, _ *Tensor) []*Tensor {
	panic(fmt.Sprintf("model: %T has no gradient", y.op))
}
