package stages

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"deeprc/model"
)

// memberName is how a run's files call an ensemble's member.
func memberName(ensemble string, seed int) string { return fmt.Sprintf("%s-seed-%d", ensemble, seed) }

// withMembers are all that were fitted, an ensemble's members before it.
func withMembers(all []*fitted) (out []*fitted) {
	for _, f := range all {
		out = append(append(out, f.members...), f)
	}
	return out
}

// ensemble trains a member from each of m's seeds, as trainings k, k+1, …, one after the other. It forecasts with the members that did
// not diverge; that there are others is its error.
func (j *job) ensemble(k int, m ModelConfig, better func(f *fitted) error) (*fitted, error) {
	f := &fitted{name: m.Name, cfg: m}
	var whole []*fitted
	var failed error
	for i, seed := range m.Seeds {
		one := m
		one.Name = memberName(m.Name, seed)
		member, err := j.train(k+i, one, uint64(seed), func(now *fitted) error {
			return better(&fitted{name: m.Name, cfg: m, members: append(slices.Clip(f.members), now)})
		})
		f.members = append(f.members, member)
		if err != nil {
			return f, err
		}
		if member.err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", member.name, member.err))
		} else {
			whole = append(whole, member)
		}
	}
	if failed != nil {
		f.err = fmt.Errorf("forecasts of %s: %w", membersText(len(whole), len(m.Seeds)), failed)
	}
	if len(whole) > 0 {
		f.forecaster = &ensemble{members: whole, median: m.Combine == "median"}
		f.note = fmt.Sprintf("%s of %s", m.Combine, membersText(len(whole), len(m.Seeds)))
	}
	return f, nil
}

// membersText tells how many of an ensemble's members forecast.
func membersText(n, of int) string {
	if n == of {
		return fmt.Sprintf("%d members", n)
	}
	return fmt.Sprintf("%d of %d members", n, of)
}

// An ensemble forecasts the mean or the median of its members' forecasts, step by step, and of each of their quantiles in turn, which
// keep their order so.
type ensemble struct {
	members []*fitted
	median  bool
	preds   [][][]float32 // of each member, of each column
}

// Columns is as [model.ColumnForecaster] says.
func (e *ensemble) Columns() []float64 { return e.members[0].columns() }

// Predict is as [model.Forecaster] says.
func (e *ensemble) Predict(dst []float32, ws model.Windows, lo, n int) error {
	return e.combine([][]float32{dst}, n, func(m *fitted, part [][]float32) error { return m.forecaster.Predict(part[0], ws, lo, n) })
}

// PredictColumns is as [model.ColumnForecaster] says.
func (e *ensemble) PredictColumns(dst [][]float32, ws model.Windows, lo, n int) error {
	return e.combine(dst, n, func(m *fitted, part [][]float32) error { return m.predict(part, ws, lo, n) })
}

// PredictSamples is as [model.SampleForecaster] says: the members give a sample each in turn, so that samples are those of the mixture of their
// distributions.
func (e *ensemble) PredictSamples(dst [][]float32, ws model.Windows, lo, n int) error {
	for i, m := range e.members {
		var its [][]float32
		for k := i; k < len(dst); k += len(e.members) {
			its = append(its, dst[k])
		}
		if err := m.forecaster.(model.SampleForecaster).PredictSamples(its, ws, lo, n); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// combine writes what the members' forecasts of n windows make to dst.
func (e *ensemble) combine(dst [][]float32, n int, predict func(m *fitted, part [][]float32) error) error {
	if n == 0 {
		return nil
	}
	if e.preds == nil {
		e.preds = make([][][]float32, len(e.members))
	}
	size := len(dst[0]) // at least n windows
	for k, m := range e.members {
		for c := range dst {
			if c == len(e.preds[k]) {
				e.preds[k] = append(e.preds[k], nil)
			}
			if len(e.preds[k][c]) < size {
				e.preds[k][c] = make([]float32, size)
			}
		}
		if err := predict(m, e.preds[k][:len(dst)]); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	at := make([]float64, len(e.members))
	for c := range dst {
		for i := range dst[c] {
			var sum float64
			for k := range at {
				at[k] = float64(e.preds[k][c][i])
				sum += at[k]
			}
			if !e.median {
				dst[c][i] = float32(sum / float64(len(at)))
				continue
			}
			slices.Sort(at)
			dst[c][i] = float32((at[(len(at)-1)/2] + at[len(at)/2]) / 2)
		}
	}
	return nil
}

// initialise gives the fit the parameters of m.Init, which rank 0 reads; collective.
func (j *job) initialise(fit *model.Fit, m ModelConfig) error {
	wrong := func(err error) error { return fmt.Errorf("model %q: init = %q: %w", m.Name, m.Init, err) }
	text, err := shareFile(j.c, m.Init, false)
	if err != nil {
		return wrong(err)
	}
	arrays, meta, err := model.ReadSafetensors(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return wrong(err)
	}
	if meta["format"] == checkpointFormat {
		arrays = bestOf(arrays, m.Name)
	}
	// A file's names are <model>.<parameter>; each model has the net's first parameter, if it is of this net.
	first := "." + fit.Params.List[0].Name
	var models []string
	for _, a := range arrays {
		if name, ok := strings.CutSuffix(a.Name, first); ok {
			models = append(models, name)
		}
	}
	from := m.Name
	switch {
	case slices.Contains(models, from):
	case len(models) == 1:
		from = models[0]
	case len(models) == 0:
		return wrong(fmt.Errorf("no model in it has the parameter %q, so none is a %s", first[1:], m.Net))
	default:
		return wrong(fmt.Errorf("it has the models %s; give this one the name of that which is meant", list(models)))
	}
	slab := make([]float32, fit.Params.Words())
	if err := fit.Params.Fill(slab, from+".", arrays); err != nil {
		return wrong(err)
	}
	return fit.SetParams(slab)
}

// bestOf are the best parameters of a training's checkpoint, those of then where there was no validation yet, as parameters of the model of that name.
func bestOf(arrays []model.Named, name string) (out []model.Named) {
	for _, slab := range []string{"best.", "parameter."} {
		for _, a := range arrays {
			if rest, ok := strings.CutPrefix(a.Name, slab); ok {
				out = append(out, model.Named{Name: name + "." + rest, Shape: a.Shape, Data: a.Data})
			}
		}
		if out != nil {
			break
		}
	}
	return out
}
