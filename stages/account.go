package stages

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"deeprc/model"
)

// eventsFile has a line of JSON for everything that happens to tasks, with times in seconds since the pilot of the session began.
const eventsFile = "events.jsonl"

// An event is a line of it.
type taskEvent struct {
	T       float64     `json:"t"`
	Event   string      `json:"event"` // session, start, left, halt, retry, lost, drain, stop, end, or the state that a task has ended in
	Task    string      `json:"task,omitempty"`
	Attempt int         `json:"attempt,omitempty"`
	Ranks   []int       `json:"ranks,omitempty"`
	Rank    *int        `json:"rank,omitempty"`   // of left
	Begin   *float64    `json:"begin,omitempty"`  // of left: on that rank's clock, its group was made, …
	End     *float64    `json:"end,omitempty"`    // … and the task had ended there
	At      *float64    `json:"at,omitempty"`     // of retry: not before
	Stages  []stageSpan `json:"stages,omitempty"` // of left: what the task did there, on that rank's clock
	Reason  string      `json:"reason,omitempty"`
	Time    string      `json:"time,omitempty"` // of session: when the run began on rank 0, Boot seconds before t = 0
	Boot    float64     `json:"boot,omitempty"`
	World   int         `json:"world,omitempty"`
}

// An account is what rank 0 keeps of the tasks of a run, for people and for a run that goes on. It is a [watcher].
type account struct {
	tasks   []Task
	dir     string
	journal *journal
	events  *os.File
	log     *slog.Logger
	screen  *screen
	began   []time.Duration // the last attempt of each task
	ended   int
	failed  []error
	lost    []error    // tasks that do not end
	pending []string   // tasks that a run which goes on will run
	asked   EventKind  // what the run was told last: Drain, Stop, or Tick for nothing
	start   time.Time  // of the pilot, about
	live    *liveTable // on a terminal, else nil
	cancels *cancelWatch
}

// openAccount begins a session on world ranks; before is what the journal tells of earlier ones, or nil. It closes the journal.
func openAccount(dir string, j *journal, tasks []Task, world int, before *journalState, begin time.Time, log *slog.Logger, screen *screen) (*account, error) {
	a := &account{tasks: tasks, dir: dir, journal: j, log: log, screen: screen, start: time.Now(), began: make([]time.Duration, len(tasks))}
	if before != nil {
		for _, t := range tasks {
			if before.done(t.Name) {
				a.ended++
			}
		}
		if a.ended > 0 {
			screen.printf("%d of %d tasks were done already", a.ended, len(tasks))
		}
	}
	var err error
	if a.events, err = openEvents(filepath.Join(dir, eventsFile)); err == nil {
		err = a.event(taskEvent{Event: "session", Time: begin.UTC().Format(time.RFC3339Nano), Boot: a.start.Sub(begin).Seconds(), World: world})
	}
	if err == nil {
		err = a.journal.append(journalEntry{Time: begin.UTC(), Format: journalFormat, World: world})
	}
	if err != nil {
		return nil, errors.Join(err, j.close())
	}
	a.cancels = watchCancelled(dir, tasks, log.Warn)
	if f, ok := screen.out.(*os.File); ok && screen.terminal {
		a.live = newLive(f, int(f.Fd()), tasks, a.ended)
		screen.out = a.live
	}
	return a, nil
}

// openEvents opens events.jsonl for appending. A last line that a crash has torn is cut off: no other may be broken.
func openEvents(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o666)
	if err != nil {
		return nil, writeError(path, err)
	}
	end, from, err := tailOf(f, 2*maxEventLine) // two lines at least
	whole := bytes.LastIndexByte(end, '\n') + 1
	if last := bytes.LastIndexByte(end[:max(whole-1, 0)], '\n') + 1; !json.Valid(end[last:whole]) {
		whole = last
	}
	if err == nil && whole == 0 && from > 0 {
		err = fmt.Errorf("its last line has more than %d bytes", maxEventLine)
	}
	if err == nil && whole < len(end) {
		err = f.Truncate(from + int64(whole))
	}
	if err != nil {
		return nil, errors.Join(writeError(path, err), f.Close())
	}
	return f, nil
}

func (a *account) event(e taskEvent) error {
	text, err := json.Marshal(e)
	if err == nil {
		_, err = a.events.Write(append(text, '\n'))
	}
	if err != nil {
		return writeError(a.events.Name(), err)
	}
	return nil
}

// ordered is as [watcher] says.
func (a *account) ordered(now time.Duration, o Order, failed []report) error {
	a.live.order(o)
	t := a.tasks[o.Task]
	e := taskEvent{T: now.Seconds(), Task: t.Name, Attempt: o.Attempt, Ranks: o.Ranks, Reason: o.Reason}
	j := journalEntry{Time: time.Now().UTC(), Task: t.Name, Attempt: o.Attempt, Ranks: o.Ranks, Error: o.Reason}
	for _, r := range failed {
		if r.Attempt == o.Attempt && (j.Rank == nil || r.Tail != "") {
			j.Rank, j.Error, j.Tail = &r.Rank, r.Failure, r.Tail
		}
	}
	switch o.Kind {
	case Start:
		a.began[o.Task] = now
		e.Event, j.State = "start", Running
	case Halt:
		a.log.Warn("task is told to end", "task", t.Name, "attempt", o.Attempt, "reason", o.Reason)
		e.Event, j.State = "halt", ""
	case Lose:
		a.log.Error("ranks are lost", "task", t.Name, "ranks", o.Ranks)
		a.screen.printf("ranks %v do not leave task %s; they are not used any more", o.Ranks, t.Name)
		a.lost = append(a.lost, fmt.Errorf("task %q, attempt %d, hangs on ranks %s: it did not end when it was told to, and ends with its process", t.Name, o.Attempt, rankList(o.Ranks)))
		e.Event, j.State = "lost", ""
	case Retry:
		at := o.At.Seconds()
		e.Event, e.At, j.State = "retry", &at, Delayed
		a.screen.printf("%s failed, attempt %d of %d, and is tried again in %v: %s", t.Name, o.Attempt, 1+t.Retries, (o.At - now).Round(time.Millisecond), firstLine(j.Error))
	case End:
		e.Event, j.State = string(o.State), o.State
		a.end(now, t, o, j)
	}
	if err := a.event(e); err != nil || j.State == "" {
		return err
	}
	return a.journal.append(j)
}

// end tells people of a task's end.
func (a *account) end(now time.Duration, t Task, o Order, j journalEntry) {
	a.ended++
	took := now - a.began[o.Task]
	count := fmt.Sprintf("[%d/%d]", a.ended, len(a.tasks))
	switch o.State {
	case Done:
		a.screen.printf("%s %s done in %s on ranks %s", count, t.Name, seconds(took), rankList(o.Ranks))
		a.log.Info("task done", "task", t.Name, "attempt", o.Attempt, "seconds", took.Seconds(), "ranks", fmt.Sprint(o.Ranks))
	case Failed:
		why := firstLine(j.Error)
		if j.Tail != "" {
			if path := t.logPath(a.dir, slices.Index(o.Ranks, *j.Rank)); path != "" {
				why += " (see " + path + ")"
			}
		}
		a.failed = append(a.failed, fmt.Errorf("task %q failed, attempt %d of %d: %s", t.Name, o.Attempt, 1+t.Retries, why))
		a.screen.printf("%s %s failed after %s: %s", count, t.Name, seconds(took), why)
		for _, line := range messages(j.Tail, shownLines) {
			a.screen.printf("  | %s", line)
		}
		a.log.Error("task failed", "task", t.Name, "attempt", o.Attempt, "seconds", took.Seconds(), "ranks", fmt.Sprint(o.Ranks), "error", j.Error, "tail", j.Tail)
	case Interrupted:
		a.pending = append(a.pending, t.Name)
		a.log.Warn("task interrupted", "task", t.Name, "reason", o.Reason)
	default:
		a.screen.printf("%s %s %s: %s", count, t.Name, o.State, firstLine(o.Reason))
		a.log.Warn("task "+string(o.State), "task", t.Name, "reason", o.Reason)
	}
}

// shownLines is how many lines of a failed task's log people are shown.
const shownLines = 5

// messages are the last n lines of a log, without time and level.
func messages(log string, n int) (out []string) {
	lines := slices.Collect(strings.Lines(log))
	for _, line := range lines[max(0, len(lines)-n):] {
		line = strings.TrimSuffix(line, "\n")
		if _, msg, ok := strings.Cut(line, " msg="); ok {
			line = msg
		}
		out = append(out, cut(line))
	}
	return out
}

// left is as [watcher] says.
func (a *account) left(now time.Duration, r report) error {
	if r.Tail != "" {
		a.log.Error("attempt failed", "task", a.tasks[r.Task].Name, "attempt", r.Attempt, "rank", r.Rank, "error", r.Failure, "tail", r.Tail)
	}
	return a.event(taskEvent{T: now.Seconds(), Event: "left", Task: a.tasks[r.Task].Name, Attempt: r.Attempt, Rank: &r.Rank, Begin: &r.Begin, End: &r.End, Stages: r.Stages, Reason: firstLine(r.Failure)})
}

// told is as [watcher] says. Each rank tells of a signal; it is told once.
func (a *account) told(e Event) error {
	if e.Kind <= a.asked {
		return nil
	}
	a.asked = e.Kind
	name, what := "drain", "running tasks finish, and no other starts; a second interrupt ends the run at once"
	if e.Kind == Stop {
		name, what = "stop", "running tasks stop where they can go on later, and no other starts"
	}
	a.screen.printf("%s: %s", firstLine(e.Reason), what)
	a.log.Warn(name, "reason", e.Reason)
	return a.event(taskEvent{T: e.Now.Seconds(), Event: name, Reason: e.Reason})
}

// cancelled is as [watcher] says.
func (a *account) cancelled() <-chan []int { return a.cancels.out }

// close ends the files.
func (a *account) close() error {
	a.cancels.close()
	if a.live.close(); a.live != nil {
		a.screen.out = a.live.out
	}
	err := a.event(taskEvent{T: time.Since(a.start).Seconds(), Event: "end"})
	return errors.Join(err, a.journal.close(), a.events.Close())
}

// outcome is how the run has ended: nil where every task is done, [Stopped] where it was told to end, by told, before that.
func (a *account) outcome(told string) error {
	var err error
	if len(a.pending) > 0 {
		left := fmt.Errorf("%d of %d tasks are left (%s): go on with --resume %s", len(a.pending), len(a.tasks), list(a.pending), a.dir)
		if err = left; told != "" {
			err = fmt.Errorf("%w: %s; %w", model.ErrStopped, told, left)
		}
	}
	return errors.Join(err, errors.Join(a.failed...), errors.Join(a.lost...))
}

// rankList is ranks in order for people: 0-3,6.
func rankList(ranks []int) string {
	var parts []string
	for i := 0; i < len(ranks); {
		k := i + 1
		for k < len(ranks) && ranks[k] == ranks[k-1]+1 {
			k++
		}
		if k-i == 1 {
			parts = append(parts, fmt.Sprint(ranks[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", ranks[i], ranks[k-1]))
		}
		i = k
	}
	return strings.Join(parts, ",")
}
