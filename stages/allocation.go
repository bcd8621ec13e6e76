package stages

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"deeprc/collective"
)

// An Allocation is what the scheduler gave this rank, as its environment tells; fields are zero where it does not.
type Allocation struct {
	Scheduler string // Slurm or PBS; "" outside of a job
	Job       string
	Tasks     int      // of the job, where mpirun and not srun has started the ranks
	Cores     int      // of each task
	NodeCores int      // of this job on this node
	GPUs      []string // that this process may see, by CUDA's numbers or names; nil where nothing limits it
}

// AllocationOf reads the variables of Slurm, PBS and Torque.
func AllocationOf(env func(string) string) (a Allocation, err error) {
	number := func(to *int, name string) {
		text := env(name)
		if text == "" || err != nil {
			return
		}
		if *to, err = strconv.Atoi(text); err != nil || *to < 1 {
			err = fmt.Errorf("%s=%s: want a number from 1", name, text)
		}
	}
	switch {
	case env("SLURM_JOB_ID") != "":
		a.Scheduler, a.Job = "Slurm", env("SLURM_JOB_ID")
		if env("SLURM_HET_SIZE") == "" && env("SLURM_STEP_NUM_TASKS") == "" { // else they are those of a step
			number(&a.Tasks, "SLURM_NTASKS")
		}
		number(&a.Cores, "SLURM_CPUS_PER_TASK")
		number(&a.NodeCores, "SLURM_CPUS_ON_NODE")
	case env("PBS_JOBID") != "":
		a.Scheduler, a.Job = "PBS", env("PBS_JOBID")
		number(&a.NodeCores, "NCPUS")
		if a.NodeCores == 0 {
			number(&a.NodeCores, "PBS_NUM_PPN") // Torque's
		}
	}
	if a.Scheduler != "" { // Open MPI's mpirun, which starts its helpers as a step of their own
		number(&a.Tasks, "OMPI_UNIVERSE_SIZE")
	}
	if text := env("CUDA_VISIBLE_DEVICES"); text != "" {
		a.GPUs = strings.Split(text, ",")
	}
	return a, err
}

// rankAllocation is what one rank tells the others of its own.
type rankAllocation struct {
	Allocation
	Host  string
	Bound int // cores that the process may use
}

// allocations tells every rank what all of them have; collective.
func allocations(c collective.Comm) ([]rankAllocation, error) {
	a, err := AllocationOf(os.Getenv)
	me := rankAllocation{Allocation: a}
	var cores []int
	if err == nil {
		cores, err = affinity()
	}
	if err == nil {
		me.Host, err = os.Hostname()
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	me.Bound = len(cores)
	return gatherEach(c, me, "allocation")
}

// allocationText is the allocation for people, "" outside of a job.
func allocationText(all []rankAllocation) string {
	a := all[0]
	if a.Scheduler == "" {
		return ""
	}
	text := fmt.Sprintf("%s job %s, rank 0: ", a.Scheduler, a.Job)
	if a.Cores > 0 {
		text += fmt.Sprintf("%d core(s) a task, ", a.Cores)
	}
	text += fmt.Sprintf("bound to %d core(s) of its node's %d", a.Bound, max(a.NodeCores, a.Bound))
	var gpus []string
	for r, b := range all {
		if b.GPUs != nil {
			gpus = append(gpus, fmt.Sprintf("rank %d: %s", r, strings.Join(b.GPUs, ",")))
		}
	}
	if gpus != nil {
		text += "; GPUs of " + list(gpus)
	}
	return text
}

// tellAllocation tells the log, and people of what contradicts it; collective.
func tellAllocation(c collective.Comm, log *slog.Logger, screen *screen) error {
	all, err := allocations(c)
	if err != nil {
		return err
	}
	if text := allocationText(all); text != "" {
		log.Info("allocation", "is", text)
	}
	for _, w := range contradictions(all) {
		log.Warn(w)
		screen.printf("note: %s", w)
	}
	return nil
}

// contradictions are what the ranks have that does not fit what the scheduler gave.
func contradictions(all []rankAllocation) (notes []string) {
	perHost := map[string]int{}
	for _, a := range all {
		perHost[a.Host]++
	}
	if n := all[0].Tasks; n > 0 && n != len(all) {
		notes = append(notes, fmt.Sprintf("the job has %d tasks and this run %d ranks: start as many as there are, by srun or mpirun -n %[1]d, or ask for fewer", n, len(all)))
	}
	narrow, crowded := false, map[string]bool{}
	for r, a := range all {
		if a.Bound < a.Cores && !narrow {
			narrow = true // one is enough to tell of
			notes = append(notes, fmt.Sprintf("rank %d is bound to %d core(s), but the job gives %d to each task: tell srun, too: --cpus-per-task=%[3]d", r, a.Bound, a.Cores))
		}
		if n := perHost[a.Host]; a.NodeCores > 0 && n > a.NodeCores && !crowded[a.Host] {
			crowded[a.Host] = true
			notes = append(notes, fmt.Sprintf("%d ranks share the job's %d core(s) of %s: ask for fewer ranks on a node, or more cores", n, a.NodeCores, a.Host))
		}
	}
	return notes
}
