package stages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Events that are cut off anywhere, or whose last line is broken, are readable after a run has gone on, and so are its pages.
func TestEventsSurviveATornLine(t *testing.T) {
	cfg := withTasks(t, "[[task]]\nstage = \"exec\"\ncommand = [\"true\"]\n")
	dir := mustRun(t, 1, cfg).Dir
	path := filepath.Join(dir, eventsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(text, '\n') + 1
	session, torn := text[:first], [][]byte{append(bytes.Clone(text), "{\"t\":1,\x00\x00\n"...), append(bytes.Clone(text), make([]byte, 4096)...)}
	for cut := range text {
		torn = append(torn, text[:cut])
	}
	for _, before := range torn {
		if err := os.WriteFile(path, before, 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := openEvents(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(session); err != nil {
			t.Fatal(err)
		}
		f.Close()
		want := 2
		if len(before) < first {
			want = 1
		}
		if tl, err := readTimeline(path, time.Time{}); err != nil || len(tl.sessions) != want {
			t.Fatalf("%q: %+v, %v, want %d sessions", before, tl, err, want)
		}
	}
	if err := os.WriteFile(path, make([]byte, 3*maxEventLine), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := openEvents(path); err == nil || !strings.Contains(err.Error(), eventsFile) {
		t.Errorf("of no events: %v", err)
	}
	if err := os.WriteFile(path, text[:len(text)-5], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := resumeOn(t, 1, cfg, dir); err != nil {
		t.Fatal(err)
	}
	if err := WriteTaskPages(dir, "test", time.Now(), nil); err != nil {
		t.Error(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(after) {
		if !json.Valid(line) {
			t.Errorf("a broken line: %s", line)
		}
	}
}

// People are shown the end of a failed task's log, and where the rest is.
func TestFailedTaskShowsItsLog(t *testing.T) {
	var tail, want, out strings.Builder
	want.WriteString("[1/1] x failed after 0 s: rank 5: sh: exit status 3 (see run/tasks/x/log-1.txt)\n")
	for i := range 9 {
		fmt.Fprintf(&tail, "time=2026-01-01T00:00:00.000Z level=INFO msg=\"line %d\" task=x attempt=1\n", i)
		if i >= 9-shownLines {
			fmt.Fprintf(&want, "  | \"line %d\" task=x attempt=1\n", i)
		}
	}
	a := &account{tasks: []Task{{Name: "x", Logs: true}}, dir: "run", log: slog.New(slog.DiscardHandler), screen: &screen{out: &out}, began: make([]time.Duration, 1)}
	rank := 5
	a.end(0, a.tasks[0], Order{Kind: End, State: Failed, Attempt: 1, Ranks: []int{2, 5}}, journalEntry{Error: "rank 5: sh: exit status 3\nmore", Rank: &rank, Tail: tail.String()})
	if out.String() != want.String() {
		t.Errorf("got\n%swant\n%s", out.String(), want.String())
	}
	if err := a.outcome(""); err == nil || !strings.Contains(err.Error(), "log-1.txt") {
		t.Errorf("got %v", err)
	}
}

// The end of a log is whole lines, unless one is longer.
func TestLogTail(t *testing.T) {
	l := &taskLog{}
	for i := range 1000 {
		fmt.Fprintf(l, "line %d ends here\n", i)
		if tail := l.tail(); !strings.HasPrefix(tail, "line ") || !strings.HasSuffix(tail, fmt.Sprintf("\nline %d ends here\n", i)) && i > 0 || len(tail) > logTail || i > 500 && len(tail) < logTail-30 {
			t.Fatalf("after line %d: %d bytes, %q", i, len(tail), tail)
		}
	}
	fmt.Fprintln(l, strings.Repeat("x", 3*logTail))
	if tail := l.tail(); tail != strings.Repeat("x", logTail-1)+"\n" {
		t.Errorf("%d bytes, %.50q", len(tail), tail)
	}
}
