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
	h, states := r.encode()
	all := []*Tensor{r.output(h)} // (1, N, K)
	for t := range r.Horizon - 1 {
		h, states = r.next(t, r.Loss.Point(all[t]).Squeeze(0), states)
		all = append(all, r.output(h))
	}
	return stepwise(Concat(0, all...))
}

// sample is S paths (B, C, H·S) for each channel, each step drawn from the distribution that follows from the path so far
// (Salinas et al. 2020, §3.2): rows of paths are N' = B·C·S, as if a window had C·S channels.
func (r recursion) sample(S int, draw *Tensor) *Tensor {
	B, C, H := r.Past.Shape[0], r.Past.Shape[1], r.Horizon
	h, states := r.encode()
	raw := r.output(h)                  // (1, N, K)
	spread := func(x *Tensor) *Tensor { // (…, N, n) → (N', n)
		N, n := B*C, x.Last()
		return x.Reshape(N, 1, n).Expand(N, S, n).Reshape(N*S, n)
	}
	raw = spread(raw)
	for i, s := range states {
		states[i] = CellState{h: spread(s.h)}
		if s.c != nil {
			states[i].c = spread(s.c)
		}
	}
	r.Past = r.Past.Slice(2, 0, 1).Expand(B, C, S).Reshape(B, C*S, 1) // for its shape
	all := make([]*Tensor, H)
	for t := range H {
		params := r.Loss.outputs(raw.Reshape(B, C, S*r.Outputs), r.back)
		y := r.Loss.Sample(params.Reshape(B*C*S, r.Outputs), draw, t, B).Reshape(B, C, S)
		all[t] = y.Reshape(1, B*C, S)
		if t == H-1 {
			break
		}
		if r.scale != nil {
			y = r.scale(y)
		}
		h, states = r.next(t, y.Reshape(B*C*S, 1), states)
		raw = r.output(h).Squeeze(0)
	}
	return stepwise(Concat(0, all...)).Reshape(B, C, H*S)
}

// encode is the last layer's output (1, N, width) of the lookback's last step, and the states behind it.
func (r recursion) encode() (h *Tensor, states []CellState) {
	L := r.past.Last()
	hist, future := r.inputs(L, r.Horizon)
	h, states = runLayers(r.layers, r.sequence(0, L, r.past, r.reads(hist, r.Static, future)...), nil, r.drop)
	return h.Slice(0, L-1, L), states
}

// next is the output (1, N, width) of step t+1 of the horizon, from the values y (N, 1) and the states of step t, from 0.
func (r recursion) next(t int, y *Tensor, from []CellState) (h *Tensor, states []CellState) {
	L := r.past.Last()
	hist, future := r.inputs(L, r.Horizon)
	at := func(x *Tensor) *Tensor {
		if x == nil {
			return nil
		}
		return x.Slice(2, L+t, L+t+1)
	}
	return runLayers(r.layers, r.sequence(0, 1, y, r.reads(at(hist), r.Static, at(future))...), from, r.drop)
}
