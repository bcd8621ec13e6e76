package stages

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"deeprc/model"
)

// metricsFile is metrics.json.
type metricsFile struct {
	Windows struct {
		Train int `json:"train"`
		Val   int `json:"val"`
		Test  int `json:"test"`
	} `json:"windows"`
	Test    map[string]map[string]*float64 `json:"test"` // null where not finite
	Scale   string                         `json:"scale"`
	Seconds map[string]float64             `json:"seconds"`                 // of each stage, on its slowest rank, and total
	Trained map[string]float64             `json:"train_seconds,omitempty"` // of each model that was trained, wherever that was
	Ranks   int                            `json:"ranks"`
	Errors  map[string]string              `json:"errors,omitempty"` // of models that failed
}

func (j *job) metrics(all []*fitted, res []scores, seconds map[string]float64) *metricsFile {
	m := &metricsFile{Scale: j.cfg.Evaluate.Scale, Seconds: seconds, Ranks: j.c.Size()}
	m.Windows.Train, m.Windows.Val, m.Windows.Test = j.sets[0].Len(), j.sets[1].Len(), j.sets[2].Len()
	for _, f := range all {
		if f.err != nil {
			if m.Errors == nil {
				m.Errors = map[string]string{}
			}
			m.Errors[f.name] = f.err.Error()
		}
	}
	m.Test = metricsOf(all, res)
	m.Trained = map[string]float64{}
	for _, f := range all {
		if s := f.trained(); s > 0 {
			m.Trained[f.name] = s
		}
	}
	return m
}

// metricsOf are the numbers of each model that could forecast, by name.
func metricsOf(all []*fitted, res []scores) map[string]map[string]*float64 {
	out := map[string]map[string]*float64{}
	for i, f := range all {
		if res[i] == nil {
			continue
		}
		out[f.name] = map[string]*float64{}
		for k, v := range res[i] {
			out[f.name][k] = jsonNumber(v)
		}
	}
	return out
}

func jsonNumber(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func writeJSON(path string, v any) error {
	return writeAtomic(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	})
}

// modelFile is model.json: what a forecast with model.safetensors needs beside the weights.
type modelFile struct {
	Models   []modelEntry  `json:"models"`
	Lookback int           `json:"lookback"`
	Horizon  int           `json:"horizon"`
	Step     string        `json:"step"`
	Channels []channelInfo `json:"channels"`
	Inputs   []Input       `json:"inputs,omitempty"`
}

type modelEntry struct {
	Name       string         `json:"name"`
	Net        string         `json:"net"`
	Solver     string         `json:"solver"`
	Scaler     string         `json:"scaler"`
	Options    map[string]any `json:"options"`
	Parameters []string       `json:"parameters"` // names in model.safetensors
	Steps      int            `json:"steps,omitempty"`
	BestStep   int            `json:"best_step,omitempty"`
	BestVal    *float64       `json:"best_val,omitempty"`
	Failed     string         `json:"failed,omitempty"` // why the training ended early: the parameters are the best of before
}

// channelInfo undoes the standardisation: value = standardised · std + mean.
type channelInfo struct {
	Name string  `json:"name"`
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"`
	// Fill is what nets see before the first value; absent in runs of a version that did not write it.
	Fill *float64 `json:"fill"`
}

// readModelFile reads the model.json of the run in dir.
func readModelFile(dir string) (*modelFile, error) {
	path := filepath.Join(dir, "model.json")
	text, err := os.ReadFile(path)
	run := &modelFile{}
	if err == nil {
		err = json.Unmarshal(text, run)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return run, nil
}

// writeModels writes model.safetensors and model.json with every model that has
// parameters; each parameter is named <model>.<parameter>.
func (j *job) writeModels(dir string, all []*fitted) error {
	var arrays []model.Named
	out := modelFile{Models: []modelEntry{}, Lookback: j.cfg.Windows.Lookback, Horizon: j.cfg.Windows.Horizon, Step: j.series.Step.String(), Inputs: j.series.Inputs}
	for r, name := range j.series.Channels {
		out.Channels = append(out.Channels, channelInfo{name, j.series.Mean[r], j.series.Std[r], &j.series.Fill[r]})
	}
	for _, f := range withMembers(all) {
		if f.params == nil {
			continue
		}
		e := modelEntry{Name: f.name, Net: f.cfg.Net, Solver: f.cfg.Solver, Scaler: f.cfg.Scaler, Options: netOptions(f.cfg.Options)}
		for _, a := range f.fit.Params.Arrays(f.name+".", f.params) {
			arrays = append(arrays, a)
			e.Parameters = append(e.Parameters, a.Name)
		}
		if h := f.history; h != nil {
			e.Steps, e.BestStep, e.BestVal = h.Steps, h.BestStep, jsonNumber(h.Best)
		}
		if f.err != nil {
			e.Failed = f.err.Error()
		}
		out.Models = append(out.Models, e)
	}
	if err := writeAtomic(filepath.Join(dir, "model.safetensors"), func(w io.Writer) error {
		return model.WriteSafetensors(w, arrays, map[string]string{"format": "deeprc", "config": "config.toml"})
	}); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "model.json"), out)
}

func netOptions(n model.Net) map[string]any {
	out, v := map[string]any{}, reflect.ValueOf(n).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if key := f.Tag.Get("toml"); key != "" {
			out[key] = v.FieldByIndex(f.Index).Interface()
		}
	}
	return out
}

// writeHistory writes history.csv: a row an update (train_loss) and a row a validation (val_loss).
func writeHistory(dir string, all []*fitted) error {
	return writeAtomic(filepath.Join(dir, "history.csv"), func(w io.Writer) error {
		if _, err := io.WriteString(w, "model,epoch,step,lr,train_loss,val_loss,grad_norm,seconds\n"); err != nil {
			return err
		}
		for _, f := range withMembers(all) {
			if f.history == nil {
				continue
			}
			for _, r := range f.history.Records {
				if _, err := fmt.Fprintf(w, "%s,%d,%d,%g,%s,%s,%s,%.6f\n", csvCell(f.name), r.Epoch, r.Step, r.LR, csvNumber(r.Loss),
					csvNumber(r.Val), csvNumber(r.Norm), r.Seconds); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func csvNumber(v float64) string {
	if v != v {
		return ""
	}
	return fmt.Sprintf("%.9g", v)
}

func csvCell(s string) string {
	if strings.ContainsAny(s, ",\"\n\r") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// page fills the report.
func (j *job) page(version string, all []*fitted, res []scores, times []StageTime, now time.Time) (*Report, error) {
	s, cfg := j.series, j.cfg
	r := &Report{Title: cfg.Run.Name, Version: version, Created: now,
		Tables: []ReportTable{metricsTable("Metrics", "of the test part, on the "+cfg.Evaluate.Scale+" scale", j.names, all, res)}}
	r.Facts = [][2]string{
		{"data", cfg.source()}, {"rows", fmt.Sprint(s.Rows)}, {"channels", fmt.Sprint(len(s.Channels))},
		{"time step", s.Step.String()}, {"missing values", fmt.Sprint(s.Missing)},
		{"lookback", fmt.Sprint(cfg.Windows.Lookback)}, {"horizon", fmt.Sprint(cfg.Windows.Horizon)},
		{"windows", fmt.Sprintf("%d train, %d validation, %d test", j.sets[0].Len(), j.sets[1].Len(), j.sets[2].Len())},
		{"ranks", fmt.Sprint(j.c.Size())}, {"device", j.dev.Name()}, {"seed", fmt.Sprint(cfg.Run.Seed)},
	}
	if levels := cfg.Intervals.Levels; len(levels) > 0 {
		r.Facts = append(r.Facts, [2]string{"intervals", fmt.Sprintf("%v %%, %s of %d cutoffs", levels, cfg.Intervals.Method, cfg.Intervals.Windows)})
	}
	for _, f := range all {
		for _, m := range append(slices.Clip(f.members), f) {
			if m.history != nil {
				r.Curves = append(r.Curves, curve(m))
			}
		}
		if f.err != nil {
			r.Errors = append(r.Errors, f.name+": "+f.err.Error())
		}
	}
	for _, t := range times {
		if n := len(r.Stages); n > 0 && r.Stages[n-1].Name == t.Stage {
			last := &r.Stages[n-1]
			last.Seconds, last.Bytes = max(last.Seconds, t.Seconds), last.Bytes+t.Bytes
			if t.Stage == "read" { // each rank its own rows; the other stages are collective
				last.Rows += t.Rows
			}
			continue
		}
		r.Stages = append(r.Stages, ReportStage{Name: t.Stage, Seconds: t.Seconds, Rows: t.Rows, Bytes: t.Bytes})
	}
	return r, j.examples(r, all)
}

// metricsTable has a row for each of what was fitted and could forecast.
func metricsTable(title, detail string, names []string, all []*fitted, res []scores) ReportTable {
	t := ReportTable{Title: title, Detail: detail, Metrics: names}
	for i, f := range all {
		if res[i] == nil {
			continue
		}
		row := ReportRow{Model: f.name, Note: f.note}
		for _, name := range names {
			v, ok := res[i][name]
			if !ok { // it has no such columns
				v = math.NaN()
			}
			row.Values = append(row.Values, v)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// curve is a training's losses.
func curve(f *fitted) ReportCurve {
	c := ReportCurve{Model: f.name, BestStep: float64(f.history.BestStep)}
	for _, rec := range f.history.Records {
		if rec.Loss == rec.Loss {
			c.TrainStep, c.TrainLoss = append(c.TrainStep, float64(rec.Step)), append(c.TrainLoss, rec.Loss)
		} else {
			c.ValStep, c.ValLoss = append(c.ValStep, float64(rec.Step)), append(c.ValLoss, rec.Val)
		}
	}
	return c
}

// examples draws test windows spread evenly over time, each of another channel.
func (j *job) examples(r *Report, all []*fitted) error {
	s, ws, n := j.series, j.sets[2], min(j.cfg.Evaluate.Plots, j.sets[2].Len())
	l, h, ch := j.cfg.Windows.Lookback, j.cfg.Windows.Horizon, s.channels()
	shown := chosenWindows{ws, make([]int, n)}
	for k := range n {
		shown.at[k] = (2*k + 1) * ws.Len() / (2 * n)
	}
	column := func(k int) int { return (ch - 1 + k) % ch }
	orig := func(k int, v float32) float64 {
		g, _ := ws.at(shown.at[k])
		row := s.row(g) + column(k)
		return float64(v)*s.Std[row] + s.Mean[row]
	}
	first, at := len(r.Examples), make([]int64, ch)
	for k, i := range shown.at {
		g, start := ws.at(i)
		c := column(k)
		ws.Offsets(at, i)
		e := ReportExample{Series: s.Channels[s.row(g)+c], Cutoff: s.Time(g, start+l-1)}
		for t := range l + h {
			v := orig(k, s.Data.Target[at[c]+int64(t)])
			if t < l {
				e.PastTimes, e.Past = append(e.PastTimes, s.Time(g, start+t)), append(e.Past, v)
			} else {
				e.Times, e.Actual = append(e.Times, s.Time(g, start+t)), append(e.Actual, v)
			}
		}
		r.Examples = append(r.Examples, e)
	}
	pred := make([]float32, n*ch*h) // (n, C, H)
	for _, f := range all {
		if f.forecaster == nil {
			continue
		}
		if err := f.forecaster.Predict(pred, shown, 0, n); err != nil {
			return err
		}
		for k := range n {
			fc := ReportForecast{Model: f.name}
			for _, v := range pred[(k*ch+column(k))*h:][:h] {
				fc.Values = append(fc.Values, orig(k, v))
			}
			r.Examples[first+k].Forecasts = append(r.Examples[first+k].Forecasts, fc)
		}
	}
	return nil
}

// chosenWindows are those of a set whose numbers are in at: a net then forecasts them in one batch.
type chosenWindows struct {
	*windowSet
	at []int
}

func (w chosenWindows) Len() int                   { return len(w.at) }
func (w chosenWindows) Offsets(dst []int64, i int) { w.windowSet.Offsets(dst, w.at[i]) }
