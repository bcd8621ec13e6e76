package stages

import (
	"fmt"
	"math"
	"slices"

	"deeprc/collective"
	"deeprc/model"
)

// scores are the metrics of one model over all test windows.
type scores map[string]float64

// roundValues bounds the forecasts that one round of evaluation holds, per model, over all ranks.
const roundValues = 1 << 21

// A tally is what the metrics of each model are made of: sums over windows, channels and steps.
type tally struct {
	metrics []model.Metric
	names   []string              // of all their numbers, in the order of metrics
	terms   [][]model.Term        // of each model
	sums    []collective.ExactSum // of each model's terms in turn, values and weights
	count   int64                 // targets that are there
	season  func(row int) float64 // the mean seasonal difference of a slab row, standardised
	parts   *seriesParts          // nil where no metric is of one series
}

func (j *job) newTally(all []*fitted) *tally {
	t := &tally{terms: make([][]model.Term, len(all)), season: j.seasonalScale()}
	if j.cfg.Evaluate.BySeries {
		t.parts = &seriesParts{}
	}
	for _, name := range j.cfg.Evaluate.Metrics {
		m, _ := model.FindMetric(name)
		t.metrics = append(t.metrics, m)
		if m.Series != nil {
			t.names, t.parts = append(t.names, name), &seriesParts{}
			continue
		}
		for k, f := range all {
			if f.forecaster == nil {
				continue
			}
			for _, term := range m.Terms(f.columns()) {
				t.terms[k] = append(t.terms[k], term)
				if !slices.Contains(t.names, term.Name) {
					t.names = append(t.names, term.Name)
				}
			}
		}
	}
	n := 0
	for _, terms := range t.terms {
		n += 2 * len(terms)
	}
	t.sums = make([]collective.ExactSum, n)
	return t
}

// add adds what this rank has in o, of the same models.
func (t *tally) add(o *tally) {
	for i := range t.sums {
		t.sums[i].Merge(&o.sums[i])
	}
	t.count += o.count
	if t.parts != nil {
		t.parts.at = append(t.parts.at, o.parts.at...)
		t.parts.values = append(t.parts.values, o.parts.values...)
	}
}

// seasonalScale is model.SeasonalScale of each slab row's train part, computed when first asked.
func (j *job) seasonalScale() func(row int) float64 {
	s := j.series
	if !slices.Contains(j.cfg.Evaluate.Metrics, "mase") {
		return func(int) float64 { return math.NaN() }
	}
	known := make([]float64, len(s.Channels)) // 0: not computed
	return func(row int) float64 {
		if known[row] == 0 {
			g, c := 0, row
			if s.Long {
				g, c = row, 0
			}
			grp := &s.Groups[g]
			known[row] = model.SeasonalScale(s.Data.Target[grp.Start[c]:][:grp.Bounds[0]], j.cfg.Train.Season)
		}
		return known[row]
	}
}

// evaluate forecasts every test window with every model, once: metrics by exact
// global sums over windows, channels and steps, forecasts to sink in
// the order of windows, channels and steps whatever the number of ranks.
func (j *job) evaluate(all []*fitted, sink *forecastSink) ([]scores, error) {
	done := j.times.start("evaluate")
	t := j.newTally(all)
	if err := j.measure(t, all, sink); err != nil {
		return nil, err
	}
	out, err := j.scores(t, all)
	if err == nil && t.count == 0 {
		err = fmt.Errorf("every target of the test part is missing: there is nothing to evaluate on")
	}
	done(int64(j.sets[2].Len()), 0)
	return out, err
}

// measure adds the test windows to t; collective.
func (j *job) measure(t *tally, all []*fitted, sink *forecastSink) error {
	ws, h, ch := j.sets[2], j.cfg.Windows.Horizon, j.series.channels()
	size := h * ch
	n, rank := j.c.Size(), j.c.Rank()
	per := max(1, min(roundValues/size/n/(1+j.cfg.Evaluate.Samples), (ws.Len()+n-1)/n)) // windows of one rank in one round: rank 0 gathers them all
	preds := make([][][]float32, len(all))                                              // of each model, of each of its columns and samples, (windows, C, H)
	for k, f := range all {
		for range f.endings() {
			preds[k] = append(preds[k], make([]float32, per*size))
		}
	}
	bar := j.screen.bar("evaluate", "windows", ws.Len())
	for first := 0; first < ws.Len(); first += per * n {
		if err := j.stopped("evaluate"); err != nil {
			return err
		}
		round := min(per*n, ws.Len()-first)
		from, to := collective.Share(round, rank, n)
		lo, hi := first+from, first+to
		for k, f := range all {
			if f.forecaster == nil {
				continue
			}
			if err := f.predict(preds[k], ws, lo, hi-lo); err != nil {
				return fmt.Errorf("evaluate %s: %w", f.name, err)
			}
		}
		j.score(t, all, preds, lo, hi)
		if sink != nil {
			if err := j.gather(sink, all, preds, lo, hi, first, round); err != nil {
				return err
			}
		}
		bar.set(first+round, "")
	}
	bar.end("")
	return nil
}

// scores are the metrics of all windows that were added to t, over all ranks; collective. Afterwards t holds the sums of all ranks.
func (j *job) scores(t *tally, all []*fitted) ([]scores, error) {
	if err := collective.AllReduceExact(j.c, t.sums); err != nil {
		return nil, err
	}
	var err error
	if t.count, err = collective.AllReduceOne(j.c, t.count, collective.Sum); err != nil {
		return nil, err
	}
	out, sums := make([]scores, len(all)), t.sums
	for k, f := range all {
		if f.forecaster == nil {
			continue
		}
		out[k] = scores{}
		for _, term := range t.terms[k] {
			out[k][term.Name] = term.Finish(sums[0].Float64() / sums[1].Float64())
			sums = sums[2:]
		}
	}
	j.names = t.names
	if t.parts != nil {
		if j.bySeries, err = j.measureSeries(t, all); err != nil {
			return nil, err
		}
		j.bySeries.summarise(out, all, j.cfg.Evaluate.BySeries)
	}
	return out, nil
}

// score adds windows lo ≤ i < hi to t: each window's errors as one
// float64 sum per channel, these exactly.
func (j *job) score(t *tally, all []*fitted, preds [][][]float32, lo, hi int) {
	ws, s := j.sets[2], j.series
	l, h, ch := j.cfg.Windows.Lookback, j.cfg.Windows.Horizon, s.channels()
	at := make([]int64, ch)
	for i := lo; i < hi; i++ {
		g, start := ws.at(i)
		ws.Offsets(at, i)
		for c := range ch {
			y := s.Data.Target[at[c]+int64(l):][:h]
			row := s.row(g) + c
			scale, shift := 1., 0.
			if j.cfg.Evaluate.Scale == "original" {
				scale, shift = s.Std[row], s.Mean[row]
			}
			season := t.season(row) * scale
			sums, begin := t.sums, ((i-lo)*ch+c)*h
			for k, terms := range t.terms {
				addErrors(sums[:2*len(terms)], terms, preds[k][:len(all[k].columns())], begin, y, scale, shift, season)
				sums = sums[2*len(terms):]
			}
			for _, v := range y {
				if v == v {
					t.count++
				}
			}
			if t.parts == nil {
				continue
			}
			t.parts.add(row, start+l, y, scale, shift)
			for k, f := range all {
				if f.forecaster != nil {
					for _, col := range preds[k][:len(f.columns())] {
						t.parts.append(col[begin:][:h], scale, shift)
					}
				}
			}
		}
	}
}

// addErrors adds the terms of one window and channel, whose forecasts begin at begin of each column and whose targets are y.
func addErrors(sums []collective.ExactSum, terms []model.Term, cols [][]float32, begin int, y []float32, scale, shift, season float64) {
	if len(terms) == 0 {
		return
	}
	part, cells := make([]float64, len(sums)), make([]float64, len(cols))
	for i, v := range y {
		if v != v {
			continue
		}
		for k, col := range cols {
			cells[k] = float64(col[begin+i])*scale + shift
		}
		for m, term := range terms {
			value, weight := term.At(cells, float64(v)*scale+shift, season)
			part[2*m], part[2*m+1] = part[2*m]+value, part[2*m+1]+weight
		}
	}
	for m := range sums {
		sums[m].Add(part[m])
	}
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
			part := col[:(hi-lo)*size]
			if j.c.Size() > 1 {
				var err error
				if part, _, err = collective.GatherV(j.c, part, 0); err != nil {
					return err
				}
			}
			full = append(full, part)
		}
	}
	if j.c.Rank() == 0 {
		sink.write(j, full, first, round)
	}
	return nil
}
