package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// qsub stands in for PBS's: it reads the script from a file or its input, and runs it at once with the variables that PBS sets, as job
// 1.stub, 2.stub, …, with two ranks on this host; an array of OpenPBS (-J) or Torque (-t) as jobs 1[0].stub, 1[1].stub, … Variables of -v
// go along, others do not. The output goes where PBS puts it.
const qsub = `#!/bin/bash
set -eu
pass=()
while [[ ${1:-} == -* ]]; do
	[[ $1 == -v ]] || { echo "qsub: unknown option $1" >&2; exit 2; }
	for name in ${2//,/ }; do
		[[ -z ${!name+x} ]] || pass+=("$name=${!name}")
	done
	shift 2
done
bin=$(dirname "$0")
mkdir -p "$bin/state"
exec 9>"$bin/lock"
flock 9
n=$(($(ls "$bin/state" | wc -l) + 1))
cat ${1:+"$1"} >"$bin/state/$n.SC"
exec 9>&-
name=$(sed -n 's/^#PBS -N //p' "$bin/state/$n.SC")
printf 'localhost\nlocalhost\n' >"$bin/nodes"
start() { # ID LOG VARIABLE...
	setsid env -i "PATH=$bin:/usr/bin:/bin:/usr/sbin" HOME="$HOME" PBS_JOBID="$1" PBS_JOBNAME="$name" PBS_O_WORKDIR="$PWD" PBS_ENVIRONMENT=PBS_BATCH \
		PBS_NODEFILE="$bin/nodes" NCPUS=2 OMP_NUM_THREADS=1 DEEPRC_PLUGINS="$DEEPRC_PLUGINS" OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
		"${pass[@]}" "${@:3}" bash "$bin/state/$n.SC" >"$PWD/$name.o$2" 2>&1 </dev/null &
}
range=$(sed -n 's/^#PBS -[Jt] //p' "$bin/state/$n.SC")
if [[ -z $range ]]; then
	start "$n.stub" "$n"
	echo "$n.stub"
	exit
fi
for k in $(seq "${range%-*}" "${range#*-}"); do
	if grep -q '^#PBS -J' "$bin/state/$n.SC"; then
		start "$n[$k].stub" "$n.$k" "PBS_ARRAY_INDEX=$k" "PBS_ARRAY_ID=$n[].stub"
	else
		start "$n[$k].stub" "$n-$k" "PBS_ARRAYID=$k"
	fi
done
echo "$n[].stub"
`

// withQsub is a folder with a config and its table, and the environment of a machine whose qsub is the stub.
func withQsub(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = folder(t, nil)
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "qsub"), []byte(qsub), 0o777); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir, append(os.Environ(), "PATH="+bin+":/usr/bin:/bin", "DEEPRC_PLUGINS="+here, "XDG_CONFIG_HOME="+dir, "DEEPRC_MPI=")
}

// A job of PBS, by both MPIs: submitted, told to stop before its time is over, submitted again by itself, and finished with the
// metrics of a run that was left alone.
func TestSubmitPBS(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it waits for the end of a job's time")
	}
	for _, mpi := range []string{"openmpi", "mpich"} {
		t.Run(mpi, func(t *testing.T) {
			for _, need := range []string{"mpirun." + mpi, "./libdeeprc-mpi-" + mpi + ".so"} {
				if _, err := exec.LookPath(need); err != nil {
					if _, err := os.Stat(need); err != nil {
						t.Skipf("no %s here", need)
					}
				}
			}
			t.Parallel()
			dir, env := withQsub(t)
			args := []string{"t.toml", "--set", "train.steps=100000", "--set", "train.log_every=1000", "--set", "evaluate.forecasts=false", "--set", "train.checkpoint_every=1000 steps"}
			cmd := exec.Command(binary(t), append([]string{"submit", "--scheduler", "pbs", "--ntasks-per-node", "2", "--time", "1m", "--warning", "54s", "--name", "job"}, args...)...)
			cmd.Dir, cmd.Env = dir, append(env, "DEEPRC_MPI="+mpi)
			out, err := cmd.CombinedOutput()
			if want := "job  1.stub\nlog  " + filepath.Join(dir, "job.o1") + "\nrun  runs/run-pbs-1.stub\n"; err != nil || string(out) != want {
				t.Fatalf("%v\n%s, want\n%s", err, out, want)
			}
			// Six seconds on, the run is told to stop: until then the ranks stand still, in the middle of the training.
			run := filepath.Join(dir, "runs", "run-pbs-1.stub")
			waitFor(t, filepath.Join(run, "checkpoints", "0.safetensors"))
			signalRanks(t, 2, "PBS_O_WORKDIR="+dir, syscall.SIGSTOP)
			time.Sleep(7 * time.Second)
			signalRanks(t, 2, "PBS_O_WORKDIR="+dir, syscall.SIGCONT)
			waitForReport(t, dir, run)
			log := logs(t, dir)
			for _, want := range []string{"stopped at step", "nlinear goes on after step"} {
				if !strings.Contains(log, want) {
					t.Errorf("no %q in the logs:\n%s", want, log)
				}
			}
			logHas(t, run, "ranks=2", "PBS job 1.stub", "PBS job 2.stub")
			if code, _, errs := deeprc(t, dir, append([]string{"run", "--ranks", "2", "--job", "alone"}, args...)...); code != 0 {
				t.Fatal(errs)
			}
			sameMetrics(t, filepath.Join(dir, "runs", "run-alone"), run, 0)
		})
	}
}

// waitForReport waits until a job's run has ended.
func waitForReport(t *testing.T, dir, run string) {
	t.Helper()
	for end := time.Now().Add(4 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(run, "report.html")); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the job has not ended:\n%s", logs(t, dir))
		}
	}
}

// Each job of an array has its own value and its own run, and is submitted again alone.
func TestSubmitPBSArray(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it waits for the end of a job's time")
	}
	if _, err := exec.LookPath("mpirun.openmpi"); err != nil {
		t.Skipf("no mpirun.openmpi here: %v", err)
	}
	for scheduler, log := range map[string]string{"pbs": "job.o1.%a", "torque": "job.o1-%a"} {
		t.Run(scheduler, func(t *testing.T) {
			t.Parallel()
			dir, env := withQsub(t)
			args := []string{"t.toml", "--set", "train.steps=100000", "--set", "train.log_every=1000", "--set", "evaluate.forecasts=false", "--set", "train.checkpoint_every=1000 steps"}
			cmd := exec.Command(binary(t), append([]string{"submit", "--scheduler", scheduler, "--ntasks-per-node", "2", "--time", "1m", "--warning", "54s", "--name", "job", "--array", "run.seed=5,6"}, args...)...)
			cmd.Dir, cmd.Env = dir, append(env, "DEEPRC_MPI=openmpi")
			out, err := cmd.CombinedOutput()
			want := "job  1[].stub\nlog  " + filepath.Join(dir, log) + "\nrun  runs/run-pbs-1_%a_.stub\n%a = 0: run.seed=5\n%a = 1: run.seed=6\n"
			if err != nil || string(out) != want {
				t.Fatalf("%v\n%s, want\n%s", err, out, want)
			}
			runs := []string{filepath.Join(dir, "runs", "run-pbs-1_0_.stub"), filepath.Join(dir, "runs", "run-pbs-1_1_.stub")}
			for _, run := range runs {
				waitFor(t, filepath.Join(run, "checkpoints", "0.safetensors"))
			}
			signalRanks(t, 4, "PBS_O_WORKDIR="+dir, syscall.SIGSTOP)
			time.Sleep(7 * time.Second)
			signalRanks(t, 4, "PBS_O_WORKDIR="+dir, syscall.SIGCONT)
			for i, run := range runs {
				waitForReport(t, dir, run)
				if _, err := os.Stat(filepath.Join(dir, strings.Replace(log, "%a", fmt.Sprint(i), 1))); err != nil {
					t.Error(err)
				}
				alone := fmt.Sprint("alone", i)
				if code, _, errs := deeprc(t, dir, append([]string{"run", "--ranks", "2", "--job", alone, "--set", fmt.Sprint("run.seed=", 5+i)}, args...)...); code != 0 {
					t.Fatal(errs)
				}
				sameMetrics(t, filepath.Join(dir, "runs", "run-"+alone), run, 0)
			}
			if n := strings.Count(logs(t, dir), "nlinear goes on after step"); n < 2 { // on a busy machine more than once each
				t.Errorf("%d times a run went on, want 2 at least:\n%s", n, logs(t, dir))
			}
		})
	}
}

// logs is what all jobs in dir have printed.
func logs(t *testing.T, dir string) (text string) {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(dir, "job.o*"))
	for _, f := range found {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("=== %s\n%s", filepath.Base(f), b)
	}
	return text
}

// What is wrong is said before anything is submitted.
func TestSubmitRefuses(t *testing.T) {
	dir, env := withQsub(t)
	text, err := os.ReadFile(filepath.Join(dir, "t.toml"))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "horizon = 6", "horizon = 7", 1))
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "before"), 0o777), os.WriteFile(filepath.Join(dir, "before", "config.toml"), text, 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		site string
		code int
		want string
	}{
		{"submit t.toml --nodes 0", "", 2, "--nodes 0: want 1 to"},
		{"submit t.toml --time 90", "", 2, "--time 90: want hours:minutes:seconds"},
		{"submit t.toml --array run.seed=1", "", 2, "PBS has no arrays of one job"},
		{"submit t.toml --gpu-nodes 1 --gpu-ntasks-per-node 1 --gpus-per-task 1", "", 2, "only with --scheduler slurm"},
		{"submit t.toml --scheduler slurm --array run.seed=1,x", "", 2, "run.seed"},
		{"submit t.toml --scheduler slurm --array run.seed", "", 2, "want key=value"},
		{"submit t.toml --scheduler lsf", "", 2, "want slurm, pbs or torque"},
		{"submit none.toml", "", 2, "none.toml: no such file"},
		{"submit t.toml --set train.stepz=5", "", 2, "stepz: unknown key"},
		{"submit t.toml --set windows.lookback=400", "", 2, "nothing was submitted: "},
		{"submit t.toml", "queue = \"q\"\n", 2, "deeprc/site.toml:1: queue: unknown key"},
		{"submit t.toml", "scheduler = \"sge\"\n", 2, "want slurm, pbs or torque"},
		{"submit t.toml --scheduler slurm", "", 1, "sbatch: exec"},
		{"submit --resume nowhere", "", 2, "nowhere/config.toml"},
		{"submit t.toml --resume nowhere", "", 2, "--resume nowhere: there is no config.toml"},
		{"submit t.toml --resume before", "", 2, "--resume before: windows.horizon was 7 in that run and is 6 now"},
		{"submit t.toml --scheduler slurm --array windows.horizon=6,5000", "", 2, "nothing was submitted: with windows.horizon=5000: "},
	} {
		if err := os.MkdirAll(filepath.Join(dir, "deeprc"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "deeprc", "site.toml"), []byte(c.site), 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary(t), strings.Fields(c.args)...)
		cmd.Dir, cmd.Env = dir, append(env, "PATH="+filepath.Join(dir, "bin")) // without the sbatch that may be installed
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%s, site.toml %q: exit code %d, want %d and %q:\n%s", c.args, c.site, code, c.code, c.want, out)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "bin", "state", "*")); len(found) > 0 {
		t.Errorf("submitted: %v", found)
	}
}

// --dry-run prints the script and submits nothing; flags go before site.toml.
func TestSubmitDryRun(t *testing.T) {
	dir, env := withQsub(t)
	if err := os.MkdirAll(filepath.Join(dir, "deeprc"), 0o777); err != nil {
		t.Fatal(err)
	}
	site := "scheduler = \"pbs\"\npartition = \"night\"\ngpu_partition = \"gpu\"\naccount = \"a1\"\nmodules = [\"gcc\"]\nmpi = \"mpich\"\nhome = \"/opt/x y\"\n"
	if err := os.WriteFile(filepath.Join(dir, "deeprc", "site.toml"), []byte(site), 0o666); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string][]string{
		"submit t.toml --dry-run":                   {"#PBS -q night", "#PBS -A a1", "load_modules gcc", "export DEEPRC_MPI=mpich", "export DEEPRC_HOME='/opt/x y'", "set -- t.toml"},
		"submit t.toml --dry-run --gpus-per-task 1": {"#PBS -q gpu", "#PBS -l select=1:ncpus=1:mpiprocs=1:ngpus=1"},
		"submit t.toml --dry-run --gpus-per-task 1 --partition day --account a2 --scheduler slurm --set train.lr=0.5 --no-check": {"#SBATCH --partition=day", "#SBATCH --account=a2",
			"#SBATCH --gpus-per-task=1", "set -- t.toml --set 'train.lr=0.5'"},
		"submit t.toml --dry-run --scheduler slurm --array run.seed=4,5,6": {"#SBATCH --array=0-2", "key=run.seed", "values=(4 5 6)", `run_slurm "$@" --set "$key=${values[SLURM_ARRAY_TASK_ID]}"`},
		"submit t.toml --dry-run --array train.lr=0.1,0.01":                {"#PBS -J 0-1", "key=train.lr", "values=(0.1 0.01)", `run_pbs "$@" --set "$key=${values[$DEEPRC_MEMBER]}"`},
		"submit t.toml --dry-run --scheduler torque --array run.seed=4,5":  {"#PBS -t 0-1", "values=(4 5)"},
	} {
		cmd := exec.Command(binary(t), strings.Fields(args)...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
		for _, w := range want {
			if !regexp.MustCompile("(?m)^" + regexp.QuoteMeta(w) + "$").Match(out) {
				t.Errorf("%s: no line %q in\n%s", args, w, out)
			}
		}
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "bin", "state", "*")); len(found) > 0 {
		t.Errorf("submitted: %v", found)
	}
}
