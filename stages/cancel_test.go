package stages

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const cancelGraph = `
[[task]]
name = "long"
stage = "exec"
command = ["sh", "-c", "echo >> begun; exec sleep 100"]
[[task]]
name = "next"
stage = "exec"
command = ["true"]
after = ["long"]
[[task]]
name = "anyway"
stage = "exec"
command = ["sh", "-c", "exec sleep 100"]
on_failure = "continue"
[[task]]
name = "last"
stage = "exec"
command = ["sh", "-c", "echo >> ran"]
after = ["anyway"]
[[task]]
name = "waits"
stage = "exec"
ranks = 2
command = ["sh", "-c", "echo >> ran"]
`

// Tasks that run, and one that waits for ranks, are cancelled from outside; what comes after goes as on_failure says, and all stays so.
func TestCancel(t *testing.T) {
	cfg := withTasks(t, cancelGraph)
	over := make(chan error, 1)
	go func() {
		_, err := runOn(t, 2, cfg)
		over <- err
	}()
	dir := ""
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(cfg.Run.Dir, "*", tasksDir, "long", "begun")); len(found) == 1 {
			dir = filepath.Dir(filepath.Dir(filepath.Dir(found[0])))
			break
		}
		if time.Now().After(end) {
			t.Fatal("the task does not begin")
		}
	}
	if err := CancelTasks(dir, []string{"long", "lasst"}); err == nil || !strings.Contains(err.Error(), `no task "lasst"; did you mean "last"?`) {
		t.Errorf("a name that is none: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, cancelFile)); err == nil {
		t.Error("something was cancelled though a name is none")
	}
	if err := CancelTasks(dir, []string{"waits", "long"}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Status(&b, dir, time.Now()); err != nil || !strings.Contains(b.String(), "to be cancelled") {
		t.Errorf("%v\n%s", err, &b)
	}
	if err := CancelTasks(dir, []string{"anyway"}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-over:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the run does not end")
	}
	j, err := readJournal(filepath.Join(dir, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]State{"long": Cancelled, "next": Skipped, "anyway": Cancelled, "last": Done, "waits": Cancelled} {
		if r := j.last[name]; r == nil || r.State != want {
			t.Errorf("%s: %+v, want %s", name, r, want)
		}
	}
	if r := j.last["long"]; r != nil && !strings.Contains(r.Error, cancelReason) {
		t.Errorf("long: %q", r.Error)
	}
	if _, err := os.Stat(taskDir(dir, "waits")); err == nil {
		t.Error("waits ran")
	}
	if err := CancelTasks(dir, []string{"last"}); err == nil || !strings.Contains(err.Error(), "is not running") {
		t.Errorf("a run that has ended: %v", err)
	}
	if err := CancelTasks(t.TempDir(), []string{"last"}); err == nil || !strings.Contains(err.Error(), "config.toml") {
		t.Errorf("no run: %v", err)
	}
	if _, err := resumeOn(t, 2, cfg, dir); err != nil { // with long begun a second time it would not end
		t.Error(err)
	}
	if text, err := os.ReadFile(filepath.Join(taskDir(dir, "long"), "begun")); string(text) != "\n" {
		t.Errorf("long began again: %q, %v", text, err)
	}
	if lock, err := openJournal(filepath.Join(dir, journalFile)); err != nil {
		t.Error(err)
	} else {
		if err := CancelTasks(dir, []string{"last"}); err == nil || !strings.Contains(err.Error(), `"last" has ended already: done`) {
			t.Errorf("a task that is done: %v", err)
		}
		lock.close()
	}
}

// What stands in the file of a folder that anybody may write to is no more than names.
func TestCancelWatchReadsNamesOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, cancelFile)
	said := 0
	w := watchCancelled(dir, []Task{{Name: "a"}, {Name: "b"}, {Name: "c"}}, func(string, ...any) { said++ })
	defer w.close()
	for _, c := range []struct {
		text  string
		found int
		said  int
	}{{"c", 0, 0}, {"c\nno such\n\x00\n\n../b\nc\n", 1, 0}, {"b\nc\n", 1, 0}, {strings.Repeat("a", maxCancels+1), 0, 1}, {"a\n" + strings.Repeat("a", maxCancels+1), 0, 1}, {"a\n", 1, 1}} {
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if found := w.look(); len(found) != c.found || said != c.said {
			t.Errorf("%.20q: %v, %d warnings", c.text, found, said)
		}
	}
}

// What is cancelled before the run goes on does not start, not for a moment.
func TestPilotCancels(t *testing.T) {
	ran := false
	w := &tape{ends: map[string]State{}, failed: map[string][]report{}, cancels: make(chan []int, 1), tasks: []Task{
		runs("a", 1, func(*Env) error { return nil }),
		runs("b", 1, func(*Env) error { ran = true; return errors.New("it runs") }),
		runs("c", 1, func(*Env) error { return nil }, "b"),
	}}
	w.cancels <- []int{1}
	if err := w.on(t, context.Background(), 2, fifo); err != nil {
		t.Fatal(err)
	}
	if w.ends["a"] != Done || w.ends["b"] != Cancelled || w.ends["c"] != Skipped || ran {
		t.Errorf("%v, ran %v", w.ends, ran)
	}
}
