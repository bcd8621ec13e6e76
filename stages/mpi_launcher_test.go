package stages

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// faked is a system with those variables and programs, as "mpirun=Open MPI"; what stands behind = is its version.
func faked(env, programs string) system {
	has := map[string]string{}
	for _, p := range strings.Split(programs, ";") {
		name, version, _ := strings.Cut(p, "=")
		has["/bin/"+name] = version
	}
	return system{env: environment(env),
		look: func(name string) (string, error) {
			if _, there := has["/bin/"+name]; there {
				return "/bin/" + name, nil
			}
			return "", exec.ErrNotFound
		},
		version: func(path string) (string, error) {
			if has[path] == "broken" {
				return "", errors.New("exit status 1")
			}
			return has[path] + " 4.1\nmore", nil
		},
		nodes: func(list string) ([]string, error) {
			if list == "" {
				return nil, errors.New("empty")
			}
			return strings.Split(list, "+"), nil
		}}
}

const (
	open = "mpirun=mpirun (Open MPI)"
	mpch = "mpirun.mpich=HYDRA build details"
	both = open + ";" + mpch + ";mpirun.openmpi=mpirun (Open MPI)"
	step = "--overlap --kill-on-bad-exit=1 --cpu-bind=none "
)

// The launcher is that which has started this run, where one has.
func TestMPILauncher(t *testing.T) {
	on := func(hosts string) (ranks []mpiRank) {
		for h := range strings.FieldsSeq(hosts) {
			ranks = append(ranks, mpiRank{Host: h, Node: h})
		}
		return byHost(ranks)
	}
	for _, c := range []struct{ name, env, programs, hosts, want string }{
		{"workstation", "", open, "a a", "/bin/mpirun -n 2 --host a:2 --bind-to none -- prog x"},
		{"workstation, MPICH by name", "DEEPRC_MPI=mpich", both, "a a", "/bin/mpirun.mpich -n 2 -hosts a:2 prog x"},
		{"workstation, MPICH alone", "", "mpiexec=Intel(R) MPI Library", "a", "/bin/mpiexec -n 1 -hosts a:1 prog x"},
		{"in-process ranks, though DEEPRC_MPI=none", "DEEPRC_MPI=none", both, "a", "/bin/mpirun -n 1 --host a:1 --bind-to none -- prog x"},
		{"under Open MPI's mpirun of PBS", "PBS_JOBID=7 OMPI_COMM_WORLD_SIZE=3", both, "a b a", "/bin/mpirun.openmpi -n 3 --host a:2,b:1 --bind-to none -- prog x"},
		{"under MPICH's", "MPI_LOCALNRANKS=2 PMI_RANK=0", both, "b a", "/bin/mpirun.mpich -n 2 -hosts b:1,a:1 prog x"},
		{"Open MPI's mpirun in a Slurm job", "SLURM_JOB_ID=7 OMPI_COMM_WORLD_SIZE=4 PMIX_RANK=0", both + ";srun", "a b c a",
			"/bin/mpirun.openmpi -n 4 --host a:2,b:1,c:1 --bind-to none --mca ras ^slurm --mca plm_slurm_args --overlap --nodelist=b,c -- prog x"},
		{"and on one node", "SLURM_JOB_ID=7 OMPI_COMM_WORLD_SIZE=4 PMIX_RANK=0", both + ";srun", "a a", "/bin/mpirun.openmpi -n 2 --host a:2 --bind-to none --mca ras ^slurm -- prog x"},
		{"MPICH's mpirun in a Slurm job", "SLURM_JOB_ID=7 MPI_LOCALNRANKS=2", both + ";srun", "a b", "/bin/mpirun.mpich -n 2 -launcher slurm -hosts a:1,b:1 prog x"},
		{"srun by PMIx", "SLURM_JOB_ID=7 PMIX_RANK=0 DEEPRC_MPI=mpich", both + ";srun", "a b a", "/bin/srun --mpi=pmix " + step + "--ntasks=3 --nodes=2 --distribution=arbitrary --nodelist=a,a,b prog x"},
		{"srun by PMI-2", "SLURM_JOB_ID=7 PMI_RANK=0", both + ";srun", "a", "/bin/srun --mpi=pmi2 " + step + "--ntasks=1 --nodes=1 --distribution=arbitrary --nodelist=a prog x"},
		{"a site's PMI", "SLURM_JOB_ID=7 PMI_RANK=0 DEEPRC_SRUN_MPI=cray_shasta", "srun", "a", "/bin/srun --mpi=cray_shasta " + step + "--ntasks=1 --nodes=1 --distribution=arbitrary --nodelist=a prog x"},
		{"ranks without MPI in a Slurm job", "SLURM_JOB_ID=7 DEEPRC_MPI=gloo", "srun", "a", "/bin/srun " + step + "--ntasks=1 --nodes=1 --distribution=arbitrary --nodelist=a prog x"},
		{"a Slurm job without srun", "SLURM_JOB_ID=7", open, "a", "/bin/mpirun -n 1 --host a:1 --bind-to none --mca ras ^slurm -- prog x"},
		{"a job of two parts", "SLURM_JOB_ID=7 PMIX_RANK=0 SLURM_HET_SIZE=2 SLURM_JOB_NODELIST_HET_GROUP_0=a+b SLURM_JOB_NODELIST_HET_GROUP_1=g", "srun", "a g b a",
			"/bin/srun --het-group=0 --mpi=pmix " + step + "--ntasks=3 --nodes=2 --distribution=arbitrary --nodelist=a,a,b prog x : --het-group=1 --mpi=pmix " + step +
				"--ntasks=1 --nodes=1 --distribution=arbitrary --nodelist=g prog x"},
		{"its second part only", "SLURM_JOB_ID=7 PMIX_RANK=0 SLURM_HET_SIZE=2 SLURM_JOB_NODELIST_HET_GROUP_0=a+b SLURM_JOB_NODELIST_HET_GROUP_1=g", "srun", "g",
			"/bin/srun --het-group=1 --mpi=pmix " + step + "--ntasks=1 --nodes=1 --distribution=arbitrary --nodelist=g prog x"},
		{"a node of no part", "SLURM_JOB_ID=7 SLURM_HET_SIZE=2 SLURM_JOB_NODELIST_HET_GROUP_0=a SLURM_JOB_NODELIST_HET_GROUP_1=g", "srun", "x", "node x is in none of the 2 parts of the job"},
		{"parts that are not told", "SLURM_JOB_ID=7 SLURM_HET_SIZE=2", "srun", "x", "of part 0 of the job: empty"},
		{"nothing", "SLURM_JOB_ID=7", "sh", "a", "none of srun, mpirun, mpiexec, mpirun.openmpi, mpirun.mpich is on the PATH"},
		{"an unknown one", "", "mpirun=lamd", "a", `/bin/mpirun --version is of neither Open MPI nor MPICH: "lamd 4.1"; set DEEPRC_MPI`},
		{"a broken one", "", "mpirun=broken", "a", "/bin/mpirun --version: exit status 1"},
	} {
		sys := faked(c.env, c.programs)
		l, err := findMPILauncher(sys)
		var argv []string
		if err == nil {
			argv, err = l.argv(on(c.hosts), []string{"prog", "x"}, sys)
		}
		if got := strings.Join(argv, " "); err == nil && got != c.want || err != nil && (strings.HasPrefix(c.want, "/bin/") && !strings.Contains(c.want, "--version") || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v\n%s, want\n%s", c.name, err, got, c.want)
		}
	}
}

// What belongs to this process's own rank does not reach a child; what a user or a site has set does.
func TestCleanEnvironment(t *testing.T) {
	own := []string{"OMPI_COMM_WORLD_RANK=1", "OMPI_MCA_orte_hnp_uri=x", "OMPI_MCA_ess=env", "OMPI_UNIVERSE_SIZE=2", "PMIX_RANK=1", "PMI_FD=6", "PMI_RANK=0", "MPI_LOCALNRANKS=1", "HYDI_CONTROL_FD=7",
		"SLURM_PROCID=1", "SLURM_STEP_ID=0", "SLURM_LOCALID=0", "SLURM_MPI_TYPE=pmix", "SLURM_PMIX_MAPPING_SERV=x", "SLURM_PMIXP_ABORT_AGENT_PORT=1", "SLURM_TASK_PID=1", "RANK=1", "MASTER_ADDR=a",
		"DEEPRC_MPI=openmpi", "DEEPRC_KEY=secret", "DEEPRC_RENDEZVOUS=file:/x", "DEEPRC_SIZE=2", "DEEPRC_STOPPED=/tmp/x", "JOB_COMPLETION_INDEX=1", "TORCHELASTIC_RUN_ID=x",
		"SLURM_CPU_BIND=quiet,mask_cpu:0x1", "SLURM_CPU_BIND_TYPE=mask_cpu:", "SLURM_CPU_BIND_LIST=0x1", "SLURM_CPU_BIND_VERBOSE=quiet"}
	kept := []string{"PATH=/bin", "OMPI_MCA_btl_tcp_if_include=ib0", "OMPI_MCA_mpi_yield_when_idle=1", "OMPI_ALLOW_RUN_AS_ROOT=1", "SLURM_JOB_ID=7", "SLURM_CONF=x", "SLURM_PMIX_FENCE=ring", "MPI_HOME=/opt",
		"MPIR_CVAR_ODD_EVEN_CLIQUES=1", "HYDRA_LAUNCHER_EXEC=x", "RANKS=4", "DEEPRC_TIMEOUT=1m", "DEEPRC_INTERFACE=ib0"}
	job := []string{"SLURM_NTASKS=4", "SLURM_GPUS_PER_TASK=1", "SLURM_DISTRIBUTION=cyclic", "SLURM_JOB_NODELIST=a"} // options of a nested srun
	got := cleanEnv(slices.Concat(own, kept, job))
	if want := slices.Concat(kept, job); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, c := range []struct {
		l    mpiLauncher
		more []string
	}{
		{mpiLauncher{kind: srun, slurm: true}, nil},
		{mpiLauncher{kind: hydra, slurm: true}, []string{"SLURM_OVERLAP=1"}},
		{mpiLauncher{kind: openMPI}, []string{"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"}},
	} {
		if got, want := c.l.environ(slices.Concat(kept, job), true), slices.Concat(kept, c.more); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", c.l, got, want)
		}
	}
}

// A process gets the cores of a rank of its host, and none where the launcher has put it elsewhere.
func TestMPIPlanRank(t *testing.T) {
	p := mpiPlan{Ranks: []mpiRank{{Host: "a", Cores: []int{0}}, {Host: "b", Cores: []int{1}}, {Host: "a", Cores: []int{2}}}}
	for _, c := range []struct {
		host, env string
		core      int
		err       string
	}{
		{"a", "OMPI_COMM_WORLD_LOCAL_RANK=0 SLURM_LOCALID=1", 0, ""},
		{"a", "MPI_LOCALRANKID=1", 2, ""},
		{"b", "SLURM_LOCALID=0", 1, ""},
		{"b", "SLURM_LOCALID=1", 0, "process number 1 here, where the task has 1 rank(s)"},
		{"c", "SLURM_LOCALID=0", 0, "where the task has 0 rank(s)"},
		{"a", "", 0, "process number -1"},
	} {
		got, err := p.rank(c.host, environment(c.env))
		if c.err == "" && (err != nil || got.Cores[0] != c.core) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s on %s: %+v, %v, want core %d, %q", c.env, c.host, got, err, c.core, c.err)
		}
	}
}
