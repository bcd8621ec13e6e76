package model

// Windows is a set of windows over the slabs of a [Data], in a fixed order.
type Windows interface {
	Len() int
	// Offsets writes where window i starts, as many as dst holds of one offset a row: in the
	// slab of targets the C channels; then in that of inputs the X rows of Hist, the
	// F rows of Future, and the place of the S statics, where there are any.
	Offsets(dst []int64, i int)
}

// Data is what windows are cut from. Past is one slab of series, and Target is
// Past with NaN where the value is missing; the two are one slice when nothing is
// missing. Inputs holds the rows beside the targets, without missing values, and
// Columns counts them.
type Data struct {
	Past, Target []float32
	Inputs       []float32
	Columns
	Deviation func(at int64) float32 // of the series' train part, for the series that holds element at of Past; only loss nse asks
}

// Columns counts the columns beside the targets.
type Columns struct {
	Hist   int // X: known up to now only
	Future int // F: known in advance
	Static int // S: one value a series
}

// rows is the number of offsets of a window of C channels.
func (c Columns) rows(channels int) int { return channels + c.Hist + c.Future + min(c.Static, 1) }

// batch records the batch of the windows at (B, rows) that a net reads, known steps of the horizon being part of its past.
func (d Data) batch(g *Graph, past, target, inputs *Region, at *Tensor, channels, lookback, known, horizon int, loss Loss) Batch {
	b := Batch{Past: g.At(past, 0, past.N).GatherRows(at, 0, channels, 0, lookback+known), // (B, C, L)
		Horizon: horizon, Outputs: loss.Outputs(), Loss: loss}
	if past != target {
		y := g.At(target, 0, target.N).GatherRows(at, 0, channels, 0, lookback+known)
		b.Mask = y.Equal(y) // NaN equals nothing
	}
	row := channels
	next := func(rows, steps int) *Tensor {
		row += rows
		return g.At(inputs, 0, inputs.N).GatherRows(at, row-rows, row, 0, steps)
	}
	if d.Hist > 0 {
		b.Hist = next(d.Hist, lookback) // (B, X, L)
	}
	if d.Future > 0 {
		b.Future = next(d.Future, lookback+horizon) // (B, F, L+H)
	}
	if d.Static > 0 {
		b.Static = next(1, d.Static).Squeeze(1) // (B, S)
	}
	return b
}

// batchOffsets writes the offsets (B, rows) of the windows that pick returns for
// 0 ≤ i < n, and their weights (B): 1, and 0 for the rest of the batch.
func batchOffsets(at []int64, weight []float32, ws Windows, rows, n int, pick func(i int) int) {
	for i := range weight {
		if i < n {
			ws.Offsets(at[i*rows:][:rows], pick(i))
			weight[i] = 1
			continue
		}
		copy(at[i*rows:][:rows], at[:rows])
		weight[i] = 0
	}
	if n == 0 {
		ws.Offsets(at[:rows], 0)
		for i := 1; i < len(weight); i++ {
			copy(at[i*rows:][:rows], at[:rows])
		}
	}
}
