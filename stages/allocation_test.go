package stages

import (
	"os"
	"path/filepath"
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
	hosts := filepath.Join(t.TempDir(), "nodes")
	if err := os.WriteFile(hosts, []byte("a\na\nb\nb\nc\na\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, env string
		want      Allocation
		err       string
	}{
		{"no job", "CUDA_VISIBLE_DEVICES=0,1", Allocation{GPUs: []string{"0", "1"}}, ""},
		{"srun", "SLURM_JOB_ID=7 SLURM_NTASKS=6 SLURM_STEP_NUM_TASKS=6 SLURM_CPUS_PER_TASK=2 SLURM_CPUS_ON_NODE=4", Allocation{Scheduler: "Slurm", Job: "7", Cores: 2, NodeCores: 4}, ""},
		{"mpirun in a Slurm job", "SLURM_JOB_ID=7 SLURM_NTASKS=6 SLURM_CPUS_ON_NODE=4 CUDA_VISIBLE_DEVICES=1", Allocation{Scheduler: "Slurm", Job: "7", Tasks: 6, NodeCores: 4, GPUs: []string{"1"}}, ""},
		{"mpirun in a Slurm job, on another node", "SLURM_JOB_ID=7 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2 OMPI_UNIVERSE_SIZE=6", Allocation{Scheduler: "Slurm", Job: "7", Tasks: 6}, ""},
		{"srun of 2 nodes by PMIx, with GPUs", "SLURM_JOB_ID=7 PMIX_RANK=1 SLURM_STEP_NUM_TASKS=4 SLURM_NTASKS=4 SLURM_JOB_NUM_NODES=2 SLURM_GPUS_PER_TASK=a100:2 CUDA_VISIBLE_DEVICES=2,3",
			Allocation{Scheduler: "Slurm", Job: "7", Nodes: 2, TaskGPUs: 2, GPUs: []string{"2", "3"}}, ""},
		{"srun by PMI-2", "SLURM_JOB_ID=7 PMI_RANK=1 PMI_SIZE=4 SLURM_STEP_NUM_TASKS=4 SLURM_NTASKS=4 SLURM_JOB_NUM_NODES=2", Allocation{Scheduler: "Slurm", Job: "7", Nodes: 2}, ""},
		{"two parts", "SLURM_JOB_ID=7 SLURM_HET_SIZE=2 SLURM_NTASKS=4 SLURM_JOB_NUM_NODES=2", Allocation{Scheduler: "Slurm", Job: "7"}, ""},
		{"torchrun on a workstation", "RANK=1 WORLD_SIZE=4 LOCAL_WORLD_SIZE=2 LOCAL_RANK=1", Allocation{LocalRanks: 2}, ""},
		{"torchrun in a Slurm job", "SLURM_JOB_ID=7 RANK=1 WORLD_SIZE=4 LOCAL_WORLD_SIZE=2 SLURM_STEP_NUM_TASKS=2 SLURM_NTASKS=2", Allocation{Scheduler: "Slurm", Job: "7", LocalRanks: 2}, ""},
		{"Torque's nodes", "PBS_JOBID=7.pbs PBS_NUM_PPN=4 PBS_NUM_NODES=3", Allocation{Scheduler: "PBS", Job: "7.pbs", NodeCores: 4, Nodes: 3}, ""},
		{"no number of GPUs", "SLURM_JOB_ID=7 SLURM_GPUS_PER_TASK=a100:some", Allocation{}, "SLURM_GPUS_PER_TASK=a100:some: want a number from 1"},
		{"OpenPBS", "PBS_JOBID=7.pbs NCPUS=8", Allocation{Scheduler: "PBS", Job: "7.pbs", NodeCores: 8}, ""},
		{"PBS Pro's nodes", "PBS_JOBID=7.pbs NCPUS=8 PBS_NODEFILE=" + hosts, Allocation{Scheduler: "PBS", Job: "7.pbs", NodeCores: 8, Nodes: 3}, ""},
		{"PBS Pro, on a node without the file", "PBS_JOBID=7.pbs PBS_NODEFILE=" + hosts + "x", Allocation{Scheduler: "PBS", Job: "7.pbs"}, ""},
		{"Torque's number goes before its file", "PBS_JOBID=7.pbs PBS_NUM_NODES=2 PBS_NODEFILE=" + hosts, Allocation{Scheduler: "PBS", Job: "7.pbs", Nodes: 2}, ""},
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
	rank := func(host string, cores int, a Allocation) rankAllocation {
		return rankAllocation{a, host, []int{0, 1, 2, 3}[:cores]}
	}
	whole := Allocation{Scheduler: "Slurm", Job: "7", Cores: 2, NodeCores: 4}
	for _, c := range []struct {
		name string
		all  []rankAllocation
		want []string
	}{
		{"laptop", []rankAllocation{rank("a", 2, Allocation{})}, nil},
		{"as given", []rankAllocation{rank("a", 2, whole), rank("a", 2, whole), rank("b", 2, whole)}, nil},
		{"srun without --cpus-per-task", []rankAllocation{rank("a", 1, whole), rank("a", 1, whole)}, []string{"rank 0 is bound to 1 core(s), but the job gives 2 to each task", "2 ranks on a are bound to 1 core(s) in all"}},
		{"mpirun with fewer ranks", []rankAllocation{rank("a", 4, Allocation{Scheduler: "Slurm", Tasks: 8, NodeCores: 4})}, []string{"the job has 8 tasks and this run 1 ranks"}},
		{"mpirun on one node of two", []rankAllocation{rank("a", 4, Allocation{Nodes: 2, NodeCores: 4})}, []string{"the job has 2 nodes, and the ranks of this run are on 1 of them"}},
		{"bound to one core", []rankAllocation{rank("a", 1, Allocation{NodeCores: 4}), rank("a", 1, Allocation{NodeCores: 4}), rank("b", 1, Allocation{NodeCores: 4})}, []string{"2 ranks on a are bound to 1 core(s) in all, of the job's 4 there"}},
		{"torchrun of another number", []rankAllocation{rank("a", 4, Allocation{LocalRanks: 2}), rank("b", 4, Allocation{LocalRanks: 1})}, []string{"LOCAL_WORLD_SIZE=2 on a, where 1 ranks of this run are"}},
		{"srun without --gpus-per-task", []rankAllocation{rank("a", 4, Allocation{TaskGPUs: 1, GPUs: []string{"0"}}), rank("a", 4, Allocation{TaskGPUs: 1})},
			[]string{"rank 1 sees 0 GPU(s), but the job gives 1 to each task: tell srun, too: --gpus-per-task=1"}},
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
