package stages

import (
	"reflect"
	"strings"
	"testing"
)

// environment is a getenv of "NAME=value NAME=value".
func environment(text string) func(string) string {
	return func(name string) string {
		for kv := range strings.FieldsSeq(text) {
			if v, ok := strings.CutPrefix(kv, name+"="); ok {
				return v
			}
		}
		return ""
	}
}

func TestAllocationOf(t *testing.T) {
	for _, c := range []struct {
		name, env string
		want      Allocation
		err       string
	}{
		{"no job", "CUDA_VISIBLE_DEVICES=0,1", Allocation{GPUs: []string{"0", "1"}}, ""},
		{"srun", "SLURM_JOB_ID=7 SLURM_NTASKS=6 SLURM_STEP_NUM_TASKS=6 SLURM_CPUS_PER_TASK=2 SLURM_CPUS_ON_NODE=4", Allocation{Scheduler: "Slurm", Job: "7", Cores: 2, NodeCores: 4}, ""},
		{"mpirun in a Slurm job", "SLURM_JOB_ID=7 SLURM_NTASKS=6 SLURM_CPUS_ON_NODE=4 CUDA_VISIBLE_DEVICES=1", Allocation{Scheduler: "Slurm", Job: "7", Tasks: 6, NodeCores: 4, GPUs: []string{"1"}}, ""},
		{"mpirun in a Slurm job, on another node", "SLURM_JOB_ID=7 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2 OMPI_UNIVERSE_SIZE=6", Allocation{Scheduler: "Slurm", Job: "7", Tasks: 6}, ""},
		{"OpenPBS", "PBS_JOBID=7.pbs NCPUS=8", Allocation{Scheduler: "PBS", Job: "7.pbs", NodeCores: 8}, ""},
		{"Torque", "PBS_JOBID=7.pbs PBS_NUM_PPN=4", Allocation{Scheduler: "PBS", Job: "7.pbs", NodeCores: 4}, ""},
		{"no number", "SLURM_JOB_ID=7 SLURM_CPUS_ON_NODE=many", Allocation{}, "SLURM_CPUS_ON_NODE=many: want a number from 1"},
		{"none", "SLURM_JOB_ID=7 SLURM_CPUS_ON_NODE=0", Allocation{}, "SLURM_CPUS_ON_NODE=0"},
	} {
		got, err := AllocationOf(environment(c.env))
		switch {
		case c.err == "" && (err != nil || !reflect.DeepEqual(got, c.want)):
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: got %v, want %q", c.name, err, c.err)
		}
	}
}

func TestContradictions(t *testing.T) {
	rank := func(host string, bound int, a Allocation) rankAllocation { return rankAllocation{a, host, bound} }
	whole := Allocation{Scheduler: "Slurm", Job: "7", Cores: 2, NodeCores: 4}
	for _, c := range []struct {
		name string
		all  []rankAllocation
		want []string
	}{
		{"laptop", []rankAllocation{rank("a", 2, Allocation{})}, nil},
		{"as given", []rankAllocation{rank("a", 2, whole), rank("a", 2, whole), rank("b", 2, whole)}, nil},
		{"srun without --cpus-per-task", []rankAllocation{rank("a", 1, whole), rank("a", 1, whole)}, []string{"rank 0 is bound to 1 core(s), but the job gives 2 to each task"}},
		{"mpirun with fewer ranks", []rankAllocation{rank("a", 4, Allocation{Scheduler: "Slurm", Tasks: 8, NodeCores: 4})}, []string{"the job has 8 tasks and this run 1 ranks"}},
		{"crowded", []rankAllocation{rank("a", 2, Allocation{NodeCores: 1}), rank("a", 2, Allocation{NodeCores: 1})}, []string{"2 ranks share the job's 1 core(s) of a"}},
	} {
		got := contradictions(c.all)
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: %q, want %q", c.name, got[i], want)
			}
		}
	}
}
