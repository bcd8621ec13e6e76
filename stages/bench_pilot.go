package stages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"deeprc/collective"
)

// PilotOptions say what `deeprc bench pilot` measures.
type PilotOptions struct {
	Tasks     int    `json:"tasks"`  // of 1 to 3 ranks, whose bodies only look at the clock
	Chains    int    `json:"chains"` // task i comes after task i − Chains; 0: as many as ranks
	Policy    string `json:"policy"`
	Repeats   int    `json:"repeats"`
	CoreTasks int    `json:"core_tasks"` // of the simulation of the scheduler alone; 0: none
	CoreRanks int    `json:"core_ranks"`
}

// Check reports what cannot be measured.
func (o PilotOptions) Check() error {
	switch {
	case o.Tasks < 1 || o.Tasks > 1<<20:
		return configErrorf("bench: --tasks %d: want 1 to %d", o.Tasks, 1<<20)
	case o.Chains < 0:
		return configErrorf("bench: --chains %d: want 0, for as many as ranks, or more", o.Chains)
	case policies[o.Policy] == nil:
		return configErrorf("bench: --policy %q%s", o.Policy, didYouMean(o.Policy, policyNames))
	case o.Repeats < 1 || o.Repeats > 1000:
		return configErrorf("bench: --repeats %d: want 1 to 1000", o.Repeats)
	case o.CoreTasks < 0 || o.CoreTasks > 1<<24:
		return configErrorf("bench: --core-tasks %d: want 0 to %d", o.CoreTasks, 1<<24)
	case o.CoreRanks < coreMost || o.CoreRanks > 1<<20:
		return configErrorf("bench: --core-ranks %d: want %d, what the largest task asks for, to %d", o.CoreRanks, coreMost, 1<<20)
	}
	return nil
}

// PilotResult is one JSON document of `deeprc bench pilot`.
//
// A task's body looks at its host's clock on each rank, and nothing else: its start there is its end, too. A task is free to start when
// the tasks that it comes after have ended, on all their ranks, and each of its ranks has come to the end of the body that it ran before.
// "free to start" is the time from then to the start on its slowest rank: the end of the group before (a barrier), the reports to rank 0,
// journal and events, the scheduler, the commands, and making the task's own group. "ready to start" counts from the end of what it
// comes after only, and so waits for ranks, too: where c chains share the ranks, c ÷ (tasks per second) in the mean, whatever the pilot does.
type PilotResult struct {
	benchMachine
	Ranks   int          `json:"ranks"`
	Library string       `json:"library"`
	Options PilotOptions `json:"options"`
	World   float64      `json:"world_seconds"`      // from the start of rank 0's process, to 10 ms, until its world was open
	First   float64      `json:"first_task_seconds"` // … until the first task ran
	Results []BenchTrial `json:"results"`
}

// BenchPilot measures the pilot on c, whose ranks are on one host, and the scheduler alone. Collective; the result is rank 0's.
func BenchPilot(c collective.Comm, o PilotOptions, version string) (*PilotResult, error) {
	open, age := clock(), time.Duration(0)
	if err := o.Check(); err != nil {
		return nil, err
	}
	place, err := collective.Hosts(c)
	if err != nil {
		return nil, err
	}
	if n := place.Nodes(); n > 1 {
		return nil, configErrorf("bench: the ranks are on %d hosts, whose clocks differ: start them on one", n)
	}
	age, err = processAge()
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	born := clock() - age
	if o.Chains == 0 {
		o.Chains = c.Size()
	}
	res := &PilotResult{benchMachine: thisMachine(version), Ranks: c.Size(), Library: collective.Backend(c), Options: o, World: (open - born).Seconds()}
	kinds := []struct{ name, unit string }{{"tasks per second", "1/s"}, {"free to start, median", "us"}, {"free to start, 99 %", "us"},
		{"ready to start, median", "us"}, {"ready to start, 99 %", "us"}}
	all := make([][]float64, len(kinds))
	for range o.Repeats {
		r, err := pilotOnce(c, o)
		if err != nil {
			return nil, err
		}
		if res.First == 0 {
			res.First = (r.first - born).Seconds()
		}
		for i, x := range []float64{float64(o.Tasks) / (r.last - r.begin).Seconds(), micros(at(r.free, .5)), micros(at(r.free, .99)), micros(at(r.ready, .5)), micros(at(r.ready, .99))} {
			all[i] = append(all[i], x)
		}
	}
	for i, k := range kinds {
		res.Results = append(res.Results, trial(k.name, k.unit, all[i]))
	}
	if o.CoreTasks > 0 && c.Rank() == 0 {
		var took, heap []float64
		for range o.Repeats {
			s, bytes, bad := benchCore(o)
			if err = bad; err != nil {
				break
			}
			took, heap = append(took, s.Seconds()), append(heap, float64(bytes)/(1<<20))
		}
		if err == nil {
			res.Results = append(res.Results, trial("scheduler alone", "s", took), trial("scheduler alone, heap", "MiB", heap))
		}
	}
	return res, collective.Agree(c, err)
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

// at is the value below which the part p of values lies; it sorts them.
func at(values []time.Duration, p float64) time.Duration {
	slices.Sort(values)
	return values[min(len(values)-1, int(p*float64(len(values))))]
}

// pilotRun is what one run of the tasks took, by the host's clock.
type pilotRun struct {
	begin, first, last time.Duration
	free, ready        []time.Duration // of each task
}

// pilotOnce runs the tasks once, in a folder of their own, as a run with tasks does; collective.
func pilotOnce(c collective.Comm, o PilotOptions) (r pilotRun, err error) {
	root := c.Rank() == 0
	started := make([]int64, o.Tasks) // on this rank; 0: not here
	tasks := make([]Task, o.Tasks)
	for i := range tasks {
		n := min(1+i%3, c.Size())
		tasks[i] = Task{Name: strconv.Itoa(i), Request: Request{Ranks: Ranks{n, n}, OnFailure: FailureSkips},
			Run: func(*Env) error { started[i] = int64(clock()); return nil }}
		if i >= o.Chains {
			tasks[i].After = []string{strconv.Itoa(i - o.Chains)}
		}
	}
	var sched *Sched
	var books *account
	dir := ""
	if root {
		if dir, err = os.MkdirTemp("", "deeprc-bench-"); err == nil {
			defer os.RemoveAll(dir)
			sched, err = NewSched(tasks, slices.Repeat([]Slot{{}}, c.Size()), policies[o.Policy], func(string) bool { return false })
		}
		var j *journal
		if err == nil {
			j, err = openJournal(filepath.Join(dir, journalFile))
		}
		if err == nil {
			books, err = openAccount(dir, j, tasks, c.Size(), nil, time.Now(), slog.New(slog.DiscardHandler), &screen{})
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return r, err
	}
	r.begin = clock()
	_, err = runPilot(context.Background(), context.Background(), c, tasks, Env{Shelf: &Shelf{}}, sched, books)
	if err != nil {
		return r, err
	}
	if root {
		err = errors.Join(books.close(), books.outcome(sched.Told()))
	}
	if err := collective.Agree(c, err); err != nil {
		return r, err
	}
	every, _, err := collective.AllGatherV(c, started)
	if err == nil {
		r.measure(every, c.Size(), o.Chains)
	}
	return r, err
}

// measure works out the times of tasks from when they began on each of the ranks, all of one rank after all of another; 0 is not there.
func (r *pilotRun) measure(every []int64, ranks, chains int) {
	tasks := len(every) / ranks
	free, last := make([]time.Duration, tasks), make([]time.Duration, tasks)
	for rank := range ranks {
		mine := every[rank*tasks:][:tasks]
		var order []int
		for i, at := range mine {
			if at > 0 {
				order = append(order, i)
			}
			last[i] = max(last[i], time.Duration(at))
		}
		slices.SortFunc(order, func(a, b int) int { return int(mine[a] - mine[b]) })
		before := r.begin
		for _, i := range order {
			free[i] = max(free[i], before)
			before = time.Duration(mine[i])
		}
	}
	r.first, r.last = slices.Min(last), slices.Max(last)
	for i := range tasks {
		ready := r.begin
		if i >= chains {
			ready = last[i-chains]
		}
		r.ready = append(r.ready, last[i]-ready)
		r.free = append(r.free, last[i]-max(ready, free[i]))
	}
}

// Print writes the result as a table.
func (r *PilotResult) Print(w io.Writer) error {
	o := r.Options
	_, err := fmt.Fprintf(w, "%v\n%s, %d rank(s); %d tasks of 1 to 3 ranks in %d chains, policy %s; %d run(s)\n"+
		"from the start of the process to the open world %.3f s, to the first task %.3f s\n", r.benchMachine, r.Library, r.Ranks, o.Tasks, o.Chains, o.Policy, o.Repeats, r.World, r.First)
	if err == nil && o.CoreTasks > 0 {
		_, err = fmt.Fprintf(w, "scheduler alone: %d tasks of 1 to %d ranks on %d ranks, simulated\n", o.CoreTasks, coreMost, o.CoreRanks)
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "\n%-24s %5s %12s %12s %12s\n", "", "", "median", "min", "max")
	}
	for _, t := range r.Results {
		if err == nil {
			_, err = fmt.Fprintf(w, "%-24s %5s %12.4g %12.4g %12.4g\n", t.Name, t.Unit, t.Median, t.Min, t.Max)
		}
	}
	return err
}

// clock is a clock that all processes of this host share and that never goes back.
func clock() time.Duration { return kernelClock(unix.CLOCK_BOOTTIME) }

func kernelClock(id int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		panic(err) // of a clock that every Linux has
	}
	return time.Duration(t.Nano())
}

// processAge is how long this process has run, to 10 ms.
func processAge() (time.Duration, error) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(text, []byte(") ")) // the name before may have blanks
	f := bytes.Fields(rest)
	if len(f) < 20 {
		return 0, fmt.Errorf("/proc/self/stat: %q: no start time", text)
	}
	ticks, err := strconv.ParseInt(string(f[19]), 10, 64) // since the machine's start, in 1/100 s: proc_pid_stat(5)
	if err != nil {
		return 0, fmt.Errorf("/proc/self/stat: %w", err)
	}
	return clock() - time.Duration(ticks)*(time.Second/100), nil
}
