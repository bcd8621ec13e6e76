package stages

import (
	"math"

	"deeprc/model"
)

// partialWindows are a train part's windows and, after them, those that pass its end: their steps from there on count as missing.
// NeuralForecast trains on such windows, too.
type partialWindows struct {
	*windowSet
	through []int   // partial windows of the groups up to and including each
	first   []int   // start of each group's first partial window
	tails   []int64 // offset of each group's first tail in the extended slab: for each channel the steps from first on
	steps   []int   // of each group's tails
}

// trainWindows are what a training reads: the train part's windows and, with windows.partial, those that pass its end, and the data that
// they are cut from. That is a copy of the series with, behind it, each channel's last steps before the end of its train part, followed by
// the horizon's as missing: windows of other parts lie in it where they were.
func (j *job) trainWindows() (model.Windows, model.Data) {
	if !j.cfg.Windows.Partial {
		return j.sets[0], j.series.Data
	}
	w, data := newPartialWindows(j.sets[0], j.cfg.Windows), j.series.Data
	if w.Len() > w.windowSet.Len() {
		data = w.extend(data)
	}
	return w, data
}

func newPartialWindows(ws *windowSet, cfg WindowsConfig) *partialWindows {
	l, h := cfg.Lookback, cfg.Horizon
	w := &partialWindows{windowSet: ws}
	at, total := int64(len(ws.s.Data.Past)), 0
	for g, grp := range ws.s.Groups {
		n := ws.through[g]
		if g > 0 {
			n -= ws.through[g-1]
		}
		first := ws.first[g] + n*cfg.Stride
		last := min(grp.Bounds[0]-1-l, grp.N-l-h) // one target is before the end; columns known in advance reach over the horizon
		count, steps := 0, 0
		if last >= first {
			count = (last-first)/cfg.Stride + 1
			steps = (count-1)*cfg.Stride + l + h
		}
		total += count
		w.through, w.first = append(w.through, total), append(w.first, first)
		w.tails, w.steps = append(w.tails, at), append(w.steps, steps)
		at += int64(steps * len(grp.Start))
	}
	return w
}

// extend is data with the tails behind its slabs.
func (w *partialWindows) extend(data model.Data) model.Data {
	last := len(w.tails) - 1
	n := int(w.tails[last]) + w.steps[last]*len(w.s.Groups[last].Start)
	past, target := append(make([]float32, 0, n), data.Past...), append(make([]float32, 0, n), data.Target...)
	var owners []int64 // of each tail: an element of its series
	var starts []int64
	missing := float32(math.NaN())
	for g, grp := range w.s.Groups {
		if w.steps[g] == 0 {
			continue
		}
		for _, start := range grp.Start {
			owners, starts = append(owners, start), append(starts, int64(len(past)))
			from, end := start+int64(w.first[g]), start+int64(grp.Bounds[0])
			past, target = append(past, data.Past[from:end]...), append(target, data.Target[from:end]...)
			for range w.steps[g] - int(end-from) {
				past, target = append(past, data.Past[end-1]), append(target, missing)
			}
		}
	}
	known := data.Deviation
	data.Past, data.Target = past, target
	data.Deviation = func(at int64) float32 {
		if k := lastAtMost(starts, at); k >= 0 {
			at = owners[k]
		}
		return known(at)
	}
	return data
}

// Len is the number of windows.
func (w *partialWindows) Len() int { return w.windowSet.Len() + w.through[len(w.through)-1] }

// Offsets is as in [model.Windows].
func (w *partialWindows) Offsets(dst []int64, i int) {
	complete := w.windowSet.Len()
	if i < complete {
		w.windowSet.Offsets(dst, i)
		return
	}
	g, k := locate(w.through, i-complete)
	grp := &w.s.Groups[g]
	for c := range grp.Start {
		dst[c] = w.tails[g] + int64(c*w.steps[g]+k*w.stride)
	}
	w.s.inputOffsets(dst[len(grp.Start):], grp, w.first[g]+k*w.stride)
}
