package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"deeprc/collective"
)

// Options are what a run needs beside its config.
type Options struct {
	Version string
	Quiet   bool            // nothing on the screen
	Resume  string          // the folder of a run that was interrupted, to go on with; "": a new run
	Finish  context.Context // a child of Run's ctx, or nil; cancelling it lets running tasks finish and none start, and stops a run without tasks
	NoCache bool            // of a run with tasks: prepared series are neither taken from the cache nor kept in it
	Job     string          // names the run's folder, run.name-Job, in place of the date; what is there is an earlier start of the same job, and goes on
}

// Result is what a run gives its caller, on rank 0.
type Result struct {
	Dir     string
	Metrics map[string]map[string]float64 // of each model
	Seconds map[string]float64            // of each stage, on its slowest rank, and total
}

// Run runs one experiment on the ranks of c: read, prepare, train, evaluate,
// report, one after the other on all ranks, or as the config's tasks; collective. A model that fails does not stop the others; its error is
// returned at the end, when everything else is written. Cancelling ctx or o.Finish on any rank ends the
// run on all, with what has been computed so far on disk and an error that is [Stopped].
func Run(ctx context.Context, c collective.Comm, cfg *Config, o Options) (*Result, error) {
	begin := time.Now()
	var err error
	if o.Job != "" && o.Resume == "" {
		if o.Resume, err = earlierStart(c, cfg, o.Job); err != nil {
			return nil, err
		}
	}
	if cfg.Sweep != nil || len(cfg.Tasks) > 0 {
		return runTasks(ctx, cmp.Or(o.Finish, ctx), c, cfg, o, begin)
	}
	ctx = cmp.Or(o.Finish, ctx)
	j := &job{ctx: ctx, c: c, cfg: cfg, states: checkpointsDir, screen: newScreen(c.Rank() == 0 && !o.Quiet), times: &timings{rank: c.Rank()}}
	defer func() {
		if j.dev != nil {
			j.dev.Close()
		}
	}()
	if o.Resume != "" {
		if err := collective.Agree(c, Resumable(o.Resume, cfg)); err != nil {
			return nil, err
		}
		if c.Rank() == 0 {
			err = sweep(o.Resume)
		}
		if err := collective.Agree(c, err); err != nil {
			return nil, err
		}
		j.dir, j.resume = o.Resume, true
		if err := j.prepare(); err != nil {
			return nil, err
		}
		return j.inFolder(o, begin)
	}
	above := missing(cfg.Run.Dir)
	if j.dir, err = makeRunDir(c, cfg.Run.Dir, o.folder(cfg, begin)); err != nil {
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

// inDir is the run after its folder exists.
func (j *job) inDir(dir string, o Options, begin time.Time) (*Result, error) {
	root := j.c.Rank() == 0
	logTo, closeLog, err := openLog(dir, root, j.resume)
	if err := collective.Agree(j.c, err); err != nil {
		return nil, err
	}
	defer closeLog()
	if err := writeConfig(j.c, dir, j.cfg); err != nil {
		return nil, err
	}
	if err := tellAllocation(j.c, logTo, j.screen); err != nil {
		return nil, err
	}
	res, err := j.fitAndTest(dir, o, begin, logTo)
	if err != nil {
		logTo.Error("the run failed", "error", err)
	}
	return res, err
}

// writeConfig writes config.toml, of a run that goes on, too: keys that do not decide what is trained may be others now. Collective.
func writeConfig(c collective.Comm, dir string, cfg *Config) (err error) {
	if c.Rank() == 0 {
		err = writeAtomic(filepath.Join(dir, "config.toml"), cfg.Write)
	}
	return collective.Agree(c, err)
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
	out, err := j.publish(dir, o.Version, begin, all, res, nil, unsure)
	if err != nil {
		return nil, err
	}
	if err := j.finish(dir, all, res, sink, log); err != nil {
		return nil, err
	}
	failed := errors.Join(failures(all), unsure)
	if j.cfg.CV.Windows > 0 { // last: what the run has found is on disk
		table, lost, err := j.crossValidate(dir)
		failed = errors.Join(failed, lost)
		if err != nil {
			return out, errors.Join(failed, err)
		}
		if out, err = j.publish(dir, o.Version, begin, all, res, table, errors.Join(unsure, lost)); err != nil {
			return nil, errors.Join(failed, err)
		}
	}
	log.Info("end", "seconds", time.Since(begin).Seconds())
	j.screen.printf("\nreport: %s", filepath.Join(dir, cmp.Or(j.pageName, reportFile)))
	return out, failed
}

// fitAll fits baselines and models, and keeps the best parameters on disk as they come.
func (j *job) fitAll(dir string, log *slog.Logger) (all []*fitted, err error) {
	root := j.c.Rank() == 0
	save := func(f *fitted) error {
		if !root || j.resume { // what lies there may have more models; until all are fitted, checkpoints hold what this session finds
			return nil
		}
		return j.writeModels(dir, append(all[:len(all):len(all)], f))
	}
	for _, m := range j.cfg.Models {
		f, err := j.fitModel(m, save)
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
