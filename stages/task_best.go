package stages

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"deeprc/collective"
)

// byValidation is the value of best that is no metric: the loss on the validation part at the best step of the training.
const byValidation = "val"

// sweepName stands, in after, for all evaluations of [sweep].
const sweepName = "sweep"

// afterSweep puts the evaluations of [sweep] in place of its name.
func afterSweep(tasks, made []*planned) error {
	var evaluations []string
	for _, p := range made {
		if p.stage == "evaluate" {
			evaluations = append(evaluations, p.Name)
		}
	}
	for _, p := range tasks {
		if p.Name == sweepName {
			return p.wrong("name", "", "the name stands for the evaluations of [sweep]; take another")
		}
		if i := slices.Index(p.After, sweepName); i >= 0 {
			p.After = slices.Concat(p.After[:i], evaluations, p.After[i+1:])
		}
	}
	return nil
}

// checkBest finds why there would be no one best model.
func (p *planned) checkBest() error {
	by := p.best
	wrong := func(format string, args ...any) error {
		return p.wrong("best", "", "best = %q: "+format, append([]any{by}, args...)...)
	}
	horizons, losses := map[int]string{}, map[string]string{}
	for _, e := range p.evaluations {
		horizons[e.cfg.Windows.Horizon] = e.Name
		for _, m := range e.cfg.Models {
			loss := m.Train.Loss
			if m.Solver != "gradient" {
				loss = "none"
			}
			losses[loss] = m.Name
		}
	}
	if len(horizons) > 1 {
		return wrong("it comes after evaluations of different horizons (%s), whose errors are no measure for each other: name those of one in after", pairs(horizons))
	}
	if by != byValidation {
		if !slices.ContainsFunc(p.cfg.Evaluate.Metrics, func(m string) bool { return by == m || strings.HasPrefix(by, m+"_") }) {
			return wrong("want %s, the loss on the validation part, or one of evaluate.metrics: %s", byValidation, strings.Join(p.cfg.Evaluate.Metrics, ", "))
		}
		if betterMetric(by) == "" {
			return wrong("of this metric neither the least nor the greatest value is the best: take another")
		}
		return nil
	}
	if name, ok := losses["none"]; ok {
		return wrong("model %q is not trained by gradients and has no loss on the validation part: name a metric", name)
	}
	if len(losses) > 1 {
		return wrong("the models are trained on different losses (%s), which are no measure for each other: name a metric", pairs(losses))
	}
	return nil
}

// pairs are keys with an example of each, for people.
func pairs[K comparable](m map[K]string) string {
	var words []string
	for k, name := range m {
		words = append(words, fmt.Sprintf("%v of %s", k, name))
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// A candidate is a model at a point of a sweep, and how good it is.
type candidate struct {
	Point, Model string
	Value        float64
}

// findBest is the best model of the evaluations that the task comes after, on every rank; of equal ones the first. Collective.
func (p *planned) findBest(e *Env) (candidate, error) {
	var text []byte
	var err error
	if e.Comm.Rank() == 0 {
		var best candidate
		var n int
		if best, n, err = bestModel(e.Dir, p.evaluations, p.best); err == nil {
			e.Log.Info("the best", "model", best.Model, "point", best.Point, "by", p.best, "value", best.Value, "of", n)
			text, err = json.Marshal(best)
		}
	}
	if err := collective.Agree(e.Comm, err); err != nil {
		return candidate{}, err
	}
	if text, err = collective.BroadcastBytes(e.Comm, text, 0); err != nil {
		return candidate{}, err
	}
	var best candidate
	return best, json.Unmarshal(text, &best)
}

// bestModel is the best model of evaluations whose results lie below dir, and the number of models that have the measure.
func bestModel(dir string, evaluations []*planned, by string) (best candidate, n int, err error) {
	var lacking []string
	for _, e := range evaluations {
		values, err := measures(filepath.Join(dir, e.point), e.cfg.Models, by)
		if err != nil {
			return best, 0, err
		}
		for _, m := range modelNames(e.cfg.Models) {
			v, ok := values[m]
			if !ok {
				lacking = append(lacking, strings.TrimSuffix(m+" of "+e.point, " of "))
				continue
			}
			if n++; n == 1 || distanceFromBest(betterMetric(by), v) < distanceFromBest(betterMetric(by), best.Value) {
				best = candidate{e.point, m, v}
			}
		}
	}
	if n == 0 {
		return best, 0, fmt.Errorf("best = %q: no model has it: %s failed, or were not measured by it", by, list(lacking))
	}
	return best, n, nil
}

// measures are how good the models of an evaluation in dir are; of an ensemble the mean of its members' validation losses.
func measures(dir string, models []ModelConfig, by string) (map[string]float64, error) {
	out := map[string]float64{}
	if by != byValidation {
		m, err := readMetrics(filepath.Join(dir, "metrics.json"))
		if err != nil {
			return nil, err
		}
		for _, name := range modelNames(models) {
			if v := m.Test[name][by]; v != nil {
				out[name] = *v
			}
		}
		return out, nil
	}
	run, err := readModelFile(dir)
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		sum, n := 0., 0.
		for _, e := range run.Models {
			if slices.Contains(m.members(), e.Name) && e.Failed == "" && e.BestVal != nil {
				sum, n = sum+*e.BestVal, n+1
			}
		}
		if v := sum / n; !math.IsNaN(v) {
			out[m.Name] = v
		}
	}
	return out, nil
}
