package model

import "fmt"

var _ = register(Kind{Name: "dlinear", Family: "linear", Paper: "Zeng et al., Are Transformers Effective for Time Series Forecasting?, AAAI 2023", New: func() Net { return &DLinear{} }})

// DLinear forecasts trend and remainder by one linear map each, shared by all
// channels: ŷ = W_s(x − x̄) + b_s + W_t x̄ + b_t, with x̄ the moving average of x.
type DLinear struct {
	Kernel int `toml:"kernel" default:"25" doc:"steps of the centred moving average that is the trend; odd"`
}

func (n DLinear) check(lookback, _ int) error {
	if n.Kernel < 1 || n.Kernel%2 == 0 || n.Kernel > 2*lookback-1 {
		return fmt.Errorf("kernel = %d: must be odd and between 1 and 2·lookback − 1 = %d", n.Kernel, 2*lookback-1)
	}
	return nil
}

func (n DLinear) Forward(s *Scope, b Batch) *Tensor {
	trend := b.Past.MovingAvg(n.Kernel) // (B, C, L)
	seasonal := Dense(s.In("seasonal"), b.Past.Sub(trend), b.Width(), Identity)
	return seasonal.Add(Dense(s.In("trend"), trend, b.Width(), Identity))
}

// W_s = W_t = W makes DLinear the linear map W: no decomposition can fit better.
func (DLinear) closedForm() closedForm {
	return closedForm{weights: []string{"seasonal.weight", "trend.weight"}, bias: "trend.bias", zero: []string{"seasonal.bias"}}
}
