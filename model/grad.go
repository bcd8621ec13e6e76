package model

import "fmt"

// Gradients extends the graph by the gradient of loss (its first element, where
// it has several) with respect to each x, walking the record backwards (reverse
// accumulation; Griewank and Walther, Evaluating Derivatives, 2008, §3.2).
// Gradients that nothing asks for are recorded too, and dropped by [Plan].
func (g *Graph) Gradients(loss *Tensor, xs ...*Tensor) []*Tensor {
	grad := map[*Tensor]*Tensor{loss: g.add(ones{}, loss.Shape)}
	for i := loss.id; i >= 0; i-- {
		y := g.nodes[i]
		dy := grad[y]
		if y.op == nil || dy == nil {
			continue
		}
		for j, d := range y.op.Grad(y, dy) {
			x := y.in[j]
			switch {
			case d == nil:
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
