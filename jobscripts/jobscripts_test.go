// Package jobscripts_test runs the job scripts against launchers that only tell how they were called.
package jobscripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
		"env | grep -E '^(DEEPRC_MPI|SLURM_PMIX_FENCE|OPENBLAS_NUM_THREADS|OMPI_MCA_mpi_yield_when_idle)='\n"
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
	slurm := []string{"SLURM_SUBMIT_DIR=" + s.root, "SLURM_CPUS_PER_TASK=2", "SLURM_CPUS_ON_NODE=4", "SLURM_NTASKS_PER_NODE=2"}
	pbs := []string{"PBS_O_WORKDIR=" + s.root, "PBS_NODEFILE=" + filepath.Join(s.root, "nodes"), "CONFIG=my run.toml"}
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
		{"Slurm, more ranks than cores", "slurm_cpu.sbatch", append(slurm, "SLURM_NTASKS_PER_NODE=8"), []string{"my run.toml"},
			[]string{"OMPI_MCA_mpi_yield_when_idle=1"}, nil},
		{"PBS, Open MPI", "pbs_cpu.pbs", pbs, nil,
			[]string{"mpirun.openmpi", "-n", "3", "--hostfile", filepath.Join(s.root, "nodes"), "-x", "DEEPRC_MPI"}, nil},
		{"PBS, MPICH", "pbs_cpu.pbs", append(pbs, "DEEPRC_MPI=mpich"), nil,
			[]string{"mpirun.mpich", "-n", "3", "-f", filepath.Join(s.root, "nodes")}, nil},
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
		if slices.Contains(c.environ, "DEEPRC_MPI=mpich") {
			mpi = "DEEPRC_MPI=mpich"
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
		{"unknown MPI", "mpirun_local.sh", []string{"DEEPRC_MPI=lam"}, []string{"2"}, "must be openmpi or mpich"},
		{"no binary", "mpirun_local.sh", []string{"DEEPRC_HOME=/nowhere"}, []string{"2"}, "set DEEPRC_HOME"},
		{"submitted elsewhere", "slurm_cpu.sbatch", []string{"SLURM_SUBMIT_DIR=/nowhere"}, nil, "DEEPRC_JOBSCRIPTS"},
	} {
		out, err := s.run(c.script, c.environ, c.args...)
		if err == nil || !strings.Contains(out, c.says) || strings.Contains(out, "mpirun.") || strings.Contains(out, "srun\n") {
			t.Errorf("%s: got %v, want a failure that says %q:\n%s", c.name, err, c.says, out)
		}
	}
}
