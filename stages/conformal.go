package stages

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"deeprc/collective"
	"deeprc/model"
)

// IntervalsConfig is the [intervals] table.
type IntervalsConfig struct {
	Levels   []float64 `toml:"levels" default:"[]" doc:"central intervals, in percent, of every model that forecasts points, as columns <model>-lo-80 and <model>-hi-80; empty: none"`
	Method   string    `toml:"method" default:"conformal_distribution" doc:"conformal_distribution: quantiles of the forecast plus and minus each error; conformal_error: the forecast plus and minus a quantile of the errors"`
	Windows  int       `toml:"n_windows" default:"2" doc:"cutoffs before the test part at which errors are measured; every model is fitted once more for them, on what lies before the first. With [cv] of two cutoffs or more, its forecasts have intervals, too, from the errors at earlier cutoffs that were known by then (none at the first), and those of predict are from its errors at all cutoffs"`
	StepSize int       `toml:"step_size" default:"1" doc:"steps between two cutoffs"`
}

func (c IntervalsConfig) check() error {
	switch {
	case c.Method != "conformal_distribution" && c.Method != "conformal_error":
		return fmt.Errorf("intervals.method = %q: want conformal_distribution or conformal_error", c.Method)
	case c.Windows < 2 || c.Windows > maxCutoffs:
		return fmt.Errorf("intervals.n_windows = %d: want 2 to %d", c.Windows, maxCutoffs)
	case c.StepSize < 1 || c.StepSize > math.MaxInt32:
		return fmt.Errorf("intervals.step_size = %d: must be at least 1 and below 2³¹", c.StepSize)
	case len(c.Levels) > 100:
		return fmt.Errorf("intervals.levels: at most 100")
	}
	if err := model.CheckLevels(c.Levels); err != nil {
		return fmt.Errorf("intervals.%w", err)
	}
	return nil
}

// quantiles are the ends of the intervals, ascending.
func (c IntervalsConfig) quantiles() []float64 { return model.IntervalEnds(c.Levels) }

// offset is how far from the forecast the q-quantile lies, given the absolute errors of earlier forecasts, which it sorts; NaN
// without any. They are NeuralForecast's methods, after Xu and Xie (Conformal prediction interval for dynamic time-series, ICML
// 2021) and Stankevičiūtė et al. (Conformal time-series forecasting, NeurIPS 2021).
func (c IntervalsConfig) offset(q float64, errs []float64) float64 {
	if len(errs) == 0 {
		return math.NaN()
	}
	if c.Method == "conformal_error" {
		slices.Sort(errs)
		return math.Copysign(model.Quantile(errs, math.Abs(2*q-1)), q-.5)
	}
	both := slices.Clone(errs)
	for _, e := range errs {
		both = append(both, -e)
	}
	slices.Sort(both)
	return model.Quantile(both, q)
}

// cutoffs are those of the intervals.
func (c IntervalsConfig) cutoffs() CVConfig {
	return CVConfig{Windows: c.Windows, StepSize: c.StepSize}
}

// calibration is the job on what lies before the test part, which the cutoffs of the intervals divide.
func (j *job) calibration() *job {
	fold, s := j.aside(fmt.Sprintf("intervals-%d", j.cfg.Intervals.cutoffs().span(j.cfg.Windows.Horizon))), *j.series
	s.Groups = slices.Clone(s.Groups)
	for g := range s.Groups {
		b := s.Groups[g].Bounds
		s.Groups[g].Bounds = [3]int{max(2*b[0]-b[1], 0), b[0], b[1]}
	}
	fold.series = &s
	return fold
}

// intervalsFile holds, of each column of an interval, named as in forecasts.parquet, its distance from the forecast: (rows, H) of
// float32, standardised, rows in the order of model.json's channels. It is what predict puts around forecasts.
const intervalsFile = "intervals.safetensors"

// addIntervals gives every model that forecasts points the intervals of [intervals], from the absolute errors at cutoffs before
// the test part, and writes them to the run's folder dir; collective. A model that cannot be fitted there has NaN for intervals, and failed says why.
func (j *job) addIntervals(dir string, all []*fitted) (failed, err error) {
	cfg, h := j.cfg.Intervals, j.cfg.Windows.Horizon
	done := j.times.start("intervals")
	base, l, span := j.calibration(), j.cfg.Windows.Lookback, cfg.cutoffs().span(h)
	var models []*fitted // of the cutoffs; nil where nothing is to be measured
	errs := make([]pastErrors, len(j.cfg.Models))
	for i := range cfg.Windows {
		fold := *base
		fold.series = base.series.cutSeries(span, i*cfg.StepSize, l, h)
		if fold.sets, err = splitWindows(fold.series, j.cfg.Windows); err != nil {
			return failed, fmt.Errorf("intervals, cutoff %d: %w", i+1, err)
		}
		for k, m := range j.cfg.Models {
			if i == 0 {
				models = append(models, nil)
				if f := all[k]; f.err == nil && f.forecastsPoints() {
					j.screen.printf("intervals: fit %s on what lies before the first of %d cutoffs", m.Name, cfg.Windows)
					if models[k], err = fold.fitModel(m, func(*fitted) error { return nil }); err != nil {
						return failed, fmt.Errorf("intervals, model %s: %w", m.Name, err)
					}
					if e := models[k].err; e != nil {
						failed, models[k] = errors.Join(failed, fmt.Errorf("intervals of model %s: %w", m.Name, e)), nil
					}
					errs[k] = pastErrors{}
				}
			}
			if models[k] != nil {
				e, err := fold.absoluteErrors(models[k])
				if err != nil {
					return failed, fmt.Errorf("intervals, model %s: %w", m.Name, err)
				}
				errs[k] = append(errs[k], e)
			}
		}
	}
	byName := map[string]conformal{}
	for k, e := range errs {
		if e == nil {
			continue
		}
		f := j.withIntervals(all[k].forecaster, e, func(_, _ int) bool { return true })
		all[k].forecaster, byName[all[k].name] = f, f
	}
	done(int64(len(j.series.Channels)*cfg.Windows*h), 0)
	return failed, j.writeIntervals(dir, byName)
}

// writeIntervals writes the intervals of each model by its name to the run's folder dir; collective.
func (j *job) writeIntervals(dir string, byName map[string]conformal) (err error) {
	var arrays []model.Named
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		f := byName[name]
		for i, ending := range model.ColumnNames(f.quantiles) {
			if i > 0 {
				arrays = append(arrays, model.Named{Name: name + ending, Shape: []int{len(j.series.Channels), f.horizon}, Data: f.offsets[i]})
			}
		}
	}
	if j.c.Rank() == 0 {
		err = writeAtomic(filepath.Join(dir, intervalsFile), func(w io.Writer) error { return model.WriteSafetensors(w, arrays, nil) })
	}
	return collective.Agree(j.c, err)
}

// pastErrors are those of one model at cutoffs, in the order of time: of each (rows, H) of 1 + |y − ŷ|, 0 where there is no window, NaN where there
// is no value.
type pastErrors [][]float64

// absoluteErrors are those of f at the job's cutoff, of all ranks; collective.
func (j *job) absoluteErrors(f *fitted) ([]float64, error) {
	ws, s, l, h := j.sets[2], j.series, j.cfg.Windows.Lookback, j.cfg.Windows.Horizon
	ch := s.channels()
	from, to := collective.Share(ws.Len(), j.c.Rank(), j.c.Size())
	p, errs := make([]float32, (to-from)*ch*h), make([]float64, len(s.Channels)*h)
	if err := f.forecaster.Predict(p, ws, from, to-from); err != nil {
		return nil, err
	}
	at := make([]int64, ch)
	for w := from; w < to; w++ {
		g, _ := ws.at(w)
		ws.Offsets(at, w)
		for c := range ch {
			y := s.Data.Target[at[c]+int64(l):][:h]
			for t, v := range y {
				errs[(s.row(g)+c)*h+t] = 1 + math.Abs(float64(v)-float64(p[((w-from)*ch+c)*h+t]))
			}
		}
	}
	return errs, collective.AllReduce(j.c, errs, collective.Sum)
}

// withIntervals is f with the intervals that those errors make which known(cutoff, step) admits.
func (j *job) withIntervals(f model.Forecaster, errs pastErrors, known func(i, t int) bool) conformal {
	cfg, h, rows := j.cfg.Intervals, j.cfg.Windows.Horizon, len(j.series.Channels)
	out := conformal{Forecaster: f, series: j.series, horizon: h, quantiles: append([]float64{0}, cfg.quantiles()...)}
	out.offsets = make([][]float32, len(out.quantiles))
	for k := range out.offsets[1:] {
		out.offsets[1+k] = make([]float32, rows*h)
	}
	var here []float64
	for at := range rows * h {
		here = here[:0]
		for i, e := range errs {
			if e[at] > 0 && known(i, at%h) { // neither absent nor NaN
				here = append(here, e[at]-1)
			}
		}
		for k, q := range out.quantiles[1:] {
			out.offsets[1+k][at] = float32(cfg.offset(q, here))
		}
	}
	return out
}

// conformal is a forecaster of points with intervals around them.
type conformal struct {
	model.Forecaster
	series    *Series
	horizon   int
	quantiles []float64   // 0, then those of the ends
	offsets   [][]float32 // of each but the first, (rows, H) from the point, standardised
}

// Columns is as [model.ColumnForecaster] says.
func (f conformal) Columns() []float64 { return f.quantiles }

// PredictSamples is as [model.SampleForecaster] says, of a forecaster that is one.
func (f conformal) PredictSamples(dst [][]float32, ws model.Windows, lo, n int) error {
	return f.Forecaster.(model.SampleForecaster).PredictSamples(dst, ws, lo, n)
}

// PredictColumns is as [model.ColumnForecaster] says.
func (f conformal) PredictColumns(dst [][]float32, ws model.Windows, lo, n int) error {
	if err := f.Predict(dst[0], ws, lo, n); err != nil {
		return err
	}
	h, ch := f.horizon, f.series.channels()
	for i := range n {
		g, _ := ws.(*windowSet).at(lo + i)
		for c := range ch {
			begin, row := (i*ch+c)*h, f.series.row(g)+c
			for k := 1; k < len(dst); k++ {
				for t, d := range f.offsets[k][row*h:][:h] {
					dst[k][begin+t] = dst[0][begin+t] + d
				}
			}
		}
	}
	return nil
}
