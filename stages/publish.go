package stages

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"deeprc/collective"
)

// reportFile is the run's page; evaluationPage, in a run with tasks, that of an evaluation whose results lie in the run's own folder.
const (
	reportFile     = "report.html"
	evaluationPage = "evaluation.html"
)

// publish writes the small and precious files: metrics.json, timings.json and the report, with the table of cross-validation where
// there is one, and what failed beside the models; collective. The result is rank 0's.
func (j *job) publish(dir, version string, begin time.Time, all []*fitted, res []scores, cross *ReportTable, beside error) (*Result, error) {
	times, err := j.times.gather(j.c)
	if err != nil {
		return nil, err
	}
	var out *Result
	if j.c.Rank() == 0 {
		out = &Result{Dir: dir, Metrics: map[string]map[string]float64{}, Seconds: map[string]float64{"total": time.Since(begin).Seconds()}}
		for _, t := range times {
			out.Seconds[t.Stage] = max(out.Seconds[t.Stage], t.Seconds)
		}
		for i, f := range all {
			if res[i] != nil {
				out.Metrics[f.name] = res[i]
			}
		}
		in := func(name string) string { return filepath.Join(dir, name) }
		page, e := j.page(version, all, res, times, begin)
		if e == nil {
			if beside != nil {
				page.Errors = append(page.Errors, strings.Split(beside.Error(), "\n")...)
			}
			if cross != nil {
				page.Tables = append(page.Tables, *cross)
			}
			e = writeAtomic(in(cmp.Or(j.pageName, reportFile)), page.WriteHTML)
		}
		err = errors.Join(writeJSON(in("metrics.json"), j.metrics(all, res, out.Seconds)), writeJSON(in("timings.json"), times), e)
	}
	return out, collective.Agree(j.c, err)
}

// finish writes what may be large, and tells of the test part; collective.
func (j *job) finish(dir string, all []*fitted, res []scores, sink *forecastSink, log *slog.Logger) (err error) {
	if j.c.Rank() == 0 {
		if j.bySeries != nil {
			err = j.bySeries.write(dir, j.series.Channels, all)
		}
		for i, f := range all {
			if res[i] != nil {
				log.Info("test", "model", f.name, "metrics", fmt.Sprint(res[i]))
			}
		}
		if j.screen.out != nil {
			printTable(j.screen.out, j.names, j.cfg.Evaluate.Scale, all, res)
		}
		if sink != nil {
			err = errors.Join(err, sink.close())
		}
	}
	return collective.Agree(j.c, err)
}

// printTable is what a person reads last: a row a model, a column a metric.
func printTable(w io.Writer, names []string, scale string, all []*fitted, res []scores) {
	width := len("model")
	for _, f := range all {
		width = max(width, len(f.name))
	}
	fmt.Fprintf(w, "\n%-*s", width, "model")
	for _, m := range names {
		fmt.Fprintf(w, "  %10s", m)
	}
	fmt.Fprintf(w, "  (%s)\n%s\n", scale, strings.Repeat("─", width+12*len(names)))
	for i, f := range all {
		fmt.Fprintf(w, "%-*s", width, f.name)
		for _, m := range names {
			if v, ok := res[i][m]; ok {
				fmt.Fprintf(w, "  %*.4f", max(10, len(m)), v)
				continue
			}
			fmt.Fprintf(w, "  %*s", max(10, len(m)), "–")
		}
		if f.err != nil {
			fmt.Fprint(w, "  failed")
		}
		fmt.Fprintln(w)
	}
}
