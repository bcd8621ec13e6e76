// Package stages is the application: it reads an experiment's config, prepares
// the series, trains, evaluates and leaves a run folder, on every rank of a
// collective.Comm at once.
package stages

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"deeprc/frame"
	"deeprc/inputs"
	"deeprc/model"
)

// Config is one experiment, as a TOML file describes it. A field's tags are its
// key, its default and its line in the reference.
type Config struct {
	Run       RunConfig          `toml:"run" doc:"the run as a whole"`
	Steps     []StepConfig       `toml:"preprocess" doc:"one step of preparing the table to learn from, in order; the last one's result is that table"`
	Data      DataConfig         `toml:"data" doc:"the table to learn from"`
	Windows   WindowsConfig      `toml:"windows" doc:"what one forecast sees and covers"`
	Models    []ModelConfig      `toml:"model" doc:"one a model; all are trained and evaluated on the same windows"`
	Train     model.TrainOptions `toml:"train" doc:"training, for every model; [model.train] changes single keys for one"`
	Evaluate  EvaluateConfig     `toml:"evaluate" doc:"the test"`
	Intervals IntervalsConfig    `toml:"intervals" doc:"intervals around the forecasts of models that forecast points, from the errors of a cross-validation before the test part; as NeuralForecast's PredictionIntervals"`
	CV        CVConfig           `toml:"cv" doc:"cross-validation over the end of each series, test part included, after the run: every model and baseline is fitted on what lies before a cutoff, of which the last steps, as many as the validation part has, validate it, and forecasts the horizon after it; as NeuralForecast's cross_validation"`
	Tasks     []TaskConfig       `toml:"task" doc:"one task of the run, on a part of the ranks; the pilot on rank 0 starts each when the tasks that it comes after have ended and there are ranks for it; without tasks and [sweep] the run is one pipeline on all ranks"`
	Sweep     *SweepConfig       `toml:"sweep" doc:"tasks for every combination of models, horizons and seeds: a training for each, an evaluation for each horizon and seed, and one preprocess task before all of them unless a [[task]] is one; results of a horizon or seed lie in a folder of their own in the run's, as h96-s1"`
	Pilot     PilotConfig        `toml:"pilot" doc:"who starts which task where"`
}

// RunConfig is the [run] table.
type RunConfig struct {
	Name string `toml:"name" default:"run" doc:"begins the name of the run's folder"`
	Seed int    `toml:"seed" default:"1" doc:"of initial parameters and of the order of windows; the same seed gives the same run"`
	Dir  string `toml:"dir" default:"runs" doc:"folder in which the run's folder is made"`

	Memory  string `toml:"memory" default:"" doc:"bytes that tables may take on each rank, as 8GiB or 500MB; beyond it join, sort and groupby work from files, tables that wait for a later step go to files, and all else works in memory mapped from a file, which the system writes out when it needs room; empty: no limit"`
	Scratch string `toml:"scratch" default:"" doc:"folder of those files, removed afterwards; empty: TMPDIR, else /tmp"`
}

// DataConfig is the [data] table.
type DataConfig struct {
	Path        string      `toml:"path" default:"" doc:"CSV file, from the working directory; synth: the seeded generator of [data.synth]; empty: the result of the last [[preprocess]] step"`
	Layout      string      `toml:"layout" default:"auto" doc:"wide (one column a channel), long (columns id, time, target), auto: long where the id column exists"`
	Time        string      `toml:"time" default:"" doc:"column of timestamps or whole numbers; empty: date, ds, time, timestamp or datetime, whichever the file has"`
	Channels    []string    `toml:"channels" default:"[]" doc:"wide: columns to forecast; empty: every numeric column"`
	ID          string      `toml:"id" default:"unique_id" doc:"long: column that names the series"`
	Target      string      `toml:"target" default:"y" doc:"long: column of values"`
	Hist        []string    `toml:"hist" default:"[]" doc:"numeric columns that nets see up to now only, as measured weather; each is known at every row's time"`
	Future      []string    `toml:"future" default:"[]" doc:"numeric columns that nets see up to the horizon's end, known in advance, as the calendar or a weather forecast"`
	Static      []string    `toml:"static" default:"[]" doc:"long: numeric columns of one value a series; standardized over the series"`
	StaticTable string      `toml:"static_table" default:"" doc:"the name (as) of the [[preprocess]] step whose result has the static columns and the id, a row a series; empty: they are columns of the data"`
	Scaler      string      `toml:"scaler" default:"standard" doc:"of targets over the train part, each series by itself, inverted on output: standard (mean and deviation), minmax, robust (median, and median of the distances from it), robust-iqr (median, and distance between the quartiles), none; global: standard over all series together"`
	InputScaler string      `toml:"input_scaler" default:"standard" doc:"of hist and future columns, each column by itself, as scaler"`
	Scales      string      `toml:"scales" default:"" doc:"long: safetensors file with a shift and a scale of the target and of every input, the same for all series, as deeprc import writes it of NeuralHydrology's scaler, in place of those of the train part; needs scaler and input_scaler = \"global\""`
	NA          []string    `toml:"na" default:"[]" doc:"cells that mean a missing value; empty: NA, NaN, nan, null, NULL, None, - and nothing"`
	Step        string      `toml:"step" default:"auto" doc:"auto: the even spacing of the timestamps is found, missing rows become missing values; rows: each row is a step"`
	Split       Split       `toml:"split" default:"[0.7, 0.1, 0.2]" doc:"train, validation, test: three fractions, three row counts, or the three dates at which they end (the last may be left out)"`
	Synth       SynthConfig `toml:"synth" doc:"the synthetic generator"`
}

// SynthConfig is the [data.synth] table.
type SynthConfig struct {
	Series int `toml:"series" default:"8" doc:"channels"`
	Hours  int `toml:"hours" default:"17520" doc:"rows, one an hour"`
	Months int `toml:"months" default:"0" doc:"rows, one a month, in place of hours; 0: hours"`
	Seed   int `toml:"seed" default:"1" doc:"of the generator"`
}

// WindowsConfig is the [windows] table.
type WindowsConfig struct {
	Lookback int  `toml:"lookback" default:"336" doc:"steps that a forecast sees"`
	Horizon  int  `toml:"horizon" default:"96" doc:"steps that it covers"`
	Stride   int  `toml:"stride" default:"1" doc:"steps between the starts of two windows"`
	Partial  bool `toml:"partial" default:"false" doc:"train also on windows that pass the end of the train part, as NeuralForecast does: what lies beyond counts as missing"`
}

// ModelConfig is one [[model]] table.
type ModelConfig struct {
	Net    string `toml:"net" default:"nlinear" doc:"the network"`
	Name   string `toml:"name" default:"" doc:"column of forecasts and row of metrics; empty: the net, and the solver where it is not gradient"`
	Solver string `toml:"solver" default:"gradient" doc:"gradient: as [train] says; ols: closed-form least squares, for nets that are affine"`

	Scaler  string `toml:"scaler" default:"identity" doc:"of each window, by its own past, undone on the forecast: identity, standard, robust, minmax, minmax1, invariant or revin"`
	Seeds   []int  `toml:"seeds" default:"[]" doc:"an ensemble: a member is trained from each seed, in place of run.seed; forecasts are combined, and model.safetensors has the members as <name>-seed-<seed>"`
	Combine string `toml:"combine" default:"mean" doc:"of the members' forecasts: mean or median"`
	Init    string `toml:"init" default:"" doc:"model.safetensors of a run, or one of its checkpoints, to begin with in place of random parameters: of its model of this name, or of the only one; names and shapes must be the same"`

	Options model.Net          // the net's own keys, in the same table
	Train   model.TrainOptions // [train] with this model's changes

	first int // the number of its first training in the run, an ensemble's members being trainings each
}

// net is the network with all its options.
func (m ModelConfig) net() model.Net { return model.Scaled{Net: m.Options, Scaler: m.Scaler} }

// EvaluateConfig is the [evaluate] table.
type EvaluateConfig struct {
	Metrics   []string `toml:"metrics" default:"[\"mse\", \"mae\"]" doc:"means over all values: mse, mae, rmse, mape, smape, mase (season: train.mase_season), and of models that forecast quantiles quantile_loss (of each), mqloss (their mean), scaled_crps (twice that over the mean size of the values), coverage and width (of each central interval), named as quantile_loss_0.1 and coverage_80; medians over series, as NeuralHydrology defines them, with the mean as <metric>_mean and each series in metrics_series.csv: nse, nnse, kge, pearson_r, alpha_nse, beta_nse, beta_kge, fhv, fms, flv, peak_timing, missed_peaks, peak_mape"`
	Scale     string   `toml:"scale" default:"standardized" doc:"of the metrics: standardized (as data.scaler scales them) or original"`
	Baselines []string `toml:"baselines" default:"[\"repeat_last\", \"seasonal_naive\", \"nlinear_ols\"]" doc:"reported beside the models"`
	Season    int      `toml:"season" default:"0" doc:"steps of a season for seasonal_naive; 0: a day of hourly or finer steps, a week of days, a year of months"`
	BySeries  bool     `toml:"by_series" default:"false" doc:"measure each series by itself, too: metrics_series.csv, and of every metric the median and the mean over series, as mae_series_median and mae_series_mean; holds all test forecasts in memory, as the metrics of one series do"`
	Forecasts bool     `toml:"forecasts" default:"true" doc:"write forecasts.parquet, with every test window"`
	Samples   int      `toml:"samples" default:"0" doc:"draws from the forecast of every model whose loss is a distribution, as columns <model>-sample-1 … of forecasts.parquet and cross_validation.parquet: of deepar whole paths, at most the model's samples; of other nets each step drawn by itself; of an ensemble its members in turn. Metrics are measured on the quantiles of train.levels, not on samples; deepar's quantiles are those of its paths"`
	Plots     int      `toml:"plots" default:"4" doc:"forecasts drawn in the report"`
}

// ConfigError is a mistake in a config or on the command line: exit code 2.
type ConfigError struct{ Err error }

func (e ConfigError) Error() string { return e.Err.Error() }
func (e ConfigError) Unwrap() error { return e.Err }

func configErrorf(format string, args ...any) error { return ConfigError{fmt.Errorf(format, args...)} }

// maxPlots bounds the report.
const maxPlots = 200

// MaxRanks bounds the in-process ranks: more goroutines than any node has cores only cost.
const MaxRanks = 1024

// QuickstartFile is the embedded default that LoadConfig reads where no file is named.
const QuickstartFile = "quickstart.toml"

// maxConfigFile bounds a config in bytes.
const maxConfigFile = 16 << 20

// LoadConfig reads an experiment, applies the assignments key=value of sets, and
// checks all that can be checked without the data. An empty path means the
// embedded QuickstartFile.
func LoadConfig(path string, sets []string) (*Config, error) {
	var text []byte
	var err error
	if path == "" {
		path = QuickstartFile
		text, err = inputs.Files.ReadFile(path)
	} else {
		text, err = readFile(path, maxConfigFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		var names []string
		entries, _ := os.ReadDir(filepath.Dir(path))
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if near, ok := frame.Nearest(filepath.Base(path), names); ok {
			return nil, configErrorf("%w; did you mean %s?", err, filepath.Join(filepath.Dir(path), near))
		}
	}
	if err != nil {
		return nil, ConfigError{err}
	}
	return parseConfig(path, string(text), sets)
}

// checkColumns reports two columns of forecasts.parquet with one name.
func (cfg *Config) checkColumns() error {
	of := map[string]string{}
	for _, m := range cfg.Models {
		for _, ending := range model.ColumnNames(cfg.columns(m)) {
			if other, taken := of[m.Name+ending]; taken {
				return fmt.Errorf("model %q: its column %q is one of model %q, too: rename one of them", m.Name, m.Name+ending, other)
			}
			of[m.Name+ending] = m.Name
		}
	}
	return nil
}

// checkQuantileMetrics reports a metric that no model has.
func (cfg *Config) checkQuantileMetrics() error {
	for _, name := range cfg.Evaluate.Metrics {
		metric, _ := model.FindMetric(name)
		has := metric.Series != nil || len(metric.Terms([]float64{0})) > 0
		for _, m := range cfg.Models {
			has = has || len(metric.Terms(cfg.columns(m))) > 0
		}
		if !has {
			return fmt.Errorf("evaluate.metrics: %s measures quantiles, which no model forecasts: set train.loss to mqloss or a distribution, or intervals.levels", name)
		}
	}
	return nil
}

// columns are the quantiles of a model's columns in the run's forecasts, those of its intervals included.
func (cfg *Config) columns(m ModelConfig) []float64 {
	own := cfg.quantiles(m)
	if len(own) == 1 {
		own = append(own, cfg.Intervals.quantiles()...)
	}
	return own
}

// quantiles are those of the columns that a model forecasts, 0 for the point forecast. Least squares forecasts points only.
func (cfg *Config) quantiles(m ModelConfig) []float64 {
	if m.Solver != "gradient" {
		return []float64{0}
	}
	return m.Train.Columns()
}

func (cfg *Config) check() error {
	w, e := cfg.Windows, cfg.Evaluate
	switch {
	case !cfg.hasData() && !cfg.commandsOnly():
		return errors.New("data.path is not set: name a CSV file, or synth, or prepare a table with [[preprocess]] steps")
	case cfg.Data.Path != "" && len(cfg.Steps) > 0:
		return fmt.Errorf("data.path = %q, but there are [[preprocess]] steps, whose last result is the data: take data.path out, and read the file in the first step", cfg.Data.Path)
	case !slices.Contains([]string{"auto", "wide", "long"}, cfg.Data.Layout):
		return fmt.Errorf("data.layout = %q: want auto, wide or long", cfg.Data.Layout)
	case !slices.Contains([]string{"auto", "rows"}, cfg.Data.Step):
		return fmt.Errorf("data.step = %q: want auto or rows", cfg.Data.Step)
	case !slices.Contains(scalerNames, cfg.Data.Scaler):
		return fmt.Errorf("data.scaler = %q%s", cfg.Data.Scaler, didYouMean(cfg.Data.Scaler, scalerNames))
	case !slices.Contains(scalerNames, cfg.Data.InputScaler):
		return fmt.Errorf("data.input_scaler = %q%s", cfg.Data.InputScaler, didYouMean(cfg.Data.InputScaler, scalerNames))
	case cfg.Data.Scales != "" && (cfg.Data.Scaler != "global" || cfg.Data.InputScaler != "global"):
		return errors.New("data.scales has one scale for all series: set data.scaler and data.input_scaler to \"global\"")
	case w.Lookback < 1 || w.Horizon < 1 || w.Stride < 1:
		return fmt.Errorf("windows: lookback %d, horizon %d, stride %d: all must be at least 1", w.Lookback, w.Horizon, w.Stride)
	case w.Lookback > math.MaxInt32 || w.Horizon > math.MaxInt32 || w.Stride > math.MaxInt32:
		return errors.New("windows: lookback, horizon and stride must be below 2³¹")
	case e.Scale != "standardized" && e.Scale != "original":
		return fmt.Errorf("evaluate.scale = %q: want standardized or original", e.Scale)
	case len(e.Metrics) == 0:
		return errors.New("evaluate.metrics is empty: name at least one metric")
	case e.Season < 0 || e.Plots < 0:
		return errors.New("evaluate.season and evaluate.plots must not be negative")
	case e.Samples < 0 || e.Samples > maxSamples:
		return fmt.Errorf("evaluate.samples = %d: want 0 to %d", e.Samples, maxSamples)
	case e.Samples > 0 && !e.Forecasts:
		return errors.New("evaluate.samples: samples are written with the forecasts: set evaluate.forecasts = true")
	case e.Plots > maxPlots:
		return fmt.Errorf("evaluate.plots = %d: at most %d", e.Plots, maxPlots)
	case cfg.Run.Name == "" || strings.ContainsAny(cfg.Run.Name, "/\\\x00") || cfg.Run.Name[0] == '.':
		return fmt.Errorf("run.name = %q: it begins a folder's name, so it must be without slashes and not begin with a dot", cfg.Run.Name)
	}
	if err := cfg.Data.Synth.synth().check(); err != nil {
		return fmt.Errorf("data.synth: %w", err)
	}
	if _, err := parseBytes(cfg.Run.Memory); err != nil {
		return fmt.Errorf("run.memory = %q: %w", cfg.Run.Memory, err)
	}
	if err := checkSteps(cfg.Steps); err != nil {
		return err
	}
	if err := cfg.checkInputs(); err != nil {
		return err
	}
	if err := cfg.checkSamples("evaluate.samples", e.Samples); err != nil {
		return err
	}
	if err := cfg.CV.check(); err != nil {
		return err
	}
	if err := cfg.Intervals.check(); err != nil {
		return err
	}
	for _, m := range e.Metrics {
		metric, ok := model.FindMetric(m)
		switch {
		case !ok:
			return fmt.Errorf("evaluate.metrics: no metric %q%s", m, didYouMean(m, model.MetricNames()))
		case metric.Original && e.Scale != "original":
			return fmt.Errorf("evaluate.metrics: %s depends on the unit of the values: set evaluate.scale = \"original\"", m)
		case metric.Apart && w.Stride < w.Horizon:
			return fmt.Errorf("evaluate.metrics: %s needs one forecast of each step: windows.stride = %d must be at least windows.horizon = %d", m, w.Stride, w.Horizon)
		case metric.Apart && cfg.CV.Windows > 1 && cfg.CV.StepSize < w.Horizon:
			return fmt.Errorf("evaluate.metrics: %s needs one forecast of each step: cv.step_size = %d must be at least windows.horizon = %d", m, cfg.CV.StepSize, w.Horizon)
		}
	}
	for _, b := range e.Baselines {
		if !slices.Contains(baselineNames, b) {
			return fmt.Errorf("evaluate.baselines: no baseline %q%s", b, didYouMean(b, baselineNames))
		}
	}
	seen := map[string]bool{}
	for _, b := range e.Baselines {
		if seen[b] {
			return fmt.Errorf("evaluate.baselines names %q twice", b)
		}
		seen[b] = true
	}
	for i, m := range cfg.Models {
		if slices.Contains(e.Baselines, m.Name) {
			return fmt.Errorf("model %d: the name %q is that of a baseline: set the model's name, or take it out of evaluate.baselines", i, m.Name)
		}
		if seen[m.Name] {
			return fmt.Errorf("model %d: the name %q is taken already; give each [[model]] a name of its own", i, m.Name)
		}
		if slices.Contains([]string{"unique_id", "ds", "cutoff", "y"}, m.Name) {
			return fmt.Errorf("model %d: the name %q is a column of forecasts.parquet; take another", i, m.Name)
		}
		seen[m.Name] = true
		if m.Solver != "gradient" && m.Solver != "ols" {
			return fmt.Errorf("model %q: solver = %q: want gradient or ols", m.Name, m.Solver)
		}
		if m.Solver == "ols" && m.Scaler != "identity" {
			return fmt.Errorf("model %q: solver = \"ols\" needs scaler = \"identity\": a window's scale is not linear in it", m.Name)
		}
		if m.Scaler == "invariant" && m.Train.Distribution() {
			return fmt.Errorf("model %q: scaler = \"invariant\" bends the values, so that the distribution of loss = %q cannot be scaled back: take another scaler", m.Name, m.Train.Loss)
		}
		if key := model.ScalesBack(m.Options); key != "" && m.Train.Counts() {
			return fmt.Errorf("model %q: %s = true scales the forecast of %s, but the counts of loss = %q have no deviation to scale apart from their mean: set %[2]s = false", m.Name, key, m.Net, m.Train.Loss)
		}
		if m.Solver == "ols" && (len(m.Seeds) > 0 || m.Init != "") {
			return fmt.Errorf("model %q: solver = \"ols\" has one solution, which needs no seeds and no init", m.Name)
		}
		if m.Solver == "gradient" && m.Init == "" && m.Train.Steps == 0 && m.Train.Epochs == 0 {
			return fmt.Errorf("model %q: train.epochs = 0 and train.steps = 0 train nothing: set one of them, or init, the file of parameters to evaluate", m.Name)
		}
		if m.Combine != "mean" && m.Combine != "median" {
			return fmt.Errorf("model %q: combine = %q: want mean or median", m.Name, m.Combine)
		}
		for k, seed := range m.Seeds {
			if seed < 0 || slices.Contains(m.Seeds[:k], seed) {
				return fmt.Errorf("model %q: seeds = %v: want different ones, none negative", m.Name, m.Seeds)
			}
			if name := memberName(m.Name, seed); slices.ContainsFunc(cfg.Models, func(o ModelConfig) bool { return o.Name == name }) {
				return fmt.Errorf("model %q: the name of its member %s is taken by another model", m.Name, name)
			}
		}
		if m.Solver == "ols" && !model.HasClosedForm(m.Options) {
			return fmt.Errorf("model %q: solver = \"ols\": %s has no closed form", m.Name, m.Net)
		}
		if err := model.CheckNet(m.net(), w.Lookback, w.Horizon); err != nil {
			return fmt.Errorf("model %q: %w", m.Name, err)
		}
		unread, err := model.Unread(m.net(), w.Lookback, w.Horizon, cfg.Data.columns())
		if err != nil {
			return fmt.Errorf("model %q: %w", m.Name, err)
		}
		if len(unread) > 0 {
			key := unread[0]
			return fmt.Errorf("model %q: %s does not read %s columns: leave data.%s out, or take a net that does", m.Name, m.Net, key, key)
		}
		if err := m.Train.Check(); err != nil {
			return fmt.Errorf("train, for model %q: %w", m.Name, err)
		}
		if m.Train.Loss == "mase" && m.Train.Season >= w.Lookback {
			return fmt.Errorf("train, for model %q: mase_season = %d: must be below windows.lookback = %d", m.Name, m.Train.Season, w.Lookback)
		}
	}
	if err := cfg.checkColumns(); err != nil {
		return err
	}
	if err := cfg.checkQuantileMetrics(); err != nil {
		return err
	}
	return cfg.Train.Check()
}

// columns counts the columns beside the targets.
func (cfg *DataConfig) columns() model.Columns {
	return model.Columns{Hist: len(cfg.Hist), Future: len(cfg.Future), Static: len(cfg.Static)}
}

// checkInputs checks the keys of columns beside the targets.
func (cfg *Config) checkInputs() error {
	d := &cfg.Data
	if d.Path == "synth" && d.columns() != (model.Columns{}) {
		return errors.New("data.path = \"synth\" has no columns beside its targets: leave data.hist, data.future and data.static out")
	}
	if d.StaticTable != "" {
		if len(d.Static) == 0 {
			return fmt.Errorf("data.static_table = %q, but data.static names no column of it", d.StaticTable)
		}
		if !slices.ContainsFunc(cfg.Steps, func(s StepConfig) bool { return s.As == d.StaticTable }) {
			return fmt.Errorf("data.static_table = %q: no [[preprocess]] step's result has this name (as)", d.StaticTable)
		}
	}
	seen := map[string]string{}
	for _, l := range []struct {
		key   string
		names []string
	}{{"channels", d.Channels}, {"hist", d.Hist}, {"future", d.Future}, {"static", d.Static}} {
		for _, name := range l.names {
			if before := seen[name]; before != "" && l.key != "channels" {
				return fmt.Errorf("data.%s names the column %q, which is in data.%s already", l.key, name, before)
			}
			seen[name] = l.key
		}
	}
	return nil
}

func didYouMean(word string, among []string) string {
	if near, ok := frame.Nearest(word, among); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; there are " + strings.Join(among, ", ")
}
