package stages

import (
	"bytes"
	"encoding/json"
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
