package model

// recursion is a recurrent net that forecasts a step from the one before: encoder
// layers and an output for each of their steps.
type recursion struct {
	univariate
	layers []recurrentLayer
	drop   func(x *Tensor) *Tensor
	output func(h *Tensor) *Tensor                      // (T, N, width) → (T, N, K)
	reads  func(hist, static, future *Tensor) []*Tensor // the columns beside the past, in order
}

// inputs are the columns beside y, one step later than y is, since the step that follows is what is forecast: hist and future
// (B, X, L+T−1), hist being 0 where it is not known yet. So NeuralForecast pairs them.
func (r recursion) inputs(L, T int) (hist, future *Tensor) {
	if r.Hist != nil {
		hist = r.Hist.Slice(2, 1, L).Pad(2, 0, T)
	}
	if r.Future != nil {
		future = r.Future.Slice(2, 1, L+T)
	}
	return hist, future
}

// learn is the forecast (N, T·K) of T steps where the past is measured, (N, L+T−1).
func (r recursion) learn() *Tensor {
	T := r.Horizon
	n := r.past.Last()
	hist, future := r.inputs(n-T+1, T)
	h, _ := runLayers(r.layers, r.sequence(0, n, r.past, r.reads(hist, r.Static, future)...), nil, r.drop)
	return stepwise(r.output(h.Slice(0, n-T, n)))
}

// forecast is the forecast (N, H·K), each step from the point forecast of the one before.
func (r recursion) forecast() *Tensor {
	L, H := r.past.Last(), r.Horizon
	hist, future := r.inputs(L, H)
	h, states := runLayers(r.layers, r.sequence(0, L, r.past, r.reads(hist, r.Static, future)...), nil, r.drop)
	all := []*Tensor{r.output(h.Slice(0, L-1, L))} // (1, N, K)
	for t := range H - 1 {
		at := func(x *Tensor) *Tensor {
			if x == nil {
				return nil
			}
			return x.Slice(2, L+t, L+t+1)
		}
		y := r.Loss.Point(all[t]).Squeeze(0) // (N, 1)
		h, states = runLayers(r.layers, r.sequence(0, 1, y, r.reads(at(hist), r.Static, at(future))...), states, r.drop)
		all = append(all, r.output(h))
	}
	return stepwise(Concat(0, all...))
}
