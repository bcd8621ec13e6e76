package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// comparison is the document of `deeprc bench collective --c-program`.
type comparison struct {
	Version, Go, Date, Host, CPU, Launcher, Library string
	Cores, Hosts, Ranks                             int
	CProgram                                        string `json:"c_program"`
	CLibrary                                        string `json:"c_library"`
	Options                                         map[string]any
	Results                                         []struct {
		Name       string
		Bytes      int
		C, Deeprc  trial
		Ratio      float64
		BestRatio  float64 `json:"best_ratio"`
		Difference float64 `json:"difference_us"`
	}
}

func readComparison(t *testing.T, text string) (r comparison) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || d.More() {
		t.Fatalf("%v in\n%s", err, text)
	}
	return r
}

// fakeC is a program that prints text with T for 10, 30 and 20 in its first three runs, and notes its arguments in calls.
func fakeC(t *testing.T, dir, text string) {
	t.Helper()
	script := "#!/bin/sh\ncd '" + dir + "'\necho \"$*\" >>calls\nT=$(echo '10 30 20' | cut -d' ' -f$(wc -l <calls))\ncat <<END\n" + text + "\nEND\n"
	if err := os.WriteFile(filepath.Join(dir, "fake"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
}

func TestBenchCollectiveCompares(t *testing.T) {
	dir := t.TempDir()
	fakeC(t, dir, `{"library": "Fake MPI 1", "ranks": 1, "results": [
{"name": "barrier", "unit": "us", "bytes": 0, "iterations": 5, "all": [$T]},
{"name": "allreduce", "unit": "us", "bytes": 64, "iterations": 5, "all": [2.5]}]}`)
	code, stdout, stderr := deeprc(t, dir, "bench", "collective", "--c-program", "./fake", "--launcher", " env  A=b ", "--ops", "barrier,allreduce", "--sizes", "64", "--repeats", "3", "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	r := readComparison(t, stdout)
	if r.Version != "v1.2.3" || r.Ranks != 1 || r.Hosts != 1 || r.Cores < 1 || r.Launcher != "env A=b" || r.CProgram != "./fake" || r.CLibrary != "Fake MPI 1" || r.Library != "in-process ranks" || len(r.Results) != 2 {
		t.Fatalf("%+v", r)
	}
	b, a := r.Results[0], r.Results[1]
	if b.Name != "barrier" || b.Bytes != 0 || b.C.Median != 20 || b.C.Min != 10 || b.C.Max != 30 || len(b.Deeprc.All) != 3 || !(b.Deeprc.Min > 0) {
		t.Errorf("%+v", b)
	}
	if a.Name != "allreduce" || a.Bytes != 64 || a.C.Median != 2.5 || a.Ratio != a.Deeprc.Median/2.5 || a.BestRatio != a.Deeprc.Min/2.5 || a.Difference != a.Deeprc.Median-2.5 {
		t.Errorf("%+v", a)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if want := strings.Repeat("--repeats 1 --ops barrier,allreduce --sizes 64\n", 3); err != nil || string(calls) != want {
		t.Errorf("%v: called with\n%swant\n%s", err, calls, want)
	}
	code, stdout, stderr = deeprc(t, dir, "bench", "collective", "--c-program", "./fake", "--launcher", "env", "--ops", "allreduce", "--sizes", "64", "--repeats", "1")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "C: ./fake, Fake MPI 1\ndeeprc: in-process ranks\nenv: 1 rank(s) on 1 host(s)\n") || !strings.Contains(stdout, "\nallreduce      64 B ") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestBenchCollectiveRefuses(t *testing.T) {
	for _, c := range []struct {
		name, fake, args string
		code             int
		stderr           string
	}{
		{"size 0", "", "--sizes 0", 2, "--sizes: 0 bytes: want a multiple of 4"},
		{"unknown op", "", "--ops alltoal", 2, `no operation "alltoal"; did you mean "alltoall"?`},
		{"no repeats", "", "--repeats 0", 2, "--repeats 0: want 1"},
		{"a launcher alone", "", "--launcher env", 2, "--launcher goes with --c-program"},
		{"ranks too", "", "--c-program ./fake --ranks 2", 2, "--ranks with --c-program: the launcher gives the ranks"},
		{"no program", "", "--c-program ./fakir", 2, "./fakir: no such file or directory; build it by the mpicc"},
		{"no launcher", "", "--c-program ./fake --launcher nompirun", 1, `"nompirun": executable file not found`},
		{"another number of ranks", `{"ranks": 2}`, "--c-program ./fake --launcher env", 1, "./fake runs on 2 rank(s), but deeprc on 1 over in-process ranks"},
		{"two documents", `{"ranks": 1}{"ranks": 1}`, "--c-program ./fake --launcher env", 1, "built for another MPI than the launcher's"},
		{"a time missing", `{"ranks": 1}`, "--c-program ./fake --launcher env", 1, "./fake printed 0 times of barrier of 0 bytes"},
		{"a failure", "\nEND\necho oops >&2\nexit 3", "--c-program ./fake --launcher env", 1, "exit status 3\noops"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fakeC(t, dir, c.fake)
			args := append(strings.Fields("bench collective --ops barrier --sizes 8 --repeats 1"), strings.Fields(c.args)...)
			if strings.Contains(c.args, "--sizes") || strings.Contains(c.args, "--ops") || strings.Contains(c.args, "--repeats") {
				args = append([]string{"bench", "collective"}, strings.Fields(c.args)...)
			}
			code, stdout, stderr := deeprc(t, dir, args...)
			if code != c.code || stdout != "" || strings.Count(stderr, "deeprc: ") != 1 || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, c.code, c.stderr, stdout, stderr)
			}
		})
	}
}

// TestBenchCollectiveMPI builds the C program and compares with it on two ranks of each MPI.
func TestBenchCollectiveMPI(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, mpi := range []string{"openmpi", "mpich"} {
		t.Run(mpi, func(t *testing.T) {
			for _, tool := range []string{"mpicc." + mpi, "mpirun." + mpi} {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("no %s here: %v", mpi, err)
				}
			}
			if _, err := os.Stat(filepath.Join(here, "libdeeprc-mpi-"+mpi+".so")); err != nil {
				t.Skipf("make build has not made the plugin: %v", err)
			}
			program := filepath.Join(t.TempDir(), "collective")
			if out, err := exec.Command("mpicc."+mpi, "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, "bench/collective.c").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			launcher := "mpirun." + mpi + " -n 2"
			if mpi == "openmpi" {
				launcher += " --oversubscribe --bind-to none"
			}
			cmd := exec.Command(binary(t), "bench", "collective", "--c-program", program, "--launcher", launcher, "--sizes", "8,65536", "--repeats", "2", "--json")
			cmd.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "DEEPRC_PLUGINS="+here)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stop := time.AfterFunc(2*time.Minute, func() { cmd.Process.Signal(os.Interrupt) })
			defer stop.Stop()
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			r := readComparison(t, stdout.String())
			if r.Ranks != 2 || len(r.Results) != 9 || !strings.Contains(strings.ToLower(r.Library+r.CLibrary), "mpi") {
				t.Errorf("%s", &stdout)
			}
			for _, x := range r.Results {
				if len(x.C.All) != 2 || len(x.Deeprc.All) != 2 || !(x.C.Min > 0) || !(x.Deeprc.Min > 0) || !(x.Ratio > 0) {
					t.Errorf("%+v", x)
				}
			}
		})
	}
}
