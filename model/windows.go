package model

// Windows is a set of windows over the series slab, in a fixed order.
type Windows interface {
	Len() int
	// Offsets writes where window i starts in the slab, one offset a channel.
	Offsets(dst []int64, i int)
}

// Data is what windows are cut from: one slab of series. Target is Past with
// NaN where the value is missing; the two are one slice when nothing is missing.
type Data struct {
	Past, Target []float32
	Deviation    func(at int64) float32 // of the series' train part, for the series that holds element at; only loss nse asks
}

// batchOffsets writes the offsets (B, C) of the windows that pick returns for
// 0 ≤ i < n, and their weights (B): 1, and 0 for the rest of the batch.
func batchOffsets(at []int64, weight []float32, ws Windows, channels, n int, pick func(i int) int) {
	for i := range weight {
		if i < n {
			ws.Offsets(at[i*channels:][:channels], pick(i))
			weight[i] = 1
			continue
		}
		copy(at[i*channels:][:channels], at[:channels])
		weight[i] = 0
	}
	if n == 0 {
		ws.Offsets(at[:channels], 0)
		for i := 1; i < len(weight); i++ {
			copy(at[i*channels:][:channels], at[:channels])
		}
	}
}
