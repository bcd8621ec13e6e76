package stages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/model"
)

// PredictOptions are what [Predict] needs beside the run.
type PredictOptions struct {
	Data    string // CSV file, or Parquet file by its ending .parquet
	Out     string // CSV file to write
	Horizon int    // steps; 0: the run's
}

// maxPredictHorizon bounds what is allocated for the forecasts of a series.
const maxPredictHorizon = 1 << 20

// Predict forecasts what follows each series of o.Data with the models in the run's folder dir, ranks sharing the
// series; collective. Steps beyond the models' horizon are forecast from the forecasts before them.
func Predict(c collective.Comm, dir string, o PredictOptions) error {
	cfg, err := LoadConfig(filepath.Join(dir, "config.toml"), nil)
	if err != nil {
		return err
	}
	if o.Horizon == 0 {
		o.Horizon = cfg.Windows.Horizon
	}
	switch {
	case o.Data == "":
		return configErrorf("--data is not set: name a CSV or Parquet file with the columns of the run's data")
	case o.Horizon < 0 || o.Horizon > maxPredictHorizon:
		return configErrorf("--horizon %d: want 1 to %d", o.Horizon, maxPredictHorizon)
	case len(cfg.Steps) > 0:
		return configErrorf("%s: its data was prepared by [[preprocess]] steps, which predict does not run: prepare the new data the same way and write it as CSV, for a run that reads CSV", dir)
	case len(cfg.Data.Hist)+len(cfg.Data.Future)+len(cfg.Data.Static) > 0:
		return configErrorf("%s: its nets read the columns of data.hist, future or static, which predict does not know yet: train on the targets alone to forecast new data", dir)
	}
	var run modelFile
	text, err := os.ReadFile(filepath.Join(dir, "model.json"))
	if err == nil {
		err = json.Unmarshal(text, &run)
	}
	if err != nil {
		return fmt.Errorf("predict: %s: %w", filepath.Join(dir, "model.json"), err)
	}
	data := cfg.Data
	data.Path, data.Split = o.Data, Split{Fractions: []float64{1, 0, 0}}
	var table *frame.Table // nil: readData reads CSV
	if filepath.Ext(o.Data) == ".parquet" {
		if table, _, err = frame.ReadParquet(c, []string{o.Data}, frame.ParquetReadOptions{}); err != nil {
			return err
		}
	}
	raw, err := readData(c, &data, table, func(int64, int64) {})
	if err != nil {
		return err
	}
	if run.Channels == nil {
		run.Channels = []channelInfo{}
	}
	s, err := buildScaled(c, &data, raw, run.Channels)
	if err != nil {
		return err
	}
	if !s.Long && !slices.EqualFunc(s.Channels, run.Channels, func(name string, k channelInfo) bool { return name == k.Name }) {
		return fmt.Errorf("%s: its columns are %s, those of the run were %d, in the order of its model.json: give it the same", o.Data, list(s.Channels), len(run.Channels))
	}
	if got := s.Step.String(); got != run.Step && cfg.Data.Step != "rows" {
		return fmt.Errorf("%s: a step is %s, the run's was %s", o.Data, got, run.Step)
	}
	p := &prediction{c: c, cfg: cfg, s: s, total: o.Horizon}
	if err := p.extend(); err != nil {
		return fmt.Errorf("%s: %w", o.Data, err)
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
	names, preds, err := p.models(arrays)
	if err != nil || c.Rank() != 0 {
		return collective.Agree(c, err)
	}
	err = writeAtomic(o.Out, func(w io.Writer) error { return p.write(w, names, preds) })
	return collective.Agree(c, err)
}

// prediction is the last lookback of every series, with room for what follows: windows of one slab.
type prediction struct {
	c          collective.Comm
	cfg        *Config
	s          *Series
	slab       []float32 // (groups, C, L + steps)
	row, total int       // words of a series in slab; steps to forecast
	shift      int       // steps forecast so far
	intervals  []model.Named
	known      []string // the run's channels, of which intervals has a row each
}

// extend copies the lookbacks to slab.
func (p *prediction) extend() error {
	l, h := p.cfg.Windows.Lookback, p.cfg.Windows.Horizon
	p.row = l + (p.total+h-1)/h*h
	for g, grp := range p.s.Groups {
		if grp.N < l {
			return fmt.Errorf("series %q has %d steps, its forecast needs the last %d", p.s.Channels[p.s.row(g)], grp.N, l)
		}
		for _, at := range grp.Start {
			row := make([]float32, p.row)
			copy(row, p.s.Data.Past[at+int64(grp.N-l):][:l])
			p.slab = append(p.slab, row...)
		}
	}
	return nil
}

// Len is the number of groups.
func (p *prediction) Len() int { return len(p.s.Groups) }

// Offsets is as [model.Windows] says.
func (p *prediction) Offsets(dst []int64, i int) {
	for c := range dst {
		dst[c] = int64((i*len(dst)+c)*p.row + p.shift)
	}
}

// models forecasts with each [[model]], a column each of its quantiles and intervals: standardised (groups, C, total), the same on
// every rank; collective. Quantiles are forecast as far as the models' horizon; behind it they are NaN.
func (p *prediction) models(arrays []model.Named) (names []string, preds [][]float32, err error) {
	dev, err := model.CPU(1)
	if err != nil {
		return nil, nil, err
	}
	defer dev.Close()
	l, h, ch := p.cfg.Windows.Lookback, p.cfg.Windows.Horizon, p.s.channels()
	lo, hi := collective.Share(p.Len(), p.c.Rank(), p.c.Size())
	for _, m := range p.cfg.Models {
		f, err := p.load(dev, m, arrays)
		if err != nil {
			return nil, nil, err
		}
		part := make([][]float32, len(f.columns()))
		for k := range part {
			part[k] = make([]float32, (hi-lo)*ch*h)
		}
		columns := make([][]float32, len(part))
		for k := range columns {
			columns[k] = slices.Repeat([]float32{float32(math.NaN())}, p.Len()*ch*p.total)
		}
		for p.shift = 0; p.shift < p.total; p.shift += h {
			if err := f.predict(part, p, lo, hi-lo); err != nil {
				return nil, nil, err
			}
			for k := range part {
				all, _, err := collective.AllGatherV(p.c, part[k])
				if err != nil {
					return nil, nil, err
				}
				for r := range p.Len() * ch {
					next := all[r*h:][:h]
					if k == 0 { // to where the next forecast sees them
						copy(p.slab[r*p.row+l+p.shift:], next)
					}
					if k == 0 || p.shift == 0 {
						copy(columns[k][r*p.total+p.shift:(r+1)*p.total], next)
					}
				}
			}
		}
		for _, ending := range model.ColumnNames(f.columns()) {
			names = append(names, m.Name+ending)
		}
		preds = append(preds, columns...)
		if len(columns) == 1 && p.intervals != nil {
			for _, ending := range model.ColumnNames(append([]float64{0}, p.cfg.Intervals.quantiles()...))[1:] {
				column, err := p.interval(m.Name+ending, columns[0])
				if err != nil {
					return nil, nil, err
				}
				names, preds = append(names, m.Name+ending), append(preds, column)
			}
		}
	}
	return names, preds, nil
}

// load is model m of the run.
func (p *prediction) load(dev model.Device, m ModelConfig, arrays []model.Named) (*fitted, error) {
	e := &ensemble{median: m.Combine == "median"}
	for i, name := range m.members() {
		seed := p.cfg.Run.Seed
		if len(m.Seeds) > 0 {
			seed = m.Seeds[i]
		}
		shape := model.Shape{Lookback: p.cfg.Windows.Lookback, Horizon: p.cfg.Windows.Horizon, Channels: p.s.channels(), Batch: min(m.Train.Batch, p.Len())}
		fit, err := model.NewFit(dev, m.net(), shape, model.Data{Past: p.slab, Target: p.slab}, m.Train, uint64(seed))
		if err != nil {
			return nil, err
		}
		params := make([]float32, fit.Params.Words())
		if err := fit.Params.Fill(params, name+".", arrays); err != nil {
			return nil, fmt.Errorf("model.safetensors, model %q: %w", name, err)
		}
		if err := fit.SetParams(params); err != nil {
			return nil, err
		}
		e.members = append(e.members, &fitted{name: name, fit: fit, forecaster: fit})
	}
	if m.Solver == "gradient" && len(m.Seeds) == 0 {
		return e.members[0], nil
	}
	return &fitted{name: m.Name, forecaster: e}, nil
}

// interval is the column of that name around the point forecasts, NaN of a series that the run had no errors of, and behind the models' horizon.
func (p *prediction) interval(name string, points []float32) ([]float32, error) {
	h, ch := p.cfg.Windows.Horizon, p.s.channels()
	i := slices.IndexFunc(p.intervals, func(a model.Named) bool { return a.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%s has no %q", intervalsFile, name)
	}
	offsets, ok := p.intervals[i].Data.([]float32)
	if !ok || !slices.Equal(p.intervals[i].Shape, []int{len(p.known), h}) {
		return nil, fmt.Errorf("%s: %q has shape %v, want float32 of (%d, %d)", intervalsFile, name, p.intervals[i].Shape, len(p.known), h)
	}
	column := slices.Repeat([]float32{float32(math.NaN())}, len(points))
	for g := range p.s.Groups {
		for c := range ch {
			row := slices.Index(p.known, p.s.Channels[p.s.row(g)+c])
			if row < 0 {
				continue
			}
			from := (g*ch + c) * p.total
			for t := range min(h, p.total) {
				column[from+t] = points[from+t] + offsets[row*h+t]
			}
		}
	}
	return column, nil
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
	for g, grp := range s.Groups {
		last := s.rawTime(g, grp.N-1)
		for c := range ch {
			row := s.row(g) + c
			for t := range p.total {
				ds := fmt.Sprint(s.Step.at(last, t+1))
				if !s.Step.Plain {
					ds = showTime(time.UnixMicro(s.Step.at(last, t+1)).UTC())
				}
				if _, err := fmt.Fprintf(w, "\n%s,%s", csvCell(s.Channels[row]), ds); err != nil {
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
