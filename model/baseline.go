package model

import "fmt"

// RepeatLast forecasts the last value of the lookback for all steps.
func RepeatLast(d Data, lookback, horizon, channels int) Forecaster {
	return &seasonalNaive{d.Past, lookback, horizon, channels, 1}
}

// SeasonalNaive forecasts each step by the last value at the same place of a
// season of m steps (Hyndman and Athanasopoulos, Forecasting, 2021, §5.2).
func SeasonalNaive(d Data, lookback, horizon, channels, m int) (Forecaster, error) {
	if m < 1 || m > lookback {
		return nil, fmt.Errorf("model: seasonal naive: a season of %d steps does not fit the lookback of %d", m, lookback)
	}
	return &seasonalNaive{d.Past, lookback, horizon, channels, m}, nil
}

type seasonalNaive struct {
	past                              []float32
	lookback, horizon, channels, last int
}

func (s *seasonalNaive) Predict(dst []float32, ws Windows, lo, n int) error {
	at := make([]int64, s.channels)
	for i := range n {
		ws.Offsets(at, lo+i)
		for c, a := range at {
			season := s.past[int(a)+s.lookback-s.last:][:s.last]
			y := dst[(i*s.channels+c)*s.horizon:][:s.horizon]
			for j := range y {
				y[j] = season[j%s.last]
			}
		}
	}
	return nil
}
