package model

var _ = register(Kind{Name: "nlinear", Family: "linear", Paper: "Zeng et al., Are Transformers Effective for Time Series Forecasting?, AAAI 2023", New: func() Net { return &NLinear{} }})

// NLinear forecasts the change from the last value by one linear map, shared by
// all channels: ŷ = W(x − x_L) + b + x_L.
type NLinear struct{}

func (NLinear) Forward(s *Scope, b Batch) *Tensor {
	L := b.Past.Last()
	last := b.Past.Slice(-1, L-1, L) // (B, C, 1)
	return Dense(s.In("linear"), b.Past.Sub(last), b.Width(), Identity).Add(last)
}

func (NLinear) closedForm() closedForm {
	return closedForm{fromLast: true, weights: []string{"linear.weight"}, bias: "linear.bias"}
}
