package stages

import (
	"cmp"
	"fmt"
	"time"
)

// forever is later than all times.
const forever = time.Duration(1<<63 - 1)

// grace is how long a rank may take to leave an attempt that was told to end. One that has not is not used again. It and patience are
// variables so that a test can make them small.
var grace = 30 * time.Second

// patience is how long an attempt may take, when the run is stopped, to come to a place where it can go on later; then it is broken off.
// With grace it is less than the five minutes of warning that job scripts ask for.
var patience = 60 * time.Second

// expire acts on a timer that is due.
func (s *Sched) expire(e timer) {
	t := s.tasks[e.task]
	switch e.kind {
	case timerRetry:
		s.makeReady(t)
	case timerTimeout:
		s.halt(t.run, haltTimeout, fmt.Sprintf("it has taken longer than its timeout of %v", t.Timeout))
	case timerGrace: // who is still in it is lost
		a, lost := t.run, []int{}
		for i, gone := range a.gone {
			if !gone {
				lost = append(lost, a.ranks[i])
				a.gone[i] = true
				s.pool.lose(a.ranks[i])
			}
		}
		a.here = 0
		s.out = append(s.out, Order{Kind: Lose, Task: t.index, Attempt: a.number, Ranks: lost})
		after := grace
		if a.halt == haltStop {
			after += patience
		}
		a.failure = fmt.Sprintf("ranks %v do not end it, %v after they were told to; they are not used any more", lost, after)
		s.conclude(a)
		s.hopeless()
	}
}

// hopeless ends tasks that the ranks which are left can never run.
func (s *Sched) hopeless() {
	for _, t := range s.tasks {
		if !t.state.Ended() && t.state != Running {
			if err := s.pool.never(t.Request); err != nil {
				s.end(t, Failed, err.Error())
			}
		}
	}
}

// timer is a time at which something happens to an attempt of a task.
type timer struct {
	at            time.Duration
	task, attempt int
	kind          timerKind
}

type timerKind uint8

const (
	timerTimeout timerKind = iota // the attempt has run for its task's timeout
	timerRetry                    // the next one may start
	timerGrace                    // it was told to end, and has had its time
)

// due reports whether the timer still means something.
func (e timer) due(s *Sched) bool {
	t := s.tasks[e.task]
	switch {
	case t.attempts != e.attempt:
		return false
	case e.kind == timerRetry:
		return t.state == Delayed
	case e.kind == timerTimeout:
		return t.run != nil && t.run.halt == notHalted
	}
	return t.run != nil
}

// timers is a heap.
type timers []timer

func (h timers) Len() int { return len(h) }
func (h timers) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].at, h[j].at), cmp.Compare(h[i].task, h[j].task)) < 0
}
func (h timers) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timers) Push(x any)   { *h = append(*h, x.(timer)) }
func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	*h = (*h)[:last]
	return t
}
