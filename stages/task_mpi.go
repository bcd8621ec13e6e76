package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"deeprc/collective"
)

// An mpiRank is what a rank of a task has, and a rank of the task's MPI program shall have.
type mpiRank struct {
	Host  string // as the host calls itself
	Node  string // as Slurm calls it; else Host
	Cores []int  // its affinity mask
	GPUs  string // NAME=value
}

// An mpiPlan tells the processes of an MPI program what each of them is given. It is a file in the task's folder, which all hosts see.
type mpiPlan struct {
	Dir   string   // to run in
	Env   []string // to add
	Ranks []mpiRank
}

// mpiVar marks the processes of an MPI program by the path of its plan, so that they are found on every host.
const mpiVar = "DEEPRC_MPI_TASK"

// launcherGrace is how long a launcher may take to end its program after SIGTERM; srun waits 7 s for one that does not.
const launcherGrace = 10 * time.Second

// executeMPI runs an MPI program with a rank on each of the task's, from the task's first rank. Whatever happens, none of its processes
// is left on a host when the ranks there return.
func executeMPI(e *Env, command []string, dir string, env []string, gpus string) (err error) {
	me := mpiRank{GPUs: gpus}
	if me.Host, err = os.Hostname(); err == nil {
		me.Cores, err = affinity()
	}
	if me.Node = os.Getenv("SLURMD_NODENAME"); me.Node == "" {
		me.Node = me.Host
	}
	if err := collective.Agree(e.Comm, err); err != nil {
		return err
	}
	ranks, err := gatherEach(e.Comm, me, "host, cores and GPUs")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, fmt.Sprintf(".mpi-%d.json", e.Attempt))
	all := accompany(e.Ctx, e.Comm)
	defer all.end(nil)
	defer func() { endMarked(mpiVar+"="+path, err != nil) }()
	if e.Comm.Rank() == 0 {
		if err := launchMPI(all.ctx, e, command, mpiPlan{Dir: dir, Ranks: byHost(ranks)}, path, env); err != nil {
			return err
		}
	}
	return all.meet()
}

// launchMPI writes the plan and starts the program.
func launchMPI(ctx context.Context, e *Env, command []string, plan mpiPlan, path string, env []string) error {
	if _, err := findProgram(plan.Dir, command[0]); err != nil {
		return fmt.Errorf("%s cannot be started: %w", command[0], err)
	}
	on := system{env: os.Getenv, look: exec.LookPath,
		version: func(path string) (string, error) { return outputOf(ctx, env, path, "--version") },
		nodes: func(list string) ([]string, error) {
			text, err := outputOf(ctx, env, "scontrol", "show", "hostnames", list)
			return strings.Fields(text), err
		}}
	l, err := findMPILauncher(on)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	argv, err := l.argv(plan.Ranks, append([]string{self, MPIRankCommand, path}, command...), on)
	if err != nil {
		return err
	}
	for _, v := range env { // what a launcher may not bring to other hosts
		if name, _, _ := strings.Cut(v, "="); name == "PATH" || name == "LD_LIBRARY_PATH" || strings.HasPrefix(name, "DEEPRC_") {
			plan.Env = append(plan.Env, v)
		}
	}
	if err := writeAtomic(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(plan) }); err != nil {
		return err
	}
	defer os.Remove(path)
	e.Log.Info("mpi", "command", argv)
	if err := runChild(ctx, e.Log, argv, plan.Dir, append(l.environ(env, os.Getuid() == 0), mpiVar+"="+path), launcherGrace); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%s, started by %w", command[0], launcherEnd(err))
	}
	return nil
}

// launcherEnd adds to a launcher's exit code the signal that it may stand for.
func launcherEnd(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 128 {
		if s := syscall.Signal(exit.ExitCode() - 128); unix.SignalName(s) != "" {
			return fmt.Errorf("%w (128 + %d: %v)", err, int(s), s)
		}
	}
	return err
}

// byHost sorts ranks by host, hosts as they come.
func byHost(ranks []mpiRank) []mpiRank {
	first := map[string]int{}
	for i, r := range ranks {
		if _, known := first[r.Node]; !known {
			first[r.Node] = i
		}
	}
	out := slices.Clone(ranks)
	slices.SortStableFunc(out, func(a, b mpiRank) int { return first[a.Node] - first[b.Node] })
	return out
}

// findProgram is the path of a command that is to run in dir.
func findProgram(dir, name string) (string, error) {
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	return exec.LookPath(name)
}

// outputTime is how long a command may take that only tells something.
const outputTime = 20 * time.Second

// outputOf is what a command prints.
func outputOf(ctx context.Context, env []string, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, outputTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.WaitDelay = env, time.Second
	text, err := cmd.Output()
	return string(text), err
}

// endMarked waits until no process of this host has that variable; those that are left after execGrace, or at once where nobody has told
// them to end, are killed.
func endMarked(variable string, told bool) {
	grace := time.Now()
	if told {
		grace = grace.Add(execGrace)
	}
	for end := grace.Add(execGrace); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		left := marked(variable)
		if len(left) == 0 {
			return
		}
		if time.Now().Before(grace) {
			continue
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	}
}

// marked are this user's processes on this host that began with that variable.
func marked(variable string) (pids []int) {
	found, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is right
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains("\x00"+string(text), "\x00"+variable+"\x00") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// MPIRankCommand is the command of deeprc by which a launcher starts each process of a task's MPI program: [MPIRank].
const MPIRankCommand = "mpi-rank"

// MPIRank becomes the program with its arguments, as the plan at path says for this process. It returns where that fails.
func MPIRank(path string, command []string) error {
	host, err := os.Hostname()
	fail := func(err error) error { return fmt.Errorf("%s on host %s: %w", command[0], host, err) }
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return fail(err)
	}
	var plan mpiPlan
	if err := json.Unmarshal(text, &plan); err != nil {
		return fail(fmt.Errorf("%s: %w", path, err))
	}
	mine, err := plan.rank(host, os.Getenv)
	if err != nil {
		return fail(err)
	}
	var set unix.CPUSet
	for _, core := range mine.Cores {
		set.Set(core)
	}
	runtime.LockOSThread()
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		fmt.Fprintf(os.Stderr, "deeprc: note: %s on host %s is not bound to the cores %v of its rank: %v\n", command[0], host, mine.Cores, err)
	}
	for _, v := range append(plan.Env, mine.GPUs, mpiVar+"="+path) {
		name, value, _ := strings.Cut(v, "=")
		if err := os.Setenv(name, value); err != nil {
			return fail(err)
		}
	}
	if err := os.Chdir(plan.Dir); err != nil {
		return fail(err)
	}
	program, err := findProgram(plan.Dir, command[0])
	if err == nil {
		err = syscall.Exec(program, command, os.Environ())
	}
	return fmt.Errorf("%s on host %s cannot be started: %w", command[0], host, err)
}

// rank is what the process has that a launcher has started with env on host: of the ranks there as many are before it as it has lower
// processes beside it.
func (p *mpiPlan) rank(host string, env func(string) string) (mpiRank, error) {
	local := -1
	for _, name := range []string{"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"} {
		if n, err := strconv.Atoi(env(name)); err == nil {
			local = n
			break
		}
	}
	n := 0
	for _, r := range p.Ranks {
		if r.Host != host {
			continue
		}
		if n == local {
			return r, nil
		}
		n++
	}
	return mpiRank{}, fmt.Errorf("the launcher has put its process number %d here, where the task has %d rank(s)", local, n)
}
