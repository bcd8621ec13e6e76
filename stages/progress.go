package stages

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// screen is what a person sees of a run: on a terminal a bar per stage, in a
// batch log one plain line every few seconds. Only rank 0 has one that shows.
type screen struct {
	out      io.Writer // nil: silent
	terminal bool
	every    time.Duration // between two plain lines
}

// newScreen shows on standard error if show is set.
func newScreen(show bool) *screen {
	if !show {
		return &screen{}
	}
	return &screen{out: os.Stderr, terminal: term.IsTerminal(int(os.Stderr.Fd())), every: 5 * time.Second}
}

func (s *screen) printf(format string, args ...any) {
	if s.out != nil {
		fmt.Fprintf(s.out, format+"\n", args...)
	}
}

// A stageBar shows how far one stage is.
type stageBar struct {
	s           *screen
	name, unit  string
	total, done int
	bar         *progressbar.ProgressBar
	start, said time.Time
	note        string
}

// bar begins a stage of total units; where 0, its length is not known yet.
func (s *screen) bar(name, unit string, total int) *stageBar {
	b := &stageBar{s: s, name: name, unit: unit, total: total, start: time.Now()}
	b.said = b.start
	b.draw()
	return b
}

// draw begins the bar on a terminal, once the length is known.
func (b *stageBar) draw() {
	if s := b.s; s.out != nil && s.terminal && b.total > 0 {
		b.bar = progressbar.NewOptions(b.total, progressbar.OptionSetWriter(s.out), progressbar.OptionSetDescription(pad(b.name)),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(b.unit),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(24), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(true))
	}
}

// resize sets the length of a stage that began without one.
func (b *stageBar) resize(total int) {
	if b.total == 0 && total > 0 {
		b.total = total
		b.draw()
	}
}

func pad(name string) string { return fmt.Sprintf("%-24s", name) }

// set says that done units are done; note stands behind the rate.
func (b *stageBar) set(done int, note string) {
	b.done, b.note = done, note
	switch {
	case b.s.out == nil:
	case b.bar != nil:
		if note != "" {
			b.bar.Describe(pad(b.name + "  " + note))
		}
		_ = b.bar.Set(done) // only a broken terminal fails here
	case time.Since(b.said) >= b.s.every:
		b.said = time.Now()
		b.line("")
	}
}

func (b *stageBar) line(end string) {
	sec := time.Since(b.start).Seconds()
	var p []string
	if b.total > 0 && end == "" {
		p = append(p, fmt.Sprintf("%d of %d %s (%d %%)", b.done, b.total, b.unit, 100*b.done/b.total))
	} else if b.done > 0 {
		p = append(p, fmt.Sprintf("%d %s", b.done, b.unit))
	}
	if b.done > 0 && sec > 0 {
		p = append(p, fmt.Sprintf("%.4g %s/s", float64(b.done)/sec, b.unit))
	}
	if b.done > 0 && b.total > b.done && end == "" {
		eta := time.Duration(sec / float64(b.done) * float64(b.total-b.done) * float64(time.Second))
		p = append(p, "about "+eta.Round(time.Second).String()+" left")
	}
	if b.note != "" {
		p = append(p, b.note)
	}
	b.s.printf("%s %s", pad(b.name), strings.TrimSpace(strings.Join(p, ", ")+end))
}

// end closes the stage with its line of summary.
func (b *stageBar) end(summary string) {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
	if summary != "" {
		b.note = summary
	}
	b.line(fmt.Sprintf(" (%.2f s)", time.Since(b.start).Seconds()))
}
