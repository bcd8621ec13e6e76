package stages

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// A liveTable shows the tasks that run, on a terminal, below what is written through it. progressbar, which draws the stages of a run
// without tasks, has one line.
type liveTable struct {
	mu      sync.Mutex
	out     io.Writer
	size    func() (width, height int)
	tasks   []Task
	running []*liveTask
	count   map[State]int
	begin   time.Time
	drawn   int // lines on the screen
	stop    chan struct{}
	over    chan struct{}
}

type liveTask struct {
	index, attempt int
	ranks          []int
	begin          time.Time
}

// newLive begins a table of tasks, of which done are done already, on the terminal fd.
func newLive(out io.Writer, fd int, tasks []Task, done int) *liveTable {
	l := &liveTable{out: out, tasks: tasks, count: map[State]int{Done: done}, begin: time.Now(), stop: make(chan struct{}), over: make(chan struct{}),
		size: func() (int, int) {
			if w, h, err := term.GetSize(fd); err == nil && w > 0 && h > 0 {
				return w, h
			}
			return 80, 24
		}}
	go func() {
		defer close(l.over)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-l.stop:
				return
			case <-tick.C:
				l.mu.Lock()
				l.draw(time.Now(), nil)
				l.mu.Unlock()
			}
		}
	}()
	return l
}

// Write writes whole lines above the table.
func (l *liveTable) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(b), l.draw(time.Now(), b)
}

// order takes note of what the pilot orders; l may be nil.
func (l *liveTable) order(o Order) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.Kind == Start {
		l.running = append(l.running, &liveTask{o.Task, o.Attempt, o.Ranks, time.Now()})
	}
	if o.Kind == Retry || o.Kind == End {
		for i, t := range l.running {
			if t.index == o.Task {
				l.running = append(l.running[:i], l.running[i+1:]...)
				break
			}
		}
	}
	if o.Kind == End {
		l.count[o.State]++
	}
}

// close takes the table off the screen.
func (l *liveTable) close() {
	if l == nil {
		return
	}
	close(l.stop)
	<-l.over
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.out.Write(l.erase()) // only a broken terminal fails here
}

// erase are the codes that take the table off.
func (l *liveTable) erase() []byte {
	if l.drawn == 0 {
		return nil
	}
	n := l.drawn
	l.drawn = 0
	return fmt.Appendf(nil, "\x1b[%dF\x1b[J", n) // up, and clear to the end
}

// draw writes above and the table anew; it is lines that fit on the screen.
func (l *liveTable) draw(now time.Time, above []byte) error {
	var b bytes.Buffer
	b.Write(l.erase())
	b.Write(above)
	width, height := l.size()
	lines := []string{fmt.Sprintf("%-32s %8s %-12s %8s", "running", "attempt", "ranks", "time")}
	room := max(height-4, 1)
	for i, t := range l.running {
		if i == room-1 && len(l.running) > room {
			lines = append(lines, fmt.Sprintf("… and %d more", len(l.running)-i))
			break
		}
		task := l.tasks[t.index]
		lines = append(lines, fmt.Sprintf("%-32s %8s %-12s %8s", task.Name, fmt.Sprintf("%d/%d", t.attempt, 1+task.Retries), rankList(t.ranks), now.Sub(t.begin).Round(100*time.Millisecond)))
	}
	ended, parts := 0, []string{fmt.Sprintf("%d running", len(l.running))}
	for _, s := range []State{Done, Failed, Skipped, Cancelled, Interrupted} {
		if ended += l.count[s]; l.count[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", l.count[s], s))
		}
	}
	parts = append(parts, fmt.Sprintf("%d to come, of %d tasks; %v", len(l.tasks)-ended-len(l.running), len(l.tasks), now.Sub(l.begin).Round(time.Second)))
	lines = append(lines, strings.Join(parts, ", "))
	for _, line := range lines {
		if r := []rune(line); len(r) >= width {
			line = string(r[:max(width-1, 0)])
		}
		b.WriteString(line + "\n")
	}
	l.drawn = len(lines)
	_, err := l.out.Write(b.Bytes())
	return err
}
