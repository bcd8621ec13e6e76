package stages

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"deeprc/collective"
	"deeprc/model"
)

// CVConfig is the [cv] table.
type CVConfig struct {
	Windows  int `toml:"n_windows" default:"0" doc:"cutoffs, the last of them one horizon before the end; 0: no cross-validation"`
	StepSize int `toml:"step_size" default:"1" doc:"steps between two cutoffs"`
	Refit    any `toml:"refit" default:"false" doc:"false: each model is fitted once, on what lies before the first cutoff; true: anew at each cutoff; a number k: at every k-th"`
}

// maxPastErrors bounds what a rank holds of a model's errors.
const maxPastErrors = 1 << 27

// maxCutoffs bounds a cross-validation.
const maxCutoffs = 1 << 16

// fits reports whether the models are fitted anew at cutoff i.
func (c CVConfig) fits(i int) bool {
	switch k := c.Refit.(type) {
	case bool:
		return i == 0 || k
	case int64:
		return i%int(k) == 0
	}
	return i == 0
}

func (c CVConfig) check() error {
	k, whole := c.Refit.(int64)
	_, flag := c.Refit.(bool)
	switch {
	case c.Windows < 0 || c.Windows > maxCutoffs:
		return fmt.Errorf("cv.n_windows = %d: want 0 to %d", c.Windows, maxCutoffs)
	case c.StepSize < 1 || c.StepSize > math.MaxInt32:
		return fmt.Errorf("cv.step_size = %d: must be at least 1 and below 2³¹", c.StepSize)
	case !flag && !whole:
		return fmt.Errorf("cv.refit = %v: want true, false, or a number of cutoffs", c.Refit)
	case whole && (k < 1 || k > maxCutoffs):
		return fmt.Errorf("cv.refit = %d: want true, false, or a number of cutoffs from 1 to %d", k, maxCutoffs)
	}
	return nil
}

// cutSeries is s with parts that end, in each series, where a model fitted for a cutoff may learn, at the cutoff, and a horizon
// later. The first cutoff is span steps before the end of the test part, and this one after steps later. The validation part is as
// long as the run's. A series without a lookback before the first cutoff is not tested at any.
func (s *Series) cutSeries(span, after, lookback, horizon int) *Series {
	cut := *s
	cut.Groups = slices.Clone(s.Groups)
	for g := range cut.Groups {
		b := s.Groups[g].Bounds
		at := max(b[2]-span+after, 0)
		cut.Groups[g].Bounds = [3]int{max(at-(b[1]-b[0]), 0), at, min(at+horizon, b[2])}
		if b[2]-span < lookback {
			cut.Groups[g].Bounds[2] = at
		}
	}
	return &cut
}

// span is how many steps before the end of each series the first cutoff is.
func (c CVConfig) span(horizon int) int { return horizon + (c.Windows-1)*c.StepSize }

// checkCutoffs reports a series that is scaled by values after the first cutoff of [cv] or of [intervals], and cutoffs
// before which there is nothing to train on or to validate with.
func (j *job) checkCutoffs() error {
	s, cfg := j.series, j.cfg
	windows := func(table string, s *Series, c CVConfig) error {
		if n := len(s.Channels) * cfg.Windows.Horizon; len(cfg.Intervals.Levels) > 0 && c.Windows > maxPastErrors/n {
			return configErrorf("%s.n_windows = %d: intervals would hold the errors of %d series × %d steps at each cutoff, at most %d in all: take a smaller number",
				table, c.Windows, len(s.Channels), cfg.Windows.Horizon, maxPastErrors)
		}
		cut := s.cutSeries(c.span(cfg.Windows.Horizon), 0, cfg.Windows.Lookback, cfg.Windows.Horizon)
		if _, err := splitWindows(cut, cfg.Windows); err != nil {
			return configErrorf("%s, what lies before the first cutoff: %w: take a smaller %[1]s.n_windows or %[1]s.step_size", table, err)
		}
		return nil
	}
	check := func(table string, c CVConfig, part int, remedy string) error {
		span := c.span(cfg.Windows.Horizon)
		for g := range s.Groups {
			b := s.Groups[g].Bounds
			if at := b[part] - span; at >= cfg.Windows.Lookback && at < b[0] {
				return configErrorf("%s: the first cutoff of %s is step %d, in the train part of %d steps, which scales the data: "+
					"take a smaller %[1]s.n_windows or %[1]s.step_size, or %s part in data.split", table, s.Channels[s.row(g)], at, b[0], remedy)
			}
		}
		return nil
	}
	if cfg.CV.Windows > 0 {
		if err := check("cv", cfg.CV, 2, "a smaller train"); err != nil {
			return err
		}
		if err := windows("cv", s, cfg.CV); err != nil {
			return err
		}
	}
	if len(cfg.Intervals.Levels) > 0 {
		if err := check("intervals", cfg.Intervals.cutoffs(), 1, "a larger validation"); err != nil {
			return err
		}
		return windows("intervals", j.calibration().series, cfg.Intervals.cutoffs())
	}
	return nil
}

// aside is the job on other parts of the series, whose checkpoints have a folder of their own.
func (j *job) aside(states string) *job {
	fold := *j
	fold.states, fold.times, fold.frozen = filepath.Join(checkpointsDir, states), &timings{}, false
	return &fold
}

// A cutoffScores are the metrics of one cutoff.
type cutoffScores struct {
	time   string // of the last step that the forecasts saw; "" where series differ
	models []scores
}

// cvFile is cross_validation.json.
type cvFile struct {
	Windows int                            `json:"n_windows"`
	Step    int                            `json:"step_size"`
	Refit   any                            `json:"refit"`
	Scale   string                         `json:"scale"`
	Metrics map[string]map[string]*float64 `json:"metrics"`          // of each model over all cutoffs; null where not finite
	Errors  map[string]string              `json:"errors,omitempty"` // of models that failed at a cutoff, where their forecasts are NaN
}

// crossValidate fits and forecasts at each cutoff of [cv] in turn, and writes cross_validation.parquet, in the form of
// forecasts.parquet, with metrics over all cutoffs (cross_validation.json) and of each (cross_validation.csv); collective. Cutoffs are
// counted back from the end of each series' test part, as NeuralForecast's cross_validation does: the last is one horizon before it.
// table is that of the report; failed is the error of models which failed.
func (j *job) crossValidate(dir string) (table *ReportTable, failed, err error) {
	cv, h := j.cfg.CV, j.cfg.Windows.Horizon
	span := cv.span(h)
	done := j.times.start("cross-validate")
	var fits, shown []*fitted // without and with intervals
	var sink *forecastSink
	var sum *tally
	errs := map[string]string{}
	past := make([]pastErrors, len(j.cfg.Models))
	byCutoff := make([]cutoffScores, cv.Windows)
	var fold *job
	for i := range cv.Windows {
		if fold == nil || cv.fits(i) { // a model's training depends on its cutoff only, whatever the number of cutoffs
			fold = j.aside(fmt.Sprintf("cutoff-%d", span-i*cv.StepSize))
		}
		fold.series = j.series.cutSeries(span, i*cv.StepSize, j.cfg.Windows.Lookback, h)
		if fold.sets, err = splitWindows(fold.series, j.cfg.Windows); err != nil {
			return nil, failed, fmt.Errorf("cv, cutoff %d: %w", i+1, err)
		}
		if cv.fits(i) {
			j.screen.printf("cross-validation: fit at cutoff %d of %d", i+1, cv.Windows)
			if fits, err = fold.fitFold(); err != nil {
				return nil, failed, fmt.Errorf("cv, cutoff %d: %w", i+1, err)
			}
			for _, f := range fits {
				if f.err != nil {
					errs[f.name] = strings.TrimPrefix(fmt.Sprintf("%s; cutoff %d: %v", errs[f.name], i+1, f.err), "; ")
					if !f.baseline {
						failed = errors.Join(failed, fmt.Errorf("cv, cutoff %d: model %s: %w", i+1, f.name, f.err))
					}
				}
			}
		}
		shown = fits
		if j.cfg.crossIntervals() {
			shown = fold.intervalsSoFar(fits, past)
		}
		if i == 0 {
			if sink, err = j.openSink(filepath.Join(dir, "cross_validation.parquet"), shown); err != nil {
				return nil, failed, err
			}
			defer sink.abort()
			sum = j.newTally(shown)
		}
		one := fold.newTally(shown)
		one.season = sum.season
		if err := fold.measure(one, shown, sink); err != nil {
			return nil, failed, fmt.Errorf("cv, cutoff %d: %w", i+1, err)
		}
		if j.cfg.crossIntervals() {
			if err := fold.remember(fits, past); err != nil {
				return nil, failed, err
			}
		}
		sum.add(one)
		byCutoff[i].time = fold.cutoffTime()
		if byCutoff[i].models, err = fold.scores(one, shown); err != nil {
			return nil, failed, err
		}
	}
	all, err := fold.scores(sum, shown)
	if err != nil {
		return nil, failed, err
	}
	if j.c.Rank() == 0 {
		file := cvFile{Windows: cv.Windows, Step: cv.StepSize, Refit: cv.Refit, Scale: j.cfg.Evaluate.Scale, Metrics: metricsOf(fits, all), Errors: errs}
		err = errors.Join(writeJSON(filepath.Join(dir, "cross_validation.json"), file),
			writeCutoffs(filepath.Join(dir, "cross_validation.csv"), fits, sum.names, byCutoff), sink.close())
		if j.screen.out != nil {
			fmt.Fprintf(j.screen.out, "\ncross-validation, %s:\n", cv)
			printTable(j.screen.out, sum.names, j.cfg.Evaluate.Scale, fits, all)
		}
		t := metricsTable("Cross-validation", cv.String()+", on the "+j.cfg.Evaluate.Scale+" scale", sum.names, fits, all)
		for k := range t.Rows { // a note is of the last fit alone
			t.Rows[k].Note = ""
		}
		table = &t
	}
	done(sum.count, 0)
	if err := collective.Agree(j.c, err); err != nil || !j.cfg.crossIntervals() {
		return table, failed, err
	}
	byName := map[string]conformal{}
	for k, e := range past {
		if e != nil {
			byName[j.cfg.Models[k].Name] = j.withIntervals(fits[k].forecaster, e, func(_, _ int) bool { return true })
		}
	}
	return table, failed, j.writeIntervals(dir, byName)
}

// crossIntervals reports whether cross-validation has errors to make intervals of: those of one cutoff are too few.
func (cfg *Config) crossIntervals() bool { return len(cfg.Intervals.Levels) > 0 && cfg.CV.Windows > 1 }

// intervalsSoFar are the fits, whose models of points have intervals from the errors at the cutoffs before the next, one step size apart: of those
// targets alone that lie before it.
func (j *job) intervalsSoFar(fits []*fitted, past []pastErrors) []*fitted {
	shown := slices.Clone(fits)
	for k, f := range fits {
		if f.forecastsPoints() {
			with := *f
			with.forecaster = j.withIntervals(f.forecaster, past[k], func(i, t int) bool { return t < (len(past[k])-i)*j.cfg.CV.StepSize })
			shown[k] = &with
		}
	}
	return shown
}

// remember adds the errors at the job's cutoff to past, of each model; collective.
func (j *job) remember(fits []*fitted, past []pastErrors) error {
	for k := range past {
		if f := fits[k]; f.forecastsPoints() {
			e, err := j.absoluteErrors(f)
			if err != nil {
				return fmt.Errorf("cv, intervals of model %s: %w", f.name, err)
			}
			past[k] = append(past[k], e)
		}
	}
	return nil
}

// String tells of the cutoffs to people.
func (c CVConfig) String() string {
	how := "fitted before the first"
	switch k := c.Refit.(type) {
	case bool:
		if k {
			how = "fitted anew at each"
		}
	case int64:
		how = fmt.Sprintf("fitted anew at every %d", k)
	}
	return fmt.Sprintf("%d cutoffs %d steps apart, %s", c.Windows, c.StepSize, how)
}

// fitFold fits all models and baselines on the job's train part; one that fails forecasts NaN.
func (j *job) fitFold() (fits []*fitted, err error) {
	size := j.cfg.Windows.Horizon * j.series.channels()
	for _, m := range j.cfg.Models {
		f, err := j.fitModel(m, func(*fitted) error { return nil })
		if err != nil {
			return nil, err
		}
		if f.err != nil {
			f.forecaster = nothing{j.cfg.quantiles(m), size}
		}
		fits = append(fits, f)
	}
	for _, name := range j.cfg.Evaluate.Baselines {
		f, err := j.baseline(name)
		if err != nil {
			return nil, err
		}
		if f.err != nil {
			f.forecaster = nothing{[]float64{0}, size}
		}
		fits = append(fits, f)
	}
	return fits, nil
}

// nothing forecasts NaN, in the columns that a model which failed would have had.
type nothing struct {
	quantiles []float64
	size      int // C·H
}

// Columns is as [model.ColumnForecaster] says.
func (f nothing) Columns() []float64 { return f.quantiles }

// Predict is as [model.Forecaster] says.
func (f nothing) Predict(dst []float32, ws model.Windows, lo, n int) error {
	return f.PredictColumns([][]float32{dst}, ws, lo, n)
}

// PredictSamples is as [model.SampleForecaster] says.
func (f nothing) PredictSamples(dst [][]float32, ws model.Windows, lo, n int) error {
	return f.PredictColumns(dst, ws, lo, n)
}

// PredictColumns is as [model.ColumnForecaster] says.
func (f nothing) PredictColumns(dst [][]float32, _ model.Windows, _, n int) error {
	for _, col := range dst {
		for i := range col[:n*f.size] {
			col[i] = float32(math.NaN())
		}
	}
	return nil
}

// cutoffTime is the last time before the test part, "" where it is not that of all series which have a test window.
func (j *job) cutoffTime() (text string) {
	ws := j.sets[2]
	for i := range ws.Len() {
		g, start := ws.at(i)
		now := j.series.timeText(g, start+j.cfg.Windows.Lookback-1)
		if text != "" && now != text {
			return ""
		}
		text = now
	}
	return text
}

// writeCutoffs writes a row a cutoff and model, a column a metric, nothing where a metric is not defined.
func writeCutoffs(path string, fits []*fitted, names []string, cutoffs []cutoffScores) error {
	return writeAtomic(path, func(w io.Writer) error {
		head := "window,cutoff,model"
		for _, name := range names {
			head += "," + name
		}
		if _, err := fmt.Fprintln(w, head); err != nil {
			return err
		}
		for i, c := range cutoffs {
			for k, f := range fits {
				line := fmt.Sprintf("%d,%s,%s", i+1, c.time, csvCell(f.name))
				for _, name := range names {
					line += ","
					if v, ok := c.models[k][name]; ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
						line += fmt.Sprint(v)
					}
				}
				if _, err := fmt.Fprintln(w, line); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
