package stages

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A world plays ranks to a scheduler: attempts take random times and end in random ways. It keeps its own account of everything, and
// holds the scheduler to it.
type schedWorld struct {
	t     testing.TB
	pick  func(n int) int // 0 ≤ result < n
	s     *Sched
	tasks []Task
	slots []Slot
	now   time.Duration

	busy     []string // of each rank, the attempt that it is in
	lost     []bool
	leaving  []leaving
	attempts []int
	ended    []State
	failures []int
	notUntil []time.Duration
	started  []time.Duration
	deadline []bool // a timeout has halted the last attempt
	drained  bool
	stopped  bool
	starts   int
}

// leaving is a rank that will leave an attempt.
type leaving struct {
	at      time.Duration
	e       Event
	stuck   bool // not before it is lost
	halting bool
}

func newSchedWorld(t testing.TB, pick func(n int) int) *schedWorld {
	w := &schedWorld{t: t, pick: pick}
	nodes := 1 + pick(4)
	for n := range nodes {
		kind := Slot{Node: n, GPUs: pick(3), Memory: int64(1 + pick(3))}
		for range 1 + pick(5) {
			w.slots = append(w.slots, kind)
		}
	}
	w.slots[0].Off = len(w.slots) > 1 && pick(4) == 0
	p := newPool(w.slots)
	failures := []OnFailure{FailureSkips, FailureSkips, FailureContinues, FailureStops}
	for i := range 1 + pick(30) {
		task := Task{Name: fmt.Sprint("t", i)}
		for k := range i {
			if pick(i) < 2 {
				task.After = append(task.After, fmt.Sprint("t", k))
			}
		}
		for { // a request that can be met
			n := 1 + pick(4)
			q := Request{Ranks: Ranks{n, n + pick(3)}, GPUs: pick(2) * pick(3), Memory: int64(pick(3)), Priority: pick(3) - 1, OnFailure: failures[pick(4)]}
			if pick(8) == 0 {
				q.Ranks = Ranks{}
			}
			if pick(4) == 0 && q.Ranks.Min > 0 {
				q.PerNode = 1 + pick(2)
				q.Ranks = Ranks{q.PerNode * n, q.PerNode * (n + pick(2))}
			}
			if pick(2) == 0 {
				q.Timeout = time.Duration(1+pick(20)) * time.Second
			}
			q.Retries, q.Backoff = pick(3), time.Duration(pick(5))*time.Second
			if task.Request = q; p.never(q) == nil {
				break
			}
		}
		w.tasks = append(w.tasks, task)
	}
	n := len(w.tasks)
	w.busy, w.lost = make([]string, len(w.slots)), make([]bool, len(w.slots))
	w.attempts, w.ended, w.failures = make([]int, n), make([]State, n), make([]int, n)
	w.notUntil, w.started, w.deadline = make([]time.Duration, n), make([]time.Duration, n), make([]bool, n)
	done := map[string]bool{}
	for i, t := range w.tasks { // what an earlier session has done
		if pick(10) == 0 && !slices.ContainsFunc(t.After, func(name string) bool { return !done[name] }) {
			done[t.Name] = true
			w.ended[i] = Done
		}
	}
	var err error
	w.s, err = NewSched(w.tasks, w.slots, policies[policyNames[pick(len(policyNames))]], func(name string) bool { return done[name] })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// play runs the world until all has ended.
func (w *schedWorld) play() {
	w.take(w.s.Step(Event{}))
	for rounds := 0; !w.s.Finished(); rounds++ {
		if rounds > 20000 {
			w.t.Fatal("it does not end")
		}
		if w.pick(200) == 0 {
			e := Event{Kind: []EventKind{Cancel, Cancel, Drain, Stop}[w.pick(4)], Now: w.now, Tasks: []int{w.pick(len(w.tasks)), w.pick(len(w.tasks))}, Reason: "asked for"}
			w.drained = w.drained || e.Kind == Drain || e.Kind == Stop
			w.stopped = w.stopped || e.Kind == Stop
			w.take(w.s.Step(e))
			continue
		}
		next, at := -1, w.s.Wake()
		for i, l := range w.leaving {
			if !l.stuck && l.at < at {
				next, at = i, l.at
			}
		}
		if at == forever {
			w.t.Fatalf("nothing happens any more: %d tasks left, %d ready, %d ranks free", w.s.left, w.s.ready.n, w.s.pool.free)
		}
		w.now = max(w.now, at)
		if next < 0 {
			w.take(w.s.Step(Event{Kind: Tick, Now: w.now}))
			continue
		}
		e := w.leaving[next].e
		w.leaving = slices.Delete(w.leaving, next, next+1)
		e.Now = w.now
		if !w.lost[e.Rank] {
			w.busy[e.Rank] = ""
		}
		if e.Failure != "" {
			w.failures[e.Task]++
		}
		w.take(w.s.Step(e))
		if w.pick(10) == 0 { // again
			w.take(w.s.Step(e))
		}
	}
	for i := range w.tasks {
		if w.ended[i] == "" || w.ended[i] != w.s.State(i) {
			w.t.Fatalf("task %d: %q by the orders, %q by the state", i, w.ended[i], w.s.State(i))
		}
	}
	for r := range w.slots {
		if free := w.s.pool.of[r] != nil && w.s.pool.of[r].free.has(r); free != (!w.lost[r] && !w.slots[r].Off) {
			w.t.Fatalf("rank %d: free %v, lost %v", r, free, w.lost[r])
		}
	}
	if len(w.s.running) > 0 || w.s.ready.n > 0 {
		w.t.Fatal("something is left")
	}
}

// take checks orders and carries them out.
func (w *schedWorld) take(orders []Order) {
	for _, o := range orders {
		t := w.tasks[o.Task]
		switch o.Kind {
		case Start:
			w.start(o, t)
		case Halt:
			if w.now < w.started[o.Task]+t.Timeout && !w.stopped && w.s.tasks[o.Task].run.halt == haltTimeout {
				w.t.Fatalf("task %d is halted before its timeout", o.Task)
			}
			for i := range w.leaving {
				if l := &w.leaving[i]; l.e.Task == o.Task && !l.halting {
					l.halting, l.stuck = true, w.pick(20) == 0
					l.at = w.now + time.Duration(w.pick(2000))*time.Millisecond
					if w.pick(4) > 0 {
						l.e.Failure = o.Reason
					}
				}
			}
		case Lose:
			for _, r := range o.Ranks {
				if !slices.ContainsFunc(w.leaving, func(l leaving) bool { return l.stuck && l.e.Rank == r && l.e.Task == o.Task }) {
					w.t.Fatalf("rank %d is lost without a reason", r)
				}
				w.lost[r] = true
			}
			w.failures[o.Task]++
		case Retry:
			if o.Attempt > t.Retries || w.failures[o.Task] == 0 {
				w.t.Fatalf("task %d is tried again after attempt %d of %d", o.Task, o.Attempt, 1+t.Retries)
			}
			if want := w.now + t.delay(o.Attempt+1); o.At != want {
				w.t.Fatalf("task %d is tried again at %v, want %v", o.Task, o.At, want)
			}
			w.notUntil[o.Task] = o.At
		case End:
			w.end(o, t)
		}
	}
	if w.s.drained != "" {
		w.drained = true
	}
}

func (w *schedWorld) start(o Order, t Task) {
	switch {
	case w.drained || w.ended[o.Task] != "" || o.Attempt != w.attempts[o.Task]+1 || o.Attempt > 1+t.Retries || w.now < w.notUntil[o.Task]:
		w.t.Fatalf("task %d, %q: attempt %d after %d at %v, not before %v", o.Task, w.ended[o.Task], o.Attempt, w.attempts[o.Task], w.now, w.notUntil[o.Task])
	case slices.ContainsFunc(w.leaving, func(l leaving) bool { return l.e.Task == o.Task && !w.lost[l.e.Rank] }):
		w.t.Fatalf("task %d is started while a rank is in it", o.Task)
	}
	for _, name := range t.After {
		k := slices.IndexFunc(w.tasks, func(t Task) bool { return t.Name == name })
		if w.ended[k] != Done && !(w.tasks[k].OnFailure == FailureContinues && (w.ended[k] == Failed || w.ended[k] == Cancelled)) {
			w.t.Fatalf("task %d is started after task %d, %q", o.Task, k, w.ended[k])
		}
	}
	alive := 0
	for r, s := range w.slots {
		if !s.Off && !w.lost[r] {
			alive++
		}
	}
	least, most := t.Ranks.Min, t.Ranks.Max
	if t.Ranks == (Ranks{}) {
		least, most = alive, alive
	}
	if n := len(o.Ranks); n < least || n > most || !slices.IsSorted(o.Ranks) {
		w.t.Fatalf("task %d wants %v ranks, it gets %v", o.Task, t.Ranks, o.Ranks)
	}
	nodes := map[int]int{}
	for _, r := range o.Ranks {
		s := w.slots[r]
		nodes[s.Node]++
		if w.busy[r] != "" || w.lost[r] || s.Off || s.GPUs < t.GPUs || s.Memory < t.Memory {
			w.t.Fatalf("task %d gets rank %d: in %q, lost %v, %+v", o.Task, r, w.busy[r], w.lost[r], s)
		}
		w.busy[r] = t.Name
	}
	for n, k := range nodes {
		if t.PerNode > 0 && k != t.PerNode {
			w.t.Fatalf("task %d wants %d ranks a node, it gets %d on node %d", o.Task, t.PerNode, k, n)
		}
	}
	w.attempts[o.Task], w.started[o.Task], w.failures[o.Task] = o.Attempt, w.now, 0
	w.starts++
	fails := w.pick(4) == 0
	for _, r := range o.Ranks {
		l := leaving{at: w.now + time.Duration(w.pick(15000))*time.Millisecond, e: Event{Kind: Left, Task: o.Task, Attempt: o.Attempt, Rank: r}}
		if fails {
			l.e.Failure = "oops"
		}
		w.leaving = append(w.leaving, l)
	}
}

func (w *schedWorld) end(o Order, t Task) {
	if w.ended[o.Task] != "" || !o.State.Ended() {
		w.t.Fatalf("task %d ends as %q after %q", o.Task, o.State, w.ended[o.Task])
	}
	w.ended[o.Task] = o.State
	switch {
	case o.State == Done && (w.attempts[o.Task] == 0 || w.failures[o.Task] > 0),
		o.State == Failed && w.attempts[o.Task] != 1+t.Retries && !slices.Contains(w.lost, true),
		o.State == Failed && w.failures[o.Task] == 0 && !slices.Contains(w.lost, true),
		o.State == Interrupted && !w.drained && w.s.drained == "",
		o.State == Skipped && w.attempts[o.Task] > 0 && w.s.drained == "":
		w.t.Fatalf("task %d ends as %q after %d of %d attempts, %d failures in the last", o.Task, o.State, w.attempts[o.Task], 1+t.Retries, w.failures[o.Task])
	}
	if n := w.s.tasks[o.Task].overtaken; n > maxOvertaken {
		w.t.Fatalf("task %d was overtaken %d times", o.Task, n)
	}
}

// Whatever happens: every task ends once, no rank is in two, all that a task waits for is kept, and every rank is free in the end.
func TestSchedProperties(t *testing.T) {
	rounds, starts := 3000, 0
	if testing.Short() {
		rounds = 300
	}
	for seed := range rounds {
		t.Run("", func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 7))
			w := newSchedWorld(t, r.IntN)
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			w.play()
			starts += w.starts
		})
		if t.Failed() {
			t.FailNow()
		}
	}
	if starts < 5*rounds {
		t.Errorf("only %d attempts in %d worlds", starts, rounds)
	}
}

func FuzzSched(f *testing.F) {
	f.Add([]byte("a graph"))
	f.Add([]byte{255, 3, 17, 0, 0, 9, 128, 77, 3, 3, 3, 200, 201, 202})
	f.Fuzz(func(t *testing.T, text []byte) {
		r := rand.New(rand.NewPCG(uint64(len(text)), 3))
		w := newSchedWorld(t, func(n int) int {
			if len(text) == 0 { // goes on at random, so that it ends
				return r.IntN(n)
			}
			b := int(text[0])
			text = text[1:]
			return b % n
		})
		w.play()
	})
}

// BenchmarkSched dispatches 10,000 tasks of 1 to 3 ranks, one an iteration: what a task costs in the core.
func BenchmarkSched(b *testing.B) {
	for _, ranks := range []int{4, 1000} {
		for _, policy := range policyNames {
			b.Run(fmt.Sprintf("%s-%d", policy, ranks), func(b *testing.B) { benchSched(b, policies[policy], ranks, b.N) })
		}
	}
}

// benchSched runs n tasks of 1 to 3 ranks, and returns the longest Step.
func benchSched(t testing.TB, policy Policy, ranks, n int) (longest time.Duration) {
	tasks := make([]Task, n)
	for i := range tasks {
		tasks[i] = jobOf(fmt.Sprint("t", i), 1+i%3)
	}
	s := mustSched(t, policy, cpus(ranks), tasks...)
	if b, ok := t.(*testing.B); ok {
		b.ResetTimer()
	}
	begin := time.Now()
	playSched(s, func(int) {
		longest = max(longest, time.Since(begin))
		begin = time.Now()
	})
	if !s.Finished() {
		t.Fatal("tasks are left")
	}
	return longest
}
