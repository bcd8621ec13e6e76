package stages

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// Status tells where the tasks of the run in dir are, from its journal, whether the run goes on, has ended or was killed; or, of a run
// without tasks, where its log ends.
func Status(w io.Writer, dir string, now time.Time) error {
	run, err := readStored(dir)
	if err != nil {
		return err
	}
	if run.plan == nil {
		return pipelineStatus(w, dir)
	}
	count := map[State]int{}
	b := bufio.NewWriter(w)
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "task\tstate\tattempt\tranks\ttime\t")
	for _, p := range run.plan {
		at := run.standing(p, now)
		count[at.State]++
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, at.State, at.attempt, at.ranks, orDash(tookText(at.took)), at.failure)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var parts []string
	for _, s := range []State{Done, Running, toCancel, Delayed, Ready, Waiting, Failed, Skipped, Cancelled, Interrupted} {
		if count[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[s], s))
		}
	}
	fmt.Fprintf(b, "\n%s: %s, of %d tasks", dir, strings.Join(parts, ", "), len(run.plan))
	if j := run.journal; j.sessions > 0 {
		fmt.Fprintf(b, "; session %d on %d ranks, begun %s", j.sessions, j.world, j.begin.Local().Format(time.DateTime))
	}
	switch {
	case run.alive == yes:
		fmt.Fprint(b, ", is running")
	case run.alive == no && count[Done] < len(run.plan):
		fmt.Fprintf(b, ", is not running: go on with deeprc run --resume %s", dir)
	case run.alive == no:
		fmt.Fprint(b, ", has ended")
	}
	fmt.Fprintln(b)
	return b.Flush()
}

// standing is the state of a task whose journal says r, in a run that is alive or not, and how long its last attempt took, 0 where that
// is not known.
func (r *taskRecord) standing(alive answer, now time.Time) (state State, took time.Duration) {
	state, end := r.State, r.Time
	if state == Running && alive != yes {
		if alive == no {
			state = Interrupted // with its process
		}
		end = time.Time{}
	} else if state == Running {
		end = now
	}
	if !r.Begin.IsZero() && !end.IsZero() {
		took = end.Sub(r.Begin)
	}
	return state, took
}

func tookText(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Minute:
		return seconds(d)
	}
	return d.Round(time.Second).String()
}

// answer is yes, no, or not to be known.
type answer uint8

const (
	unknown answer = iota
	yes
	no
)

// locked reports whether a process has the journal at path open for writing.
func locked(path string) (answer, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return no, nil
	}
	if err != nil {
		return unknown, err
	}
	defer f.Close()
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); {
	case err == nil:
		return no, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return yes, nil
	}
	return unknown, nil // the file system has no locks
}
