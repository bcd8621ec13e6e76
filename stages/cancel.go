package stages

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// cancelFile, in a run's folder, has the names of the tasks that people have cancelled, a line each: [CancelTasks] appends them, and rank 0 of
// the run looks at it every cancelEvery. They stay cancelled when the run goes on; who wants one after all takes its line out.
const cancelFile = "cancel.txt"

const (
	cancelEvery = time.Second
	maxCancels  = 16 << 20 // bytes of the file
)

// cancelReason is what becomes of a task whose name stands there.
const cancelReason = "cancelled by deeprc cancel"

// CancelTasks asks the process that runs in dir to end tasks, or not to start them. All names are checked before any is written.
func CancelTasks(dir string, names []string) error {
	run, err := readStored(dir)
	if err != nil {
		return err
	}
	if run.plan == nil {
		return configErrorf("%s: this run has no tasks: send its process SIGTERM to stop it", dir)
	}
	if run.alive == no {
		return fmt.Errorf("%s is not running: there is nothing to cancel", dir)
	}
	var all []string
	by := map[string]*planned{}
	for _, p := range run.plan {
		all, by[p.Name] = append(all, p.Name), p
	}
	for _, name := range names {
		p := by[name]
		if p == nil {
			return configErrorf("%s: no task %q%s", dir, name, didYouMean(name, all))
		}
		if at := run.standing(p, time.Now()); at.Ended() {
			return fmt.Errorf("%s: task %q has ended already: %s", dir, name, at.State)
		}
	}
	path := filepath.Join(dir, cancelFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return writeError(path, err)
	}
	_, err = f.WriteString(strings.Join(names, "\n") + "\n") // one write: whole, beside others that append
	if err = errors.Join(err, f.Close()); err != nil {
		return writeError(path, err)
	}
	return nil
}

// readCancelled are the names in the cancelFile of a run's folder, in order; a last line that is not whole is left out.
func readCancelled(dir string) ([]string, error) {
	text, err := readFile(filepath.Join(dir, cancelFile), maxCancels)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	lines := strings.Split(string(text), "\n")
	return lines[:len(lines)-1], err
}

// A cancelWatch tells of names that come into a run's cancelFile.
type cancelWatch struct {
	dir   string
	index map[string]int // of tasks that nobody has cancelled yet
	warn  func(msg string, args ...any)
	said  string     // the last warning of the file
	out   chan []int // indices of tasks: those that stand there at first, and what comes
	stop  chan struct{}
	over  chan struct{}
}

func watchCancelled(dir string, tasks []Task, warn func(msg string, args ...any)) *cancelWatch {
	w := &cancelWatch{dir: dir, index: map[string]int{}, warn: warn, out: make(chan []int, 1), stop: make(chan struct{}), over: make(chan struct{})}
	for i, t := range tasks {
		w.index[t.Name] = i
	}
	if first := w.look(); len(first) > 0 {
		w.out <- first
	}
	go func() {
		defer close(w.over)
		tick := time.NewTicker(cancelEvery)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
			}
			if found := w.look(); len(found) > 0 {
				select {
				case w.out <- found:
				case <-w.stop:
					return
				}
			}
		}
	}()
	return w
}

// look finds what has come since.
func (w *cancelWatch) look() (found []int) {
	names, err := readCancelled(w.dir)
	if err != nil && w.said != err.Error() {
		w.said = err.Error()
		w.warn("what shall be cancelled cannot be read", "error", err)
	}
	for _, name := range names {
		if i, ok := w.index[name]; ok { // others are no tasks, or known
			delete(w.index, name)
			found = append(found, i)
		}
	}
	return found
}

func (w *cancelWatch) close() {
	close(w.stop)
	<-w.over
}

// toCancel is the state, for people, of a task that someone has asked to cancel and that has not ended yet.
const toCancel State = "to be cancelled"

// cancelling reports whether someone has asked to cancel the task, which has not ended yet.
func (r *storedRun) cancelling(name string, state State) bool {
	return slices.Contains(r.cancelled, name) && (!state.Ended() || state == Interrupted)
}
