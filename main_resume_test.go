package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runOf is the one run's folder in dir.
func runOf(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "config.toml"))
	if err != nil || len(found) != 1 {
		t.Fatalf("runs in %s: %v, %v", dir, found, err)
	}
	return filepath.Dir(found[0])
}

func weights(t *testing.T, run string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(run, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kill starts a run below the folder killed, and ends its process at a random moment of its training tries times, once politely; it counts those that
// had not ended by themselves.
func kill(t *testing.T, dir, killed string, tries int, args ...string) (kills int) {
	t.Helper()
	for try := range tries {
		more := []string{"--dir", killed}
		if try > 0 {
			more = []string{"--resume", runOf(t, killed)}
		}
		cmd := command(t, dir, append(args, more...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if found, _ := filepath.Glob(filepath.Join(killed, "*", "checkpoints", "0.safetensors")); len(found) > 0 {
				break
			}
		}
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		signal := syscall.SIGKILL
		if try == 3 {
			signal = syscall.SIGTERM
		}
		cmd.Process.Signal(signal)
		if cmd.Wait() != nil {
			kills++
		}
	}
	return kills
}

// A process that is killed at random moments, again and again, ends with the weights of one that was left alone.
func TestKilledRunsResumeToTheSameWeights(t *testing.T) {
	if testing.Short() {
		t.Skip("short: kills and restarts processes")
	}
	dir := folder(t, nil)
	for _, ranks := range []string{"1", "2"} {
		args := []string{"run", "t.toml", "--ranks", ranks, "--set", "train.steps=4000", "--set", "train.val_every=150",
			"--set", "train.checkpoint_every=37 steps", "--set", "train.clip_norm=1", "--set", "evaluate.forecasts=false"}
		whole, killed := filepath.Join(dir, "whole"+ranks), filepath.Join(dir, "killed"+ranks)
		if code, out, errs := deeprc(t, dir, append(args, "--dir", whole)...); code != 0 {
			t.Fatal(out, errs)
		}
		if code, _, errs := deeprc(t, dir, append(args, "--resume", killed)...); code != exitUsage || !strings.Contains(errs, "no config.toml") {
			t.Fatalf("resuming no run: exit code %d, %s", code, errs)
		}
		kills := kill(t, dir, killed, 5, args...)
		run := runOf(t, killed)
		code, out, errs := deeprc(t, dir, append(args, "--resume", run)...)
		if code != 0 {
			t.Fatal(out, errs)
		}
		if !bytes.Equal(weights(t, run), weights(t, runOf(t, whole))) {
			t.Errorf("%s ranks: other weights after %d kills", ranks, kills)
		}
		if kills < 2 {
			t.Logf("%s ranks: only %d of 5 processes were killed before they ended", ranks, kills)
		}
		code, _, errs = deeprc(t, dir, append(args, "--resume", run, "--set", "train.lr=0.5")...)
		if code != exitUsage || !strings.Contains(errs, "model.0.train.lr was 0.001 in that run and is 0.5 now") {
			t.Fatalf("a changed learning rate: exit code %d, %s", code, errs)
		}
		code, out, errs = deeprc(t, dir, "run", "--resume", run, "--ranks", ranks)
		if code != 0 || !strings.Contains(out+errs, "was trained already, 4000 steps") {
			t.Fatalf("a finished run by its folder alone: exit code %d, %s%s", code, out, errs)
		}
		if err := os.WriteFile(filepath.Join(run, "checkpoints", "0.safetensors"), []byte("none"), 0o666); err != nil {
			t.Fatal(err)
		}
		if code, _, errs = deeprc(t, dir, "run", "--resume", run); code != exitRun || !strings.Contains(errs, "0.safetensors") {
			t.Fatalf("a broken checkpoint: exit code %d, %s", code, errs)
		}
	}
}

// Nets that draw at random in training what dropout drops go on with the same draws.
func TestKilledNetsWithDropoutResumeToTheSameWeights(t *testing.T) {
	if testing.Short() {
		t.Skip("short: kills and restarts processes")
	}
	dir := folder(t, nil)
	for net, options := range map[string][]string{
		"lstm":     {"hidden=16", "dropout=0.3", "decoder_hidden=8"},
		"patchtst": {"hidden=16", "heads=2", "layers=1", "ff_hidden=16", "patch=8", "stride=8", "dropout=0.2"},
	} {
		args := []string{"run", "t.toml", "--ranks", "2", "--set", "model.0.net=" + net, "--set", "train.steps=600", "--set", "train.val_every=90", "--set", "train.batch=16",
			"--set", "train.checkpoint_every=17 steps", "--set", "evaluate.forecasts=false"}
		for _, o := range options {
			args = append(args, "--set", "model.0."+o)
		}
		whole, killed := filepath.Join(dir, "whole"+net), filepath.Join(dir, "killed"+net)
		if code, out, errs := deeprc(t, dir, append(args, "--dir", whole)...); code != 0 {
			t.Fatal(out, errs)
		}
		kills := kill(t, dir, killed, 4, args...)
		run := runOf(t, killed)
		if code, out, errs := deeprc(t, dir, append(args, "--resume", run)...); code != 0 {
			t.Fatal(out, errs)
		}
		if !bytes.Equal(weights(t, run), weights(t, runOf(t, whole))) {
			t.Errorf("%s: other weights after %d kills", net, kills)
		}
		if kills < 2 {
			t.Logf("%s: only %d of 4 processes were killed before they ended", net, kills)
		}
	}
}
