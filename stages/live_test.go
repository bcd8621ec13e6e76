package stages

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// shown plays a terminal: what its lines are after text with the codes that a liveTable uses.
func shown(t *testing.T, text string) []string {
	t.Helper()
	lines := []string{""}
	for text != "" {
		if rest, ok := strings.CutPrefix(text, "\x1b["); ok {
			var up int
			if _, err := fmt.Sscanf(rest, "%dF", &up); err != nil || up >= len(lines) {
				t.Fatalf("%v: %q, with %d lines on the screen", err, rest, len(lines))
			}
			lines = append(lines[:len(lines)-1-up], "")
			_, text, ok = strings.Cut(rest, "\x1b[J")
			if !ok {
				t.Fatalf("the screen is not cleared: %q", rest)
			}
			continue
		}
		i := strings.IndexAny(text, "\x1b\n")
		if i < 0 {
			i = len(text)
		}
		lines[len(lines)-1] += text[:i]
		if text = text[i:]; strings.HasPrefix(text, "\n") {
			lines, text = append(lines, ""), text[1:]
		}
	}
	return lines
}

func TestLiveTable(t *testing.T) {
	var b bytes.Buffer
	tasks := []Task{{Name: "before"}, {Name: "first"}, {Name: "second-" + strings.Repeat("x", 200)}}
	for i := range 30 {
		tasks = append(tasks, Task{Name: fmt.Sprint("t", i)})
	}
	l := newLive(&b, -1, tasks, 1)
	l.order(Order{Kind: Start, Task: 1, Attempt: 1, Ranks: []int{0, 1, 2, 5}})
	l.order(Order{Kind: Start, Task: 2, Attempt: 1, Ranks: []int{3}})
	if _, err := l.Write([]byte("[1/3] something done\n")); err != nil {
		t.Fatal(err)
	}
	look := func() []string {
		l.mu.Lock()
		defer l.mu.Unlock()
		if err := l.draw(time.Now(), nil); err != nil {
			t.Fatal(err)
		}
		return shown(t, b.String())
	}
	got := look()
	if len(got) != 6 || got[0] != "[1/3] something done" || !strings.HasPrefix(got[2], "first  ") || !strings.Contains(got[2], "1/1 0-2,5") || len(got[3]) != 79 ||
		!strings.HasPrefix(got[4], "2 running, 1 done, 30 to come, of 33 tasks") {
		t.Errorf("got %q", got)
	}
	l.order(Order{Kind: End, Task: 1, State: Failed})
	for i := range 30 {
		l.order(Order{Kind: Start, Task: 3 + i, Attempt: 1, Ranks: []int{i}})
	}
	if got := look(); len(got) > 24 || !strings.Contains(strings.Join(got, "\n"), "… and 12 more") || !strings.HasPrefix(got[len(got)-2], "31 running, 1 done, 1 failed, ") {
		t.Errorf("%d lines: %q", len(got), got)
	}
	l.close()
	if got := shown(t, b.String()); len(got) != 2 || got[0] != "[1/3] something done" {
		t.Errorf("at the end: %q", got)
	}
	var none *liveTable // not on a terminal
	none.order(Order{})
	none.close()
}
