package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The pods of jobscripts/kubernetes.yaml, as processes with the manifest's arguments and variables: one is evicted, all end with a
// checkpoint, start again and finish the run with the metrics of one that was left alone.
func TestKubernetes(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("libdeeprc-gloo.so"); err != nil {
		t.Skipf("make build has not made the plugin: %v", err)
	}
	text, err := os.ReadFile("jobscripts/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	one := func(pattern string) string {
		m := regexp.MustCompile("(?m)"+pattern).FindAllSubmatch(text, -1)
		if len(m) != 1 {
			t.Fatalf("%d lines of the manifest are as %s", len(m), pattern)
		}
		return string(m[0][1])
	}
	env := map[string]string{"DEEPRC_KEY": "secret"}
	for _, m := range regexp.MustCompile(`(?m)- name: ([A-Z_]+)\n +value: "?([^"\n]+)"?$`).FindAllSubmatch(text, -1) {
		env[string(m[1])] = string(m[2])
	}
	ranks, port := env["WORLD_SIZE"], env["MASTER_PORT"]
	if one(`^  completions: (\d+)$`) != ranks || one(`^  parallelism: (\d+)$`) != ranks || one(`^      port: (\d+)$`) != port || env["MASTER_ADDR"] != one(`^      subdomain: (\w+)$`)+"-0.deeprc" {
		t.Errorf("the manifest does not agree with itself: variables %v", env)
	}
	args := strings.Split(strings.Replace(one(`^          args: \[(.*)\]$`), "experiment.toml", "t.toml", 1), ", ")
	set := []string{"--set", "train.steps=3000", "--set", "train.log_every=1000", "--set", "evaluate.forecasts=false", "--set", "train.checkpoint_every=100 steps"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	env["MASTER_ADDR"], env["MASTER_PORT"] = "127.0.0.1", fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	l.Close()

	dir := folder(t, nil)
	run := filepath.Join(dir, "runs", "run-k8s")
	start := func() (pods []*exec.Cmd, out []*bytes.Buffer) {
		for r := range 4 {
			cmd, b := exec.CommandContext(t.Context(), binary(t), append(args, set...)...), new(bytes.Buffer)
			cmd.Dir, cmd.Stdout, cmd.Stderr = dir, b, b
			cmd.Env = append(os.Environ(), "DEEPRC_PLUGINS="+here, fmt.Sprint("JOB_COMPLETION_INDEX=", r))
			for k, v := range env {
				cmd.Env = append(cmd.Env, k+"="+v)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			pods, out = append(pods, cmd), append(out, b)
		}
		return pods, out
	}
	wait := func(pods []*exec.Cmd, out []*bytes.Buffer, want int) {
		t.Helper()
		late := time.AfterFunc(2*time.Minute, func() {
			for _, p := range pods {
				p.Process.Kill()
			}
		})
		defer late.Stop()
		for r, p := range pods {
			p.Wait()
			if code := p.ProcessState.ExitCode(); code != want {
				t.Errorf("rank %d: exit code %d, want %d:\n%s", r, code, want, out[r])
			}
		}
	}
	pods, out := start()
	waitFor(t, filepath.Join(run, "checkpoints", "0.safetensors"))
	pods[2].Process.Signal(syscall.SIGTERM)
	wait(pods, out, exitStopped)
	pods, out = start()
	wait(pods, out, 0)
	if !strings.Contains(out[0].String(), "nlinear goes on after step") {
		t.Errorf("it did not go on:\n%s", out[0])
	}
	if code, _, errs := deeprc(t, dir, append([]string{"run", "t.toml", "--ranks", ranks, "--job", "alone"}, set...)...); code != 0 {
		t.Fatal(errs)
	}
	sameMetrics(t, filepath.Join(dir, "runs", "run-alone"), run, 1e-6)
}
