package stages

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/model"
)

// PredictOptions are what [Predict] needs beside the run.
type PredictOptions struct {
	Data    string   // CSV file, or Parquet file by its ending .parquet; of a run without [[preprocess]]
	Set     []string // key=value below preprocess, of a run with it
	Out     string   // CSV file to write
	Horizon int      // steps; 0: the run's
	Samples int      // draws from each forecast of a distribution

	model string // the only one to forecast with; "": all
}

// maxPredictHorizon bounds what is allocated for the forecasts of a series.
const maxPredictHorizon = 1 << 20

// maxPredictDraws bounds the samples of a model, which every rank holds.
const maxPredictDraws = 1 << 27

// Predict forecasts what follows each series of o.Data with the models in the run's folder dir, ranks sharing the
// series; collective. Steps beyond the models' horizon are forecast from the forecasts before them.
func Predict(c collective.Comm, dir string, o PredictOptions) error {
	dev, _, err := openCPU(c)
	if err != nil {
		return err
	}
	defer dev.Close()
	return predict(c, dev, dir, o)
}

// predict is Predict on a device that is open.
func predict(c collective.Comm, dev model.Device, dir string, o PredictOptions) error {
	for _, set := range o.Set {
		if !strings.HasPrefix(set, "preprocess.") {
			return configErrorf("--set %s: predict takes other keys of [[preprocess]] only, as preprocess.0.path=new.csv; all else is as in the run", set)
		}
	}
	cfg, err := LoadConfig(filepath.Join(dir, "config.toml"), o.Set)
	if err != nil {
		return err
	}
	if o.model != "" {
		cfg = cfg.only([]string{o.model})
	}
	if o.Horizon == 0 {
		o.Horizon = cfg.Windows.Horizon
	}
	switch {
	case len(cfg.Steps) > 0 && o.Data != "":
		return configErrorf("%s: its data is made by [[preprocess]] steps, which run again: name new files for the steps that read, as --set preprocess.0.path=NEW, in place of --data", dir)
	case len(cfg.Steps) == 0 && o.Data == "":
		return configErrorf("--data is not set: name a CSV or Parquet file with the columns of the run's data")
	case o.Horizon < 0 || o.Horizon > maxPredictHorizon:
		return configErrorf("--horizon %d: want 1 to %d", o.Horizon, maxPredictHorizon)
	case o.Horizon > cfg.Windows.Horizon && len(cfg.Data.Hist) > 0:
		return configErrorf("--horizon %d: the models forecast %d steps; further ones would be made of forecasts, but the nets read the past of %s, which nothing forecasts",
			o.Horizon, cfg.Windows.Horizon, list(cfg.Data.Hist))
	}
	if o.Samples < 0 || o.Samples > maxSamples {
		return configErrorf("--samples %d: want 0 to %d", o.Samples, maxSamples)
	}
	if o.Samples > 0 && o.Horizon > cfg.Windows.Horizon {
		return configErrorf("--samples %d: they reach as far as the models' horizon, %d steps, and --horizon is %d: take one of them out", o.Samples, cfg.Windows.Horizon, o.Horizon)
	}
	if err := cfg.checkSamples("--samples", o.Samples); err != nil {
		return ConfigError{err}
	}
	run, err := readModelFile(dir)
	if err != nil {
		return fmt.Errorf("predict: %w", err)
	}
	data := cfg.Data
	if data.Path = o.Data; len(cfg.Steps) > 0 {
		data.Path = preprocessed
	}
	data.Split = Split{Fractions: []float64{1, 0, 0}}
	raw, err := readNew(c, cfg, &data)
	if err != nil {
		return err
	}
	s, err := buildSeries(c, &data, raw, run)
	if err != nil {
		return err
	}
	if !s.Long && !slices.EqualFunc(s.Channels, run.Channels, func(name string, k channelInfo) bool { return name == k.Name }) {
		return fmt.Errorf("%s: its columns are %s, those of the run were %d, in the order of its model.json: give it the same", data.Path, list(s.Channels), len(run.Channels))
	}
	if got := s.Step.String(); got != run.Step && cfg.Data.Step != "rows" {
		return fmt.Errorf("%s: a step is %s, the run's was %s", data.Path, got, run.Step)
	}
	p := &prediction{failed: map[string]bool{}, c: c, cfg: cfg, s: s, total: o.Horizon, samples: o.Samples}
	if values := len(s.Channels) * o.Horizon; o.Samples > 0 && values > maxPredictDraws/o.Samples {
		return configErrorf("--samples %d: of %d series and %d steps at most %d can be held: take fewer", o.Samples, len(s.Channels), o.Horizon, maxPredictDraws/values)
	}
	for _, m := range run.Models {
		p.failed[m.Name] = m.Failed != ""
	}
	if err := p.extend(); err != nil {
		return fmt.Errorf("%s: %w", data.Path, err)
	}
	read := func(name string) ([]model.Named, error) {
		path := filepath.Join(dir, name)
		text, err := shareFile(c, path, false)
		if err != nil {
			return nil, err
		}
		arrays, _, err := model.ReadSafetensors(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return arrays, nil
	}
	arrays, err := read("model.safetensors")
	if err != nil {
		return err
	}
	if len(cfg.Intervals.Levels) > 0 {
		if p.intervals, err = read(intervalsFile); err != nil {
			return err
		}
		for _, k := range run.Channels {
			p.known = append(p.known, k.Name)
		}
	}
	names, preds, err := p.models(dev, arrays)
	if err != nil || c.Rank() != 0 {
		return collective.Agree(c, err)
	}
	err = writeAtomic(o.Out, func(w io.Writer) error { return p.write(w, names, preds) })
	return collective.Agree(c, err)
}

// readNew reads the new data, a file or what the [[preprocess]] steps make, of which those that write do not; collective.
func readNew(c collective.Comm, cfg *Config, data *DataConfig) (*rawRows, error) {
	var table, static *frame.Table // no table: readData reads CSV
	var err error
	switch {
	case len(cfg.Steps) > 0:
		mem, e := cfg.memory(c)
		if e != nil {
			return nil, e
		}
		table, static, err = preprocess(c, mem, "", cfg.Steps, data.StaticTable, func(int, *frame.Table, stepReport) {})
	case filepath.Ext(data.Path) == ".parquet":
		table, _, err = frame.ReadParquet(c, []string{data.Path}, frame.ParquetReadOptions{})
	}
	if err != nil {
		return nil, err
	}
	if static != nil {
		defer static.Release()
	}
	raw, err := readData(c, data, table, func(int64, int64) {})
	if err == nil && static != nil {
		raw.statics, err = readStatics(c, data, static)
	}
	return raw, err
}

// prediction is the last lookback of every series, with room for what follows: windows of one slab, beside the inputs of the series.
type prediction struct {
	c          collective.Comm
	cfg        *Config
	s          *Series
	slab       []float32 // (groups, C, L + steps)
	measured   []float32 // likewise: NaN where slab has what fills a gap, else 0
	row, total int       // words of a series in slab; steps to forecast
	end        []int     // of each group, the first step to forecast
	shift      int       // steps forecast so far
	samples    int       // draws of each forecast of a distribution
	intervals  []model.Named
	known      []string        // the run's channels, of which intervals has a row each
	failed     map[string]bool // of the run's models and ensembles' members that have parameters, whether their training failed
}

// extend finds where forecasts begin, which is behind the last row, or behind the last value where the rows go on for the
// sake of future columns, and copies the lookbacks to slab.
func (p *prediction) extend() error {
	l, h := p.cfg.Windows.Lookback, p.cfg.Windows.Horizon
	p.row = l + (p.total+h-1)/h*h
	for g, grp := range p.s.Groups {
		end, name := grp.N, p.s.Channels[p.s.row(g)]
		if p.s.Data.Future > 0 {
			end = p.valued(grp)
		}
		if end < l {
			return fmt.Errorf("series %q has %d steps, its forecast needs the last %d", name, end, l)
		}
		for k, n := range grp.Reach {
			if need := end + p.row - l; n < need {
				return fmt.Errorf("series %q: its last value is at %s, and the column %s, which is to be known in advance, has values up to %s: "+
					"the models read %d steps ahead, so it must have them up to %s; add rows without targets", name, p.s.timeText(g, end-1), p.cfg.Data.Future[k], p.s.timeText(g, n-1), p.row-l, p.s.timeText(g, need-1))
			}
		}
		p.end = append(p.end, end)
		for _, at := range grp.Start {
			row, there := make([]float32, p.row), make([]float32, p.row)
			copy(row, p.s.Data.Past[at+int64(end-l):][:l])
			for i, y := range p.s.Data.Target[at+int64(end-l):][:l] {
				if y != y {
					there[i] = y
				}
			}
			p.slab, p.measured = append(p.slab, row...), append(p.measured, there...)
		}
	}
	return nil
}

// valued is the number of steps up to the last one at which a channel has a value.
func (p *prediction) valued(grp Group) (n int) {
	for _, at := range grp.Start {
		y := p.s.Data.Target[at:][:grp.N]
		last := len(y)
		for last > n && y[last-1] != y[last-1] {
			last--
		}
		n = max(n, last)
	}
	return n
}

// Len is the number of groups.
func (p *prediction) Len() int { return len(p.s.Groups) }

// Offsets is as [model.Windows] says.
func (p *prediction) Offsets(dst []int64, i int) {
	grp, ch := &p.s.Groups[i], p.s.channels()
	for c := range dst[:ch] {
		dst[c] = int64((i*ch+c)*p.row + p.shift)
	}
	for k := range dst[ch:] {
		at := grp.Inputs + int64(k*grp.N)
		if k < p.s.Data.Hist+p.s.Data.Future {
			at += int64(p.end[i] - p.cfg.Windows.Lookback + p.shift)
		}
		dst[ch+k] = at
	}
}

// write writes unique_id, ds and the columns of each model, in the original scale, nothing where there is no value.
func (p *prediction) write(w io.Writer, names []string, preds [][]float32) error {
	if _, err := io.WriteString(w, "unique_id,ds"); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := io.WriteString(w, ","+csvCell(name)); err != nil {
			return err
		}
	}
	s, ch := p.s, p.s.channels()
	for g := range s.Groups {
		for c := range ch {
			row := s.row(g) + c
			for t := range p.total {
				if _, err := fmt.Fprintf(w, "\n%s,%s", csvCell(s.Channels[row]), s.timeText(g, p.end[g]+t)); err != nil {
					return err
				}
				for _, pred := range preds {
					v := float64(pred[(g*ch+c)*p.total+t])*s.Std[row] + s.Mean[row]
					if math.IsNaN(v) { // no value
						if _, err := io.WriteString(w, ","); err != nil {
							return err
						}
						continue
					}
					if _, err := fmt.Fprintf(w, ",%.9g", v); err != nil {
						return err
					}
				}
			}
		}
	}
	_, err := io.WriteString(w, "\n")
	return err
}
