package stages

import (
	"errors"
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
)

var updateScripts = flag.Bool("update-scripts", false, "write testdata/submit again")

// request is a job of a scheduler, changed by edit.
func request(scheduler string, edit func(r *JobRequest)) *JobRequest {
	r := &JobRequest{Scheduler: scheduler, Name: "etth1", Dir: "/home/me/work", Nodes: 3, TasksPerNode: 2, CPUsPerTask: 4, Time: 90 * time.Minute, Warning: 5 * time.Minute,
		Requeues: 20, Args: []string{"inputs/etth1.toml", "--set", "windows.horizon=192"}, Site: Site{Home: "/opt/deeprc/bin", MPI: "openmpi", Partition: "batch", Account: "p7"}}
	if edit != nil {
		edit(r)
	}
	return r
}

// kinds are a job of each template.
var kinds = map[string]*JobRequest{
	"slurm_cpu": request("slurm", func(r *JobRequest) {
		r.Modules = []string{"gcc/13", "openmpi"}
		r.Options = []string{"--constraint=ib&big"}
	}),
	"slurm_gpu": request("slurm", func(r *JobRequest) { r.GPUsPerTask, r.GPUPartition, r.QOS = 1, "gpus", "long" }),
	"slurm_array": request("slurm", func(r *JobRequest) {
		r.ArrayKey, r.ArrayValues = "windows.horizon", []string{"96", "192", "336"}
	}),
	"slurm_het": request("slurm", func(r *JobRequest) { r.GPUNodes, r.GPUTasksPerNode, r.GPUsPerTask, r.GPUPartition = 2, 4, 1, "gpus" }),
	"pbs_cpu":   request("pbs", func(r *JobRequest) { r.MPI, r.Options = "mpich", []string{"-l place=scatter"} }),
	"pbs_gpu":   request("pbs", func(r *JobRequest) { r.GPUsPerTask = 1 }),
	"pbs_array": request("pbs", func(r *JobRequest) { r.ArrayKey, r.ArrayValues = "run.seed", []string{"1", "2"} }),
	"torque_array": request("torque", func(r *JobRequest) {
		r.ArrayKey, r.ArrayValues = "run.seed", []string{"1", "2"}
	}),
	"torque": request("torque", func(r *JobRequest) { r.GPUsPerTask = 1 }),
}

// TestScripts holds what deeprc submit renders, less the text of the shared files, to testdata/submit; after a change see its diff and
// run go test ./stages -run Scripts -update-scripts.
func TestScripts(t *testing.T) {
	for name, r := range kinds {
		script, err := r.Script()
		if err != nil {
			t.Fatal(err)
		}
		for _, shared := range []string{"env.sh", "slurm.sh", "pbs.sh"} {
			text, err := os.ReadFile(filepath.Join("..", "jobscripts", shared))
			if err != nil {
				t.Fatal(err)
			}
			script = strings.Replace(script, strings.TrimPrefix(string(text), "# shellcheck shell=bash\n"), "…\n", 1)
		}
		path := filepath.Join("testdata", "submit", name)
		if *updateScripts {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(script), 0o666)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || script != string(want) {
			t.Errorf("%s is not as in %s (%v):\n%s", name, path, err, script)
		}
	}
}

// Each rendered script is bash, and passes the checks of shellcheck where that is installed.
func TestScriptsAreBash(t *testing.T) {
	for name, r := range kinds {
		script, err := r.Script()
		if err != nil {
			t.Fatal(err)
		}
		for _, check := range [][]string{{"bash", "-n"}, {"shellcheck", "-s", "bash", "-"}} {
			if _, err := exec.LookPath(check[0]); err != nil {
				t.Logf("%v: not checked", err)
				continue
			}
			cmd := exec.Command(check[0], check[1:]...)
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v\n%s", name, check[0], err, out)
			}
		}
	}
}

func TestBadRequests(t *testing.T) {
	for _, c := range []struct {
		edit func(r *JobRequest)
		want string
	}{
		{func(r *JobRequest) { r.Nodes = 0 }, "--nodes 0: want 1 to"},
		{func(r *JobRequest) { r.TasksPerNode = -1 }, "--ntasks-per-node -1"},
		{func(r *JobRequest) { r.GPUsPerTask = 65 }, "--gpus-per-task 65"},
		{func(r *JobRequest) { r.Scheduler = "lsf" }, `--scheduler "lsf": want slurm, pbs or torque`},
		{func(r *JobRequest) { r.GPUNodes, r.GPUTasksPerNode = 2, 1 }, "how many GPUs each task there has"},
		{func(r *JobRequest) { r.GPUTasksPerNode = 2 }, "--gpu-nodes, which is not there"},
		{func(r *JobRequest) { r.Scheduler, r.ArrayKey, r.ArrayValues = "pbs", "run.seed", []string{"1"} }, "PBS has no arrays of one job"},
		{func(r *JobRequest) { r.Scheduler, r.Name = "pbs", "my job" }, "PBS wants letters"},
		{func(r *JobRequest) { r.Scheduler, r.QOS = "torque", "q" }, "only Slurm has it"},
		{func(r *JobRequest) { r.Time = time.Second }, "--time 1s: want a minute to a year"},
		{func(r *JobRequest) { r.Warning = r.Time }, "nine tenths"},
		{func(r *JobRequest) { r.MPI = "lam" }, `mpi "lam"`},
		{func(r *JobRequest) { r.Scheduler, r.MPI = "pbs", "gloo" }, `mpi "gloo"`},
		{func(r *JobRequest) { r.Partition = "a\nb" }, "line breaks"},
		{func(r *JobRequest) { r.Account = `a\` }, "ends in a backslash"},
		{func(r *JobRequest) { r.Name = "a/b" }, "a name without /"},
		{func(r *JobRequest) { r.Options = []string{"rm -rf /"} }, "want an option"},
		{func(r *JobRequest) { r.Args = []string{"a\x00b"} }, "zero byte"},
		{func(r *JobRequest) { r.Home = "bin" }, "absolute"},
	} {
		var wrong ConfigError
		if s, err := request("slurm", c.edit).Script(); !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) || s != "" {
			t.Errorf("want %q, got %v, %q", c.want, err, s)
		}
	}
}

func TestParseJobTime(t *testing.T) {
	for text, want := range map[string]time.Duration{"01:30:00": 90 * time.Minute, "2-03:00:01": 51*time.Hour + time.Second, "90m": 90 * time.Minute, "2d": 48 * time.Hour,
		"100:00:00": 100 * time.Hour, "90": 0, "1:30": 0, "": 0, "-1h": 0, "1:60:00": 0, "1h;x": 0, "99999999-00:00:00": 0} {
		if got, err := ParseJobTime(text); got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}

// A machine has launchers that print their arguments, each in its own brackets, and no batch system.
type machine struct{ dir, bin string }

func newMachine(t testing.TB) machine {
	m := machine{dir: t.TempDir()}
	m.bin = filepath.Join(m.dir, "bin")
	if err := os.MkdirAll(m.bin, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"srun", "mpirun.openmpi", "mpirun.mpich", "deeprc", "module"} {
		if err := os.WriteFile(filepath.Join(m.bin, name), []byte("#!/bin/sh\nprintf '%s\\0' BEGIN \"${0##*/}\" \"$@\" END\n"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// run is what a script starts, each command with its arguments.
func (m machine) run(t testing.TB, script string, env ...string) (calls [][]string) {
	t.Helper()
	path := filepath.Join(m.dir, "script")
	if err := os.WriteFile(path, []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", path)
	cmd.Dir, cmd.Env = m.dir, append([]string{"PATH=" + m.bin + ":/usr/bin:/bin", "HOME=" + m.dir}, env...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		t.Fatalf("%v: %s\n%s", err, exit.Stderr, script)
	}
	for _, part := range strings.Split(string(out), "BEGIN\x00")[1:] {
		part, rest, ok := strings.Cut(part, "\x00END\x00")
		if !ok || rest != "" {
			t.Fatalf("something else was printed: %q", out)
		}
		calls = append(calls, strings.Split(part, "\x00"))
	}
	return calls
}

// Whatever the values are, the job starts deeprc with just these, and nothing else runs.
func TestHostileValuesArriveWhole(t *testing.T) {
	m := newMachine(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	pick := func() string { return hostile[rnd.IntN(len(hostile))] }
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for round := range rounds {
		r := request([]string{"slurm", "pbs", "slurm", "torque"}[round%4], func(r *JobRequest) {
			r.Dir, r.Home, r.MPI = m.dir, m.bin, []string{"openmpi", "mpich"}[round/4%2]
			r.Args = []string{pick(), pick(), pick(), "--set", pick()}
			r.Modules = []string{pick(), pick()}
			if round%8 < 4 {
				r.ArrayKey, r.ArrayValues = pick()+"k", []string{pick(), pick(), pick()}
			}
			for _, to := range []*string{&r.Partition, &r.Account} { // those that can stand in a directive
				if v := pick(); v == "" || strings.ContainsAny(v, "\n\t\x01\x7f") || strings.HasSuffix(v, `\`) {
					*to = "p"
				} else {
					*to = v
				}
			}
		})
		script, err := r.Script()
		if err != nil {
			t.Fatal(err)
		}
		env := []string{"SLURM_JOB_ID=7", "SLURM_TASKS_PER_NODE=2(x3)", "SLURM_JOB_CPUS_PER_NODE=8(x3)", "SLURM_CPUS_PER_TASK=4"}
		want := append([]string{"run"}, r.Args...)
		if r.ArrayKey != "" {
			env = append(env, "SLURM_ARRAY_TASK_ID=1", "SLURM_ARRAY_JOB_ID=6")
			want = append(want, "--set", r.ArrayKey+"="+r.ArrayValues[1], "--job", "slurm-6_1")
		} else {
			want = append(want, "--job", "slurm-7")
		}
		if r.Scheduler != "slurm" {
			nodes := filepath.Join(m.dir, "nodes")
			if err := os.WriteFile(nodes, []byte("n1\nn1\nn2\nn2\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			env = []string{"PBS_JOBID=7[2].server", "PBS_ARRAY_INDEX=1", "PBS_NODEFILE=" + nodes, "PBS_O_WORKDIR=" + m.dir}
			want[len(want)-1] = "pbs-7_2_.server"
		}
		calls := m.run(t, script, env...)
		if len(calls) != 2 || !equal(calls[0], append([]string{"module", "load"}, r.Modules...)) {
			t.Fatalf("calls %q, modules %q", calls, r.Modules)
		}
		launch := calls[1]
		if len(launch) < len(want)+2 || !equal(launch[len(launch)-len(want):], want) || launch[len(launch)-len(want)-1] != filepath.Join(m.bin, "deeprc") {
			t.Fatalf("started %q, want at the end %q", launch, want)
		}
		for _, line := range strings.Split(script, "\n")[:30] {
			for _, prefix := range []string{"#SBATCH ", "#PBS "} {
				if rest, ok := strings.CutPrefix(line, prefix); ok && len(directiveWords(rest)) > 2 {
					t.Errorf("%q are more than an option and its value", line)
				}
			}
		}
	}
	if left, _ := filepath.Glob("/tmp/owned"); left != nil {
		os.Remove("/tmp/owned")
		t.Error("a value was executed")
	}
}

func equal(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }

func TestJobsSlots(t *testing.T) {
	r := JobRequest{Nodes: 2, TasksPerNode: 3, GPUNodes: 2, GPUTasksPerNode: 1, GPUsPerTask: 4}
	var nodes, gpus []int
	for _, s := range r.Slots(true) {
		nodes, gpus = append(nodes, s.Node), append(gpus, s.GPUs)
		if off := len(nodes) == 1; s.Off != off || s.Memory != math.MaxInt64 {
			t.Errorf("rank %d: %+v", len(nodes)-1, s)
		}
	}
	if !slices.Equal(nodes, []int{0, 0, 0, 1, 1, 1, 2, 3}) || !slices.Equal(gpus, []int{0, 0, 0, 0, 0, 0, 4, 4}) {
		t.Errorf("nodes %v, GPUs %v", nodes, gpus)
	}
	r = JobRequest{Nodes: 1, TasksPerNode: 1, GPUsPerTask: 2}
	if s := r.Slots(true); len(s) != 1 || s[0].Off || s[0].GPUs != 2 {
		t.Errorf("one rank: %+v", s)
	}
	cfg := withTasks(t, "[sweep]\nseeds = [1, 2]\nranks = 6\n")
	for _, c := range []struct {
		nodes int
		want  string
	}{{2, ""}, {1, "ranks = 6, but there are 3 ranks that run tasks"}} {
		r := JobRequest{Nodes: c.nodes, TasksPerNode: 3}
		err := collective.RunLocal(1, func(comm collective.Comm) error { return Check(comm, cfg, r.Slots(false), io.Discard) })
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%d nodes: %v, want %q", c.nodes, err, c.want)
		}
	}
}
