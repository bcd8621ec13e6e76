package stages

import (
	"context"
	"errors"
	"fmt"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/model"
)

var baselineNames = []string{"repeat_last", "seasonal_naive", "nlinear_ols"}

// A fitted is one row of the comparison: a model or baseline that can forecast,
// or the error that it ended with.
type fitted struct {
	name, note string
	baseline   bool
	forecaster model.Forecaster
	fit        *model.Fit // nil for a naive baseline
	cfg        ModelConfig
	params     []float32
	history    *model.History
	err        error
	members    []*fitted // of an ensemble, whose fit is the last member's
	samples    int       // written beside its columns
}

// columns are the quantiles of what f forecasts, 0 for the point forecast; none where it cannot.
func (f *fitted) columns() []float64 {
	switch c := f.forecaster.(type) {
	case nil:
		return nil
	case model.ColumnForecaster:
		return c.Columns()
	}
	return []float64{0}
}

// trained is how many seconds f was trained, an ensemble's members one after the other; 0 where it was not.
func (f *fitted) trained() (seconds float64) {
	for _, m := range f.members {
		seconds += m.trained()
	}
	if f.history != nil && len(f.history.Records) > 0 {
		seconds += f.history.Records[len(f.history.Records)-1].Seconds
	}
	return seconds
}

// forecastsPoints reports a model without quantiles of its own, around which conformal intervals can be.
func (f *fitted) forecastsPoints() bool { return !f.baseline && len(f.columns()) == 1 }

// endings are those of the names of its columns.
func (f *fitted) endings() []string {
	if f.forecaster == nil {
		return nil
	}
	names := model.ColumnNames(f.columns())
	for k := range f.samples {
		names = append(names, fmt.Sprintf("-sample-%d", k+1))
	}
	return names
}

// predict writes each column's forecasts (n, C, H) of windows lo … lo+n−1, then the samples.
func (f *fitted) predict(dst [][]float32, ws model.Windows, lo, n int) error {
	if f.samples > 0 {
		columns := len(dst) - f.samples
		if err := f.forecaster.(model.SampleForecaster).PredictSamples(dst[columns:], ws, lo, n); err != nil {
			return err
		}
		dst = dst[:columns]
	}
	if c, ok := f.forecaster.(model.ColumnForecaster); ok {
		return c.PredictColumns(dst, ws, lo, n)
	}
	return f.forecaster.Predict(dst[0], ws, lo, n)
}

// job is what the stages of one rank share.
type job struct {
	ctx      context.Context
	c        collective.Comm
	cfg      *Config
	dir      string // the run's folder
	resume   bool   // go on with what lies there
	states   string // the folder, below the run's, of the trainings' checkpoints
	frozen   bool   // nothing is trained: models are those that checkpoints hold
	dev      model.Device
	series   *Series
	sets     [3]*windowSet // train, validation, test
	screen   *screen
	times    *timings
	print    string // fingerprint of series, once it was asked for
	pageName string // of the report; "": report.html

	names    []string                                  // after evaluate: of the numbers of the metrics
	bySeries *seriesMetrics                            // after evaluate; nil where no metric is of one series
	steps    func(i int, t *frame.Table, r stepReport) // called after each [[preprocess]] step; may be nil
}

// season is the number of steps after which seasonal_naive repeats.
func (j *job) season() int {
	if j.cfg.Evaluate.Season > 0 {
		return j.cfg.Evaluate.Season
	}
	return j.series.Step.season()
}

// shape is what a rank's Fit is compiled for; a batch is never larger than the train part.
func (j *job) shape(batch int) model.Shape {
	n := j.c.Size()
	batch = min(batch, j.sets[0].Len())
	return model.Shape{Lookback: j.cfg.Windows.Lookback, Horizon: j.cfg.Windows.Horizon,
		Channels: j.series.channels(), Batch: (batch + n - 1) / n}
}

// baseline prepares one of baselineNames.
func (j *job) baseline(name string) (*fitted, error) {
	w, ch := j.cfg.Windows, j.series.channels()
	f := &fitted{name: name, baseline: true}
	switch name {
	case "repeat_last":
		f.forecaster = model.RepeatLast(j.series.Data, w.Lookback, w.Horizon, ch)
		f.note = "the last value"
	case "seasonal_naive":
		m := j.season()
		f.forecaster, f.err = model.SeasonalNaive(j.series.Data, w.Lookback, w.Horizon, ch, m)
		f.note = fmt.Sprintf("the value %d steps before", m)
	default:
		f.cfg = ModelConfig{Net: "nlinear", Name: name, Solver: "ols", Scaler: "identity", Options: &model.NLinear{}, Train: j.cfg.Train}
		return f, j.solve(f)
	}
	return f, nil
}

// solve fits in closed form.
func (j *job) solve(f *fitted) error {
	done := j.times.start("fit " + f.name)
	bar := j.screen.bar("fit "+f.name, "windows", 0)
	opt := f.cfg.Train
	opt.Loss = "mse" // what least squares makes small, whatever [train] says
	fit, err := model.NewForecaster(j.dev, f.cfg.net(), j.shape(opt.Batch), j.series.Data, opt, uint64(j.cfg.Run.Seed))
	if err != nil {
		return err
	}
	rows, err := fit.OLS(j.c, f.cfg.Options, j.sets[0])
	var unsolved *model.OLSError
	if errors.As(err, &unsolved) {
		f.err = err
		return nil
	}
	if err != nil {
		return err
	}
	f.fit, f.forecaster, f.note = fit, fit, fmt.Sprintf("least squares over %d rows", rows)
	f.params = make([]float32, fit.Params.Words())
	if err := fit.GetParams(f.params); err != nil {
		return err
	}
	bar.end(fmt.Sprintf("closed form, %d windows", j.sets[0].Len()))
	done(rows, 0)
	return nil
}

// fitModel fits one [[model]].
func (j *job) fitModel(m ModelConfig, better func(f *fitted) error) (*fitted, error) {
	var f *fitted
	var err error
	if len(m.Seeds) > 0 {
		f, err = j.ensemble(m.first, m, better)
	} else {
		f, err = j.train(m.first, m, uint64(j.cfg.Run.Seed), better)
	}
	f.samples = samplesOf(m, j.cfg.Evaluate.Samples)
	return f, err
}

// train fits one training, number k of the run's, from a seed. A loss that diverges is the model's error, and the
// run goes on with the others; any other error ends the run.
func (j *job) train(k int, m ModelConfig, seed uint64, better func(f *fitted) error) (*fitted, error) {
	f := &fitted{name: m.Name, cfg: m}
	if m.Solver == "ols" {
		return f, j.solve(f)
	}
	done := j.times.start("train " + m.Name)
	windows, data := j.trainWindows()
	newFit := model.NewFit
	if j.frozen {
		newFit = model.NewForecaster
	}
	fit, err := newFit(j.dev, m.net(), j.shape(m.Train.Batch), data, m.Train, seed)
	if err != nil {
		return f, err
	}
	f.fit, f.forecaster = fit, fit
	var bar *stageBar
	hooks := model.Hooks{
		Progress: func(step, total int, loss float64) {
			if bar == nil {
				bar = j.screen.bar("train "+m.Name, "steps", total)
			}
			bar.set(step, fmt.Sprintf("loss %.4f", loss))
		},
		Better: func(params []float32, _ int, _ float64) error {
			f.params = params
			return better(f)
		},
	}
	if err := j.checkpoints(k, m.Name, fit, seed, &hooks); err != nil {
		return f, fmt.Errorf("train %s: %w", m.Name, err)
	}
	if j.frozen && (hooks.Resume == nil || !hooks.Resume.Finished) {
		f.fit, f.forecaster = nil, nil
		f.err = errors.New("it was not trained to its end")
		return f, nil
	}
	before := 0 // steps of earlier sessions
	if hooks.Resume == nil && m.Init != "" {
		if err := j.initialise(fit, m); err != nil {
			return f, err
		}
	}
	if s := hooks.Resume; s != nil {
		before = s.History.Steps
		f.params = s.Best
		if s.Diverged != nil {
			j.screen.printf("%s diverged before, and is not trained again: that needs another config, and a new run", m.Name)
		} else if s.Finished {
			j.screen.printf("%s was trained already, %d steps", m.Name, s.History.Steps)
		} else {
			j.screen.printf("%s goes on after step %d", m.Name, s.History.Steps)
		}
	}
	f.history, err = model.Train(j.ctx, j.c, fit, windows, j.sets[1], seed, hooks)
	h := f.history
	if bar != nil {
		bar.end(fmt.Sprintf("validation loss %.4f at step %d", h.Best, h.BestStep))
	}
	rows := int64(h.Steps-before) * int64(m.Train.Batch)
	done(rows, 0)
	var diverged *model.DivergedError
	if errors.As(err, &diverged) {
		f.err = err
		if f.params == nil {
			f.fit, f.forecaster = nil, nil // no validation yet: nothing worth keeping
		}
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("train %s: %w", m.Name, err)
	}
	f.note = fmt.Sprintf("best of %d steps at step %d", h.Steps, h.BestStep)
	if h.Steps == 0 {
		f.note = "not trained: parameters of " + m.Init
	}
	if h.Stopped {
		f.note += ", stopped early"
	}
	return f, nil
}
