package stages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/model"
)

// Options are what a run needs beside its config.
type Options struct {
	Version string
	Quiet   bool   // nothing on the screen
	Resume  string // the folder of a run that was interrupted, to go on with; "": a new run
}

// Result is what a run gives its caller, on rank 0.
type Result struct {
	Dir     string
	Metrics map[string]map[string]float64 // of each model
	Seconds map[string]float64            // of each stage, on its slowest rank, and total
}

// Run runs one experiment on the ranks of c: read, prepare, train, evaluate,
// report; collective. A model that fails does not stop the others; its error is
// returned at the end, when everything else is written. Cancelling ctx ends the
// run with what has been computed so far on disk.
func Run(ctx context.Context, c collective.Comm, cfg *Config, o Options) (*Result, error) {
	begin := time.Now()
	j := &job{ctx: ctx, c: c, cfg: cfg, screen: newScreen(c.Rank() == 0 && !o.Quiet), times: &timings{rank: c.Rank()}}
	defer func() {
		if j.dev != nil {
			j.dev.Close()
		}
	}()
	var err error
	if o.Resume != "" {
		if err := collective.Agree(c, resumable(o.Resume, cfg)); err != nil {
			return nil, err
		}
		j.dir, j.resume = o.Resume, true
		if err := j.prepare(); err != nil {
			return nil, err
		}
		return j.inFolder(o, begin)
	}
	above := missing(cfg.Run.Dir)
	if j.dir, err = makeRunDir(c, cfg.Run.Dir, cfg.Run.Name, begin); err != nil {
		return nil, err
	}
	if err := j.prepareInDir(above); err != nil {
		return nil, err
	}
	return j.inFolder(o, begin)
}

// inFolder is the run after its data is prepared.
func (j *job) inFolder(o Options, begin time.Time) (*Result, error) {
	res, err := j.inDir(j.dir, o, begin)
	if err != nil && j.c.Rank() == 0 {
		j.screen.printf("what was finished lies in %s; go on with --resume %[1]s", j.dir)
	}
	return res, err
}

// prepareInDir prepares, and removes the run's folder, with what steps wrote there, if that fails, and of the folders
// above it those, deepest first, that did not exist before; collective.
func (j *job) prepareInDir(above []string) (err error) {
	ready := false
	defer func() { // also after a panic
		if !ready && j.c.Rank() == 0 {
			err = errors.Join(err, os.RemoveAll(j.dir))
			for _, dir := range above {
				if os.Remove(dir) != nil { // another run is in it
					break
				}
			}
		}
	}()
	err = j.prepare()
	ready = err == nil
	return err
}

// prepare opens the device, reads the data and cuts the windows; collective.
func (j *job) prepare() error {
	place, err := collective.Hosts(j.c)
	if err != nil {
		return err
	}
	threads, err := threadsPerRank(j.c, place.Hosts[j.c.Rank()])
	if err != nil {
		return err
	}
	if j.dev, err = model.CPU(threads); err != nil {
		return err
	}
	table, static, err := j.preprocess()
	if err != nil {
		return err
	}
	if static != nil {
		defer static.Release()
	}
	data := j.cfg.Data
	data.Path = j.cfg.source()
	done := j.times.start("read")
	bar := j.screen.bar("read", "MiB", 0)
	raw, err := readData(j.c, &data, table, func(n, total int64) {
		bar.resize(int(total >> 20))
		bar.set(int(n>>20), "")
	})
	if err != nil {
		return err
	}
	collect(len(raw.ts))
	if static != nil {
		if raw.statics, err = readStatics(j.c, &data, static); err != nil {
			return err
		}
	}
	done(int64(len(raw.ts)), raw.bytes)
	done = j.times.start("prepare")
	if j.series, err = buildSeries(j.c, &data, raw); err != nil {
		return err
	}
	s := j.series
	if err := s.checkCutoffs(j.cfg); err != nil {
		return err
	}
	bar.end(fmt.Sprintf("%d rows, %d channels, a step is %s, %d values missing", s.Rows, len(s.Channels), s.Step, s.Missing))
	if j.sets, err = splitWindows(s, j.cfg.Windows); err != nil {
		return err
	}
	done(s.Rows, int64(len(s.Data.Past)+len(s.Data.Inputs))*4)
	return nil
}

// preprocessed is how messages call the table of the last step.
const preprocessed = "the last [[preprocess]] step's table"

// source is where the data comes from, for people.
func (cfg *Config) source() string {
	if len(cfg.Steps) > 0 {
		return preprocessed
	}
	return cfg.Data.Path
}

// preprocess runs the steps, if there are any, and tells of each; it returns the last one's table, and data.static_table
// where that is set. Collective.
func (j *job) preprocess() (t, static *frame.Table, err error) {
	if len(j.cfg.Steps) == 0 {
		return nil, nil, nil
	}
	limit, err := parseBytes(j.cfg.Run.Memory)
	if err != nil {
		return nil, nil, err
	}
	mem := frame.NewMemory(frame.MemoryOptions{Limit: limit, Scratch: j.cfg.Run.Scratch})
	if err := collective.Agree(j.c, mem.CheckScratch()); err != nil {
		return nil, nil, err
	}
	end := j.times.start("preprocess")
	dir := j.dir
	if j.resume {
		dir = "" // the tables that steps write are there already
	}
	t, static, err = preprocess(j.c, mem, dir, j.cfg.Steps, j.cfg.Data.StaticTable, func(i int, t *frame.Table, r stepReport) {
		s := j.cfg.Steps[i]
		name := s.Op
		if s.As != "" {
			name += " → " + s.As
		}
		j.screen.printf("%-24s %s", name, r)
		if j.steps != nil {
			j.steps(i, t, r)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	end(int64(t.NumRows()), t.Bytes())
	return t, static, nil
}

// warnings are what a person should know of the data before trusting the result.
func (j *job) warnings() (w []string) {
	s := j.series
	if s.Gaps > 0 {
		w = append(w, fmt.Sprintf("%d time steps of %s have no row; they are treated as missing", s.Gaps, j.cfg.source()))
	}
	if s.Missing > 0 {
		w = append(w, fmt.Sprintf("%d of %d values are missing: filled forward where a forecast sees them, not counted where it is measured",
			s.Missing, len(s.Data.Past)))
	}
	if s.Filled > 0 {
		w = append(w, fmt.Sprintf("%d values of hist, future and static columns are missing: filled forward, else by the mean", s.Filled))
	}
	if len(s.Constant) > 0 {
		w = append(w, fmt.Sprintf("constant in the train part, so not scaled: %s", list(s.Constant)))
	}
	short := 0
	for g := range s.Groups {
		if s.Groups[g].N < j.cfg.Windows.Lookback+j.cfg.Windows.Horizon {
			short++
		}
	}
	if short > 0 {
		w = append(w, fmt.Sprintf("%d series are shorter than one window and are left out", short))
	}
	return w
}

// inDir is the run after its folder exists.
func (j *job) inDir(dir string, o Options, begin time.Time) (*Result, error) {
	root := j.c.Rank() == 0
	logTo, closeLog, err := openLog(dir, root, j.resume)
	if err := collective.Agree(j.c, err); err != nil {
		return nil, err
	}
	defer closeLog()
	res, err := j.fitAndTest(dir, o, begin, logTo)
	if err != nil {
		logTo.Error("the run failed", "error", err)
	}
	return res, err
}

func openLog(dir string, root, append bool) (*slog.Logger, func(), error) {
	if !root {
		return slog.New(slog.DiscardHandler), func() {}, nil
	}
	how := os.O_CREATE | os.O_EXCL
	if append {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(filepath.Join(dir, "log.txt"), how|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(slog.NewTextHandler(f, nil)), func() { f.Close() }, nil
}

func (j *job) fitAndTest(dir string, o Options, begin time.Time, log *slog.Logger) (*Result, error) {
	root := j.c.Rank() == 0
	s := j.series
	log.Info("begin", "version", o.Version, "ranks", j.c.Size(), "device", j.dev.Name(), "data", j.cfg.source(),
		"rows", s.Rows, "channels", len(s.Channels), "step", s.Step.String(),
		"train", j.sets[0].Len(), "val", j.sets[1].Len(), "test", j.sets[2].Len())
	for _, w := range j.warnings() {
		log.Warn(w)
		j.screen.printf("note: %s", w)
	}
	var err error
	if root && !j.resume {
		err = writeAtomic(filepath.Join(dir, "config.toml"), j.cfg.Write)
	}
	if err := collective.Agree(j.c, err); err != nil {
		return nil, err
	}
	all, err := j.fitAll(dir, log)
	if err != nil {
		if root && len(all) > 0 { // keep the curves up to here
			err = errors.Join(err, writeHistory(dir, all))
		}
		return nil, err
	}
	var unsure error // of models without the intervals that they should have
	if len(j.cfg.Intervals.Levels) > 0 {
		if unsure, err = j.addIntervals(dir, all); err != nil {
			return nil, err
		}
	}
	var sink *forecastSink
	if j.cfg.Evaluate.Forecasts {
		if sink, err = j.openSink(filepath.Join(dir, "forecasts.parquet"), all); err != nil {
			return nil, err
		}
		defer sink.abort()
	}
	res, err := j.evaluate(all, sink)
	if err != nil {
		return nil, err
	}
	times, err := j.times.gather(j.c)
	if err != nil {
		return nil, err
	}
	var out *Result
	if root {
		out, err = j.finish(dir, o, begin, all, res, times, sink, log)
	}
	if err := collective.Agree(j.c, err); err != nil {
		return nil, err
	}
	if j.cfg.CV.Windows > 0 { // last: what the run has found is on disk
		return out, errors.Join(failures(all), unsure, j.crossValidate(dir))
	}
	return out, errors.Join(failures(all), unsure)
}

// fitAll fits baselines and models, and keeps the best parameters on disk as they come.
func (j *job) fitAll(dir string, log *slog.Logger) (all []*fitted, err error) {
	root := j.c.Rank() == 0
	save := func(f *fitted) error {
		if !root {
			return nil
		}
		return j.writeModels(dir, append(all[:len(all):len(all)], f))
	}
	k := 0 // trainings so far
	for _, m := range j.cfg.Models {
		f, err := j.fitModel(k, m, save)
		k += max(1, len(m.Seeds))
		all = append(all, f)
		if err != nil {
			return all, err
		}
		if f.err != nil {
			log.Error("model failed", "model", f.name, "error", f.err)
			j.screen.printf("%s failed: %v; the run goes on with the others", f.name, f.err)
		} else {
			log.Info("fitted", "model", f.name, "how", f.note)
		}
	}
	for _, name := range j.cfg.Evaluate.Baselines {
		f, err := j.baseline(name)
		all = append(all, f)
		if err != nil {
			return all, err
		}
		if f.err != nil {
			log.Warn("baseline left out", "baseline", f.name, "reason", f.err)
			j.screen.printf("note: baseline %s is left out: %v", f.name, f.err)
		}
	}
	if root {
		return all, errors.Join(j.writeModels(dir, all), writeHistory(dir, all))
	}
	return all, nil
}

// failures joins the errors of models; a baseline that does not apply is no failure.
func failures(all []*fitted) error {
	var errs []error
	for _, f := range all {
		if f.err != nil && !f.baseline {
			errs = append(errs, fmt.Errorf("model %s: %w", f.name, f.err))
		}
	}
	return errors.Join(errs...)
}

// finish writes the results, the small and precious files first.
func (j *job) finish(dir string, o Options, begin time.Time, all []*fitted, res []scores, times []StageTime, sink *forecastSink, log *slog.Logger) (*Result, error) {
	seconds := map[string]float64{}
	for _, t := range times {
		seconds[t.Stage] = max(seconds[t.Stage], t.Seconds)
	}
	seconds["total"] = time.Since(begin).Seconds()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := writeJSON(in("metrics.json"), j.metrics(all, res, seconds)); err != nil {
		return nil, err
	}
	if j.bySeries != nil {
		if err := j.bySeries.write(dir, j.series.Channels, all); err != nil {
			return nil, err
		}
	}
	if err := writeJSON(in("timings.json"), times); err != nil {
		return nil, err
	}
	page, err := j.page(o.Version, all, res, times, begin)
	if err != nil {
		return nil, err
	}
	if err := writeAtomic(in("report.html"), page.WriteHTML); err != nil {
		return nil, err
	}
	out := &Result{Dir: dir, Metrics: map[string]map[string]float64{}, Seconds: seconds}
	for i, f := range all {
		if res[i] != nil {
			out.Metrics[f.name] = res[i]
			log.Info("test", "model", f.name, "metrics", fmt.Sprint(res[i]))
		}
	}
	log.Info("end", "seconds", time.Since(begin).Seconds())
	if j.screen.out != nil {
		printTable(j.screen.out, j.names, j.cfg.Evaluate.Scale, all, res)
		j.screen.printf("\nreport: %s", in("report.html"))
	}
	if sink != nil {
		return out, sink.close()
	}
	return out, nil
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
