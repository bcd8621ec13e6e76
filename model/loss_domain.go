package model

import "slices"

// What is added to a deviation, so that no density is without bound: NeuralForecast's.
const (
	normalEps  = .2
	studentEps = .1
)

// outputs is what the K values (…, H·K) that a net put out for each step stand for, scaled back by backs in turn, whose shift and
// scale are (…, 1): values, or the parameters of the distribution, K side by side, as NeuralForecast's scale_decouple makes them. A nil of
// backs scales nothing. What moves a location, by m, leaves a deviation where it is; what scales by s < 0 turns it by |s|.
//
//	normal            mean y₀·s + m, deviation (softplus(y₁) + 0.2)·s
//	studentt          degrees of freedom softplus(y₀) + 3, location y₁·s + m, scale (softplus(y₂) + 0.1)·s
//	poisson           rate softplus(y₀·s + m)
//	negativebinomial  mean softplus(y₀)·s + m, dispersion softplus(y₁)/(s + 1), without the 1 where nothing is scaled
func (l Loss) outputs(y *Tensor, backs ...*windowScale) *Tensor {
	backs = slices.DeleteFunc(backs, func(b *windowScale) bool { return b == nil })
	K := len(losses[l.Kind].params)
	if !l.isDistribution() {
		for _, b := range backs {
			y = b.undo(y)
		}
		return y
	}
	axis := len(y.Shape)
	steps := y.Reshape(append(y.Shape[:axis-1:axis-1], y.Last()/K, K)...) // (…, H, K)
	at := func(k int) *Tensor { return steps.Slice(axis, k, k+1) }
	location := func(x *Tensor) *Tensor {
		for _, b := range backs {
			x = x.Mul(b.scale.Unsqueeze(axis)).Add(b.shift.Unsqueeze(axis))
		}
		return x
	}
	deviation := func(x *Tensor) *Tensor {
		for _, b := range backs {
			x = x.Mul(b.scale.Abs().Unsqueeze(axis))
		}
		return x
	}
	var params []*Tensor // (…, H, 1)
	switch l.Kind {
	case "normal":
		params = []*Tensor{location(at(0)), deviation(at(1).Softplus().Shift(normalEps))}
	case "studentt":
		params = []*Tensor{at(0).Softplus().Shift(3), location(at(1)), deviation(at(2).Softplus().Shift(studentEps))}
	case "poisson":
		params = []*Tensor{location(at(0)).Softplus().Shift(1e-10)}
	default:
		dispersion := at(1).Softplus().Shift(1e-8)
		for _, b := range backs {
			dispersion = dispersion.Div(b.scale.Shift(1).Unsqueeze(axis))
		}
		params = []*Tensor{location(at(0).Softplus().Shift(1e-8)), dispersion}
	}
	return Concat(axis, params...).Reshape(y.Shape...)
}
