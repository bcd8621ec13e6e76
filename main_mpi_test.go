package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mpiCommand is the program on two ranks of an MPI, which is killed after a minute; it skips where the MPI or its plugin is not there.
func mpiCommand(t *testing.T, mpi, dir string, args ...string) (cmd *exec.Cmd, late func() bool) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	launcher, err := exec.LookPath("mpirun." + mpi)
	if err != nil {
		t.Skipf("no %s here: %v", mpi, err)
	}
	if _, err := os.Stat(filepath.Join(here, "libdeeprc-mpi-"+mpi+".so")); err != nil {
		t.Skipf("make build has not made the plugin: %v", err)
	}
	launch := []string{"-n", "2"}
	if mpi == "openmpi" {
		launch = append(launch, "--oversubscribe", "--bind-to", "none")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, launcher, append(append(launch, binary(t)), args...)...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	cmd.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "DEEPRC_PLUGINS="+here)
	return cmd, func() bool { return ctx.Err() != nil }
}

// mpirun runs it to its end.
func mpirun(t *testing.T, mpi, dir string, args ...string) (out string, err error) {
	t.Helper()
	cmd, late := mpiCommand(t, mpi, dir, args...)
	b, err := cmd.CombinedOutput()
	if late() {
		t.Fatalf("mpirun.%s did not end:\n%s", mpi, b)
	}
	return string(b), err
}

func TestMPI(t *testing.T) {
	for _, mpi := range []string{"openmpi", "mpich"} {
		t.Run(mpi, func(t *testing.T) {
			dir := folder(t, nil)
			out, err := mpirun(t, mpi, dir, "run", "t.toml", "--dir", "r2")
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if code, _, stderr := deeprc(t, dir, "run", "t.toml", "--dir", "r1"); code != 0 {
				t.Fatal(stderr)
			}
			sameResults(t, filepath.Join(dir, "r1"), filepath.Join(dir, "r2"))
			if n := strings.Count(out, "report: r2/run-"); n != 1 {
				t.Errorf("the report is told %d times:\n%s", n, out)
			}
			out, err = mpirun(t, mpi, dir, "info")
			if err != nil || strings.Count(out, "version ") != 1 || !strings.Contains(out, "ranks     2 on 1 host") {
				t.Errorf("%v\n%s", err, out)
			}
		})
		t.Run(mpi+" with a bad cell", func(t *testing.T) {
			dir := folder(t, func(l []string) []string { l[450] = "2020-01-19 17:00:00,1.5,oops"; return l })
			begin := time.Now()
			out, err := mpirun(t, mpi, dir, "run", "t.toml")
			if d := time.Since(begin); d > 20*time.Second {
				t.Errorf("it took %v", d)
			}
			if err == nil || strings.Count(out, "deeprc: ") != 1 || strings.Count(out, "t.csv:451:") != 1 || !strings.Contains(out, "rank 1 ") {
				t.Errorf("%v\n%s", err, out)
			}
		})
		t.Run(mpi+" with a bad key", func(t *testing.T) {
			out, err := mpirun(t, mpi, folder(t, nil), "run", "t.toml", "--set", "train.lrr=3")
			if err == nil || !strings.Contains(out, `--set train.lrr: unknown key in [train]; did you mean "lr"?`) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
