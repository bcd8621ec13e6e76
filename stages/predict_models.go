package stages

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"deeprc/collective"
	"deeprc/model"
)

// models forecasts with each [[model]], a column each of its quantiles and intervals: standardised (groups, C, total), the same on
// every rank; collective. Behind the models' horizon quantiles are those of the forecast
// that follows from the point forecasts before it, so that they lack the uncertainty of these; intervals, whose errors were measured as far as the horizon, are NaN.
func (p *prediction) models(dev model.Device, arrays []model.Named) (names []string, preds [][]float32, err error) {
	l, h, ch := p.cfg.Windows.Lookback, p.cfg.Windows.Horizon, p.s.channels()
	lo, hi := collective.Share(p.Len(), p.c.Rank(), p.c.Size())
	for _, m := range p.cfg.Models {
		usable, note := p.usable(m)
		if note != "" && p.c.Rank() == 0 {
			fmt.Fprintf(os.Stderr, "note: model %s %s\n", m.Name, note)
		}
		if len(usable) == 0 {
			continue
		}
		f, err := p.load(dev, m, usable, arrays)
		if err != nil {
			return nil, nil, err
		}
		f.samples = samplesOf(m, p.samples)
		part := make([][]float32, len(f.endings()))
		for k := range part {
			part[k] = make([]float32, (hi-lo)*ch*h)
		}
		columns := make([][]float32, len(part))
		for k := range columns {
			columns[k] = make([]float32, p.Len()*ch*p.total)
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
					copy(columns[k][r*p.total+p.shift:(r+1)*p.total], next)
				}
			}
		}
		for _, ending := range f.endings() {
			names = append(names, m.Name+ending)
		}
		preds = append(preds, columns...)
		if len(f.columns()) == 1 && p.intervals != nil {
			for _, ending := range model.ColumnNames(append([]float64{0}, p.cfg.Intervals.quantiles()...))[1:] {
				column, err := p.interval(m.Name+ending, columns[0])
				if err != nil {
					return nil, nil, err
				}
				if column == nil { // it failed when the intervals were made
					break
				}
				names, preds = append(names, m.Name+ending), append(preds, column)
			}
		}
	}
	if len(names) == 0 {
		return nil, nil, errors.New("predict: the run has the parameters of none of its models")
	}
	return names, preds, nil
}

// usable are, of m's members, those that the run would forecast with: of an ensemble those whose training did not fail; else the model, if it has
// parameters. note says what a person should know of the others.
func (p *prediction) usable(m ModelConfig) (names []string, note string) {
	all := m.members()
	var lost []string
	for _, name := range all {
		switch failed, there := p.failed[name]; {
		case !there || failed && len(m.Seeds) > 0:
			lost = append(lost, name)
		case failed:
			note = "has the best parameters of before its training failed"
			fallthrough
		default:
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		note = "is left out: the run has no parameters of " + list(lost) + ", whose training failed"
	case len(lost) > 0:
		note = fmt.Sprintf("forecasts by %s, as in the run: the training of %s failed", membersText(len(names), len(all)), list(lost))
	}
	return names, note
}

// load is model m of the run, of these members.
func (p *prediction) load(dev model.Device, m ModelConfig, names []string, arrays []model.Named) (*fitted, error) {
	e := &ensemble{median: m.Combine == "median"}
	data := model.Data{Past: p.slab, Target: p.measured, Inputs: p.s.Data.Inputs, Columns: p.s.Data.Columns, Deviation: p.s.Data.Deviation}
	for _, name := range names {
		seed := p.cfg.Run.Seed
		if len(m.Seeds) > 0 {
			seed = m.Seeds[slices.Index(m.members(), name)]
		}
		shape := model.Shape{Lookback: p.cfg.Windows.Lookback, Horizon: p.cfg.Windows.Horizon, Channels: p.s.channels(), Batch: min(m.Train.Batch, p.Len())}
		fit, err := model.NewForecaster(dev, m.net(), shape, data, m.Train, uint64(seed))
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

// interval is the column of that name around the point forecasts, nil where the run has no such intervals, NaN of a series that the run had no errors of, and behind the models' horizon.
func (p *prediction) interval(name string, points []float32) ([]float32, error) {
	h, ch := p.cfg.Windows.Horizon, p.s.channels()
	i := slices.IndexFunc(p.intervals, func(a model.Named) bool { return a.Name == name })
	if i < 0 {
		return nil, nil
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
