package stages

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"deeprc/collective"
)

// A chaosPlan is a graph of tasks, each of which works out a number of those before it, and what happens in their first attempts.
type chaosPlan struct {
	t     *testing.T
	tasks []Task
	mu    sync.Mutex
	value []int64 // of each task: its result
	done  []bool  // the journal has said so
	again []int   // tasks that began though they were done
}

type chaosFault uint8

const (
	noFault chaosFault = iota
	faultError
	faultPanic
	faultGoexit
	faultHang
	faultOther // calls that do not match
	faultSlow
	faults
)

// chaosOf is the value of task i, before which the tasks of those values stand, on ranks ranks.
func chaosOf(i, ranks int, before []int64) int64 {
	h := fnv.New64a()
	fmt.Fprint(h, i, ranks, before)
	return int64(h.Sum64() >> 16)
}

func newChaos(t *testing.T, r *rand.Rand) (p *chaosPlan, want []int64) {
	const n = 30
	p = &chaosPlan{t: t, value: make([]int64, n), done: make([]bool, n)}
	for i := range n {
		var before []int
		task := jobOf(fmt.Sprint("t", i), 1+r.IntN(3))
		for k := max(0, i-8); k < i; k++ {
			if r.IntN(5) == 0 {
				before = append(before, k)
				task.After = append(task.After, fmt.Sprint("t", k))
			}
		}
		task.Timeout, task.Retries, task.Backoff, task.Priority = 300*time.Millisecond, r.IntN(3), time.Duration(r.IntN(3))*time.Millisecond, r.IntN(2)
		task.OnFailure = []OnFailure{FailureSkips, FailureSkips, FailureStops}[r.IntN(3)]
		var happens []chaosFault
		for r.IntN(3) == 0 {
			happens = append(happens, chaosFault(1+r.IntN(int(faults)-1)))
		}
		where, delay := r.IntN(task.Ranks.Min), time.Duration(r.IntN(20))*time.Millisecond
		attempts := 0 // over all sessions
		task.Run = func(e *Env) error {
			p.mu.Lock()
			if p.done[i] {
				p.again = append(p.again, i)
			}
			fault := noFault
			if e.Comm.Rank() == where {
				if attempts < len(happens) {
					fault = happens[attempts]
				}
				attempts++
			}
			var values []int64
			for _, k := range before {
				values = append(values, p.value[k])
			}
			p.mu.Unlock()
			switch fault {
			case faultError:
				return errors.New("no luck")
			case faultPanic:
				panic("no luck")
			case faultGoexit:
				runtime.Goexit()
			case faultHang:
				return waitFor(e)
			case faultOther:
				return errors.Join(e.Comm.Broadcast(collective.Of(make([]int64, 1)), 0), errors.New("alone it is no mistake"))
			case faultSlow:
				time.Sleep(delay)
			}
			sum, err := collective.AllReduceOne(e.Comm, int64(1), collective.Sum)
			if err != nil {
				return err
			}
			if e.Comm.Rank() == 0 {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.value[i] = chaosOf(i, int(sum), values)
			}
			return nil
		}
		p.tasks = append(p.tasks, task)
		var values []int64
		for _, k := range before {
			values = append(values, want[k])
		}
		want = append(want, chaosOf(i, task.Ranks.Min, values))
	}
	return p, want
}

// chaosWatch is an account that tells a plan which tasks are done, once that is written.
type chaosWatch struct {
	*account
	p       *chaosPlan
	cancels chan []int
}

func (w chaosWatch) cancelled() <-chan []int { return w.cancels }

func (w chaosWatch) ordered(now time.Duration, o Order, failed []report) error {
	err := w.account.ordered(now, o, failed)
	if o.Kind == End && o.State == Done {
		w.p.mu.Lock()
		defer w.p.mu.Unlock()
		w.p.done[o.Task] = true
	}
	return err
}

// session runs what the journal in dir does not call done, and may cancel tasks or stop meanwhile; how many are done then.
func (p *chaosPlan) session(dir string, r *rand.Rand, policy Policy, disturbed bool) (int, error) {
	lines, before, err := reopen(dir)
	if err != nil {
		return 0, err
	}
	s, err := NewSched(p.tasks, cpus(4), policy, before.done)
	if err != nil {
		return 0, err
	}
	books, err := openAccount(dir, lines, p.tasks, 4, before, time.Now(), slog.New(slog.DiscardHandler), &screen{})
	if err != nil {
		return 0, err
	}
	w := chaosWatch{books, p, make(chan []int, len(p.tasks))}
	ctx, cancel := context.WithCancelCause(context.Background())
	finish, ease := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer ease(nil)
	if disturbed {
		for range r.IntN(3) {
			victim := r.IntN(len(p.tasks))
			time.AfterFunc(time.Duration(r.IntN(30))*time.Millisecond, func() { w.cancels <- []int{victim} })
		}
		switch after := time.Duration(r.IntN(60)) * time.Millisecond; r.IntN(4) {
		case 0:
			time.AfterFunc(after, func() { cancel(errors.New("the time is up")) })
		case 1:
			time.AfterFunc(after, func() { ease(errors.New("interrupt received")) })
		}
	}
	told := r.IntN(4) // the rank that hears of it
	err = collective.RunLocal(4, func(c collective.Comm) error {
		mine, end, sched := context.Background(), context.Background(), (*Sched)(nil)
		if c.Rank() == told {
			mine, end = ctx, finish
		}
		if c.Rank() == 0 {
			sched = s
		}
		stuck, err := runPilot(mine, end, c, p.tasks, Env{Dir: dir, Shelf: &Shelf{}}, sched, w)
		if stuck {
			err = errors.Join(err, errors.New("a task hangs"))
		}
		return err
	})
	if err := errors.Join(err, books.close()); err != nil {
		return 0, err
	}
	after, err := readJournal(filepath.Join(dir, journalFile))
	if err != nil {
		return 0, err
	}
	done := 0
	for i, t := range p.tasks {
		if (s.State(i) == Done) != after.done(t.Name) {
			return 0, fmt.Errorf("%s is %s, but in the journal: %+v", t.Name, s.State(i), after.last[t.Name])
		}
		if after.done(t.Name) {
			done++
		}
	}
	return done, nil
}

// 30 tasks whose ranks fail, panic, end their goroutine, hang and disagree, some of which are cancelled, in runs that are stopped and go on:
// none hangs, no task that is done begins again, and their results are those of tasks that nothing disturbs.
func TestPilotChaos(t *testing.T) {
	runs, first := 40, uint64(1)
	if testing.Short() {
		runs = 5
	}
	for name, v := range map[string]func(n uint64){"DEEPRC_CHAOS_RUNS": func(n uint64) { runs = int(n) }, "DEEPRC_CHAOS_SEED": func(n uint64) { first = n }} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			v(n)
		}
	}
	sessions := 0
	for i := range runs {
		seed := first + uint64(i)
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			p, want := newChaos(t, r)
			dir, policy := t.TempDir(), policies[policyNames[r.IntN(len(policyNames))]]
			for session := 1; ; session++ {
				over := make(chan bool)
				var done int
				var err error
				go func() {
					done, err = p.session(dir, r, policy, session < 6)
					close(over)
				}()
				select {
				case <-over:
				case <-time.After(30 * time.Second):
					stacks := make([]byte, 1<<20)
					t.Fatalf("session %d hangs\n%s", session, stacks[:runtime.Stack(stacks, true)])
				}
				sessions++
				if err != nil {
					t.Fatalf("session %d: %v", session, err)
				}
				if len(p.again) > 0 {
					t.Fatalf("session %d: tasks %v began again, which were done", session, p.again)
				}
				if done == len(p.tasks) {
					break
				}
				if session == 40 {
					t.Fatalf("not done after %d sessions: %d tasks", session, done)
				}
			}
			for i := range want {
				if p.value[i] != want[i] {
					t.Errorf("task %d gave %d, want %d", i, p.value[i], want[i])
				}
			}
		})
	}
	t.Logf("%d runs in %d sessions", runs, sessions)
}
