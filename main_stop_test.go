package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// waitFor waits until a file matches.
func waitFor(t *testing.T, pattern string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return
		}
	}
	t.Fatalf("there is no %s after 20 s", pattern)
}

// waitForText waits until a file has a text.
func waitForText(t *testing.T, path, want string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if text, _ := os.ReadFile(path); strings.Contains(string(text), want) {
			return
		}
	}
	t.Fatalf("%s has no %s after 20 s", path, want)
}

// A job that is told to stop and started again, as a scheduler does it, goes on in the same folder and ends with the weights of one
// that was left alone; so does one whose start was killed before it trained.
func TestJobGoesOn(t *testing.T) {
	dir := folder(t, nil)
	args := func(more ...string) []string {
		return append([]string{"run", "t.toml", "--ranks", "2", "--set", "train.steps=20000", "--set", "train.val_every=500",
			"--set", "train.checkpoint_every=50 steps", "--set", "evaluate.forecasts=false"}, more...)
	}
	if code, _, errs := deeprc(t, dir, args("--dir", "whole")...); code != 0 {
		t.Fatal(errs)
	}
	run := filepath.Join(dir, "runs", "run-slurm-7")
	if err := os.MkdirAll(filepath.Join(run, "tables"), 0o777); err != nil { // of a start that was killed in preprocessing
		t.Fatal(err)
	}
	cmd := command(t, dir, args("--job", "slurm-7")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(run, "checkpoints", "0.safetensors"))
	for range 3 { // once is enough, more do no harm
		cmd.Process.Signal(syscall.SIGUSR1)
		cmd.Process.Signal(syscall.SIGTERM)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitStopped {
		t.Fatalf("exit code %d, want %d", code, exitStopped)
	}
	code, out, errs := deeprc(t, dir, args("--job", "slurm-7")...)
	if code != 0 || !strings.Contains(out+errs, "goes on after step") {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "runs", "*")); len(found) != 1 {
		t.Errorf("folders %v", found)
	}
	if !bytes.Equal(weights(t, run), weights(t, runOf(t, filepath.Join(dir, "whole")))) {
		t.Error("other weights than without the stop")
	}
	for name, want := range map[string]string{"../x": "want up to 100 letters", "": "", "a b": "want up to 100 letters"} {
		if code, _, errs := deeprc(t, dir, "run", "t.toml", "--job", name, "--set", "train.steps=5"); want != "" && (code != exitUsage || !strings.Contains(errs, want)) {
			t.Errorf("--job %q: exit code %d, %s", name, code, errs)
		}
	}
	other := filepath.Join(dir, "runs", "run-mine")
	if err := os.MkdirAll(other, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := deeprc(t, dir, "run", "t.toml", "--job", "mine"); code != exitRun || !strings.Contains(errs, "no config.toml, but thesis.txt") {
		t.Errorf("a folder of something else: exit code %d, %s", code, errs)
	}
}

// A second Ctrl-C does not wait, of a process neither that a shell has started with the signal ignored, as it does with & in a script.
func TestSecondInterruptEndsAtOnce(t *testing.T) {
	dir := folder(t, nil)
	cmd := command(t, dir, "data", "synth", "big.csv", "--series", "200", "--hours", "20000")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	for _, ignored := range []bool{false, true} {
		runs := filepath.Join(dir, fmt.Sprint("ignored ", ignored))
		cmd = command(t, dir, "run", "--set", "data.path=big.csv", "--set", "train.steps=1000000", "--dir", runs)
		if ignored {
			sh := command(t, dir)
			sh.Path, sh.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" INT; exec "$0" "$@"`}, cmd.Args...)
			cmd = sh
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, filepath.Join(runs, "*"))
		for range 2 { // while it reads, which no signal ends
			cmd.Process.Signal(syscall.SIGINT)
			time.Sleep(20 * time.Millisecond)
		}
		begin := time.Now()
		timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		cmd.Wait()
		timer.Stop()
		s := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if killed := s.Signaled() && s.Signal() == syscall.SIGINT; killed == ignored || ignored && s.ExitStatus() != 130 || time.Since(begin) > 2*time.Second {
			t.Errorf("ignored %v: %v after %v", ignored, fmt.Sprint(cmd.ProcessState), time.Since(begin))
		}
	}
}
