package stages

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	"deeprc/collective"
	"deeprc/model"
)

// runTasks is Run for a config with tasks: the pilot runs them in one folder; collective.
func runTasks(ctx, finish context.Context, c collective.Comm, cfg *Config, o Options, begin time.Time) (*Result, error) {
	plan, err := cfg.plan()
	if err != nil {
		return nil, err
	}
	tasks := make([]Task, len(plan))
	for i, p := range plan {
		p.Run = p.body(cfg.Tasks)
		tasks[i] = p.Task
	}
	world, err := viewWorld(c, cfg.Pilot.Dedicated)
	if err != nil {
		return nil, err
	}
	root := c.Rank() == 0
	if o.Resume != "" {
		err = Resumable(o.Resume, cfg)
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	var lines *journal
	var before *journalState // of earlier sessions
	var sched *Sched
	if root {
		if o.Resume != "" {
			lines, before, err = reopen(o.Resume)
		}
		if err == nil {
			sched, err = cfg.schedule(plan, world.slots, before.done)
		}
	}
	defer func() { _ = lines.close() }()             // where the account has not
	if err := collective.Agree(c, err); err != nil { // before there is a folder
		return nil, err
	}
	dir := o.Resume
	if dir == "" {
		if dir, err = makeRunDir(c, cfg.Run.Dir, o.folder(cfg, begin)); err != nil {
			return nil, err
		}
	}
	if err := writeConfig(c, dir, cfg); err != nil {
		return nil, err
	}
	if root && lines == nil {
		lines, err = openJournal(filepath.Join(dir, journalFile))
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	log, closeLog, err := openLog(dir, root, o.Resume != "")
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	defer closeLog()
	show := newScreen(root && !o.Quiet)
	if err := tellAllocation(c, log, show, world.notes...); err != nil {
		return nil, err
	}
	dev, _, err := openCPU(c)
	if err != nil {
		return nil, err
	}
	var books *account
	if root {
		books, err = openAccount(dir, lines, tasks, c.Size(), before, begin, log, show)
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	log.Info("begin", "version", o.Version, "ranks", c.Size(), "device", dev.Name(), "tasks", len(tasks), "policy", cfg.Pilot.Policy)
	shelf := &Shelf{}
	stuck, err := runPilot(ctx, finish, c, tasks, Env{Dir: dir, Device: dev, GPUs: world.gpus, Shelf: shelf, Version: o.Version, noCache: o.NoCache}, sched, books)
	if !stuck {
		shelf.put(nil)
		dev.Close()
	}
	if root {
		err = errors.Join(err, books.close())
		if err == nil {
			err = WriteTaskPages(dir, o.Version, time.Now(), show.out)
		}
		if err == nil {
			show.printf("\nreport: %s", filepath.Join(dir, reportFile))
		}
		log.Info("end", "seconds", time.Since(begin).Seconds())
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	stopped := int64(0)
	if root {
		if err = books.outcome(sched.Told()); Stopped(err) {
			stopped = 1
		}
	}
	if stopped, bad := collective.BroadcastOne(c, stopped, 0); bad != nil {
		return nil, bad
	} else if stopped > 0 { // all ranks end alike
		return nil, cmp.Or(err, model.ErrStopped)
	}
	if err := collective.Agree(c, err); err != nil || !root {
		return nil, err
	}
	return &Result{Dir: dir, Seconds: map[string]float64{"total": time.Since(begin).Seconds()}}, nil
}

// reopen opens the journal of a run that goes on, which no other process may write meanwhile, and only then clears up in its folder.
func reopen(dir string) (*journal, *journalState, error) {
	j, err := openJournal(filepath.Join(dir, journalFile))
	if err != nil {
		return nil, nil, err
	}
	before, err := j.read()
	if err == nil {
		err = sweep(dir)
	}
	if err != nil {
		return nil, nil, errors.Join(err, j.close())
	}
	return j, before, nil
}
