package model

// What is added to a deviation, so that no density is without bound: NeuralForecast's.
const (
	normalEps  = .2
	studentEps = .1
)

// outputs is what the K values (…, H·K) that a net put out for each step stand for, scaled back by the window's scale, whose shift and
// scale are (…, 1): values, or the parameters of the distribution, K side by side, as NeuralForecast's scale_decouple makes them. back is nil where the
// net saw the targets as they are.
//
//	normal            mean y₀·s + m, deviation (softplus(y₁) + 0.2)·s
//	studentt          degrees of freedom softplus(y₀) + 3, location y₁·s + m, scale (softplus(y₂) + 0.1)·s
//	poisson           rate softplus(y₀·s + m)
//	negativebinomial  mean softplus(y₀)·s + m, dispersion softplus(y₁)/(s + 1), without the 1 where nothing is scaled
func (l Loss) outputs(y *Tensor, back *windowScale) *Tensor {
	K := len(losses[l.Kind].params)
	if K == 0 {
		if back != nil {
			y = back.undo(y)
		}
		return y
	}
	axis := len(y.Shape)
	steps := y.Reshape(append(y.Shape[:axis-1:axis-1], y.Last()/K, K)...) // (…, H, K)
	at := func(k int) *Tensor { return steps.Slice(axis, k, k+1) }
	scaled := func(x *Tensor, shift bool) *Tensor {
		if back == nil {
			return x
		}
		if x = x.Mul(back.scale.Unsqueeze(axis)); shift {
			x = x.Add(back.shift.Unsqueeze(axis))
		}
		return x
	}
	var params []*Tensor // (…, H, 1)
	switch l.Kind {
	case "normal":
		params = []*Tensor{scaled(at(0), true), scaled(at(1).Softplus().Shift(normalEps), false)}
	case "studentt":
		params = []*Tensor{at(0).Softplus().Shift(3), scaled(at(1), true), scaled(at(2).Softplus().Shift(studentEps), false)}
	case "poisson":
		params = []*Tensor{scaled(at(0), true).Softplus().Shift(1e-10)}
	default:
		dispersion := at(1).Softplus().Shift(1e-8)
		if back != nil {
			dispersion = dispersion.Div(back.scale.Shift(1).Unsqueeze(axis))
		}
		params = []*Tensor{scaled(at(0).Softplus().Shift(1e-8), true), dispersion}
	}
	return Concat(axis, params...).Reshape(y.Shape...)
}
