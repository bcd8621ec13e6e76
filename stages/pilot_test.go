package stages

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"deeprc/collective"
)

// A tape is a watcher that remembers.
type tape struct {
	mu      sync.Mutex
	orders  []Order
	reports []report
	ends    map[string]State
	failed  map[string][]report // of the last attempt of each task
	tasks   []Task
	fail    func(o Order) error
	cancels chan []int
}

func (w *tape) ordered(now time.Duration, o Order, failed []report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	o.Ranks = slices.Clone(o.Ranks)
	w.orders = append(w.orders, o)
	if o.Kind == End {
		w.ends[w.tasks[o.Task].Name] = o.State
		w.failed[w.tasks[o.Task].Name] = slices.Clone(failed)
	}
	if w.fail != nil {
		return w.fail(o)
	}
	return nil
}

func (w *tape) left(now time.Duration, r report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, r)
	return nil
}

func (w *tape) told(Event) error { return nil }

func (w *tape) cancelled() <-chan []int { return w.cancels }

// pilotOn runs tasks on n in-process ranks.
func pilotOn(t testing.TB, ctx context.Context, n int, policy Policy, tasks []Task) (*tape, error) {
	t.Helper()
	w := &tape{ends: map[string]State{}, failed: map[string][]report{}, tasks: tasks}
	return w, w.on(t, ctx, n, policy)
}

func (w *tape) on(t testing.TB, ctx context.Context, n int, policy Policy) error {
	return collective.RunLocal(n, func(c collective.Comm) error {
		var s *Sched
		if c.Rank() == 0 {
			s = mustSched(t, policy, cpus(n), w.tasks...)
		}
		_, err := runPilot(ctx, ctx, c, w.tasks, Env{Dir: t.TempDir(), Shelf: &Shelf{}}, s, w)
		return err
	})
}

// run is a task of that body.
func runs(name string, ranks int, run func(e *Env) error, after ...string) Task {
	t := jobOf(name, ranks, after...)
	t.Run = run
	return t
}

func TestPilotRunsTasksOnPrivateGroups(t *testing.T) {
	var sums, together atomic.Int64
	body := func(want int) func(e *Env) error {
		return func(e *Env) error {
			if e.Comm.Size() != want {
				return fmt.Errorf("%d ranks", e.Comm.Size())
			}
			n, err := collective.AllReduceOne(e.Comm, int64(1), collective.Sum)
			if err != nil || n != int64(want) {
				return fmt.Errorf("%d, %w", n, err)
			}
			sums.Add(1)
			return nil
		}
	}
	var tasks []Task
	for i := range 60 {
		task := runs(fmt.Sprint("t", i), 1+i%3, body(1+i%3))
		if i >= 3 {
			task.After = []string{fmt.Sprint("t", i-3)}
		}
		tasks = append(tasks, task)
	}
	// Two groups of two ranks each meet, though each holds both its ranks: they run at the same time.
	meet := make(chan bool)
	for _, name := range []string{"left", "right"} {
		tasks = append(tasks, runs(name, 2, func(e *Env) error {
			if e.Comm.Rank() == 0 {
				select {
				case meet <- true:
				case <-meet:
				case <-time.After(20 * time.Second):
					return errors.New("the other does not run")
				}
				together.Add(1)
			}
			return e.Comm.Barrier()
		}))
	}
	for name, policy := range policies {
		sums.Store(0)
		together.Store(0)
		w, err := pilotOn(t, context.Background(), 4, policy, tasks)
		if err != nil {
			t.Fatal(name, err)
		}
		if len(w.ends) != len(tasks) || sums.Load() != 120 || together.Load() != 2 {
			t.Errorf("%s: %d ends, %d sums, %d together", name, len(w.ends), sums.Load(), together.Load())
		}
		for task, state := range w.ends {
			if state != Done {
				t.Errorf("%s: %s %s: %+v", name, task, state, w.failed[task])
			}
		}
	}
}

// A task that fails, panics, ends its goroutine, or is too slow frees its ranks, is tried again where it says so, and does not touch the others.
func TestPilotOutlivesTasks(t *testing.T) {
	var tries [4]atomic.Int64
	others := func(e *Env) error {
		for range 200 {
			if err := e.Comm.Barrier(); err != nil {
				return err
			}
		}
		return nil
	}
	again := func(task Task, retries int) Task {
		task.Retries = retries
		return task
	}
	slow := runs("slow", 2, func(e *Env) error { // one computes, the other waits for it
		if e.Comm.Rank() == 0 {
			<-e.Ctx.Done()
			return context.Cause(e.Ctx)
		}
		return e.Comm.Barrier()
	})
	slow.Timeout = 50 * time.Millisecond
	tasks := []Task{
		again(runs("flaky", 2, func(e *Env) error {
			e.Log.Info("about to fail", "rank", e.Comm.Rank())
			if e.Comm.Rank() == 1 && tries[0].Add(1) < 3 {
				return errors.New("disk on fire")
			}
			return e.Comm.Barrier()
		}), 5),
		again(runs("panics", 3, func(e *Env) error {
			if e.Comm.Rank() == 2 {
				tries[1].Add(1)
				var none []int
				_ = none[e.Comm.Rank()]
			}
			return e.Comm.Barrier()
		}), 1),
		runs("after panics", 1, others, "panics"),
		runs("leaves", 2, func(e *Env) error {
			if e.Comm.Rank() == 0 {
				runtime.Goexit()
			}
			return e.Comm.Barrier()
		}),
		slow,
		runs("disagrees", 2, func(e *Env) error { // a mistake in the use of a communicator
			if e.Comm.Rank() == 0 {
				return e.Comm.Barrier()
			}
			return e.Comm.Broadcast(collective.Of(make([]int64, 1)), 0)
		}),
	}
	for i := range 20 {
		tasks = append(tasks, runs(fmt.Sprint("other", i), 1+i%4, others))
	}
	w, err := pilotOn(t, context.Background(), 4, backfill, tasks)
	if err != nil {
		t.Fatal(err)
	}
	for task, want := range map[string]State{"flaky": Done, "panics": Failed, "after panics": Skipped, "leaves": Failed, "slow": Failed, "disagrees": Failed} {
		if got := w.ends[task]; got != want {
			t.Errorf("%s %s, want %s: %+v", task, got, want, w.failed[task])
		}
	}
	for i := range 20 {
		if name := fmt.Sprint("other", i); w.ends[name] != Done {
			t.Errorf("%s %s: %+v", name, w.ends[name], w.failed[name])
		}
	}
	if a, b := tries[0].Load(), tries[1].Load(); a != 3 || b != 2 {
		t.Errorf("%d and %d attempts", a, b)
	}
	text := map[string]string{"panics": "index out of range [2] with length 0", "leaves": "goroutine ended", "slow": "it has taken longer than its timeout of 50ms", "disagrees": "calls"}
	for task, want := range text {
		r := w.failed[task]
		if len(r) == 0 || !strings.Contains(r[0].Failure, want) || !strings.HasPrefix(r[0].Failure, "rank ") {
			t.Errorf("%s: no %q in %+v", task, want, r)
		}
	}
	tails := 0
	for _, r := range w.reports {
		if tasks[r.Task].Name == "flaky" && r.Failure != "" {
			if !strings.Contains(r.Failure, "disk on fire") {
				t.Errorf("flaky: %s", r.Failure)
			}
			if r.Tail != "" {
				tails++
				if !strings.Contains(r.Tail, "about to fail") || !strings.Contains(r.Tail, "rank=1") {
					t.Errorf("the tail of flaky: %s", r.Tail)
				}
			}
		}
	}
	if tails != 2 {
		t.Errorf("%d tails of flaky, want one of each failure", tails)
	}
}

func TestPilotStops(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	var started atomic.Int64
	wait := func(e *Env) error {
		if started.Add(1) == 3 {
			cancel(errors.New("the time is up"))
		}
		return errors.Join(waitFor(e), e.Comm.Barrier())
	}
	w, err := pilotOn(t, ctx, 3, backfill, []Task{runs("a", 2, wait), runs("b", 1, wait), runs("c", 3, wait), runs("d", 1, wait, "a")})
	if err != nil {
		t.Fatal(err)
	}
	for task, state := range w.ends {
		if state != Interrupted {
			t.Errorf("%s %s", task, state)
		}
	}
	if len(w.ends) != 4 || started.Load() != 3 {
		t.Errorf("%v, %d ranks started", w.ends, started.Load())
	}
	if r := w.failed["a"]; len(r) != 2 || !strings.Contains(r[0].Failure, "the time is up") {
		t.Errorf("got %+v", r)
	}
}

// One rank's process is told to finish: what runs ends well, on all ranks, and nothing else starts.
func TestPilotFinishesWhatRuns(t *testing.T) {
	finish, ease := context.WithCancelCause(context.Background())
	var started atomic.Int64
	drained := make(chan bool)
	body := func(e *Env) error {
		if started.Add(1) == 3 {
			ease(errors.New("interrupt received"))
		}
		select {
		case <-drained:
		case <-time.After(20 * time.Second):
			return errors.New("nobody was told")
		}
		return errors.Join(e.Comm.Barrier(), e.Ctx.Err())
	}
	w := &tape{ends: map[string]State{}, failed: map[string][]report{},
		tasks: []Task{runs("a", 2, body), runs("b", 1, body), runs("c", 3, body), runs("d", 1, body, "a")}}
	w.fail = func(o Order) error {
		if o.Kind == End && o.State == Interrupted && w.tasks[o.Task].Name == "d" {
			close(drained)
		}
		return nil
	}
	var s *Sched
	err := collective.RunLocal(3, func(c collective.Comm) error {
		mine := context.Background()
		var sched *Sched
		switch c.Rank() {
		case 0:
			s = mustSched(t, backfill, cpus(3), w.tasks...)
			sched = s
		case 1:
			mine = finish
		}
		_, err := runPilot(context.Background(), mine, c, w.tasks, Env{Dir: t.TempDir(), Shelf: &Shelf{}}, sched, w)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]State{"a": Done, "b": Done, "c": Interrupted, "d": Interrupted}; !maps.Equal(w.ends, want) {
		t.Errorf("got %v, want %v: %+v", w.ends, want, w.failed)
	}
	if s.Told() != "interrupt received" {
		t.Errorf("told %q", s.Told())
	}
}

// When the run stops a task's group goes on, so that its ranks can agree on where they end; when one is halted for another reason, it is broken.
func TestPilotStopsTasksInOrder(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	votes := make([]int64, 3)
	w, err := pilotOn(t, ctx, 3, backfill, []Task{runs("a", 3, func(e *Env) error {
		for {
			told := int64(0)
			if e.Ctx.Err() != nil {
				told = 1
			}
			told, err := collective.AllReduceOne(e.Comm, told, collective.Max)
			if err != nil || told > 0 {
				return errors.Join(err, context.Canceled)
			}
			if votes[e.Comm.Rank()]++; votes[e.Comm.Rank()] == 100 && e.Comm.Rank() == 2 {
				cancel(errors.New("terminated received"))
			}
		}
	})})
	if err != nil || w.ends["a"] != Interrupted {
		t.Fatal(err, w.ends)
	}
	if votes[0] != votes[1] || votes[1] != votes[2] || votes[0] < 100 {
		t.Errorf("the ranks ended at %v", votes)
	}
	if r := w.failed["a"]; len(r) != 3 || !strings.Contains(r[0].Failure, context.Canceled.Error()) {
		t.Errorf("got %+v", r)
	}
}

// A task that does not end on one rank ends with the process: the run is stopped all the same, in order, and says where it hangs.
func TestPilotGivesUpARankThatHangs(t *testing.T) {
	oldGrace, oldPatience := grace, patience
	defer func() { grace, patience = oldGrace, oldPatience }()
	grace, patience = 100*time.Millisecond, 50*time.Millisecond
	ctx, cancel := context.WithCancelCause(context.Background())
	release := make(chan bool)
	defer close(release)
	tasks := []Task{runs("hangs", 2, func(e *Env) error {
		if e.Comm.Rank() == 1 {
			cancel(errors.New("the time is up"))
			<-release
		}
		return e.Comm.Barrier()
	}), runs("next", 1, func(*Env) error { return nil }, "hangs")}
	dir, s := t.TempDir(), mustSched(t, fifo, cpus(3), tasks...)
	var stuck [3]bool
	err := collective.RunLocal(3, func(c collective.Comm) error {
		var books *account
		if c.Rank() == 0 {
			j, err := openJournal(filepath.Join(dir, journalFile))
			if err != nil {
				return err
			}
			if books, err = openAccount(dir, j, tasks, 3, nil, time.Now(), slog.New(slog.DiscardHandler), &screen{}); err != nil {
				return err
			}
		}
		var err error
		stuck[c.Rank()], err = runPilot(ctx, ctx, c, tasks, Env{Dir: dir, Shelf: &Shelf{}}, s, books)
		if err != nil || c.Rank() > 0 {
			return err
		}
		if err := books.close(); err != nil {
			return err
		}
		if err := books.outcome(s.Told()); !Stopped(err) || !strings.Contains(err.Error(), "2 of 2 tasks are left (next, hangs)") ||
			!strings.Contains(err.Error(), `task "hangs", attempt 1, hangs on ranks 1: `) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil || stuck != [3]bool{false, true, false} {
		t.Errorf("%v, stuck %v", err, stuck)
	}
}

func waitFor(e *Env) error {
	<-e.Ctx.Done()
	return context.Cause(e.Ctx)
}

// A watcher's error, as of a full disk, stops the run, and is its error.
func TestPilotStopsWhenItCannotKeepItsJournal(t *testing.T) {
	full := errors.New("no space left")
	w := &tape{ends: map[string]State{}, failed: map[string][]report{}, tasks: []Task{runs("a", 1, func(*Env) error { return nil }), runs("b", 1, waitFor), runs("c", 1, waitFor, "a")}}
	w.fail = func(o Order) error {
		if o.Kind == End && o.State == Done {
			return full
		}
		return nil
	}
	err := w.on(t, context.Background(), 2, backfill)
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if w.ends["b"] != Interrupted || w.ends["c"] != Interrupted {
		t.Errorf("%v", w.ends)
	}
}

// A rank that dies ends the world, not the wait for it.
func TestPilotEndsWithTheWorld(t *testing.T) {
	w := &tape{ends: map[string]State{}, failed: map[string][]report{}, tasks: []Task{runs("a", 1, waitFor), runs("b", 1, waitFor), runs("c", 1, waitFor)}}
	begin := time.Now()
	err := collective.RunLocal(3, func(c collective.Comm) error {
		var s *Sched
		if c.Rank() == 0 {
			s = mustSched(t, fifo, cpus(3), w.tasks...)
		}
		if c.Rank() == 2 {
			if _, err := c.Sub([]int{0, 1, 2}); err != nil {
				return err
			}
			time.Sleep(50 * time.Millisecond)
			return errors.New("gone")
		}
		_, err := runPilot(context.Background(), context.Background(), c, w.tasks, Env{Dir: t.TempDir(), Shelf: &Shelf{}}, s, w)
		return err
	})
	var rank *collective.RankError
	if !errors.As(err, &rank) || rank.Rank != 2 || !strings.Contains(err.Error(), "gone") || time.Since(begin) > 10*time.Second {
		t.Errorf("after %v got %v", time.Since(begin), err)
	}
}
