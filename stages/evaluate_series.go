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

// seriesParts are the targets and point forecasts of the windows that a rank
// forecast, one block (1 + models, H) for each window and channel.
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

// seriesMetrics are the metrics of each series: values[model][metric][slab row], NaN where one
// is not defined or the series has no test window; on every rank.
type seriesMetrics struct {
	metrics []model.Metric
	values  [][][]float64
}

// measureSeries brings each series' values to one rank, rows dealt out in turn,
// and measures them there in the order of time; collective. So the result is that of one
// rank, and each rank works on its share of series.
func (j *job) measureSeries(p *seriesParts, all []*fitted, metrics []model.Metric) (*seriesMetrics, error) {
	n, rank := j.c.Size(), j.c.Rank()
	models := 0
	for _, f := range all {
		if f.forecaster != nil {
			models++
		}
	}
	outAt, outValues := map[int][]int64{}, map[int][]float32{}
	for i, from := 0, 0; i < len(p.at); i += 3 {
		to, size := int(p.at[i])%n, (1+models)*int(p.at[i+2])
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
			size := (1 + models) * int(a[2])
			rows[int(a[0])] = append(rows[int(a[0])], block{int(a[1]), v[:size]})
			v = v[size:]
		}
	}
	total := len(j.series.Channels)
	mine := make([]float64, 0, (total/n+1)*models*len(metrics))
	for row := rank; row < total; row += n {
		blocks := rows[row]
		slices.SortStableFunc(blocks, func(a, b block) int { return a.step - b.step })
		cols, steps := make([][]float32, 1+models), []int{}
		for _, b := range blocks {
			h := len(b.v) / (1 + models)
			for t := range h {
				steps = append(steps, b.step+t)
			}
			for k := range cols {
				cols[k] = append(cols[k], b.v[k*h:][:h]...)
			}
		}
		for k := range models {
			s := model.NewSample(steps, cols[0], cols[1+k], j.series.Step.halfDay())
			for _, m := range metrics {
				mine = append(mine, m.Of(s))
			}
		}
	}
	found, _, err := collective.AllGatherV(j.c, mine)
	if err != nil {
		return nil, err
	}
	res := &seriesMetrics{metrics: metrics, values: make([][][]float64, models)}
	for k := range res.values {
		for range metrics {
			res.values[k] = append(res.values[k], make([]float64, total))
		}
	}
	for from := range n {
		for row := from; row < total; row += n {
			for k := range models {
				for m := range metrics {
					res.values[k][m][row], found = found[0], found[1:]
				}
			}
		}
	}
	return res, nil
}

// summarise adds to each model's scores the median over series of the metrics
// of one series, and their mean as <metric>_mean.
func (r *seriesMetrics) summarise(out []scores, all []*fitted) {
	k := 0
	for i, f := range all {
		if f.forecaster == nil {
			continue
		}
		for m, metric := range r.metrics {
			if metric.Series != nil {
				out[i][metric.Name] = model.Median(r.values[k][m])
				out[i][metric.Name+"_mean"] = model.Mean(r.values[k][m])
			}
		}
		k++
	}
}

// write writes metrics_series.csv: a row a series and model, a column a metric, nothing where one is not defined.
func (r *seriesMetrics) write(dir string, channels []string, all []*fitted) error {
	return writeAtomic(filepath.Join(dir, "metrics_series.csv"), func(w io.Writer) error {
		head := "unique_id,model"
		for _, m := range r.metrics {
			head += "," + m.Name
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
				for m := range r.metrics {
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
