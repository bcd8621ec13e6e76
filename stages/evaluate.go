package stages

import (
	"context"
	"fmt"
	"slices"

	"deeprc/collective"
	"deeprc/model"
)

// scores are the metrics of one model over all test windows.
type scores map[string]float64

// roundValues bounds the forecasts that one round of evaluation holds, per model, over all ranks.
const roundValues = 1 << 21

// evaluate forecasts every test window with every model, once: metrics by exact
// global sums and counts over windows, channels and steps, forecasts to sink in
// the order of windows, channels and steps whatever the number of ranks.
func (j *job) evaluate(all []*fitted, sink *forecastSink) ([]scores, error) {
	done := j.times.start("evaluate")
	ws, h, ch := j.sets[2], j.cfg.Windows.Horizon, j.series.channels()
	size := h * ch
	var metrics []model.Metric
	for _, name := range j.cfg.Evaluate.Metrics {
		m, _ := model.FindMetric(name)
		metrics = append(metrics, m)
	}
	sums := make([]collective.ExactSum, len(all)*len(metrics))
	var count int64
	n, rank := j.c.Size(), j.c.Rank()
	per := max(1, min(roundValues/size/n, (ws.Len()+n-1)/n)) // windows of one rank in one round: rank 0 gathers them all
	preds := make([][][]float32, len(all))                   // of each model, of each of its columns, (windows, C, H)
	for k, f := range all {
		for range f.columns() {
			preds[k] = append(preds[k], make([]float32, per*size))
		}
	}
	var parts *seriesParts
	if slices.ContainsFunc(metrics, func(m model.Metric) bool { return m.Series != nil }) {
		parts = &seriesParts{}
	}
	bar := j.screen.bar("evaluate", "windows", ws.Len())
	for first := 0; first < ws.Len(); first += per * n {
		if j.ctx.Err() != nil {
			return nil, fmt.Errorf("evaluate: %w", context.Cause(j.ctx))
		}
		round := min(per*n, ws.Len()-first)
		from, to := collective.Share(round, rank, n)
		lo, hi := first+from, first+to
		for k, f := range all {
			if f.forecaster == nil {
				continue
			}
			if err := f.predict(preds[k], ws, lo, hi-lo); err != nil {
				return nil, fmt.Errorf("evaluate %s: %w", f.name, err)
			}
		}
		count += j.score(sums, all, metrics, preds, parts, lo, hi)
		if sink != nil {
			if err := j.gather(sink, all, preds, lo, hi, first, round); err != nil {
				return nil, err
			}
		}
		bar.set(first+round, "")
	}
	if err := collective.AllReduceExact(j.c, sums); err != nil {
		return nil, err
	}
	count, err := collective.AllReduceOne(j.c, count, collective.Sum)
	if err != nil {
		return nil, err
	}
	if count == 0 {
		return nil, fmt.Errorf("every target of the test part is missing: there is nothing to evaluate on")
	}
	out := make([]scores, len(all))
	for k, f := range all {
		if f.forecaster == nil {
			continue
		}
		out[k] = scores{}
		for i, m := range metrics {
			if m.Series == nil {
				out[k][m.Name] = m.Finish(sums[k*len(metrics)+i].Float64() / float64(count))
			}
		}
	}
	if parts != nil {
		if j.bySeries, err = j.measureSeries(parts, all, metrics); err != nil {
			return nil, err
		}
		j.bySeries.summarise(out, all)
	}
	bar.end("")
	done(int64(ws.Len()), 0)
	return out, nil
}

// score adds windows lo ≤ i < hi to the sums: each window's errors as one
// float64 sum per channel, these exactly. It returns the number of targets seen.
func (j *job) score(sums []collective.ExactSum, all []*fitted, metrics []model.Metric, preds [][][]float32, parts *seriesParts, lo, hi int) (count int64) {
	ws, s := j.sets[2], j.series
	l, h, ch := j.cfg.Windows.Lookback, j.cfg.Windows.Horizon, s.channels()
	at := make([]int64, ch)
	for i := lo; i < hi; i++ {
		g, start := ws.at(i)
		ws.Offsets(at, i)
		for c := range ch {
			y := s.Data.Target[at[c]+int64(l):][:h]
			scale, shift := 1., 0.
			if j.cfg.Evaluate.Scale == "original" {
				r := s.row(g) + c
				scale, shift = s.Std[r], s.Mean[r]
			}
			for k, f := range all {
				if f.forecaster == nil {
					continue
				}
				p := preds[k][0][((i-lo)*ch+c)*h:][:h]
				for m, metric := range metrics {
					if metric.Series != nil {
						continue
					}
					var sum float64
					for t, v := range y {
						if v == v {
							sum += metric.Point(float64(p[t])*scale+shift, float64(v)*scale+shift)
						}
					}
					sums[k*len(metrics)+m].Add(sum)
				}
			}
			for _, v := range y {
				if v == v {
					count++
				}
			}
			if parts != nil {
				parts.add(s.row(g)+c, start+l, y, scale, shift)
				for k, f := range all {
					if f.forecaster != nil {
						parts.append(preds[k][0][((i-lo)*ch+c)*h:][:h], scale, shift)
					}
				}
			}
		}
	}
	return count
}

// gather brings one round's forecasts to rank 0 and writes them.
func (j *job) gather(sink *forecastSink, all []*fitted, preds [][][]float32, lo, hi, first, round int) error {
	size := j.cfg.Windows.Horizon * j.series.channels()
	var full [][]float32
	for k, f := range all {
		if f.forecaster == nil {
			continue
		}
		for _, col := range preds[k] {
			part, _, err := collective.GatherV(j.c, col[:(hi-lo)*size], 0)
			if err != nil {
				return err
			}
			full = append(full, part)
		}
	}
	if j.c.Rank() == 0 {
		sink.write(j, full, first, round)
	}
	return nil
}
