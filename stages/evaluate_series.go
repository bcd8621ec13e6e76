package stages

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"deeprc/collective"
	"deeprc/model"
)

// seriesParts are the targets and forecasts of the windows that a rank
// forecast, one block (1 + columns of all models, H) for each window and channel.
type seriesParts struct {
	at     []int64 // of each block: slab row, first step, steps
	values []float32
}

// add begins a block with its targets in the metrics' scale.
func (p *seriesParts) add(row, step int, y []float32, scale, shift float64) {
	p.at = append(p.at, int64(row), int64(step), int64(len(y)))
	p.append(y, scale, shift)
}

// append goes on with a model's forecasts.
func (p *seriesParts) append(v []float32, scale, shift float64) {
	for _, x := range v {
		p.values = append(p.values, float32(float64(x)*scale+shift))
	}
}

// seriesMetrics are the metrics of each series: values[model][name][slab row], NaN where one
// is not defined or the series has no test window; on every rank.
type seriesMetrics struct {
	names  []string
	series []string // those of names that are one value a series
	values [][][]float64
}

// measureSeries brings each series' values to one rank, rows dealt out in turn,
// and measures them there in the order of time; collective. So the result is that of one
// rank, and each rank works on its share of series.
func (j *job) measureSeries(t *tally, all []*fitted) (*seriesMetrics, error) {
	n, rank, p := j.c.Size(), j.c.Rank(), t.parts
	models, width := 0, 1
	for _, f := range all {
		if f.forecaster != nil {
			models++
			width += len(f.columns())
		}
	}
	outAt, outValues := map[int][]int64{}, map[int][]float32{}
	for i, from := 0, 0; i < len(p.at); i += 3 {
		to, size := int(p.at[i])%n, width*int(p.at[i+2])
		outAt[to] = append(outAt[to], p.at[i:i+3]...)
		outValues[to] = append(outValues[to], p.values[from:from+size]...)
		from += size
	}
	at, err := collective.Exchange(j.c, outAt)
	if err != nil {
		return nil, err
	}
	values, err := collective.Exchange(j.c, outValues)
	if err != nil {
		return nil, err
	}
	type block struct {
		step int
		v    []float32
	}
	rows := map[int][]block{}
	for from := range n {
		v := values[from]
		for a := at[from]; len(a) > 0; a = a[3:] {
			size := width * int(a[2])
			rows[int(a[0])] = append(rows[int(a[0])], block{int(a[1]), v[:size]})
			v = v[size:]
		}
	}
	total := len(j.series.Channels)
	mine := make([]float64, 0, (total/n+1)*models*len(t.names))
	for row := rank; row < total; row += n {
		blocks := rows[row]
		slices.SortStableFunc(blocks, func(a, b block) int { return a.step - b.step })
		cols, steps := make([][]float32, width), []int{}
		for _, b := range blocks {
			h := len(b.v) / width
			for t := range h {
				steps = append(steps, b.step+t)
			}
			for k := range cols {
				cols[k] = append(cols[k], b.v[k*h:][:h]...)
			}
		}
		season := t.season(row)
		if j.cfg.Evaluate.Scale == "original" {
			season *= j.series.Std[row]
		}
		y, rest := cols[0], cols[1:]
		for k, f := range all {
			if f.forecaster == nil {
				continue
			}
			its := rest[:len(f.columns())]
			rest = rest[len(its):]
			mine = append(mine, t.ofSeries(k, its, y, steps, season, j.series.Step.halfDay())...)
		}
	}
	found, _, err := collective.AllGatherV(j.c, mine)
	if err != nil {
		return nil, err
	}
	res := &seriesMetrics{names: t.names, values: make([][][]float64, models)}
	for _, m := range t.metrics {
		if m.Series != nil {
			res.series = append(res.series, m.Name)
		}
	}
	for k := range res.values {
		for range t.names {
			res.values[k] = append(res.values[k], make([]float64, total))
		}
	}
	for from := range n {
		for row := from; row < total; row += n {
			for k := range models {
				for m := range t.names {
					res.values[k][m][row], found = found[0], found[1:]
				}
			}
		}
	}
	return res, nil
}

// ofSeries are model k's numbers of one series, in the order of names, from its columns and the targets y at steps.
func (t *tally) ofSeries(k int, cols [][]float32, y []float32, steps []int, season float64, halfDay int) []float64 {
	of := map[string]float64{}
	sums := make([]collective.ExactSum, 2*len(t.terms[k]))
	addErrors(sums, t.terms[k], cols, 0, y, 1, 0, season)
	for m, term := range t.terms[k] {
		of[term.Name] = term.Finish(sums[2*m].Float64() / sums[2*m+1].Float64())
	}
	sample := model.NewSample(steps, y, cols[0], halfDay)
	for _, m := range t.metrics {
		if m.Series != nil {
			of[m.Name] = m.Series(sample)
		}
	}
	out := make([]float64, len(t.names))
	for i, name := range t.names {
		v, ok := of[name]
		if !ok {
			v = math.NaN()
		}
		out[i] = v
	}
	return out
}

// summarise adds to each model's scores the median over series of the metrics
// of one series, and their mean as <metric>_mean; if every is set, those of the other metrics as <metric>_series_median and <metric>_series_mean.
func (r *seriesMetrics) summarise(out []scores, all []*fitted, every bool) {
	k := 0
	for i, f := range all {
		if f.forecaster == nil {
			continue
		}
		for _, name := range r.series {
			v := r.values[k][slices.Index(r.names, name)]
			out[i][name], out[i][name+"_mean"] = model.Median(v), model.Mean(v)
		}
		for m, name := range r.names {
			if _, measured := out[i][name]; every && measured && !slices.Contains(r.series, name) {
				v := r.values[k][m]
				out[i][name+"_series_median"], out[i][name+"_series_mean"] = model.Median(v), model.Mean(v)
			}
		}
		k++
	}
}

// write writes metrics_series.csv: a row a series and model, a column a metric, nothing where one is not defined.
func (r *seriesMetrics) write(dir string, channels []string, all []*fitted) error {
	return writeAtomic(filepath.Join(dir, "metrics_series.csv"), func(w io.Writer) error {
		head := "unique_id,model"
		for _, name := range r.names {
			head += "," + name
		}
		if _, err := fmt.Fprintln(w, head); err != nil {
			return err
		}
		k := 0
		for _, f := range all {
			if f.forecaster == nil {
				continue
			}
			for row, name := range channels {
				line := csvCell(name) + "," + csvCell(f.name)
				for m := range r.names {
					line += ","
					if v := r.values[k][m][row]; !math.IsNaN(v) && !math.IsInf(v, 0) {
						line += fmt.Sprint(v)
					}
				}
				if _, err := fmt.Fprintln(w, line); err != nil {
					return err
				}
			}
			k++
		}
		return nil
	})
}
