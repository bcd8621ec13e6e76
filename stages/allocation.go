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
	Scheduler  string // Slurm or PBS; "" outside of a job
	Job        string
	Nodes      int      // of the job
	Tasks      int      // of the job, where mpirun and not srun has started the ranks
	LocalRanks int      // on this node, as torchrun says, in a job or not
	Cores      int      // of each task
	NodeCores  int      // of this job on this node
	TaskGPUs   int      // of each task
	GPUs       []string // that this process may see, by CUDA's numbers or names; nil where nothing limits it
}

// AllocationOf reads the variables of Slurm, PBS and Torque, and the file of hosts that PBS's name.
func AllocationOf(env func(string) string) (a Allocation, err error) {
	number := func(to *int, name string) {
		text := env(name)
		if text == "" || err != nil {
			return
		}
		if *to, err = strconv.Atoi(text[strings.LastIndexByte(text, ':')+1:]); err != nil || *to < 1 { // of GPUs the type may stand before it
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
		number(&a.TaskGPUs, "SLURM_GPUS_PER_TASK")
		if env("SLURM_HET_SIZE") == "" { // else they are those of a part
			number(&a.Nodes, "SLURM_JOB_NUM_NODES")
		}
	case env("PBS_JOBID") != "":
		a.Scheduler, a.Job = "PBS", env("PBS_JOBID")
		number(&a.NodeCores, "NCPUS")
		if a.NodeCores == 0 {
			number(&a.NodeCores, "PBS_NUM_PPN") // Torque's, as the next
		}
		number(&a.Nodes, "PBS_NUM_NODES")
		if a.Nodes == 0 { // OpenPBS and PBS Pro
			a.Nodes = hostsIn(env("PBS_NODEFILE"))
		}
	}
	if a.Scheduler != "" { // Open MPI's mpirun, which starts its helpers as a step of their own
		number(&a.Tasks, "OMPI_UNIVERSE_SIZE")
	}
	if env("RANK") != "" && env("WORLD_SIZE") != "" {
		number(&a.LocalRanks, "LOCAL_WORLD_SIZE")
	}
	if text := env("CUDA_VISIBLE_DEVICES"); text != "" {
		a.GPUs = strings.Split(text, ",")
	}
	return a, err
}

// maxNodeFile bounds PBS's list of hosts, in bytes.
const maxNodeFile = 64 << 20

// hostsIn counts the hosts in the file at path, a line for each task; 0 where it cannot be read, as on nodes that do not have it.
func hostsIn(path string) int {
	text, err := readFile(path, maxNodeFile)
	if err != nil {
		return 0
	}
	hosts := map[string]bool{}
	for host := range strings.FieldsSeq(string(text)) {
		hosts[host] = true
	}
	return len(hosts)
}

// rankAllocation is what one rank tells the others of its own.
type rankAllocation struct {
	Allocation
	Host string
	Mask []int // cores that the process may use
}

// allocations tells every rank what all of them have; collective.
func allocations(c collective.Comm) ([]rankAllocation, error) {
	a, err := AllocationOf(os.Getenv)
	me := rankAllocation{Allocation: a}
	if err == nil {
		me.Mask, err = affinity()
	}
	if err == nil {
		me.Host, err = os.Hostname()
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
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
	text += fmt.Sprintf("bound to %d core(s) of its node's %d", len(a.Mask), max(a.NodeCores, len(a.Mask)))
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

// tellAllocation tells the log, and people of what contradicts it, and of notes; collective.
func tellAllocation(c collective.Comm, log *slog.Logger, screen *screen, notes ...string) error {
	all, err := allocations(c)
	if err != nil {
		return err
	}
	if text := allocationText(all); text != "" {
		log.Info("allocation", "is", text)
	}
	for _, w := range append(contradictions(all), notes...) {
		log.Warn(w)
		screen.printf("note: %s", w)
	}
	return nil
}

// contradictions are what the ranks have that does not fit what the scheduler gave. Of what several ranks have alike the first is told.
func contradictions(all []rankAllocation) (notes []string) {
	type host struct {
		ranks int
		cores map[int]bool // of any of them
	}
	on := map[string]*host{}
	for _, a := range all {
		h := on[a.Host]
		if h == nil {
			h = &host{cores: map[int]bool{}}
			on[a.Host] = h
		}
		h.ranks++
		for _, c := range a.Mask {
			h.cores[c] = true
		}
	}
	told := map[string]bool{}
	note := func(what string, wrong bool, format string, args ...any) {
		if wrong && !told[what] {
			told[what] = true
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	n := all[0].Tasks
	note("tasks", n > 0 && n != len(all), "the job has %d tasks and this run %d ranks: start as many as there are, by srun or mpirun -n %[1]d, or ask for fewer", n, len(all))
	n = all[0].Nodes
	note("nodes", n > len(on), "the job has %d nodes, and the ranks of this run are on %d of them: start ranks on each, by srun --nodes=%[1]d or mpirun with the job's hosts, or ask for fewer", n, len(on))
	for r, a := range all {
		h, bound := on[a.Host], len(a.Mask)
		note("bound", bound < a.Cores, "rank %d is bound to %d core(s), but the job gives %d to each task: tell srun, too: --cpus-per-task=%[3]d", r, bound, a.Cores)
		note("crowded "+a.Host, a.NodeCores > 0 && h.ranks > a.NodeCores, "%d ranks share the job's %d core(s) of %s: ask for fewer ranks on a node, or more cores", h.ranks, a.NodeCores, a.Host)
		note("same "+a.Host, h.ranks <= a.NodeCores && len(h.cores) < h.ranks, "%d ranks on %s are bound to %d core(s) in all, of the job's %d there: start them with mpirun --bind-to none or srun --cpu-bind=cores", h.ranks, a.Host, len(h.cores), a.NodeCores)
		note("local "+a.Host, a.LocalRanks > 0 && a.LocalRanks != h.ranks, "LOCAL_WORLD_SIZE=%d on %s, where %d ranks of this run are: torchrun sets it to their number", a.LocalRanks, a.Host, h.ranks)
		note("gpus", len(a.GPUs) < a.TaskGPUs, "rank %d sees %d GPU(s), but the job gives %d to each task: tell srun, too: --gpus-per-task=%[3]d", r, len(a.GPUs), a.TaskGPUs)
	}
	return notes
}
