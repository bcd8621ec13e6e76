package stages

import (
	"fmt"

	"deeprc/frame"
)

func init() {
	registerOperator[rollingStep]("rolling", "aggregates over the last rows, or the last hours or days, of each series")
	registerOperator[resampleStep]("resample", "one row of all rows of a series in a bin of time")
	registerOperator[fillStep]("fill", "put values in place of missing cells")
	registerOperator[fitScalerStep]("fit_scaler", "the parameters of a scaler, a small table for scale and unscale")
	registerOperator[scaleStep]("scale", "standardise or transform columns by the parameters of fit_scaler")
	registerOperator[unscaleStep]("unscale", "undo scale")
	registerOperator[fourierStep]("fourier", "calendar features: sine and cosine of the time of day, day of week or day of year")
	registerOperator[splitStep]("split", "say which rows are for training, validation and test")
	registerOperator[asofStep]("asof", "to each row the row of a second table that is nearest in time")
}

type rollingStep struct {
	By         []string `toml:"by" default:"[]" doc:"key columns of a series; empty: all rows are one series"`
	Time       string   `toml:"time" default:"date" doc:"time column"`
	Aggs       []string `toml:"aggs" default:"[]" doc:"aggregates, as in groupby: sum, mean, min, max, count, var, std, median, quantile, first, last"`
	Rows       int      `toml:"rows" default:"0" doc:"length of a window: the row and those before it"`
	Span       string   `toml:"span" default:"" doc:"its length in time instead, as 36h or 7d; with neither, the window is all rows of the series so far"`
	Center     bool     `toml:"center" default:"false" doc:"the row is in the middle of its window"`
	MinPeriods int      `toml:"min_periods" default:"1" doc:"cells that are not missing that a window needs"`
}

func (s *rollingStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	aggs, err := parseAggs(s.Aggs)
	if err != nil {
		return nil, err
	}
	windows := make([]frame.RollingAgg, len(aggs))
	for i, a := range aggs {
		windows[i] = frame.RollingAgg{Agg: a, Rows: s.Rows, Span: s.Span, Center: s.Center, MinPeriods: s.MinPeriods}
	}
	return frame.Rolling(e.c, in, s.By, s.Time, windows...)
}

type resampleStep struct {
	By     []string `toml:"by" default:"[]" doc:"key columns of a series; empty: all rows are one series"`
	Time   string   `toml:"time" default:"date" doc:"time column"`
	Every  string   `toml:"every" default:"" doc:"length of a bin: 15m, 1h, 1d, 1w, 1mo, 1y"`
	Aggs   []string `toml:"aggs" default:"[]" doc:"aggregates, as in groupby"`
	Origin string   `toml:"origin" default:"" doc:"where a bin begins: a time, or start for each series' first; empty: 1970-01-01, Monday for weeks"`
	Closed string   `toml:"closed" default:"left" doc:"side of a bin that belongs to it: left or right"`
	Label  string   `toml:"label" default:"left" doc:"side whose time the row gets: left or right"`
	Gaps   bool     `toml:"gaps" default:"false" doc:"also a row for each bin without rows"`
}

func (s *resampleStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	aggs, err := parseAggs(s.Aggs)
	if err != nil {
		return nil, err
	}
	return frame.Resample(e.c, in, s.By, s.Time, frame.ResampleOptions{Every: s.Every, Aggs: aggs, Origin: s.Origin, Closed: s.Closed, Label: s.Label, Gaps: s.Gaps})
}

type fillStep struct {
	By      []string `toml:"by" default:"[]" doc:"key columns of a series; empty: all rows are one series"`
	Time    string   `toml:"time" default:"date" doc:"time column"`
	Columns []string `toml:"columns" default:"[]" doc:"columns to fill"`
	Method  string   `toml:"method" default:"forward" doc:"forward, backward, linear (in time), constant, or mean (of the series)"`
	Limit   int      `toml:"limit" default:"0" doc:"missing cells in a row that are filled; 0: any number"`
	Value   any      `toml:"value" default:"0.0" doc:"of method constant: a number, a string, true or false"`
	Fit     string   `toml:"fit" default:"" doc:"of method mean: a column of booleans that says which rows count; empty: all"`
}

func (s *fillStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	o := frame.FillOptions{Columns: s.Columns, Method: s.Method, Limit: s.Limit, Fit: s.Fit}
	if s.Method == "constant" {
		o.Value = s.Value
	}
	return frame.Fill(e.c, in, s.By, s.Time, o)
}

type fitScalerStep struct {
	Columns []string `toml:"columns" default:"[]" doc:"columns of numbers"`
	Method  string   `toml:"method" default:"standard" doc:"standard (mean and deviation), minmax, robust (median and quartiles), cbrt or log1p"`
	By      []string `toml:"by" default:"[]" doc:"key columns: parameters of each series; empty: of all rows"`
	Fit     string   `toml:"fit" default:"" doc:"a column of booleans that says which rows count, as split makes; empty: all"`
}

func (s *fitScalerStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	return e.once(frame.FitScaler(e.c, in, frame.ScalerOptions{Columns: s.Columns, Method: s.Method, By: s.By, Fit: s.Fit}))
}

type (
	scaleStep struct {
		Params string `toml:"params" default:"" doc:"the name (as) of fit_scaler's result"`
	}
	unscaleStep scaleStep
)

func (s *scaleStep) params()   {} // the key that names the other table
func (s *unscaleStep) params() {}

func (s *scaleStep) otherTables() []string   { return []string{s.Params} }
func (s *unscaleStep) otherTables() []string { return []string{s.Params} }

// params is a scaler's parameters, all of them on every rank; the caller releases them. Collective.
func (e *operatorEnv) params(name string) (*frame.Table, error) {
	p, err := e.table(name)
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	return frame.Replicate(e.c, p)
}

func (s *scaleStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	p, err := e.params(s.Params)
	if err != nil {
		return nil, err
	}
	defer p.Release()
	return frame.Scale(e.c, in, p)
}

func (s *unscaleStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	p, err := e.params(s.Params)
	if err != nil {
		return nil, err
	}
	defer p.Release()
	return frame.Unscale(e.c, in, p)
}

type fourierStep struct {
	Time      string   `toml:"time" default:"date" doc:"time column"`
	Periods   []string `toml:"periods" default:"[\"year\"]" doc:"any of day, week, year"`
	Harmonics int      `toml:"harmonics" default:"1" doc:"of each period"`
}

func (s *fourierStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	var cycles []frame.Cycle
	for _, p := range s.Periods {
		cycles = append(cycles, frame.Cycle{Period: p, Harmonics: s.Harmonics})
	}
	return frame.Fourier(e.c, in, s.Time, cycles...)
}

type splitStep struct {
	By    []string `toml:"by" default:"[]" doc:"key columns of a series; empty: all rows are one series"`
	Time  string   `toml:"time" default:"date" doc:"time column"`
	Parts Split    `toml:"parts" default:"[0.7, 0.1, 0.2]" doc:"train, validation, test of each series: three fractions, three numbers of times, or the dates at which they end (the last may be left out)"`
	Name  string   `toml:"name" default:"split" doc:"the new column, of train, val and test"`
	Flags bool     `toml:"flags" default:"false" doc:"three columns of booleans instead, name_train, name_val and name_test"`
}

func (s *splitStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	o := frame.SplitOptions{Fractions: s.Parts.Fractions, Steps: s.Parts.Rows, As: s.Name, Flags: s.Flags}
	for _, d := range s.Parts.Dates {
		o.Dates = append(o.Dates, d.Format("2006-01-02 15:04:05"))
	}
	return frame.Split(e.c, in, s.By, s.Time, o)
}

type asofStep struct {
	With      string   `toml:"with" default:"" doc:"the second table: the name (as) of an earlier step's result"`
	By        []string `toml:"by" default:"[]" doc:"key columns, in both tables; empty: any row may match"`
	Time      string   `toml:"time" default:"date" doc:"time column, in both tables"`
	Direction string   `toml:"direction" default:"backward" doc:"where the partner lies: backward, forward or nearest"`
	Tolerance string   `toml:"tolerance" default:"" doc:"the greatest distance in time, as 36h; empty: any"`
	Suffix    string   `toml:"suffix" default:"_right" doc:"added to names of right columns that the left table has too"`
}

func (s *asofStep) otherTables() []string { return []string{s.With} }

func (s *asofStep) Run(e *operatorEnv, in *frame.Table) (*frame.Table, error) {
	r, err := e.table(s.With)
	if err != nil {
		return nil, fmt.Errorf("with: %w", err)
	}
	return frame.AsOf(e.c, in, r, frame.AsOfOptions{By: s.By, On: s.Time, Direction: s.Direction, Tolerance: s.Tolerance, Suffix: s.Suffix})
}
