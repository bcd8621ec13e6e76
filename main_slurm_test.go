package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"deeprc/collective/netns/slurm"
	"deeprc/stages"
)

// onSlurm prepares a command for a cluster whose hosts share this machine's cores, in dir, with this build's plugins.
func onSlurm(t *testing.T, s *slurm.Cluster, dir string, argv ...string) *exec.Cmd {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cmd := s.Command(argv...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, "DEEPRC_PLUGINS="+here, "DEEPRC_JOBSCRIPTS="+filepath.Join(here, "jobscripts"), "DEEPRC_HOME="+filepath.Dir(binary(t)),
		"OMPI_MCA_mpi_yield_when_idle=1", "XDG_CONFIG_HOME="+dir)
	return cmd
}

// logOf is a job's log, once the job has ended as want says.
func logOf(t *testing.T, s *slurm.Cluster, job, pattern string, limit time.Duration, want string) string {
	t.Helper()
	state := s.Wait(job, limit)
	found, _ := filepath.Glob(pattern)
	var text []byte
	for _, f := range found {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, b...)
	}
	if state != want {
		t.Fatalf("job %s: %s, want %s:\n%s", job, state, want, text)
	}
	return string(text)
}

// submitted runs deeprc submit and returns the job's number.
func submitted(t *testing.T, s *slurm.Cluster, dir string, args ...string) (job, out string) {
	t.Helper()
	cmd := onSlurm(t, s, dir, append([]string{binary(t), "submit"}, args...)...)
	b, err := cmd.CombinedOutput()
	m := regexp.MustCompile(`(?m)^job  (\d+)$`).FindStringSubmatch(string(b))
	if err != nil || m == nil {
		t.Fatalf("deeprc submit: %v\n%s", err, b)
	}
	return m[1], string(b)
}

// A real Slurm of five nodes runs our scripts, as they are and as deeprc submit renders them.
func TestSlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("short: starts a Slurm")
	}
	s := slurm.Start(t)
	if _, err := os.Stat("libdeeprc-mpi-openmpi.so"); err != nil {
		t.Skipf("make build has not made the plugin: %v", err)
	}

	t.Run("the script of the repository, 3 nodes of 2 ranks", func(t *testing.T) {
		dir := t.TempDir()
		script, err := filepath.Abs("jobscripts/slurm_cpu.sbatch")
		if err != nil {
			t.Fatal(err)
		}
		brief := []string{"--set", "train.epochs=1", "--set", "data.synth.hours=6000"}
		out, err := onSlurm(t, s, dir, append([]string{"sbatch", "--parsable", "--nodes=3", "--ntasks-per-node=2", script}, brief...)...).CombinedOutput()
		if err != nil {
			t.Fatal(err, string(out))
		}
		job := strings.TrimSpace(string(out))
		log := logOf(t, s, job, filepath.Join(dir, "deeprc-"+job+".log"), 2*time.Minute, "COMPLETED")
		run := filepath.Join(dir, "runs", "quickstart-slurm-"+job)
		logHas(t, run, "ranks=6", "Slurm job "+job+", rank 0: 1 core(s) a task")
		if !strings.Contains(log, "report: runs/quickstart-slurm-"+job) {
			t.Error(log)
		}
		if code, _, errs := deeprc(t, dir, append([]string{"run", "--job", "alone"}, brief...)...); code != 0 {
			t.Fatal(errs)
		}
		sameMetrics(t, filepath.Join(dir, "runs", "quickstart-alone"), run, 1e-3)
	})

	t.Run("an array, with names that a shell would read", func(t *testing.T) {
		dir := folder(t, nil)
		name := "it's $(touch owned) `touch owned`; \"#%j\" é"
		job, out := submitted(t, s, dir, "t.toml", "--ntasks-per-node", "2", "--time", "5m", "--name", name, "--set", "run.name=x;touch owned", "--array", "run.seed=1,2,3")
		if !strings.Contains(out, "log  "+filepath.Join(dir, name+"-"+job+"_%a.log")) || !strings.Contains(out, "%a = 2: run.seed=3") {
			t.Errorf("deeprc submit:\n%s", out)
		}
		if b, err := s.Command("squeue", "-h", "-t", "all", "-j", job, "-o", "%j").Output(); err != nil || !strings.Contains(string(b), name) {
			t.Errorf("the job's name is %q, %v, want %q", b, err, name)
		}
		logOf(t, s, job, filepath.Join(dir, "*.log"), 2*time.Minute, "COMPLETED")
		for i := range 3 {
			if _, err := os.Stat(filepath.Join(dir, strings.Replace(name+"-"+job+"_%a.log", "%a", fmt.Sprint(i), 1))); err != nil {
				t.Error(err)
			}
		}
		if code, _, errs := deeprc(t, dir, "run", "t.toml", "--set", "run.seed=2", "--job", "alone"); code != 0 {
			t.Fatal(errs)
		}
		sameMetrics(t, filepath.Join(dir, "runs", "run-alone"), filepath.Join(dir, "runs", "x;touch owned-slurm-"+job+"_1"), 1e-4)
		if _, err := os.Stat(filepath.Join(dir, "owned")); err == nil {
			t.Error("a name was executed")
		}
	})

	t.Run("CPU and GPU nodes in one world", func(t *testing.T) {
		dir := siteFolder(t, "gpu_partition = \"gpu\"\n")
		job, _ := submitted(t, s, dir, "t.toml", "--ntasks-per-node", "2", "--gpu-nodes", "2", "--gpu-ntasks-per-node", "1", "--gpus-per-task", "2", "--time", "5m")
		logOf(t, s, job, filepath.Join(dir, "*.log"), 2*time.Minute, "COMPLETED")
		logHas(t, filepath.Join(dir, "runs", "run-slurm-"+job), "ranks=4", "GPUs of rank 2: 0,1, rank 3: 0,1")
	})

	t.Run("a GPU a rank, with a site's options", func(t *testing.T) {
		dir := siteFolder(t, "gpu_partition = \"gpu\"\noptions = [\"--comment=two words; $(id)\"]\n")
		job, _ := submitted(t, s, dir, "t.toml", "--ntasks-per-node", "2", "--gpus-per-task", "1", "--time", "5m")
		logOf(t, s, job, filepath.Join(dir, "*.log"), 2*time.Minute, "COMPLETED")
		logHas(t, filepath.Join(dir, "runs", "run-slurm-"+job), "ranks=2", "GPUs of rank 0: 0, rank 1: 1")
		if b, _ := s.Command("scontrol", "show", "job", job).Output(); !strings.Contains(string(b), "Comment=two words; $(id)") {
			t.Errorf("the comment did not arrive:\n%s", b)
		}
	})

	t.Run("directives with characters that sbatch reads", func(t *testing.T) {
		dir := t.TempDir()
		for _, v := range []string{"a b", "$(id)", "`id`", "a;b&c|d", "it's", `"quoted"`, `back\slash`, "#", "a #b", "x=y", "-", "--uid=0", "~*?[a]{b}!", "é 漢", "  two  spaces  end", `\"`} {
			r := stages.JobRequest{Scheduler: "slurm", Name: "n", Dir: dir, Nodes: 1, TasksPerNode: 1, CPUsPerTask: 1, Time: time.Minute, Warning: 30 * time.Second,
				Site: stages.Site{Home: dir, MPI: "openmpi", Options: []string{"--comment=" + v}}}
			script, err := r.Script()
			if err != nil {
				t.Fatal(err)
			}
			cmd := s.Command("sbatch", "--parsable", "--hold")
			cmd.Stdin = strings.NewReader(script)
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%q: %v\n%s", v, err, script)
				continue
			}
			job := strings.TrimSpace(string(out))
			if b, err := s.Command("squeue", "-h", "-j", job, "-o", "%k").Output(); err != nil || strings.TrimSuffix(string(b), "\n") != v {
				t.Errorf("sbatch made %q of the comment %q, %v", b, v, err)
			}
			s.Command("scancel", job).Run()
		}
	})

	for mpi, size := range map[string][]string{"mpich": {"--nodes", "1", "--ntasks-per-node", "2"}, "gloo": {"--nodes", "2", "--ntasks-per-node", "1"}} {
		t.Run(mpi, func(t *testing.T) {
			if found, _ := filepath.Glob("libdeeprc-*" + mpi + ".so"); len(found) == 0 {
				t.Skip("make build has not made the plugin")
			}
			dir := siteFolder(t, "mpi = \""+mpi+"\"\n")
			if mpi == "mpich" {
				withTasks(t, dir, trainTasks+mpiTask("program", compiled(t, mpi), "ok", "2", ""))
			}
			job, _ := submitted(t, s, dir, append(size, "t.toml", "--time", "5m")...)
			logOf(t, s, job, filepath.Join(dir, "*.log"), 2*time.Minute, "COMPLETED")
			run := filepath.Join(dir, "runs", "run-slurm-"+job)
			logHas(t, run, "ranks=2")
			if mpi == "mpich" {
				wantRanks(t, run, "program", "c1", "c1")
			}
		})
	}

	t.Run("mpirun in an allocation", func(t *testing.T) {
		dir := folder(t, nil)
		cmd := onSlurm(t, s, dir, "salloc", "-Q", "-N2", "--ntasks-per-node=2", "mpirun.openmpi", "-n", "2", binary(t), "run", "t.toml", "--job", "m")
		cmd.Env = append(cmd.Env, "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "the job has 4 tasks and this run 2 ranks") {
			t.Fatalf("%v\n%s", err, out)
		}
		logHas(t, filepath.Join(dir, "runs", "run-m"), "ranks=2")
	})

	t.Run("ranks that do not find each other", func(t *testing.T) {
		dir := folder(t, nil)
		for _, c := range []struct{ args, want string }{
			{"srun -n2 --mpi=none DEEPRC run t.toml", "srun started 2 tasks, but no MPI variables"},
			{"srun -n2 --mpi=none DEEPRC run t.toml --comm openmpi", "srun started 2 tasks, but no MPI variables"},
			{"srun -n2 --mpi=pmix DEEPRC run t.toml --comm mpich", "the plugin is of another MPI"},
			{"salloc -Q -n2 srun -n1 --mpi=pmix DEEPRC info", "ranks     1 on 1 host"},
		} {
			out, err := onSlurm(t, s, dir, strings.Fields(strings.Replace(c.args, "DEEPRC", binary(t), 1))...).CombinedOutput()
			if (err == nil) != strings.HasSuffix(c.args, "info") || !strings.Contains(string(out), c.want) {
				t.Errorf("%s: %v, want %q:\n%s", c.args, err, c.want, out)
			}
		}
		if found, _ := filepath.Glob(filepath.Join(dir, "runs", "*")); len(found) > 0 {
			t.Errorf("folders of such runs: %v", found)
		}
	})

	t.Run("tasks that are MPI programs, on two nodes", func(t *testing.T) {
		program := compiled(t, "openmpi")
		dir := t.TempDir()
		text := mpiTask("all", program, "ok", "4", "") + mpiTask("three", program, "ok", "3", "") + mpiTask("spread", program, "ok", "2", "ranks_per_node = 1") +
			mpiTask("hangs", program, "hang", "4", "timeout = \"2s\"\nafter = [\"all\"]")
		if err := os.WriteFile(filepath.Join(dir, "c.toml"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		job, _ := submitted(t, s, dir, "c.toml", "--nodes", "2", "--ntasks-per-node", "2", "--time", "5m")
		log := logOf(t, s, job, filepath.Join(dir, "*.log"), 2*time.Minute, "FAILED")
		if !regexp.MustCompile(`task "hangs" failed, attempt 1 of 1: .*timeout of 2s`).MatchString(log) {
			t.Error(log)
		}
		run := filepath.Join(dir, "runs", "run-slurm-"+job)
		wantRanks(t, run, "all", "c1", "c1", "c2", "c2")
		wantRanks(t, run, "spread", "c1", "c2")
		if got := strings.Join(said(t, run, "three"), "\n"); strings.Count(got, " of 3 ") != 3 || !strings.Contains(got, "on c1") || !strings.Contains(got, "on c2") {
			t.Error(got)
		}
		for r := range 4 {
			if _, err := os.Stat(filepath.Join(run, "tasks", "hangs", fmt.Sprint("hangs-", r))); err != nil {
				t.Error(err)
			}
		}
		if text, err := os.ReadFile(filepath.Join(run, "tasks", "all", "log.txt")); err != nil || !strings.Contains(string(text), "srun --mpi=pmix --overlap") {
			t.Errorf("%v\n%s", err, text)
		}
		noneLeft(t, program)
	})

	t.Run("tasks that are MPI programs, on CPU and GPU nodes", func(t *testing.T) {
		program := compiled(t, "openmpi")
		dir := siteFolder(t, "gpu_partition = \"gpu\"\n")
		text := mpiTask("all", program, "ok", "\"all\"", "") + mpiTask("gpus", program, "ok", "2", "gpus = 2") + mpiTask("gpu", program, "ok", "1", "gpus = 1")
		if err := os.WriteFile(filepath.Join(dir, "c.toml"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		size := []string{"c.toml", "--ntasks-per-node", "2", "--gpu-nodes", "2", "--gpu-ntasks-per-node", "1", "--gpus-per-task", "2", "--time", "5m"}
		out, err := onSlurm(t, s, dir, append(append([]string{binary(t), "submit"}, size...), "--set", "task.1.ranks=3")...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), `task "gpus": ranks = 3 with gpus = 2, but of 4 ranks that run tasks 2 have that`) {
			t.Errorf("%v\n%s", err, out)
		}
		job, _ := submitted(t, s, dir, size...)
		logOf(t, s, job, filepath.Join(dir, "*.log"), time.Minute, "COMPLETED")
		run := filepath.Join(dir, "runs", "run-slurm-"+job)
		wantRanks(t, run, "all", "c1", "c1", "g1", "g2")
		wantRanks(t, run, "gpus", "g1", "g2")
		for task, want := range map[string]string{"all": "GPUs <>", "gpus": "GPUs <0,1>", "gpu": "GPUs <0>"} {
			for _, line := range said(t, run, task) {
				if !strings.Contains(line, want) {
					t.Errorf("task %s: %s, want %s", task, line, want)
				}
			}
		}
	})

	t.Run("mpirun in an allocation, and its tasks that are MPI programs", func(t *testing.T) {
		program := compiled(t, "openmpi")
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "c.toml"), []byte(mpiTask("all", program, "ok", "4", "")+mpiTask("spread", program, "ok", "2", "ranks_per_node = 1")), 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := onSlurm(t, s, dir, "salloc", "-Q", "-N2", "-w", "c1,c2", "--ntasks-per-node=2", "mpirun.openmpi", "-n", "4", binary(t), "run", "c.toml", "--job", "m")
		cmd.Env = append(cmd.Env, "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		wantRanks(t, filepath.Join(dir, "runs", "run-m"), "all", "c1", "c1", "c2", "c2")
		wantRanks(t, filepath.Join(dir, "runs", "run-m"), "spread", "c1", "c2")
	})

	// Slurm looks at its clock every 30 s: these two wait for it beside each other.
	t.Run("the time limit of a sweep, on 3 nodes of 2 tasks", func(t *testing.T) {
		t.Parallel()
		dir := folder(t, nil)
		args := []string{"t.toml", "--set", "train.steps=20000", "--set", "train.checkpoint_every=50 steps", "--set", "evaluate.forecasts=false", "--set", "evaluate.baselines=[]"}
		for _, seed := range []string{"1", "2", "3"} {
			if code, _, errs := deeprc(t, dir, append([]string{"run", "--ranks", "2", "--job", "alone" + seed, "--set", "run.seed=" + seed}, args...)...); code != 0 {
				t.Fatal(errs)
			}
		}
		withTasks(t, dir, "[sweep]\nseeds = [1, 2, 3]\nranks = 2\n")
		job, log := untilLimit(t, s, dir, 6, filepath.Join("s2", "checkpoints", "0.safetensors"), append(args, "--nodes", "3", "--ntasks-per-node", "2")...)
		run := filepath.Join(dir, "runs", "run-slurm-"+job)
		if !strings.Contains(log, "tasks are left") || !strings.Contains(log, "1 of 7 tasks were done already") {
			t.Errorf("the sweep did not stop, or began anew:\n%s", log)
		}
		for _, seed := range []string{"1", "2", "3"} {
			sameMetrics(t, filepath.Join(dir, "runs", "run-alone"+seed), filepath.Join(run, "s"+seed), 0)
		}
		if entries, err := os.ReadFile(filepath.Join(run, "journal.jsonl")); err != nil || strings.Count(string(entries), `"task":"preprocess","attempt":1,"state":"running"`) != 1 {
			t.Errorf("%v, preprocess ran again:\n%s", err, entries)
		}
	})

	t.Run("the time limit", func(t *testing.T) {
		t.Parallel()
		dir := folder(t, nil)
		args := []string{"t.toml", "--set", "train.steps=100000", "--set", "train.log_every=1000", "--set", "evaluate.forecasts=false", "--set", "train.checkpoint_every=10000 steps"}
		job, log := untilLimit(t, s, dir, 2, filepath.Join("checkpoints", "0.safetensors"), append(args, "--ntasks-per-node", "2")...)
		for _, want := range []string{"stopped at step", "nlinear goes on after step"} {
			if !strings.Contains(log, want) {
				t.Errorf("no %q in the log:\n%s", want, log)
			}
		}
		if code, _, errs := deeprc(t, dir, append([]string{"run", "--ranks", "2", "--job", "alone"}, args...)...); code != 0 {
			t.Fatal(errs)
		}
		sameMetrics(t, filepath.Join(dir, "runs", "run-alone"), filepath.Join(dir, "runs", "run-slurm-"+job), 0)
	})
}

// untilLimit submits a job of a minute, keeps its ranks, so many, still from when there is that file in the run's folder until Slurm has
// warned the job, and returns its log when it has ended, in its second life.
func untilLimit(t *testing.T, s *slurm.Cluster, dir string, ranks int, file string, args ...string) (job, log string) {
	t.Helper()
	job, _ = submitted(t, s, dir, append(args, "--time", "1m", "--warning", "54s")...)
	waitFor(t, filepath.Join(dir, "runs", "run-slurm-"+job, file))
	signalRanks(t, ranks, "SLURM_JOB_ID="+job, syscall.SIGSTOP)
	path := filepath.Join(dir, "run-"+job+".log")
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if text, _ := os.ReadFile(path); strings.Contains(string(text), "the time limit is near") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no warning after two minutes")
		}
	}
	signalRanks(t, ranks, "SLURM_JOB_ID="+job, syscall.SIGCONT)
	return job, logOf(t, s, job, path, 3*time.Minute, "COMPLETED")
}

// signalRanks sends a signal to the ranks, so many, that have a variable in their environment.
func signalRanks(t *testing.T, ranks int, variable string, sig syscall.Signal) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range processes {
		exe, _ := os.Readlink(filepath.Join(p, "exe"))
		env, _ := os.ReadFile(filepath.Join(p, "environ"))
		if exe != binary(t) || !strings.Contains("\x00"+string(env), "\x00"+variable+"\x00") || strings.Contains(string(env), "\x00DEEPRC_GUARD=") {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(p))
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != ranks {
		t.Fatalf("%d ranks with %s, want %d", n, variable, ranks)
	}
}

// siteFolder is a folder with a config, its table and a site.toml.
func siteFolder(t *testing.T, site string) string {
	t.Helper()
	dir := folder(t, nil)
	if err := os.MkdirAll(filepath.Join(dir, "deeprc"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "deeprc", "site.toml"), []byte(site), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// logHas checks that a run's log.txt has each of these.
func logHas(t *testing.T, run string, want ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if !strings.Contains(string(text), w) {
			t.Errorf("no %q in %s/log.txt:\n%s", w, run, text)
		}
	}
}

// sameMetrics compares the metrics of two runs' folders, up to a relative difference; 0: bit for bit.
func sameMetrics(t *testing.T, a, b string, most float64) {
	t.Helper()
	var m [2]struct {
		Metrics map[string]map[string]float64 `json:"test"`
	}
	for i, run := range []string{a, b} {
		text, err := os.ReadFile(filepath.Join(run, "metrics.json"))
		if err == nil {
			err = json.Unmarshal(text, &m[i])
		}
		if err != nil || len(m[i].Metrics) == 0 {
			t.Fatalf("%s: %v, %v", run, m[i], err)
		}
	}
	for model, metrics := range m[0].Metrics {
		for name, want := range metrics {
			if got, ok := m[1].Metrics[model][name]; !ok || !(math.Abs(got-want) <= most*math.Abs(want)) {
				t.Errorf("%s of %s: %g in %s, %g in %s", name, model, want, a, got, b)
			}
		}
	}
}
