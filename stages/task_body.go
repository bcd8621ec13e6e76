package stages

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"deeprc/collective"
)

// body is what the task does on each of its ranks: the stages of a run without tasks, a part of them each.
func (p *planned) body(conf []TaskConfig) func(*Env) error {
	switch p.stage {
	case "preprocess":
		return p.preprocess
	case "train":
		return p.train
	case "evaluate":
		return p.evaluate
	case "predict":
		return func(e *Env) error { return p.predict(e, conf[p.index]) }
	case "exec":
		return func(e *Env) error { return execute(e, conf[p.index]) }
	}
	panic("stages: no stage " + p.stage)
}

// job is what the stages of a run without tasks share, for this task: it goes on from whatever checkpoints an earlier attempt has left.
func (p *planned) job(e *Env) *job {
	j := &job{ctx: e.Ctx, c: e.Comm, cfg: p.cfg, dir: filepath.Join(e.Dir, p.point), states: checkpointsDir, resume: true, dev: e.Device,
		screen: &screen{}, times: e.times}
	e.times.rank = e.Comm.Rank() // of the task's own
	if p.point == "" {           // report.html is the run's, over all points
		j.pageName = evaluationPage
	}
	if e.Comm.Rank() == 0 {
		j.screen = &screen{out: logLines{e}, every: 30 * time.Second}
	}
	return j
}

// logLines makes what a stage shows lines of the task's log.
type logLines struct{ e *Env }

func (l logLines) Write(b []byte) (int, error) {
	l.e.Log.Info(string(b[:max(0, len(b)-1)]))
	return len(b), nil
}

// preprocess makes the series, for this rank's shelf and the run's folder.
func (p *planned) preprocess(e *Env) error {
	j := p.job(e)
	j.dir, j.resume = e.Dir, false
	var err error
	if e.Comm.Rank() == 0 { // what an earlier attempt has left
		err = errors.Join(os.RemoveAll(filepath.Join(e.Dir, tablesDir)), os.RemoveAll(filepath.Join(e.Dir, seriesFile)))
	}
	if err := collective.Agree(e.Comm, err); err != nil {
		return err
	}
	e.Shelf.put(nil)
	defer j.release()
	return j.make(e)
}

// series gives the job its data and windows; collective.
func (p *planned) series(e *Env, j *job) error {
	if err := j.acquire(e); err != nil {
		return err
	}
	var err error
	if p.point != "" && e.Comm.Rank() == 0 {
		err = makeBelow(e.Dir, p.point)
	}
	if err := collective.Agree(e.Comm, err); err != nil {
		return err
	}
	return j.cut()
}

// train fits models, whose checkpoints are the result.
func (p *planned) train(e *Env) error {
	j := p.job(e)
	defer j.release()
	if err := p.series(e, j); err != nil {
		return err
	}
	var failed error
	for _, m := range p.cfg.Models {
		f, err := j.fitModel(m, func(*fitted) error { return nil })
		if err != nil {
			return err
		}
		if f.err != nil {
			failed = errors.Join(failed, fmt.Errorf("model %s: %w", m.Name, f.err))
		}
	}
	return failed
}

// evaluate tests the models that tasks before it have trained, and leaves what a run without tasks leaves, in the folder of its point.
func (p *planned) evaluate(e *Env) error {
	begin := time.Now()
	j := p.job(e)
	j.frozen = true
	defer j.release()
	if err := p.series(e, j); err != nil {
		return err
	}
	if p.point != "" {
		if err := writeConfig(j.c, j.dir, p.cfg); err != nil {
			return err
		}
	}
	_, err := j.fitAndTest(j.dir, Options{Version: e.Version}, begin, e.Log)
	return err
}

// predict forecasts with the models of the evaluation before it, or with the best of all those.
func (p *planned) predict(e *Env, c TaskConfig) error {
	dir, err := makeTaskDir(e.Dir, e.Task)
	if err := collective.Agree(e.Comm, err); err != nil {
		return err
	}
	o := PredictOptions{Data: c.Data, Horizon: c.Steps, Out: filepath.Join(dir, cmp.Or(c.Out, "predictions.csv"))}
	from := e.Dir
	if p.best != "" {
		best, err := p.findBest(e)
		if err != nil {
			return err
		}
		from, o.model = filepath.Join(e.Dir, best.Point), best.Model
	}
	return predict(e.Comm, e.Device, from, o)
}
