package model

// Scaled is a net that sees each window scaled by statistics of the window's
// own past, and whose forecast is scaled back as its loss says: values, or the parameters of
// a distribution. Scaler is one of [Scalers], identity where the net sees the windows as they are. Exogenous columns are scaled by their own past, each. Steps that were
// missing count in no statistic of their channel.
//
// invariant takes the inverse hyperbolic sine besides. revin has a learned
// weight γ and bias β (Kim et al., Reversible Instance Normalization, ICLR 2022,
// §3.1) where NeuralForecast has them: on the way back only, ŷ = ẑ·scale·(ReLU(γ) + ε) + shift + β.
//
// A net that normalises its windows itself is scaled back from its own scale first, in the same way. NeuralForecast scales all that such a net
// puts out alike, the deviation of a distribution moved by the window's mean as well: a loss that depends on where zero lies.
//
// The loss is that of the forecast scaled back, or in training with loss_scale = "window", as NeuralForecast's, of both it and the target scaled by the window.
type Scaled struct {
	Net
	Scaler string
}

func (n Scaled) check(lookback, horizon int) error {
	return firstError(oneOf("scaler", n.Scaler, Scalers...), CheckNet(n.Net, lookback, horizon))
}

func (n Scaled) Forward(s *Scope, b Batch) *Tensor {
	b = n.around(s, b, b.Past.Last())
	if own, ok := n.Net.(selfScaled); ok {
		y, back := own.normalised(s, b)
		return b.Loss.outputs(y, back, b.back)
	}
	return b.Loss.outputs(n.Net.Forward(s, b), b.back)
}

// Steps is that of the net within.
func (n Scaled) Steps() int {
	if r, ok := n.Net.(Recursive); ok {
		return r.Steps()
	}
	return 0
}

// Learn scales by the lookback alone, too.
func (n Scaled) Learn(s *Scope, b Batch) *Tensor {
	b = n.around(s, b, b.Past.Last()-b.Horizon+1)
	return b.Loss.outputs(n.Net.(Recursive).Learn(s, b), b.back)
}

// Paths is that of the net within.
func (n Scaled) Paths(l Loss) int {
	if r, ok := n.Net.(Sampler); ok {
		return r.Paths(l)
	}
	return 0
}

// Sample draws from the distributions scaled back, as the loss measures them.
func (n Scaled) Sample(s *Scope, b Batch, draw *Tensor) *Tensor {
	return n.Net.(Sampler).Sample(s, n.around(s, b, b.Past.Last()), draw)
}

// windowScale is how the targets of b are scaled, (B, C, 1), by the first L steps; nil where the net sees them as they are.
func (n Scaled) windowScale(b Batch, L int) *windowScale {
	if n.Scaler == "identity" {
		return nil
	}
	mask := b.Mask
	if mask != nil {
		mask = mask.Slice(2, 0, L)
	}
	past := b.Past.windowScale(n.Scaler, L, mask)
	return &past
}

// around is b scaled by its windows' first L steps.
func (n Scaled) around(s *Scope, b Batch, L int) Batch {
	past := n.windowScale(b, L)
	if past == nil {
		return b
	}
	b.Past = past.apply(b.Past)
	for _, x := range []**Tensor{&b.Hist, &b.Future} {
		if *x != nil {
			*x = (*x).windowScale(n.Scaler, L, nil).apply(*x)
		}
	}
	b.scale, b.back = past.apply, past
	if n.Scaler == "revin" {
		s := s.In("scaler")
		γ, β := s.Param("weight", constant(1), 1), s.Param("bias", constant(0), 1)
		back := past.affine(γ, β)
		b.back = &back
	}
	return b
}

// affine is RevIN's way back.
func (s windowScale) affine(γ, β *Tensor) windowScale {
	return windowScale{s.kind, s.shift.Add(β), s.scale.Mul(γ.ReLU().Shift(scalerEps))}
}

// constant starts a parameter at v.
func constant(v float64) Init { return func(int, float64) float64 { return v } }
