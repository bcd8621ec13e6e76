package stages

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An mpiLauncher starts MPI programs on ranks of a running job.
type mpiLauncher struct {
	path  string
	kind  launcherKind
	slurm bool // in a job of Slurm, or of a part of one
	pmi   string
}

type launcherKind uint8

const (
	srun    launcherKind = iota
	openMPI              // its mpirun
	hydra                // MPICH's, Intel MPI's and MVAPICH's mpirun
)

// A system is what a launcher is chosen by.
type system struct {
	env     func(name string) string
	look    func(program string) (path string, err error) // on the PATH
	version func(path string) (text string, err error)    // what path --version prints
	nodes   func(list string) (nodes []string, err error) // of a list of Slurm's, as c[1-3]
}

// findMPILauncher is how an MPI program is started from here: as this process was started itself, since that is known to work, or by
// srun in a Slurm job, or else by the mpirun that is there.
func findMPILauncher(on system) (l mpiLauncher, err error) {
	l.slurm = on.env("SLURM_JOB_ID") != ""
	names := []string{"mpirun", "mpiexec", "mpirun.openmpi", "mpirun.mpich"}
	prefer := func(mpi string) { names = append([]string{"mpirun." + mpi}, names...) }
	switch mpi := on.env("DEEPRC_MPI"); {
	case on.env("OMPI_COMM_WORLD_SIZE") != "":
		prefer("openmpi")
	case on.env("MPI_LOCALNRANKS") != "": // Hydra's
		prefer("mpich")
	case l.slurm:
		l.pmi = on.env("DEEPRC_SRUN_MPI")
		switch {
		case l.pmi != "":
		case on.env("PMIX_RANK") != "" || mpi == "openmpi":
			l.pmi = "pmix"
		case on.env("PMI_RANK") != "" || on.env("PMI_FD") != "" || mpi == "mpich":
			l.pmi = "pmi2"
		}
		names = append([]string{"srun"}, names...)
	case mpi == "openmpi" || mpi == "mpich":
		prefer(mpi)
	}
	for _, name := range names {
		if l.path, err = on.look(name); err != nil {
			continue
		}
		if name == "srun" {
			return l, nil
		}
		text, err := on.version(l.path)
		switch {
		case err != nil:
			return l, fmt.Errorf("%s --version: %w", l.path, err)
		case strings.Contains(text, "Open MPI") || strings.Contains(text, "OpenRTE"):
			l.kind = openMPI
		case strings.Contains(text, "HYDRA") || strings.Contains(text, "Intel(R) MPI"):
			l.kind = hydra
		default:
			line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
			return l, fmt.Errorf("%s --version is of neither Open MPI nor MPICH: %.100q; set DEEPRC_MPI to openmpi or mpich", l.path, line)
		}
		return l, nil
	}
	return l, fmt.Errorf("mpi = true needs a launcher, and none of %s is on the PATH: load the module of the MPI that the program was built with", strings.Join(names, ", "))
}

// argv is the command that starts program with a rank on each of ranks, those of one host one after the other.
func (l mpiLauncher) argv(ranks []mpiRank, program []string, on system) ([]string, error) {
	if l.kind == srun {
		return l.srun(ranks, program, on)
	}
	var hosts []string // host:ranks
	var n int
	for i, r := range ranks {
		if n++; i+1 < len(ranks) && ranks[i+1].Node == r.Node {
			continue
		}
		hosts = append(hosts, r.Node+":"+strconv.Itoa(n))
		n = 0
	}
	out := []string{l.path, "-n", strconv.Itoa(len(ranks))}
	if l.kind == hydra {
		if l.slurm { // it takes ssh where it is told hosts
			out = append(out, "-launcher", "slurm")
		}
		return append(append(out, "-hosts", strings.Join(hosts, ",")), program...), nil
	}
	out = append(out, "--host", strings.Join(hosts, ","), "--bind-to", "none")
	if l.slurm { // what it reads of the job is, inside of a step, of that step; and without it, it names srun no nodes
		out = append(out, "--mca", "ras", "^slurm")
		if len(hosts) > 1 {
			out = append(out, "--mca", "plm_slurm_args", "--overlap --nodelist="+strings.Join(nodesOf(ranks)[1:], ","))
		}
	}
	return append(append(out, "--"), program...), nil
}

// nodesOf are the nodes of ranks, once each; of mpirun the first is its own.
func nodesOf(ranks []mpiRank) (nodes []string) {
	for _, r := range ranks {
		nodes = append(nodes, r.Node)
	}
	return slices.Compact(nodes)
}

// srun is argv of a step beside the one that this process may be of. Of a heterogeneous job each part of its nodes has a part of the command.
func (l mpiLauncher) srun(ranks []mpiRank, program []string, on system) ([]string, error) {
	parted, _ := strconv.Atoi(on.env("SLURM_HET_SIZE"))
	if parted < 2 {
		parted = 0
	}
	of := map[string]int{} // the part that a node is in
	for k := range parted {
		list := on.env(fmt.Sprint("SLURM_JOB_NODELIST_HET_GROUP_", k))
		nodes, err := on.nodes(list)
		if err != nil {
			return nil, fmt.Errorf("nodes %s of part %d of the job: %w", list, k, err)
		}
		for _, n := range nodes {
			of[n] = k
		}
	}
	parts := make([][]string, max(parted, 1)) // a node for each rank
	for _, r := range ranks {
		k, known := of[r.Node]
		if parted > 0 && !known {
			return nil, fmt.Errorf("node %s is in none of the %d parts of the job", r.Node, parted)
		}
		parts[k] = append(parts[k], r.Node)
	}
	out := []string{l.path}
	for k, nodes := range parts {
		if len(nodes) == 0 {
			continue
		}
		if len(out) > 1 {
			out = append(out, ":")
		}
		if parted > 0 {
			out = append(out, fmt.Sprint("--het-group=", k))
		}
		if l.pmi != "" {
			out = append(out, "--mpi="+l.pmi)
		}
		out = append(out, "--overlap", "--kill-on-bad-exit=1", "--cpu-bind=none", "--ntasks="+strconv.Itoa(len(nodes)),
			fmt.Sprint("--nodes=", len(slices.Compact(slices.Clone(nodes)))), "--distribution=arbitrary", "--nodelist="+strings.Join(nodes, ","))
		out = append(out, program...)
	}
	return out, nil
}

// environ is env, cleaned, for the launcher. Of Slurm's variables it gets those only that say which job it is in: the others are read by
// srun, which mpirun starts, too, as options, and were meant for another step.
func (l mpiLauncher) environ(env []string, root bool) []string {
	kept := []string{"SLURM_JOB_ID=", "SLURM_JOBID=", "SLURM_CONF=", "SLURM_CLUSTER_NAME=", "SLURM_HET_SIZE=", "SLURM_JOB_ID_HET_GROUP_", "SLURM_PMIX_", "SLURM_JWT="}
	out := slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		return strings.HasPrefix(v, "SLURM_") && !slices.ContainsFunc(kept, func(k string) bool { return strings.HasPrefix(v, k) })
	})
	if l.slurm && l.kind == hydra {
		out = append(out, "SLURM_OVERLAP=1") // for its srun
	}
	if l.kind == openMPI && root { // it refuses root; in a container everybody is
		out = append(out, "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	}
	return out
}
