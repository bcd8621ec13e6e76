package stages

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// coreMost is the most ranks that a task of the simulation asks for.
const coreMost = 64

// benchCore plays o.CoreTasks tasks of 1 to coreMost ranks to a scheduler of o.CoreRanks ranks, and takes its time and the most heap
// that was seen beyond what there was before, the tasks themselves included.
func benchCore(o PilotOptions) (took time.Duration, heap uint64, err error) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	begin := time.Now()
	tasks := make([]Task, o.CoreTasks)
	for i := range tasks {
		n := 1 << (i % 7)
		tasks[i] = Task{Name: strconv.Itoa(i), Request: Request{Ranks: Ranks{n, n}, OnFailure: FailureSkips}}
	}
	s, err := NewSched(tasks, slices.Repeat([]Slot{{}}, o.CoreRanks), policies[o.Policy], func(string) bool { return false })
	if err != nil {
		return 0, 0, err
	}
	steps := playSched(s, func(steps int) {
		if steps%(1<<14) == 0 {
			runtime.ReadMemStats(&m)
			heap = max(heap, m.HeapAlloc-min(before, m.HeapAlloc))
		}
	})
	if !s.Finished() {
		return 0, 0, fmt.Errorf("bench: the scheduler has left tasks over after %d steps: an error of deeprc", steps)
	}
	return time.Since(begin), heap, nil
}

// playSched lets ranks leave attempts one at a time in the order in which they were started, until nothing runs; after is called after each step.
func playSched(s *Sched, after func(steps int)) (steps int) {
	var open []Event
	for e := (Event{}); ; e, open = open[0], open[1:] {
		for _, o := range s.Step(e) {
			if o.Kind == Start {
				for _, r := range o.Ranks {
					open = append(open, Event{Kind: Left, Task: o.Task, Attempt: o.Attempt, Rank: r})
				}
			}
		}
		after(steps)
		if steps++; len(open) == 0 {
			return steps
		}
	}
}
