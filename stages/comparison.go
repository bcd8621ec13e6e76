package stages

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

// maxMetricsFile bounds a metrics.json that is read.
const maxMetricsFile = 64 << 20

// compared is a model at one point of a sweep: its metrics, or why it has none.
type compared struct {
	Model         string
	Horizon, Seed int
	Trained       string // how long
	values        map[string]float64
	Error         string
	Cells         []reportCell
}

// comparison is every model of every evaluation in a plan whose results lie in dir: by horizon, then by the first metric, best first; then
// those that failed.
type comparison struct {
	Metrics []reportHead
	Rows    []*compared
}

// compare reads the evaluations' metrics; failed is the error of each model's training, by point and model.
func compare(plan []*planned, dir string, failed map[[2]string]string) (*comparison, error) {
	c := &comparison{}
	names := map[string]bool{}
	var order []string
	for _, p := range plan {
		if p.stage != "evaluate" {
			continue
		}
		m, err := readMetrics(filepath.Join(dir, p.point, "metrics.json"))
		if err != nil {
			return nil, err
		}
		for _, name := range p.cfg.Evaluate.Metrics {
			if !names[name] {
				names[name] = true
				order = append(order, name)
			}
		}
		errs := maps.Clone(m.Errors)
		if errs == nil {
			errs = map[string]string{}
		}
		for _, model := range modelNames(p.cfg.Models) {
			if why := failed[[2]string{p.point, model}]; why != "" {
				errs[model] = why
			}
		}
		at := compared{Horizon: p.cfg.Windows.Horizon, Seed: p.cfg.Run.Seed, Trained: "–"}
		for model, values := range m.Test {
			row := at
			row.Model, row.Error, row.values = model, cut(firstLine(errs[model])), map[string]float64{}
			if t, ok := m.Trained[model]; ok {
				row.Trained = formatSeconds(t)
			}
			delete(errs, model)
			for name, v := range values {
				names[name] = true
				if v != nil {
					row.values[name] = *v
				}
			}
			c.Rows = append(c.Rows, &row)
		}
		for model, why := range errs {
			row := at
			row.Model, row.Error = model, cut(firstLine(why))
			c.Rows = append(c.Rows, &row)
		}
	}
	c.finish(order, names)
	return c, nil
}

// finish orders columns, those that the config names first, and rows, and makes the text of cells; the best of each horizon is marked.
func (c *comparison) finish(order []string, names map[string]bool) {
	rest := slices.Sorted(maps.Keys(names))
	order = append(order, slices.DeleteFunc(rest, func(n string) bool { return slices.Contains(order, n) })...)
	order = slices.DeleteFunc(order, func(n string) bool { // what no model has, as the name of a metric that gives several numbers
		return !slices.ContainsFunc(c.Rows, func(r *compared) bool { _, ok := r.values[n]; return ok })
	})
	for _, n := range order {
		c.Metrics = append(c.Metrics, reportHead{n, betterMetric(n)})
	}
	at := func(r *compared, h reportHead) float64 {
		if v, ok := r.values[h.Name]; ok {
			return v
		}
		return math.NaN()
	}
	slices.SortStableFunc(c.Rows, func(a, b *compared) int {
		rank := func(r *compared) float64 {
			if len(c.Metrics) == 0 {
				return math.Inf(1)
			}
			return distanceFromBest(c.Metrics[0].Better, at(r, c.Metrics[0]))
		}
		return cmp.Or(cmp.Compare(a.Horizon, b.Horizon), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Seed, b.Seed))
	})
	for _, h := range c.Metrics {
		for from := 0; from < len(c.Rows); {
			to := from
			for to < len(c.Rows) && c.Rows[to].Horizon == c.Rows[from].Horizon {
				to++
			}
			values, best := make([]float64, to-from), math.Inf(1)
			for i := range values {
				values[i] = at(c.Rows[from+i], h)
				best = min(best, distanceFromBest(h.Better, values[i]))
			}
			for i, text := range formatColumn(values, h.Better) {
				c.Rows[from+i].Cells = append(c.Rows[from+i].Cells, reportCell{text, !math.IsInf(best, 1) && distanceFromBest(h.Better, values[i]) == best})
			}
			from = to
		}
	}
}

// readMetrics reads a metrics.json; one that is not there is empty.
func readMetrics(path string) (*metricsFile, error) {
	m := &metricsFile{}
	text, err := readFile(path, maxMetricsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// print writes the comparison as text; nothing where there is nothing to compare.
func (c *comparison) print(w io.Writer) error {
	if len(c.Rows) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nmodel\thorizon\tseed\t")
	for _, h := range c.Metrics {
		fmt.Fprintf(t, "%s\t", h.Name)
	}
	fmt.Fprintln(t, "training\t")
	for _, r := range c.Rows {
		fmt.Fprintf(t, "%s\t%d\t%d\t", r.Model, r.Horizon, r.Seed)
		for _, cell := range r.Cells {
			fmt.Fprintf(t, "%s\t", cell.Text)
		}
		fmt.Fprintf(t, "%s\t", r.Trained)
		if r.Error != "" {
			fmt.Fprintf(t, " failed: %s", r.Error)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// trainFailures are the errors of trainings that have failed, by point and model.
func trainFailures(plan []*planned, j *journalState) map[[2]string]string {
	out := map[[2]string]string{}
	for _, p := range plan {
		if r := j.last[p.Name]; p.stage == "train" && r != nil && (r.State == Failed || r.State == Cancelled || r.State == Skipped) {
			for _, m := range p.models {
				out[[2]string{p.point, m}] = cmp.Or(r.Error, string(r.State))
			}
		}
	}
	return out
}
