package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"deeprc/stages"
)

func TestInfo(t *testing.T) {
	code, stdout, stderr := deeprc(t, t.TempDir(), "info")
	for _, want := range []string{"version   v1.2.3, go", "ranks     1 on 1 host", "kernels   for ", "gpu", "nets      " + strings.Join(stages.BenchNets(), ", ")} {
		if code != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, no %q in\n%s%s", code, want, stdout, stderr)
		}
	}
}

func TestInfoOverGloo(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(here, "libdeeprc-gloo.so")); err != nil {
		t.Skipf("make build has not made the plugin: %v", err)
	}
	cmd := command(t, t.TempDir(), "info")
	cmd.Env = append(append(cmd.Env, "DEEPRC_PLUGINS="+here, "DEEPRC_MPI=", "DEEPRC_COMM=gloo", "RANK=0", "WORLD_SIZE=1"), byTCP(t)...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "(no launcher: Gloo") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestVersion(t *testing.T) {
	if code, stdout, _ := deeprc(t, t.TempDir(), "--version"); code != 0 || stdout != "deeprc version v1.2.3\n" {
		t.Errorf("%d, %q", code, stdout)
	}
}

// TestHelp walks all commands: each has a summary, and each that does something an example.
func TestHelp(t *testing.T) {
	dir, seen := t.TempDir(), 0
	var walk func(path []string)
	walk = func(path []string) {
		code, help, stderr := deeprc(t, dir, append(slices.Clone(path), "--help")...)
		if code != 0 || stderr != "" {
			t.Errorf("%v --help: exit code %d\n%s", path, code, stderr)
		}
		seen++
		subs := regexp.MustCompile(`(?s)Available Commands:\n(.*?)\n\n`).FindStringSubmatch(help)
		if subs == nil {
			if !strings.Contains(help, "Examples:\n") && path[0] != "completion" && path[0] != "help" {
				t.Errorf("%v --help has no example:\n%s", path, help)
			}
			return
		}
		for _, line := range strings.Split(subs[1], "\n") {
			f := strings.Fields(line)
			if len(f) < 2 {
				t.Errorf("%v --help: %q says nothing", path, line)
				continue
			}
			walk(append(slices.Clone(path), f[0]))
		}
	}
	walk(nil)
	if seen < 10 {
		t.Errorf("only %d commands were found", seen)
	}
	if _, help, _ := deeprc(t, dir, "--help"); !strings.Contains(help, "Exit codes: 0 all went well, 1 the run failed, 2 the command line or the config is wrong,\n75 the run was told to stop") {
		t.Errorf("the exit codes are not told:\n%s", help)
	}
	for _, args := range []string{"data", "bench", ""} { // without a sub-command: the help
		if code, stdout, _ := deeprc(t, dir, strings.Fields(args)...); code != 0 || !strings.Contains(stdout, "Available Commands:") {
			t.Errorf("deeprc %s: exit code %d\n%s", args, code, stdout)
		}
	}
}

func TestCompletion(t *testing.T) {
	dir := folder(t, nil)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, stdout, stderr := deeprc(t, dir, "completion", shell); code != 0 || !strings.Contains(stdout, "__complete") {
			t.Errorf("%s: exit code %d\n%s", shell, code, stderr)
		}
	}
	if bash, err := exec.LookPath("bash"); err == nil {
		_, script, _ := deeprc(t, dir, "completion", "bash")
		cmd := exec.Command(bash, "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"run |", "toml\n:8"}, // files that end so
		{"data fetch |e", "etth1\n"},
		{"run --ra|", "--ranks"},
		{"che|", "check\t"},
	} {
		before, last, _ := strings.Cut(c.args, "|")
		args := append([]string{"__complete"}, strings.Fields(before)...)
		if strings.HasSuffix(before, " ") {
			args = append(args, last)
		}
		if _, stdout, _ := deeprc(t, dir, args...); !strings.Contains(stdout, c.want) {
			t.Errorf("%s completes to %q, want %q", c.args, stdout, c.want)
		}
	}
}
