package stages

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A JobRequest is a batch job that runs deeprc run once on every rank.
type JobRequest struct {
	Scheduler string // slurm, pbs or torque
	Name      string
	Dir       string // absolute; the job runs in it

	Nodes, TasksPerNode, CPUsPerTask int
	GPUsPerTask                      int // of a heterogeneous job, of the tasks of its GPU part
	GPUNodes, GPUTasksPerNode        int // a second part on GPU nodes, in the same world; 0: none
	Time                             time.Duration
	Warning                          time.Duration // before the end of Time, for the checkpoint
	Requeues                         int           // how often the job may start again

	ArrayKey    string // a job for each of Values, with --set ArrayKey=value; "": one job
	ArrayValues []string
	Args        []string // of deeprc run

	Site
}

// Slots are the ranks of the job, of whose memory nothing is known; with dedicated, rank 0 runs no tasks.
func (r *JobRequest) Slots(dedicated bool) (slots []Slot) {
	part := func(first, nodes, perNode, gpus int) {
		for i := range nodes * perNode {
			slots = append(slots, Slot{Node: first + i/perNode, GPUs: gpus, Memory: math.MaxInt64})
		}
	}
	if r.GPUNodes == 0 {
		part(0, r.Nodes, r.TasksPerNode, r.GPUsPerTask)
	} else {
		part(0, r.Nodes, r.TasksPerNode, 0)
		part(r.Nodes, r.GPUNodes, r.GPUTasksPerNode, r.GPUsPerTask)
	}
	slots[0].Off = dedicated && len(slots) > 1
	return slots
}

// schedulers are those there are, with the program that takes their jobs.
var schedulers = []struct{ name, program string }{{"slurm", "sbatch"}, {"pbs", "qsub"}, {"torque", "qsub"}}

// FindScheduler is the scheduler that has its program on the PATH.
func FindScheduler() (string, error) {
	_, noSbatch := exec.LookPath("sbatch")
	_, noQsub := exec.LookPath("qsub")
	switch {
	case noSbatch == nil && noQsub == nil:
		return "", configErrorf("there are sbatch and qsub here: say --scheduler slurm, pbs or torque, or scheduler in site.toml")
	case noSbatch == nil:
		return "slurm", nil
	case noQsub == nil:
		return "pbs", nil
	}
	return "", configErrorf("there is neither sbatch nor qsub on the PATH: log in to the cluster; or see the script, with --scheduler and --dry-run")
}

// limits of what a request may ask for: more is a slip of the finger.
const (
	maxNodes = 100_000
	maxTasks = 10_000
	maxArray = 1000
	maxWorld = 1 << 20 // tasks of all nodes
	maxTime  = 366 * 24 * time.Hour
)

// pbsName is what PBS allows as the name of a job.
var pbsName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.+-]{0,229}$`)

// unfit is what a job's id has that is not fit for the name of a folder; %a stands for its number in an array.
var unfit = regexp.MustCompile(`[^A-Za-z0-9_.%-]`)

// Check reports a request that no scheduler can meet, or whose parts contradict each other.
func (r *JobRequest) Check() error {
	count := func(flag string, n, least, most int) error {
		if n < least || n > most {
			return fmt.Errorf("--%s %d: want %d to %d", flag, n, least, most)
		}
		return nil
	}
	het, tasks := r.GPUNodes > 0, r.Nodes*r.TasksPerNode+r.GPUNodes*r.GPUTasksPerNode
	err := errors.Join(count("nodes", r.Nodes, 1, maxNodes), count("ntasks-per-node", r.TasksPerNode, 1, maxTasks),
		count("cpus-per-task", r.CPUsPerTask, 1, maxTasks), count("gpus-per-task", r.GPUsPerTask, 0, 64),
		count("gpu-nodes", r.GPUNodes, 0, maxNodes), count("requeues", r.Requeues, 0, 1000))
	if het {
		err = errors.Join(err, count("gpu-ntasks-per-node", r.GPUTasksPerNode, 1, maxTasks))
	}
	known := slices.ContainsFunc(schedulers, func(s struct{ name, program string }) bool { return s.name == r.Scheduler })
	switch {
	case err != nil:
	case !known:
		err = fmt.Errorf("--scheduler %q: want slurm, pbs or torque", r.Scheduler)
	case tasks > maxWorld:
		err = fmt.Errorf("--nodes and --ntasks-per-node: %d tasks, want at most %d", tasks, maxWorld)
	case het && r.GPUsPerTask == 0:
		err = errors.New("--gpu-nodes: say how many GPUs each task there has, with --gpus-per-task")
	case !het && r.GPUTasksPerNode > 0:
		err = errors.New("--gpu-ntasks-per-node is of the nodes of --gpu-nodes, which is not there")
	case r.Scheduler != "slurm" && het:
		err = fmt.Errorf("--gpu-nodes: only with --scheduler slurm, not %s", r.Scheduler)
	case r.Scheduler != "slurm" && r.ArrayKey != "" && len(r.ArrayValues) == 1:
		err = fmt.Errorf("--array %s: PBS has no arrays of one job: give two values, or --set in place of --array", r.ArrayKey)
	case het && r.ArrayKey != "":
		err = errors.New("--array and --gpu-nodes: Slurm has no arrays of heterogeneous jobs")
	case r.Scheduler != "slurm" && r.QOS != "":
		err = errors.New("--qos: only Slurm has it")
	case r.Scheduler != "slurm" && !pbsName.MatchString(r.Name):
		err = fmt.Errorf("--name %q: PBS wants letters, digits and _ . + -, and no digit at the beginning", r.Name)
	case r.ArrayKey != "" && (len(r.ArrayValues) < 1 || len(r.ArrayValues) > maxArray):
		err = fmt.Errorf("--array %s: %d values, want 1 to %d", r.ArrayKey, len(r.ArrayValues), maxArray)
	case r.Time < time.Minute || r.Time > maxTime:
		err = fmt.Errorf("--time %v: want a minute to a year", r.Time)
	case r.Warning < 10*time.Second || r.Warning > r.Time*9/10:
		err = fmt.Errorf("--warning %v: want 10 s to nine tenths of the job's time of %v", r.Warning, r.Time)
	case r.MPI != "openmpi" && r.MPI != "mpich" && (r.MPI != "gloo" || r.Scheduler != "slurm"):
		err = fmt.Errorf("mpi %q: want openmpi, mpich or, under Slurm, gloo", r.MPI)
	case !filepath.IsAbs(r.Home) || !filepath.IsAbs(r.Dir):
		err = fmt.Errorf("home %q and the folder %q must be absolute paths", r.Home, r.Dir)
	}
	if err != nil {
		return ConfigError{fmt.Errorf("submit: %w", err)}
	}
	return nil
}

// ParseJobTime reads a job's time: hours:minutes:seconds, days-hours:minutes:seconds, or a number with its unit, as 90m, 12h or 2d.
func ParseJobTime(text string) (time.Duration, error) {
	wrong := configErrorf("--time %s: want hours:minutes:seconds, days-hours:minutes:seconds, or a number with its unit, as 90m, 12h or 2d", text)
	if m := regexp.MustCompile(`^(?:(\d{1,4})-)?(\d{1,4}):([0-5]?\d):([0-5]?\d)$`).FindStringSubmatch(text); m != nil {
		n := func(s string) time.Duration { i, _ := strconv.Atoi(s); return time.Duration(i) } // digits, as matched
		return n(m[1])*24*time.Hour + n(m[2])*time.Hour + n(m[3])*time.Minute + n(m[4])*time.Second, nil
	}
	if m := regexp.MustCompile(`^(\d{1,4})d$`).FindStringSubmatch(text); m != nil {
		days, _ := strconv.Atoi(m[1])
		return time.Duration(days) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, wrong
	}
	return d.Round(time.Second), nil
}

// DefaultWarning is how long before its end a job is warned: five minutes, or a sixth of a short one's time.
func DefaultWarning(job time.Duration) time.Duration {
	return max(min(5*time.Minute, (job/6).Round(time.Second)), 10*time.Second)
}

// A SubmittedJob is a job that a scheduler has taken.
type SubmittedJob struct {
	ID, Log, Run string // Run is how deeprc run --job is told of it; of an array, with %a for the number in it
}

// Submit gives the job to its scheduler.
func (r *JobRequest) Submit() (*SubmittedJob, error) {
	script, err := r.Script()
	if err != nil {
		return nil, err
	}
	args := []string{"qsub"}
	if r.Scheduler == "slurm" {
		args = []string{"sbatch", "--parsable"}
	}
	cmd := exec.Command(args[0], args[1:]...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = r.Dir, strings.NewReader(script), &out, &errs
	cmd.Env = append(os.Environ(), "PWD="+r.Dir)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	id := strings.TrimSpace(out.String())
	if r.Scheduler == "slurm" {
		id, _, _ = strings.Cut(id, ";") // with the cluster's name behind it
	}
	if !regexp.MustCompile(`^[0-9]+[][A-Za-z0-9_.-]*$`).MatchString(id) {
		return nil, fmt.Errorf("%s has answered %q, which is no job's number%s", args[0], out.String(), strings.TrimSpace("\n"+errs.String()))
	}
	j := &SubmittedJob{ID: id}
	switch number, _, _ := strings.Cut(id, "."); {
	case r.Scheduler != "slurm" && r.ArrayKey != "": // 7[].server
		number = strings.TrimSuffix(number, "[]")
		between := "."
		if r.Scheduler == "torque" {
			between = "-"
		}
		run := strings.Replace(id, "[]", "[%a]", 1)
		j.Log, j.Run = filepath.Join(r.Dir, r.Name+".o"+number+between+"%a"), "pbs-"+unfit.ReplaceAllString(run, "_")
	case r.Scheduler != "slurm": // PBS's own choice
		j.Log, j.Run = filepath.Join(r.Dir, r.Name+".o"+number), "pbs-"+unfit.ReplaceAllString(id, "_")
	case r.ArrayKey != "":
		j.Log, j.Run = filepath.Join(r.Dir, fmt.Sprintf("%s-%s_%%a.log", r.Name, id)), "slurm-"+id+"_%a"
	default:
		j.Log, j.Run = filepath.Join(r.Dir, fmt.Sprintf("%s-%s.log", r.Name, id)), "slurm-"+id
	}
	return j, nil
}
