package stages

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"time"
)

// A Sched decides which task runs when, and on which ranks. It is pure state: it knows no Comm, no clock and no goroutine;
// what happens comes by Step, which returns what is to be done.
type Sched struct {
	policy  Policy
	tasks   []*schedTask
	pool    *pool
	ready   readyTasks
	running []*attempt // by expected end, those without one last
	timers  timers
	now     time.Duration
	seq     int    // of the next task that becomes ready
	left    int    // tasks that have not ended
	drained string // why no task starts any more; ""
	told    string // why the run was told to end, by Drain or Stop; ""
	out     []Order
}

// schedTask is a task and where it is.
type schedTask struct {
	Task
	index, seq int
	state      State
	after      []int // tasks that come after it
	before     []int
	missing    int // tasks before it that have not ended
	attempts   int
	overtaken  int // tasks that started on ranks that it waits for
	run        *attempt
	ranks      []int // of the last attempt
}

// attempt is a run of a task.
type attempt struct {
	task    *schedTask
	number  int
	ranks   []int
	here    int           // ranks that have not left
	gone    []bool        // which have
	end     time.Duration // by its timeout; forever without one
	failure string        // the first
	halt    haltKind
}

// haltKind is why an attempt was told to end.
type haltKind uint8

const (
	notHalted haltKind = iota
	haltTimeout
	haltCancel
	haltStop
)

// NewSched makes a scheduler of tasks, sorted so that each stands behind those that it comes after, for ranks as slots describes
// them; done tells which tasks need not run. A task whose request can never be met is an error, of *requestError.
func NewSched(tasks []Task, slots []Slot, policy Policy, done func(name string) bool) (*Sched, error) {
	s := &Sched{policy: policy, pool: newPool(slots), ready: readyTasks{by: map[shape]*queue{}}, left: len(tasks)}
	index := make(map[string]int, len(tasks))
	known := map[shape]error{}
	for i, t := range tasks {
		index[t.Name] = i
		task := &schedTask{Task: t, index: i, state: Waiting, seq: -1}
		s.tasks = append(s.tasks, task)
		for _, name := range t.After {
			k, ok := index[name]
			if !ok || k == i {
				return nil, fmt.Errorf("stages: task %q stands before %q, which it comes after", t.Name, name)
			}
			s.tasks[k].after = append(s.tasks[k].after, i)
			task.before = append(task.before, k)
		}
		key := t.shape()
		if _, seen := known[key]; !seen {
			known[key] = s.pool.never(t.Request)
		}
		if err := known[key]; err != nil && !done(t.Name) {
			return nil, &requestError{t.Name, t.at, err}
		}
	}
	for _, t := range s.tasks {
		for _, k := range t.before {
			if s.tasks[k].state != Done {
				t.missing++
			}
		}
		switch {
		case done(t.Name):
			t.state = Done
			s.left--
		case t.missing == 0:
			s.makeReady(t)
		}
	}
	return s, nil
}

// requestError is a request that the world can never meet.
type requestError struct {
	task, at string
	err      error
}

func (e *requestError) Error() string {
	text := fmt.Sprintf("task %q: %v", e.task, e.err)
	if e.at != "" {
		text = e.at + ": " + text
	}
	return text
}
func (e *requestError) Unwrap() error { return e.err }

// Finished reports whether nothing runs and nothing will.
func (s *Sched) Finished() bool { return s.left == 0 }

// Told is why the run was told to end before its tasks have; "" where it was not.
func (s *Sched) Told() string { return s.told }

// State is where a task is.
func (s *Sched) State(task int) State { return s.tasks[task].state }

// Wake is when Step wants to be called, with a Tick if nothing else happens; forever where it does not.
func (s *Sched) Wake() time.Duration {
	for len(s.timers) > 0 && !s.timers[0].due(s) {
		heap.Pop(&s.timers)
	}
	if len(s.timers) == 0 {
		return forever
	}
	return s.timers[0].at
}

// Step takes what happened and returns what is to be done, in order; the slice is good until the next Step.
func (s *Sched) Step(e Event) []Order {
	s.out = s.out[:0]
	s.now = max(s.now, e.Now)
	switch e.Kind {
	case Left:
		s.leave(e)
	case Cancel:
		for _, k := range e.Tasks {
			s.cancel(s.tasks[k], e.Reason)
		}
	case Drain:
		s.told = cmp.Or(s.told, e.Reason)
		s.drain(Interrupted, e.Reason)
	case Stop:
		s.told = cmp.Or(s.told, e.Reason)
		s.drain(Interrupted, e.Reason)
		for _, a := range s.running {
			s.halt(a, haltStop, e.Reason)
		}
	}
	for len(s.timers) > 0 && s.timers[0].at <= s.now {
		if t := heap.Pop(&s.timers).(timer); t.due(s) {
			s.expire(t)
		}
	}
	for s.drained == "" && s.pool.free > 0 && s.ready.n > 0 {
		c, ok := s.policy(s.view())
		if !ok {
			break
		}
		s.start(c)
	}
	return s.out
}

func (s *Sched) makeReady(t *schedTask) {
	t.state = Ready
	if t.seq < 0 {
		t.seq = s.seq
		s.seq++
	}
	s.ready.push(t)
}

// start places a ready task.
func (s *Sched) start(c Choice) {
	t := s.tasks[c.Task]
	if t.state != Ready {
		panic(fmt.Sprintf("stages: the policy starts task %q, which is %s", t.Name, t.state))
	}
	s.pool.take(c.Ranks)
	s.ready.remove(t)
	if c.Overtakes >= 0 {
		s.tasks[c.Overtakes].overtaken++
	}
	t.attempts++
	a := &attempt{task: t, number: t.attempts, ranks: c.Ranks, here: len(c.Ranks), gone: make([]bool, len(c.Ranks)), end: forever}
	t.state, t.run, t.ranks = Running, a, c.Ranks
	if t.Timeout > 0 {
		a.end = s.now + t.Timeout
		heap.Push(&s.timers, timer{a.end, t.index, a.number, timerTimeout})
	}
	at, _ := slices.BinarySearchFunc(s.running, a, byEnd)
	s.running = slices.Insert(s.running, at, a)
	s.out = append(s.out, Order{Kind: Start, Task: t.index, Attempt: a.number, Ranks: a.ranks})
}

// byEnd orders attempts by their end, then by task.
func byEnd(a, b *attempt) int {
	return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.task.index, b.task.index))
}

// leave takes note that a rank has left an attempt. What comes twice, or too late, is nothing.
func (s *Sched) leave(e Event) {
	a := s.tasks[e.Task].run
	if a == nil || a.number != e.Attempt {
		return
	}
	i := slices.Index(a.ranks, e.Rank)
	if i < 0 || a.gone[i] {
		return
	}
	a.gone[i] = true
	a.here--
	s.pool.give(e.Rank)
	if a.failure == "" {
		a.failure = e.Failure
	}
	if a.here == 0 {
		s.conclude(a)
	}
}

// conclude is called when the last rank has left.
func (s *Sched) conclude(a *attempt) {
	t := a.task
	at, _ := slices.BinarySearchFunc(s.running, a, byEnd)
	s.running = slices.Delete(s.running, at, at+1)
	t.run = nil
	switch {
	case a.failure == "":
		s.end(t, Done, "")
	case a.halt == haltCancel:
		s.end(t, Cancelled, a.failure)
	case a.halt == haltStop, s.drained != "" && t.attempts <= t.Retries:
		s.end(t, Interrupted, a.failure)
	case t.attempts <= t.Retries:
		due := s.now + t.delay(t.attempts+1)
		s.out = append(s.out, Order{Kind: Retry, Task: t.index, Attempt: t.attempts, Ranks: a.ranks, Reason: a.failure, At: due})
		if due <= s.now {
			s.makeReady(t)
			return
		}
		t.state = Delayed
		heap.Push(&s.timers, timer{due, t.index, t.attempts, timerRetry})
	default:
		s.end(t, Failed, a.failure)
	}
}

// end makes a state a task's last, and acts on what that means for others.
func (s *Sched) end(t *schedTask, state State, why string) {
	if t.state == Ready && s.drained == "" {
		s.ready.remove(t)
	}
	t.state = state
	s.left--
	s.out = append(s.out, Order{Kind: End, Task: t.index, Attempt: t.attempts, Ranks: t.ranks, Reason: why, State: state})
	switch {
	case state == Done, (state == Failed || state == Cancelled) && t.OnFailure == FailureContinues:
		for _, k := range t.after {
			next := s.tasks[k]
			if next.missing--; next.missing == 0 && next.state == Waiting {
				s.makeReady(next)
			}
		}
	case state == Failed && t.OnFailure == FailureStops:
		s.drain(Skipped, fmt.Sprintf("task %q has failed, which stops the run", t.Name))
	case state == Failed || state == Cancelled:
		s.skip(t, fmt.Sprintf("task %q was %s", t.Name, map[State]string{Failed: "tried in vain", Cancelled: "cancelled"}[state]))
	}
}

// skip leaves out all that come after t, and after those.
func (s *Sched) skip(t *schedTask, why string) {
	for todo := []*schedTask{t}; len(todo) > 0; {
		t, todo = todo[len(todo)-1], todo[:len(todo)-1]
		for _, k := range t.after {
			if next := s.tasks[k]; next.state == Waiting {
				next.state = Skipped
				s.left--
				s.out = append(s.out, Order{Kind: End, Task: k, Reason: why, State: Skipped})
				todo = append(todo, next)
			}
		}
	}
}

// drain ends all tasks that do not run.
func (s *Sched) drain(state State, why string) {
	if s.drained != "" {
		return
	}
	s.drained = cmp.Or(why, "stopped")
	s.ready = readyTasks{by: map[shape]*queue{}}
	for _, t := range s.tasks {
		if !t.state.Ended() && t.state != Running {
			s.end(t, state, why)
		}
	}
}

// cancel ends one task.
func (s *Sched) cancel(t *schedTask, why string) {
	switch {
	case t.state.Ended():
	case t.state == Running:
		s.halt(t.run, haltCancel, why)
	default:
		s.end(t, Cancelled, why)
	}
}

// halt tells an attempt to end. A person's word counts more than a timeout's, and the first of two.
func (s *Sched) halt(a *attempt, kind haltKind, why string) {
	if a.halt != notHalted {
		if a.halt == haltTimeout {
			a.halt = kind
		}
		return
	}
	a.halt = kind
	orderly, due := kind == haltStop, s.now+grace
	if orderly {
		due += patience
	}
	heap.Push(&s.timers, timer{due, a.task.index, a.number, timerGrace})
	s.out = append(s.out, Order{Kind: Halt, Task: a.task.index, Attempt: a.number, Ranks: a.ranks, Reason: why, Orderly: orderly})
}
