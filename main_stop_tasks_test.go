package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// withTasks adds tasks to a folder's config.
func withTasks(t *testing.T, dir, tasks string) {
	t.Helper()
	path := filepath.Join(dir, "t.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, tasks...), 0o666); err != nil {
		t.Fatal(err)
	}
}

const trainTasks = `
[[task]]
name = "train"
stage = "train"
ranks = 2
[[task]]
name = "evaluate"
stage = "evaluate"
ranks = 2
after = ["train"]
`

// A job with tasks that a scheduler warns leaves checkpoints and exit code 75 on every kind of world, and its next start goes on.
func TestTasksOfAJobGoOn(t *testing.T) {
	for _, world := range []string{"local", "openmpi", "mpich"} {
		t.Run(world, func(t *testing.T) {
			dir := folder(t, nil)
			withTasks(t, dir, trainTasks)
			start := func(more ...string) *exec.Cmd {
				args := append([]string{"run", "t.toml", "--set", "train.steps=20000", "--set", "train.val_every=500",
					"--set", "train.checkpoint_every=50 steps", "--set", "evaluate.forecasts=false"}, more...)
				if world == "local" {
					return command(t, dir, append(args, "--ranks", "2")...)
				}
				cmd, _ := mpiCommand(t, world, dir, args...)
				cmd.Env = append(cmd.Env, "DEEPRC_STOPPED="+filepath.Join(dir, "stopped"))
				return cmd
			}
			run := filepath.Join(dir, "runs", "run-7")
			cmd := start("--job", "7")
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, filepath.Join(run, "checkpoints", "0.safetensors"))
			cmd.Process.Signal(syscall.SIGUSR1)
			cmd.Wait()
			code, _ := os.ReadFile(filepath.Join(dir, "stopped")) // MPICH's mpirun may lose it
			if c := cmd.ProcessState.ExitCode(); c != exitStopped && (world != "mpich" || string(code) != "75\n") {
				t.Fatalf("exit code %d, want %d\n%s", c, exitStopped, said.String())
			}
			if want := "2 of 2 tasks are left (evaluate, train): go on with --resume runs/run-7"; !strings.Contains(said.String(), want) {
				t.Errorf("no %q in\n%s", want, said.String())
			}
			if out, err := start("--job", "7").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if log, err := os.ReadFile(filepath.Join(run, "tasks", "train", "log.txt")); err != nil || !strings.Contains(string(log), "goes on after step") {
				t.Errorf("%v, training began anew\n%s", err, log)
			}
			if out, err := start("--dir", "whole").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !bytes.Equal(weights(t, run), weights(t, runOf(t, filepath.Join(dir, "whole")))) {
				t.Error("other weights than without the stop")
			}
		})
	}
}

const execTasks = `
[[task]]
name = "long"
stage = "exec"
command = ["sh", "-c", "echo begun >> begun; until [ -e ../../../../go ]; do sleep 0.02; done; echo ended >> ended"]
[[task]]
name = "next"
stage = "exec"
command = ["touch", "finished"]
after = ["long"]
`

// One Ctrl-C lets what runs finish and starts nothing; two end the run at once. Both go on with --resume.
func TestInterruptedTasks(t *testing.T) {
	for _, times := range []int{1, 2} {
		dir := folder(t, nil)
		withTasks(t, dir, execTasks)
		run := filepath.Join(dir, "runs", "run-x")
		cmd := command(t, dir, "run", "t.toml", "--job", "x")
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, filepath.Join(run, "tasks", "long", "begun"))
		for range times {
			cmd.Process.Signal(syscall.SIGINT)
			waitForText(t, filepath.Join(run, "events.jsonl"), `"event":"drain"`)
		}
		touch := func() {
			if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		begun := "begun\n"
		if times == 1 {
			touch()
			cmd.Wait()
			if c := cmd.ProcessState.ExitCode(); c != exitStopped || !strings.Contains(said.String(), "1 of 2 tasks are left (next): go on with --resume runs/run-x") {
				t.Errorf("exit code %d\n%s", c, said.String())
			}
		} else {
			cmd.Wait()
			touch()
			if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGINT {
				t.Errorf("%v\n%s", cmd.ProcessState, said.String())
			}
			begun += begun
		}
		if _, err := os.Stat(filepath.Join(run, "tasks", "next")); err == nil {
			t.Error("next was started")
		}
		if code, out, errs := deeprc(t, dir, "run", "--resume", run); code != 0 {
			t.Fatalf("exit code %d\n%s%s", code, out, errs)
		}
		if _, err := os.Stat(filepath.Join(run, "tasks", "next", "finished")); err != nil {
			t.Error(err)
		}
		for name, want := range map[string]string{"begun": begun, "ended": "ended\n"} { // the second interrupt ends the command, too
			if text, err := os.ReadFile(filepath.Join(run, "tasks", "long", name)); string(text) != want {
				t.Errorf("%d interrupts: long %s %q, want %q, %v", times, name, text, want, err)
			}
		}
	}
}
