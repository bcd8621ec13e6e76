package collective

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      Options
		env    string // NAME=value …
		plugin string
		ranks  int
		err    string // part of the error
	}{
		{"nobody", Options{}, "", "", 1, ""},
		{"laptop", Options{Ranks: 4}, "", "", 4, ""},
		{"negative", Options{Ranks: -1}, "", "", 0, "-1 ranks"},
		{"mpirun", Options{}, "OMPI_COMM_WORLD_SIZE=4 PMIX_RANK=1", "openmpi", 1, ""},
		{"mpirun of one", Options{}, "OMPI_COMM_WORLD_SIZE=1", "openmpi", 1, ""},
		{"mpirun of one, in-process ranks", Options{Ranks: 3}, "OMPI_COMM_WORLD_SIZE=1", "", 3, ""},
		{"mpirun and ranks", Options{Ranks: 2}, "OMPI_COMM_WORLD_SIZE=4", "", 0, "2 in-process ranks asked for under Open MPI's mpirun"},
		{"mpirun, none", Options{Ranks: 2}, "OMPI_COMM_WORLD_SIZE=4 DEEPRC_MPI=none", "", 2, ""},
		{"srun pmix", Options{}, "PMIX_RANK=0 SLURM_NTASKS=4 SLURM_PROCID=0", "openmpi", 1, ""},
		{"srun pmix, MPICH", Options{}, "PMIX_RANK=0 SLURM_NTASKS=4 DEEPRC_MPI=mpich", "mpich", 1, ""},
		{"srun pmi2", Options{}, "PMI_RANK=0 PMI_SIZE=4 SLURM_NTASKS=4 SLURM_PROCID=0", "mpich", 1, ""},
		{"Hydra", Options{}, "PMI_FD=5 PMI_RANK=1 PMI_SIZE=2", "mpich", 1, ""},
		{"srun without MPI", Options{}, "SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=2", "", 0, "srun started 4 tasks, but no MPI variables"},
		{"srun without MPI, ranks", Options{Ranks: 2}, "SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=2", "", 0, "srun --mpi=pmix"},
		{"srun without MPI, none", Options{}, "SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=2 DEEPRC_MPI=none", "", 1, ""},
		{"srun without MPI, option", Options{Comm: "openmpi"}, "SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=2", "", 0, "no MPI variables"},
		{"srun of one in a larger job", Options{}, "SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0", "", 1, ""},
		{"batch script", Options{}, "SLURM_NTASKS=4 SLURM_PROCID=0", "", 0, "its script started this process by itself"},
		{"batch script, ranks", Options{Ranks: 4}, "SLURM_NTASKS=4 SLURM_PROCID=0", "", 4, ""},
		{"mpirun in a job", Options{}, "SLURM_NTASKS=4 SLURM_PROCID=0 OMPI_COMM_WORLD_SIZE=4", "openmpi", 1, ""},
		{"torchrun under mpirun", Options{}, "OMPI_COMM_WORLD_SIZE=2 RANK=5 WORLD_SIZE=8 MASTER_ADDR=a", "", 0, "Open MPI's mpirun started 2 ranks, but WORLD_SIZE=8 and RANK=5"},
		{"torchrun's variables of the same world", Options{}, "OMPI_COMM_WORLD_SIZE=8 RANK=5 WORLD_SIZE=8 MASTER_ADDR=a", "openmpi", 1, ""},
		{"salloc shell", Options{}, "SLURM_NTASKS=4", "", 1, ""},
		{"one task", Options{Ranks: 2}, "SLURM_NTASKS=1 SLURM_PROCID=0", "", 2, ""},
		{"option", Options{Comm: "mpich"}, "", "mpich", 1, ""},
		{"path", Options{Comm: "/opt/x.so"}, "", "/opt/x.so", 1, ""},
		{"option over environment", Options{Comm: "mpich"}, "DEEPRC_MPI=openmpi", "mpich", 1, ""},
		{"unknown", Options{}, "DEEPRC_MPI=lam", "", 0, `DEEPRC_MPI="lam": want local, mpi, openmpi, mpich`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := choose(c.o, func(name string) string {
				for kv := range strings.FieldsSeq(c.env) {
					if v, ok := strings.CutPrefix(kv, name+"="); ok {
						return v
					}
				}
				return ""
			})
			switch {
			case c.err == "" && (err != nil || got.plugin != c.plugin || got.ranks != c.ranks):
				t.Errorf("got %+v, %v", got, err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
}
