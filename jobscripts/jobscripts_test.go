// Package jobscripts_test runs the job scripts against launchers that only tell how they were called.
package jobscripts_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scripts are the job scripts' names.
func scripts(t *testing.T) []string {
	var all []string
	for _, pattern := range []string{"*.sh", "*.sbatch", "*.pbs"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no scripts match %s: %v", pattern, err)
		}
		all = append(all, found...)
	}
	return all
}

func TestSyntax(t *testing.T) {
	for _, script := range scripts(t) {
		if out, err := exec.Command("bash", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("bash -n %s: %v\n%s", script, err, out)
		}
	}
}

// A site has a clone whose path holds a space, launchers that print their arguments, one a line, then some of their environment,
// and a node file of three ranks.
type site struct{ root, bin string }

func newSite(t *testing.T) site {
	t.Helper()
	root := filepath.Join(t.TempDir(), "a clone")
	s := site{root, filepath.Join(root, "bin")}
	for _, dir := range []string{s.bin, filepath.Join(root, "jobscripts")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range scripts(t) {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, filepath.Join("jobscripts", script), string(text))
	}
	launcher := "#!/bin/sh\nprintf '%s\\n' \"${0##*/}\" \"$@\"\n" +
		"env | grep -E '^(DEEPRC_MPI|SLURM_PMIX_FENCE|OMPI_MCA_mpi_yield_when_idle)='\n"
	for _, name := range []string{"srun", "mpirun.openmpi", "mpirun.mpich"} {
		s.write(t, filepath.Join("bin", name), launcher)
	}
	s.write(t, "bin/nproc", "#!/bin/sh\necho 2\n")
	s.write(t, "deeprc", "#!/bin/sh\n")
	s.write(t, "nodes", "n1\nn1\nn2\n")
	return s
}

func (s site) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.root, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// run starts a script in the clone with these variables and nothing else of deeprc's, Slurm's or MPI's.
func (s site) run(script string, environ []string, args ...string) (string, error) {
	command := exec.Command("bash", append([]string{filepath.Join(s.root, "jobscripts", script)}, args...)...)
	command.Dir = s.root
	command.Env = append([]string{"PATH=" + s.bin + ":/usr/bin:/bin"}, environ...)
	out, err := command.CombinedOutput()
	return string(out), err
}

// Each script calls its launcher so, with every argument whole, and gives the ranks the settings that were found necessary.
func TestLaunch(t *testing.T) {
	s := newSite(t)
	slurm := []string{"SLURM_SUBMIT_DIR=" + s.root, "SLURM_JOB_ID=7", "SLURM_CPUS_PER_TASK=2", "SLURM_JOB_CPUS_PER_NODE=4(x2),8", "SLURM_TASKS_PER_NODE=2(x3)"}
	het := append(slurm, "SLURM_HET_SIZE=2", "SLURM_CPUS_PER_TASK_HET_GROUP_0=1", "SLURM_CPUS_PER_TASK_HET_GROUP_1=4", "SLURM_TASKS_PER_NODE_HET_GROUP_0=4",
		"SLURM_JOB_CPUS_PER_NODE_HET_GROUP_0=4", "SLURM_TASKS_PER_NODE_HET_GROUP_1=2(x2)", "SLURM_JOB_CPUS_PER_NODE_HET_GROUP_1=8(x2)")
	pbs := []string{"PBS_O_WORKDIR=" + s.root, "PBS_JOBID=7.server", "PBS_NODEFILE=" + filepath.Join(s.root, "nodes"), "NCPUS=4", "CONFIG=my run.toml"}
	for i, env := range [][]string{slurm, het, pbs} { // appends below must not share their ends
		*[]*[]string{&slurm, &het, &pbs}[i] = slices.Clip(env)
	}
	program := []string{filepath.Join(s.root, "deeprc"), "run", "my run.toml"}
	const fence = "SLURM_PMIX_FENCE=ring"
	for _, c := range []struct {
		name, script string
		environ      []string
		args         []string
		want, lack   []string // consecutive lines of the launcher's answer; lines it must not hold
	}{
		{"Slurm, Open MPI", "slurm_cpu.sbatch", slurm, []string{"my run.toml"},
			[]string{"srun", "--mpi=pmix", "--kill-on-bad-exit=1", "--cpus-per-task=2"}, []string{"OMPI_MCA_mpi_yield_when_idle=1"}},
		{"Slurm, MPICH", "slurm_cpu.sbatch", append(slurm, "DEEPRC_MPI=mpich"), []string{"my run.toml"}, []string{"srun", "--mpi=pmi2"}, nil},
		{"Slurm, more ranks than cores", "slurm_cpu.sbatch", append(slurm, "SLURM_TASKS_PER_NODE=2,12(x2)"), []string{"my run.toml"},
			[]string{"OMPI_MCA_mpi_yield_when_idle=1"}, nil},
		{"Slurm, the job's name", "slurm_cpu.sbatch", slurm, []string{"my run.toml", "--ranks", "x y"}, []string{"my run.toml", "--ranks", "x y", "--job", "slurm-7"}, nil},
		{"Slurm, GPUs", "slurm_gpu.sbatch", slurm, []string{"my run.toml"}, []string{"srun", "--mpi=pmix", "--kill-on-bad-exit=1", "--cpus-per-task=2"}, nil},
		{"Slurm, array", "slurm_array.sbatch", append(slurm, "SLURM_ARRAY_JOB_ID=6", "SLURM_ARRAY_TASK_ID=1"), []string{"my run.toml"},
			[]string{"my run.toml", "--set", "run.seed=2", "--job", "slurm-6_1"}, nil},
		{"Slurm, two parts", "slurm_het.sbatch", het, []string{"my run.toml"},
			slices.Concat([]string{"srun", "--mpi=pmix", "--kill-on-bad-exit=1", "--het-group=0", "--cpus-per-task=1"}, program, []string{"--job", "slurm-7", ":",
				"--mpi=pmix", "--kill-on-bad-exit=1", "--het-group=1", "--cpus-per-task=4"}, program, []string{"--job", "slurm-7"}), []string{"OMPI_MCA_mpi_yield_when_idle=1"}},
		{"Slurm, a crowded second part", "slurm_het.sbatch", append(het, "SLURM_TASKS_PER_NODE_HET_GROUP_1=9"), []string{"my run.toml"}, []string{"OMPI_MCA_mpi_yield_when_idle=1"}, nil},
		{"Slurm, no MPI", "slurm_cpu.sbatch", append(slurm, "DEEPRC_MPI=gloo"), []string{"my run.toml"}, []string{"srun", "--mpi=none"}, nil},
		{"PBS, Open MPI", "pbs_cpu.pbs", pbs, nil,
			[]string{"mpirun.openmpi", "-n", "3", "--hostfile", filepath.Join(s.root, "nodes"), "-x", "DEEPRC_MPI", "-x", "DEEPRC_STOPPED"}, nil},
		{"PBS, MPICH", "pbs_cpu.pbs", append(pbs, "DEEPRC_MPI=mpich"), nil,
			[]string{"mpirun.mpich", "-n", "3", "-f", filepath.Join(s.root, "nodes")}, nil},
		{"PBS, array", "pbs_array.pbs", append(pbs, "PBS_ARRAY_INDEX=1", "PBS_JOBID=7[1].server"), nil, []string{"my run.toml", "--set", "run.seed=2", "--job", "pbs-7_1_.server"}, nil},
		{"Torque, array", "pbs_array.pbs", append(pbs, "PBS_ARRAYID=2", "PBS_JOBID=7[2].server"), nil, []string{"my run.toml", "--set", "run.seed=3", "--job", "pbs-7_2_.server"}, nil},
		{"PBS, GPUs", "pbs_gpu.pbs", pbs, nil, []string{"my run.toml", "--job", "pbs-7.server"}, nil},
		{"PBS, more ranks than cores", "pbs_cpu.pbs", append(pbs, "NCPUS=1"), nil, []string{"OMPI_MCA_mpi_yield_when_idle=1"}, nil},
		{"Torque", "torque.pbs", append(pbs, "PBS_NUM_PPN=2"), nil, []string{"mpirun.openmpi", "-n", "3"}, nil},
		{"here, Open MPI", "mpirun_local.sh", nil, []string{"4", "my run.toml"},
			[]string{"mpirun.openmpi", "-n", "4", "--oversubscribe", "--bind-to", "none"}, nil},
		{"here, MPICH", "mpirun_local.sh", []string{"DEEPRC_MPI=mpich"}, []string{"2", "my run.toml"},
			append([]string{"mpirun.mpich", "-n", "2"}, program...), []string{"OMPI_MCA_mpi_yield_when_idle=1"}},
	} {
		out, err := s.run(c.script, c.environ, c.args...)
		if err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, out)
			continue
		}
		mpi := "DEEPRC_MPI=openmpi"
		for _, other := range []string{"DEEPRC_MPI=mpich", "DEEPRC_MPI=gloo"} {
			if slices.Contains(c.environ, other) {
				mpi = other
			}
		}
		for _, want := range [][]string{c.want, program, {fence}, {mpi}} {
			if !strings.Contains("\n"+out, "\n"+strings.Join(want, "\n")+"\n") {
				t.Errorf("%s: no %q in\n%s", c.name, want, out)
			}
		}
		for _, lack := range c.lack {
			if strings.Contains(out, lack) {
				t.Errorf("%s: %s in\n%s", c.name, lack, out)
			}
		}
	}
}

// A mistake ends a script before its launcher, with a sentence that says what to change.
func TestMistakes(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		name, script string
		environ      []string
		args         []string
		says         string
	}{
		{"no rank count", "mpirun_local.sh", nil, []string{"my run.toml"}, "usage:"},
		{"unknown MPI", "mpirun_local.sh", []string{"DEEPRC_MPI=lam"}, []string{"2"}, "must be openmpi, mpich or"},
		{"no binary", "mpirun_local.sh", []string{"DEEPRC_HOME=/nowhere"}, []string{"2"}, "set DEEPRC_HOME"},
		{"an array's script outside of one", "pbs_array.pbs", []string{"PBS_O_WORKDIR=" + s.root, "PBS_JOBID=7.server"}, nil, "of no array"},
		{"submitted elsewhere", "slurm_cpu.sbatch", []string{"SLURM_SUBMIT_DIR=/nowhere"}, nil, "DEEPRC_JOBSCRIPTS"},
	} {
		out, err := s.run(c.script, c.environ, c.args...)
		if err == nil || !strings.Contains(out, c.says) || strings.Contains(out, "mpirun.") || strings.Contains(out, "srun\n") {
			t.Errorf("%s: got %v, want a failure that says %q:\n%s", c.name, err, c.says, out)
		}
	}
}

// stoppable is a launcher that runs until SIGUSR1, then ends as a run does that has written its checkpoint; STUBBORN=1: never.
const stoppable = `#!/bin/bash
trap '[[ -n ${STUBBORN:-} ]] || exit 75' USR1
echo $$ >"$UP.new" && mv "$UP.new" "$UP"
while :; do sleep 0.02; done
`

// A warning stops the run, and the job goes on later; nothing else makes it go on.
func TestWarning(t *testing.T) {
	for _, c := range []struct {
		name, script string
		environ      []string
		signal       syscall.Signal // that the script gets; 0: none
		want, lack   string
		code         int
	}{
		{"Slurm", "slurm_cpu.sbatch", nil, syscall.SIGUSR1, "scontrol requeue 7", "", 75},
		{"Slurm, two parts", "slurm_het.sbatch", []string{"SLURM_HET_SIZE=2", "SLURM_HET_JOB_ID=5"}, syscall.SIGUSR1, "scontrol requeue 5", "", 75},
		{"Slurm, often enough", "slurm_cpu.sbatch", []string{"SLURM_RESTART_COUNT=20"}, syscall.SIGUSR1, "started again 20 times", "scontrol", 75},
		{"Slurm, a run that does not end", "slurm_cpu.sbatch", []string{"STUBBORN=1", "DEEPRC_WARNING=30"}, syscall.SIGUSR1, "scontrol requeue 7", "", 137},
		{"Slurm, stopped by somebody else", "slurm_cpu.sbatch", []string{"STOPPED=1"}, 0, "", "scontrol", 75},
		{"PBS", "pbs_cpu.pbs", []string{"DEEPRC_WARN_AFTER=1"}, 0, "qsub -v DEEPRC_JOB,DEEPRC_STARTS,DEEPRC_REQUEUES,DEEPRC_MEMBER,CONFIG job", "", 75},
		{"PBS, of an array", "pbs_array.pbs", []string{"DEEPRC_WARN_AFTER=1", "PBS_ARRAY_INDEX=2"}, 0, "start 1 member 2\nits script: #!/usr/bin/env bash", "its script: #PBS -J", 75},
		{"PBS, of an array, submitted again", "pbs_array.pbs", []string{"DEEPRC_WARN_AFTER=1", "DEEPRC_MEMBER=2", "DEEPRC_STARTS=3"}, 0, "start 4 member 2\n", "", 75},
		{"PBS, often enough", "pbs_cpu.pbs", []string{"DEEPRC_WARN_AFTER=1", "DEEPRC_STARTS=20"}, 0, "submitted again 20 times", "qsub", 75},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(c.name, "does not end") && testing.Short() {
				t.Skip("short: it waits ten seconds")
			}
			s := newSite(t)
			up := filepath.Join(s.root, "up")
			for _, launcher := range []string{"srun", "mpirun.openmpi"} {
				s.write(t, filepath.Join("bin", launcher), stoppable)
				if slices.Contains(c.environ, "STOPPED=1") {
					s.write(t, filepath.Join("bin", launcher), "#!/bin/sh\nexit 75\n")
				}
			}
			// The stub's requeue ends a run that does not end, as the scheduler's does.
			s.write(t, "bin/scontrol", "#!/bin/sh\necho scontrol \"$@\"\n[ -z \"$STUBBORN\" ] || kill -9 $(cat \"$UP\")\n")
			s.write(t, "bin/qsub", "#!/bin/sh\necho qsub \"$@\" job $DEEPRC_JOB start $DEEPRC_STARTS member $DEEPRC_MEMBER; sed 's/^/its script: /'\n")
			cmd := exec.Command("bash", filepath.Join(s.root, "jobscripts", c.script), "my run.toml")
			cmd.Dir = s.root
			cmd.Env = append([]string{"PATH=" + s.bin + ":/usr/bin:/bin", "UP=" + up, "SLURM_SUBMIT_DIR=" + s.root, "SLURM_JOB_ID=7", "PBS_O_WORKDIR=" + s.root,
				"PBS_JOBID=7.server", "PBS_NODEFILE=" + filepath.Join(s.root, "nodes"), "CONFIG=my run.toml"}, c.environ...)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, 5*time.Second
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(40*time.Second, func() { cmd.Process.Kill() })
			defer kill.Stop()
			for c.signal != 0 {
				if _, err := os.Stat(up); err == nil {
					cmd.Process.Signal(c.signal)
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(out.String(), c.want) || c.lack != "" && strings.Contains(out.String(), c.lack) {
				t.Errorf("exit code %d, want %d, %q and no %q:\n%s", code, c.code, c.want, c.lack, &out)
			}
			if c.name == "PBS" && !strings.Contains(out.String(), "job pbs-7.server start 1") {
				t.Errorf("the job is not told its name:\n%s", &out)
			}
		})
	}
}
