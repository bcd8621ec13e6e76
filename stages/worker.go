package stages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"deeprc/collective"
)

// command is what the pilot tells a rank.
type command struct {
	Kind    commandKind
	Task    int    `json:",omitempty"`
	Attempt int    `json:",omitempty"`
	Ranks   []int  `json:",omitempty"` // of cmdStart
	Again   bool   `json:",omitempty"` // of cmdStart: the group of the last attempt on Ranks, which each of them has kept
	Keep    bool   `json:",omitempty"` // of cmdStart: keep the group where the attempt ends well
	Reason  string `json:",omitempty"` // of cmdHalt
	Orderly bool   `json:",omitempty"` // of cmdHalt, as [Order] has it
}

type commandKind uint8

const (
	cmdStart commandKind = iota // run an attempt, on a group of Ranks
	cmdHalt                     // cancel it
	cmdEnd                      // all tasks have ended
)

// report is what a rank tells the pilot.
type report struct {
	Task    int         `json:",omitempty"`
	Attempt int         `json:",omitempty"`
	Rank    int         `json:",omitempty"`
	Failure string      `json:",omitempty"`
	Tail    string      `json:",omitempty"` // of the failing rank: the end of its log
	Begin   float64     // seconds since the rank took its first command: the group is there, …
	End     float64     // … the task has ended on this rank
	Stages  []stageSpan `json:",omitempty"` // what the task did here, at most maxStages
	Stop    string      `json:",omitempty"` // no attempt has ended, but this process was told to stop, …
	Finish  string      `json:",omitempty"` // … or to finish what runs
}

// maxFailure is the number of bytes of a failure's text that travel.
const maxFailure = 16 << 10

// worker runs the attempts that a rank is given, one at a time.
type worker struct {
	c     collective.Comm // of the pilot and all workers
	tasks []Task
	env   Env // of every task; Ctx, Comm, Task, Attempt and Log are each one's own
	begin time.Time
	tell  func(report) error

	jobs chan assignment
	over chan struct{} // closed when the pilot has ended
	lost error         // before over is closed: why there are no further commands; nil: all tasks have ended

	kept map[string]collective.Comm // groups, by their ranks; of the goroutine that runs attempts

	mu      sync.Mutex
	current command
	cancel  context.CancelCauseFunc // breaks the attempt's group
	ease    context.CancelCauseFunc // tells the task only
}

// assignment is an attempt that is to run here.
type assignment struct {
	command
	ctx, task context.Context // of its group, and of the task in it
}

func newWorker(c collective.Comm, tasks []Task, env Env, tell func(report) error) *worker {
	return &worker{c: c, tasks: tasks, env: env, begin: time.Now(), tell: tell, jobs: make(chan assignment, 1), over: make(chan struct{}),
		kept: map[string]collective.Comm{}}
}

// take takes a command; it does not wait.
func (w *worker) take(c command) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch c.Kind {
	case cmdStart:
		ctx, cancel := context.WithCancelCause(context.Background())
		task, ease := context.WithCancelCause(ctx)
		w.current, w.cancel, w.ease = c, cancel, ease
		w.jobs <- assignment{c, ctx, task} // there is room: the pilot starts nothing on a rank that has not left
	case cmdHalt:
		why, cancel := errors.New(c.Reason), w.cancel
		switch {
		case cancel == nil || w.current.Task != c.Task || w.current.Attempt != c.Attempt: // it has ended here
		case c.Orderly:
			w.ease(why)
			time.AfterFunc(patience, func() { cancel(why) })
		default:
			cancel(why)
		}
	}
}

// finish ends the worker: there are no further commands, err saying why unless all tasks have ended.
func (w *worker) finish(err error) {
	w.lost = err
	close(w.over)
}

// listen takes the commands that come by mail until the last.
func (w *worker) listen(mail collective.Mailbox) {
	for {
		_, msg, err := mail.Recv()
		var c command
		if err == nil {
			err = json.Unmarshal(msg, &c)
		}
		if err != nil || c.Kind == cmdEnd {
			w.finish(err)
			return
		}
		w.take(c)
	}
}

// work runs attempts until the pilot has ended. Where stuck, one of them has not ended though it was told to, and the pilot has given this
// rank up.
func (w *worker) work() (stuck bool, err error) {
	for {
		select {
		case <-w.over:
			return false, w.lost
		case j := <-w.jobs:
			done := make(chan report, 1)
			go func() {
				r := report{Task: j.Task, Attempt: j.Attempt, Rank: w.c.Rank(), Failure: fmt.Sprintf("rank %d: the task's goroutine ended before its work did", w.c.Rank())}
				defer func() { done <- r }()
				r = w.run(j)
			}()
			select {
			case r := <-done:
				if err := w.tell(r); err != nil {
					return false, err
				}
			case <-w.over: // the world has failed, or this rank was given up
				if w.lost == nil {
					return len(done) == 0, nil
				}
				w.mu.Lock()
				if w.cancel != nil {
					w.cancel(w.lost)
				}
				w.mu.Unlock()
				select {
				case <-done:
				case <-time.After(grace):
					stuck = true
				}
				return stuck, w.lost
			}
		}
	}
}

// run runs one attempt, on a private communicator of its ranks.
func (w *worker) run(j assignment) report {
	r := report{Task: j.Task, Attempt: j.Attempt, Rank: w.c.Rank()}
	log := &taskLog{}
	defer log.close()
	sub, err := w.group(j.command)
	r.Begin = time.Since(w.begin).Seconds()
	if err == nil {
		e := w.env
		e.times = &timings{}
		e.Ctx, e.Comm, e.Task, e.Attempt = j.task, sub, w.tasks[j.Task].Name, j.Attempt
		log.path = w.tasks[j.Task].logPath(e.Dir, sub.Rank())
		e.Log = slog.New(slog.NewTextHandler(log, nil)).With("task", e.Task, "attempt", j.Attempt)
		err = collective.Do(j.ctx, sub, func(collective.Comm) error { return w.tasks[j.Task].Run(&e) })
		if err == nil && j.Keep {
			w.kept[groupKey(j.Ranks)] = sub
		} else {
			err = errors.Join(err, sub.Close())
		}
		r.Stages = e.times.spans(w.begin)
	}
	r.End = time.Since(w.begin).Seconds()
	w.mu.Lock()
	cancel := w.cancel
	w.cancel = nil
	w.mu.Unlock()
	cancel(nil)
	if err == nil {
		return r
	}
	var of *collective.RankError
	if !errors.As(err, &of) {
		of = &collective.RankError{Rank: r.Rank, Text: err.Error()}
	}
	r.Failure = short(of.Error())
	if of.Rank == r.Rank {
		r.Tail = log.tail()
	}
	return r
}

// group is the private communicator of an attempt. Where Again, each of its ranks has told the pilot that the attempt before ended well
// there, so that they need not meet.
func (w *worker) group(c command) (collective.Comm, error) {
	key := groupKey(c.Ranks)
	old := w.kept[key]
	delete(w.kept, key)
	switch {
	case c.Again && old == nil:
		return nil, fmt.Errorf("the pilot takes ranks %v for a group that is kept here, and it is not", c.Ranks)
	case c.Again:
		return collective.Again(old)
	case old != nil:
		if err := old.Close(); err != nil {
			return nil, err
		}
	}
	return w.c.Sub(c.Ranks)
}

// close closes the groups that are kept.
func (w *worker) close() (err error) {
	for _, c := range w.kept {
		err = errors.Join(err, c.Close())
	}
	return err
}

// short is a failure's text as it travels.
func short(s string) string {
	if len(s) > maxFailure {
		s = s[:maxFailure] + " …"
	}
	return s
}

// tasksDir is the folder, in the run's, of the tasks' own folders.
const tasksDir = "tasks"

func taskDir(run, task string) string { return filepath.Join(run, tasksDir, task) }

// logPath is where the log of the task's rank is; "" where it has none.
func (t *Task) logPath(run string, rank int) string {
	switch {
	case rank == 0:
		return filepath.Join(taskDir(run, t.Name), "log.txt")
	case t.Logs:
		return filepath.Join(taskDir(run, t.Name), fmt.Sprintf("log-%d.txt", rank))
	}
	return ""
}

// makeTaskDir makes the folder of a task.
func makeTaskDir(run, task string) (string, error) {
	return taskDir(run, task), makeBelow(run, filepath.Join(tasksDir, task))
}

// taskLog is where one attempt on one rank writes: a file, if it has a path, made when something is written, and the last of it in memory.
type taskLog struct {
	path string
	mu   sync.Mutex
	f    *os.File
	last []byte
}

// logTail is how much of a log is kept for rank 0.
const logTail = 4 << 10

func (l *taskLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last = append(l.last, b...); len(l.last) > 2*logTail {
		l.last = append(l.last[:0], wholeLines(l.last)...)
	}
	if l.path == "" {
		return len(b), nil
	}
	if l.f == nil {
		err := os.MkdirAll(filepath.Dir(l.path), 0o777)
		if err == nil {
			l.f, err = os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		}
		if err != nil {
			return 0, err
		}
	}
	return l.f.Write(b)
}

// tail is the end of what was written, as wholeLines has it.
func (l *taskLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(wholeLines(l.last))
}

// wholeLines is the end of a log, at most logTail bytes: whole lines, or the end of one that is longer.
func wholeLines(b []byte) []byte {
	if len(b) <= logTail {
		return b
	}
	from := len(b) - logTail
	if i := bytes.IndexByte(b[from-1:len(b)-1], '\n'); i >= 0 {
		from += i
	}
	return b[from:]
}

func (l *taskLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil {
		l.f.Close()
	}
}
