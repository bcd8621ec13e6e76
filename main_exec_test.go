package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// mpiProgram adds its ranks up, tells where each is and which of two variables it has, then ends as its first argument says.
const mpiProgram = `#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int n, char **arg) {
	int rank, size, sum;
	char host[100];
	MPI_Init(&n, &arg);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
	gethostname(host, sizeof host);
	const char *task = getenv("DEEPRC_TASK"), *gpus = getenv("CUDA_VISIBLE_DEVICES");
	printf("rank %d of %d on %s, sum %d, task %s, GPUs <%s>, argument <%s>\n", rank, size, host, sum, task ? task : "?", gpus ? gpus : "?", arg[2]);
	fflush(stdout);
	if (strcmp(arg[1], "exit") == 0 && rank == size - 1)
		exit(3);
	if (strcmp(arg[1], "crash") == 0 && rank == size - 1)
		raise(SIGSEGV);
	if (strcmp(arg[1], "hang") == 0) {
		char name[30];
		sprintf(name, "hangs-%d", rank);
		fclose(fopen(name, "w"));
		if (rank == 0)
			signal(SIGTERM, SIG_IGN);
		for (;;)
			sleep(1);
	}
	if (strcmp(arg[1], "ok") != 0) /* the others wait for the one that fails */
		MPI_Barrier(MPI_COMM_WORLD);
	MPI_Finalize();
}
`

// compiled is mpiProgram for one of the MPIs, where that is here.
func compiled(t *testing.T, mpi string) string {
	t.Helper()
	for _, tool := range []string{"mpicc." + mpi, "mpirun." + mpi} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here: %v", tool, err)
		}
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "program.c"), filepath.Join(dir, "a program")
	if err := os.WriteFile(source, []byte(mpiProgram), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mpicc."+mpi, "-Wall", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("mpicc.%s: %v\n%s", mpi, err, out)
	}
	return program
}

// mpiTask is a task of an MPI program on so many ranks.
func mpiTask(name, program, how, ranks, more string) string {
	return fmt.Sprintf("[[task]]\nname = %q\nstage = \"exec\"\nmpi = true\nranks = %s\ncommand = [%q, %q, \"two $(id) 'words'\"]\n%s\n", name, ranks, program, how, more)
}

// said are the lines of a task's log that its MPI program has printed, sorted.
func said(t *testing.T, run, task string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run, "tasks", task, "log.txt"))
	if err != nil {
		t.Error(err)
	}
	lines = regexp.MustCompile(`rank \d+ of \d+ on [^\n]*>`).FindAllString(string(text), -1)
	slices.Sort(lines)
	return lines
}

// wantRanks checks that a task's MPI program has run once, on these hosts.
func wantRanks(t *testing.T, run, task string, hosts ...string) {
	t.Helper()
	var want []string
	n := len(hosts)
	for r, h := range hosts {
		want = append(want, fmt.Sprintf("rank %d of %d on %s, sum %d, task %s,", r, n, h, n*(n-1)/2, task))
	}
	got := said(t, run, task)
	ok := len(got) == n
	for i := range got {
		ok = ok && strings.HasPrefix(got[i], want[i]) && strings.HasSuffix(got[i], "argument <two $(id) 'words'>")
	}
	if !ok {
		t.Errorf("task %s: %q, want %q", task, got, want)
	}
}

// noneLeft checks that no process of a program runs.
func noneLeft(t *testing.T, program string) {
	t.Helper()
	found, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, p := range found {
		if exe, _ := os.Readlink(p); exe == program {
			t.Errorf("%s still runs %s", filepath.Dir(p), program)
		}
	}
}

// Tasks that are MPI programs run on a workstation, and inside a run that mpirun has started itself, side by side; their ends are told,
// and none leaves a process.
func TestMPITasks(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, mpi := range []string{"openmpi", "mpich"} {
		for _, world := range []string{"local", mpi} {
			t.Run(mpi+" in a world of "+world, func(t *testing.T) {
				t.Parallel()
				program := compiled(t, mpi)
				dir := folder(t, nil)
				withTasks(t, dir, mpiTask("both", program, "ok", "2", "")+mpiTask("one", program, "ok", "1", "")+mpiTask("other", program, "ok", "1", "")+
					mpiTask("exits", program, "exit", "2", "after = [\"both\"]")+mpiTask("crashes", program, "crash", "2", "")+
					mpiTask("hangs", program, "hang", "2", "timeout = \"3s\"\nafter = [\"both\"]\non_failure = \"continue\"")+
					mpiTask("missing", "./no-such", "ok", "2", ""))
				args := []string{"run", "t.toml", "--job", "x"}
				var cmd *exec.Cmd
				if world == "local" {
					cmd = command(t, dir, append(args, "--ranks", "2", "--comm", "local")...)
					cmd.Env = append(cmd.Env, "DEEPRC_MPI="+mpi)
				} else {
					cmd, _ = mpiCommand(t, mpi, dir, args...)
				}
				begin := time.Now()
				b, err := cmd.CombinedOutput()
				out := string(b)
				if err == nil || time.Since(begin) > 50*time.Second {
					t.Fatalf("after %v: %v\n%s", time.Since(begin), err, out)
				}
				run := filepath.Join(dir, "runs", "run-x")
				wantRanks(t, run, "both", host, host)
				wantRanks(t, run, "one", host)
				wantRanks(t, run, "other", host)
				for _, want := range []string{
					`task "exits" failed, attempt 1 of 1: rank 0 .*a program, started by .*mpirun.` + mpi + `: exit status 3`,
					`task "crashes" failed, attempt 1 of 1: rank 0 .*a program, started by .*: exit status (139 \(128 \+ 11: segmentation fault\)|11)`,
					`task "hangs" failed, attempt 1 of 1: .*timeout of 3s`,
					`task "missing" failed, attempt 1 of 1: rank 0 .*\./no-such cannot be started: .*no such file`,
				} {
					if !regexp.MustCompile(want).MatchString(out) {
						t.Errorf("no %s in\n%s", want, out)
					}
				}
				for r := range 2 {
					if _, err := os.Stat(filepath.Join(run, "tasks", "hangs", fmt.Sprint("hangs-", r))); err != nil {
						t.Error(err)
					}
				}
				noneLeft(t, program)
				if left, _ := filepath.Glob(filepath.Join(run, "tasks", "*", ".mpi*")); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
			})
		}
	}
}

// A config of commands alone needs no data and no model; its run is checked, goes on and is told of as any other.
func TestCommandsAlone(t *testing.T) {
	dir := t.TempDir()
	text := "[[task]]\nname = \"first\"\nstage = \"exec\"\ncommand = [\"sh\", \"-c\", \"test -e $DEEPRC_RUN/ok\"]\n" +
		"[[task]]\nname = \"then\"\nstage = \"exec\"\ncommand = [\"touch\", \"done\"]\nafter = [\"first\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "c.toml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	step := func(code int, want string, args ...string) {
		t.Helper()
		if c, out, errs := deeprc(t, dir, args...); c != code || !strings.Contains(out+errs, want) {
			t.Errorf("deeprc %v: exit code %d, want %d and %q\n%s%s", args, c, code, want, out, errs)
		}
	}
	step(0, "first  exec", "check", "c.toml")
	step(2, "data.path is not set", "check", "c.toml", "--set", "sweep.seeds=[1]")
	step(2, "data.path is not set", "check", "c.toml", "--set", "task.0.stage=preprocess", "--set", "task.0.command=[]")
	step(1, "sh: exit status 1", "run", "c.toml", "--job", "x")
	run := filepath.Join("runs", "run-x")
	if err := os.WriteFile(filepath.Join(dir, run, "ok"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	step(0, "2/2", "run", "--resume", run)
	step(0, "2 done, of 2 tasks", "status", run)
	step(0, "report.html", "report", run)
	if _, err := os.Stat(filepath.Join(dir, run, "tasks", "then", "done")); err != nil {
		t.Error(err)
	}
}

// A command may take longer than DEEPRC_TIMEOUT, on one rank alone; one that fails ends those of the other ranks.
func TestCommandsOfRanks(t *testing.T) {
	dir := t.TempDir()
	text := "[[task]]\nname = \"long\"\nstage = \"exec\"\nranks = 2\ncommand = [\"sh\", \"-c\", \"sleep $((3 * RANK)); touch $RANK\"]\n" +
		"[[task]]\nname = \"fails\"\nstage = \"exec\"\nranks = 2\ncommand = [\"sh\", \"-c\", \"test $RANK = 0 || exec sleep 1000; exit 4\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "c.toml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, dir, "run", "c.toml", "--job", "x", "--ranks", "2")
	cmd.Env = append(cmd.Env, "DEEPRC_TIMEOUT=1s")
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), `task "fails" failed, attempt 1 of 1: rank 0 (`) || !strings.Contains(string(out), ": sh: exit status 4") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range []string{"0", "1"} {
		if _, err := os.Stat(filepath.Join(dir, "runs", "run-x", "tasks", "long", name)); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// A task's command sees the GPUs of its rank that it has asked for, and no two tasks that run together see one; what no rank has is an
// error before anything starts.
func TestCommandsGPUs(t *testing.T) {
	dir := t.TempDir()
	text := ""
	task := func(name string, gpus int, command string) {
		text += fmt.Sprintf("[[task]]\nname = %q\nstage = \"exec\"\ngpus = %d\ncommand = [\"sh\", \"-c\", %q]\n", name, gpus, command)
	}
	both := "echo $CUDA_VISIBLE_DEVICES > saw; until test -e ../left/saw -a -e ../right/saw; do sleep 0.02; done" // at the same time
	task("left", 2, both)
	task("right", 2, both)
	task("one", 1, "echo $CUDA_VISIBLE_DEVICES > saw")
	task("none", 0, "echo ${CUDA_VISIBLE_DEVICES-unset} > saw")
	if err := os.WriteFile(filepath.Join(dir, "c.toml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	run := func(devices string, more ...string) (string, error) {
		cmd := command(t, dir, append([]string{"run", "c.toml", "--job", "x", "--ranks", "2"}, more...)...)
		cmd.Env = append(cmd.Env, "CUDA_VISIBLE_DEVICES="+devices)
		timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		defer timer.Stop()
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("4,5,6,7", "--set", "task.1.gpus=3"); err == nil || !strings.Contains(out, `task "right": ranks = 1 with gpus = 3, but of 2 ranks that run tasks 0 have that`) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "runs")); err == nil {
		t.Error("there is a folder of the run that cannot be")
	}
	if out, err := run("4,5,6,7"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	saw := func(task string) string {
		text, err := os.ReadFile(filepath.Join(dir, "runs", "run-x", "tasks", task, "saw"))
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(string(text))
	}
	if got := []string{saw("left"), saw("right")}; !slices.Equal(got, []string{"4,5", "6,7"}) && !slices.Equal(got, []string{"6,7", "4,5"}) {
		t.Errorf("two tasks saw %q", got)
	}
	if one := saw("one"); one != "4" && one != "6" {
		t.Errorf("a task of one GPU saw %q", one)
	}
	if none := saw("none"); none != "" {
		t.Errorf("a task of none saw %q", none)
	}
}
