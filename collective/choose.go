package collective

import (
	"fmt"
	"strconv"
	"strings"

	"deeprc/collective/mesh"
)

// launcher is what the environment says about who started this process.
type launcher struct {
	name string // for people; "" without a launcher
	mpi  string // the plugin that goes with it
	rank int
	size int // 0: not known
}

// findLauncher reads the variables that mpirun, mpiexec and srun set for each rank.
func findLauncher(env func(string) string) launcher {
	number := func(names ...string) int {
		for _, name := range names {
			if n, err := strconv.Atoi(env(name)); err == nil {
				return n
			}
		}
		return 0
	}
	switch {
	case env("OMPI_COMM_WORLD_SIZE") != "":
		return launcher{"Open MPI's mpirun", "openmpi", number("OMPI_COMM_WORLD_RANK"), number("OMPI_COMM_WORLD_SIZE")}
	case env("PMIX_RANK") != "":
		return launcher{"a PMIx launcher (srun --mpi=pmix)", "openmpi", number("PMIX_RANK"), number("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")}
	case env("PMI_RANK") != "" || env("PMI_FD") != "" || env("PMI_SIZE") != "":
		return launcher{"a PMI launcher (MPICH's mpiexec, srun --mpi=pmi2)", "mpich", number("PMI_RANK", "SLURM_PROCID"), number("PMI_SIZE", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")}
	}
	return launcher{}
}

// choice is the world that Run opens.
type choice struct {
	plugin  string       // name or path; "" for in-process ranks
	gloo    *mesh.Config // set where that is Gloo's: where the ranks meet
	ranks   int          // in-process ranks
	from    launcher
	forced  bool // the plugin was asked for by name
	tasks   int  // that srun started this one with; 0: srun has not started it
	limits  limits
	checked bool // DEEPRC_DEBUG=comm
}

// meetsByEnvironment reports whether the environment names a meeting place for ranks without
// MPI, as torchrun does: alone, each would compute the whole and write over the others.
func meetsByEnvironment(env func(string) string) bool {
	n, _ := strconv.Atoi(env("WORLD_SIZE"))
	return env("DEEPRC_RENDEZVOUS") != "" || n > 1 && env("RANK") != "" && env("MASTER_ADDR") != ""
}

// choose decides from the options and the environment alone.
func choose(o Options, env func(string) string) (c choice, err error) {
	asked, by := o.Comm, "--comm"
	if asked == "" {
		asked, by = env("DEEPRC_COMM"), "DEEPRC_COMM"
	}
	if v := env("DEEPRC_MPI"); v != "" && (asked == "" || asked == "mpi") {
		asked, by = v, "DEEPRC_MPI"
	}
	c = choice{ranks: max(1, o.Ranks), from: findLauncher(env)}
	if o.Ranks < 0 {
		return c, fmt.Errorf("%d ranks asked for: want 1 or more, or 0 for the default", o.Ranks)
	}
	if env("SLURM_PROCID") != "" {
		c.tasks, _ = strconv.Atoi(env("SLURM_STEP_NUM_TASKS"))
	}
	if c.limits, err = limitsFrom(env); err != nil {
		return c, err
	}
	for _, what := range strings.Split(env("DEEPRC_DEBUG"), ",") {
		c.checked = c.checked || strings.TrimSpace(what) == "comm"
	}
	if n, _ := strconv.Atoi(env("WORLD_SIZE")); asked == "" && c.from.size > 0 && n != c.from.size && meetsByEnvironment(env) && env("RANK") != "" {
		return c, fmt.Errorf("%s started %d ranks, but WORLD_SIZE=%d and RANK=%s, as torchrun sets them, say otherwise: "+
			"start deeprc by one of the two; or say which counts, by --comm gloo or --comm mpi", c.from.name, c.from.size, n, env("RANK"))
	}
	if asked == "" && c.from.mpi == "" && meetsByEnvironment(env) {
		asked, by = "gloo", "the environment (DEEPRC_RENDEZVOUS, or RANK and MASTER_ADDR)"
	}
	switch {
	case asked == "local", asked == "none":
		return c, nil
	case asked == "gloo":
		cfg, err := mesh.FromEnv(env)
		if err != nil {
			return c, fmt.Errorf("%s=gloo: %w", by, err)
		}
		c.plugin, c.forced, c.gloo = "gloo", true, &cfg
		c.from = launcher{"processes that meet by " + cfg.Source, "", cfg.Rank, cfg.Size}
	case asked == "mpi":
		if c.plugin = c.from.mpi; c.plugin == "" {
			return c, fmt.Errorf("%s=mpi, but no launcher's variables tell which MPI: name it (openmpi, mpich), or start by mpirun or srun", by)
		}
		c.forced = true
	case asked == "openmpi", asked == "mpich", strings.Contains(asked, "/"), strings.HasSuffix(asked, ".so"):
		c.plugin, c.forced = asked, true
	case asked != "":
		return c, fmt.Errorf("%s=%q: want local, mpi, openmpi, mpich, gloo, or the path of an MPI plugin", by, asked)
	case c.from.mpi != "" && (c.from.size != 1 || o.Ranks <= 1):
		c.plugin = c.from.mpi
	}
	if err := c.alone(o, env); err != nil {
		return c, err
	}
	if c.plugin != "" {
		if o.Ranks > 1 {
			who := c.from.name
			if who == "" {
				who = by + "=" + asked
			}
			return c, fmt.Errorf("%d in-process ranks asked for under %s, which gives the ranks itself: leave the number of ranks out, or use --comm local", o.Ranks, who)
		}
	}
	return c, nil
}

// alone reports a Slurm task that no MPI variables reach, so that each of several would run by itself and write over the others.
func (c choice) alone(o Options, env func(string) string) error {
	const remedy = "Start it by `srun --mpi=pmix` (Open MPI) or `srun --mpi=pmi2` (MPICH), or use --comm gloo, which needs no MPI, or --comm local for one run in each process"
	if c.gloo != nil || c.from.mpi != "" {
		return nil
	}
	if c.tasks > 1 {
		return fmt.Errorf("srun started %d tasks, but no MPI variables (PMIX_RANK, PMI_RANK) reach this process, so each task would run alone.\n%s", c.tasks, remedy)
	}
	if n, _ := strconv.Atoi(env("SLURM_NTASKS")); n > 1 && c.tasks == 0 && env("SLURM_PROCID") != "" && o.Ranks == 0 {
		return fmt.Errorf("this job has %d Slurm tasks, but its script started this process by itself, so one task would compute and the others not.\n%s", n, remedy)
	}
	return nil
}
