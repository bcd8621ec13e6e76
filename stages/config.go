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
	Run      RunConfig          `toml:"run" doc:"the run as a whole"`
	Steps    []StepConfig       `toml:"preprocess" doc:"one step of preparing the table to learn from, in order; the last one's result is that table"`
	Data     DataConfig         `toml:"data" doc:"the table to learn from"`
	Windows  WindowsConfig      `toml:"windows" doc:"what one forecast sees and covers"`
	Models   []ModelConfig      `toml:"model" doc:"one a model; all are trained and evaluated on the same windows"`
	Train    model.TrainOptions `toml:"train" doc:"training, for every model; [model.train] changes single keys for one"`
	Evaluate EvaluateConfig     `toml:"evaluate" doc:"the test"`
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
	Path     string      `toml:"path" default:"" doc:"CSV file, from the working directory; synth: the seeded generator of [data.synth]; empty: the result of the last [[preprocess]] step"`
	Layout   string      `toml:"layout" default:"auto" doc:"wide (one column a channel), long (columns id, time, target), auto: long where the id column exists"`
	Time     string      `toml:"time" default:"" doc:"column of timestamps or whole numbers; empty: date, ds, time, timestamp or datetime, whichever the file has"`
	Channels []string    `toml:"channels" default:"[]" doc:"wide: columns to forecast; empty: every numeric column"`
	ID       string      `toml:"id" default:"unique_id" doc:"long: column that names the series"`
	Target   string      `toml:"target" default:"y" doc:"long: column of values"`
	NA       []string    `toml:"na" default:"[]" doc:"cells that mean a missing value; empty: NA, NaN, nan, null, NULL, None, - and nothing"`
	Step     string      `toml:"step" default:"auto" doc:"auto: the even spacing of the timestamps is found, missing rows become missing values; rows: each row is a step"`
	Split    Split       `toml:"split" default:"[0.7, 0.1, 0.2]" doc:"train, validation, test: three fractions, three row counts, or the three dates at which they end (the last may be left out)"`
	Synth    SynthConfig `toml:"synth" doc:"the synthetic generator"`
}

// SynthConfig is the [data.synth] table.
type SynthConfig struct {
	Series int `toml:"series" default:"8" doc:"channels"`
	Hours  int `toml:"hours" default:"17520" doc:"rows, one an hour"`
	Seed   int `toml:"seed" default:"1" doc:"of the generator"`
}

// WindowsConfig is the [windows] table.
type WindowsConfig struct {
	Lookback int `toml:"lookback" default:"336" doc:"steps that a forecast sees"`
	Horizon  int `toml:"horizon" default:"96" doc:"steps that it covers"`
	Stride   int `toml:"stride" default:"1" doc:"steps between the starts of two windows"`
}

// ModelConfig is one [[model]] table.
type ModelConfig struct {
	Net    string `toml:"net" default:"nlinear" doc:"the network"`
	Name   string `toml:"name" default:"" doc:"column of forecasts and row of metrics; empty: the net, and the solver where it is not gradient"`
	Solver string `toml:"solver" default:"gradient" doc:"gradient: as [train] says; ols: closed-form least squares, for nets that are affine"`

	Seeds   []int  `toml:"seeds" default:"[]" doc:"an ensemble: a member is trained from each seed, in place of run.seed; forecasts are combined, and model.safetensors has the members as <name>-seed-<seed>"`
	Combine string `toml:"combine" default:"mean" doc:"of the members' forecasts: mean or median"`
	Init    string `toml:"init" default:"" doc:"model.safetensors of a run to begin with, in place of random parameters: of its model of this name, or of the only one; names and shapes must be the same"`

	Options model.Net          // the net's own keys, in the same table
	Train   model.TrainOptions // [train] with this model's changes
}

// EvaluateConfig is the [evaluate] table.
type EvaluateConfig struct {
	Metrics   []string `toml:"metrics" default:"[\"mse\", \"mae\"]" doc:"any of mse, mae, rmse"`
	Scale     string   `toml:"scale" default:"standardized" doc:"of the metrics: standardized (by the train part's mean and deviation, channel by channel) or original"`
	Baselines []string `toml:"baselines" default:"[\"repeat_last\", \"seasonal_naive\", \"nlinear_ols\"]" doc:"reported beside the models"`
	Season    int      `toml:"season" default:"0" doc:"steps of a season for seasonal_naive; 0: a day of hourly or finer steps, a week of days, a year of months"`
	Forecasts bool     `toml:"forecasts" default:"true" doc:"write forecasts.parquet, with every test window"`
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
		text, err = os.ReadFile(path)
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

func (cfg *Config) check() error {
	w, e := cfg.Windows, cfg.Evaluate
	switch {
	case cfg.Data.Path == "" && len(cfg.Steps) == 0:
		return errors.New("data.path is not set: name a CSV file, or synth, or prepare a table with [[preprocess]] steps")
	case cfg.Data.Path != "" && len(cfg.Steps) > 0:
		return fmt.Errorf("data.path = %q, but there are [[preprocess]] steps, whose last result is the data: take data.path out, and read the file in the first step", cfg.Data.Path)
	case !slices.Contains([]string{"auto", "wide", "long"}, cfg.Data.Layout):
		return fmt.Errorf("data.layout = %q: want auto, wide or long", cfg.Data.Layout)
	case !slices.Contains([]string{"auto", "rows"}, cfg.Data.Step):
		return fmt.Errorf("data.step = %q: want auto or rows", cfg.Data.Step)
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
	for _, m := range e.Metrics {
		if _, ok := model.FindMetric(m); !ok {
			return fmt.Errorf("evaluate.metrics: no metric %q%s", m, didYouMean(m, model.MetricNames()))
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
		if len(m.Seeds) > 0 && m.Solver == "ols" || m.Init != "" && m.Solver == "ols" {
			return fmt.Errorf("model %q: solver = \"ols\" has one solution, which needs no seeds and no init", m.Name)
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
		if err := model.CheckNet(m.Options, w.Lookback, w.Horizon); err != nil {
			return fmt.Errorf("model %q: %w", m.Name, err)
		}
		if err := m.Train.Check(); err != nil {
			return fmt.Errorf("train, for model %q: %w", m.Name, err)
		}
	}
	return cfg.Train.Check()
}

func didYouMean(word string, among []string) string {
	if near, ok := frame.Nearest(word, among); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; there are " + strings.Join(among, ", ")
}
