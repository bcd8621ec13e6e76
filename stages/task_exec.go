package stages

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"deeprc/collective"
)

// execGrace is how long a command may take to end after SIGTERM; then it is killed.
const execGrace = 5 * time.Second

// execute runs a command as a child process on every rank of the task, in its folder; what it prints is the task's log. It is a failure
// if one does not end with exit code 0. An MPI program is started once, with a rank on each of the task's.
func execute(e *Env, c TaskConfig) error {
	dir, err := makeTaskDir(e.Dir, e.Task)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	run, absolute := filepath.Abs(e.Dir)
	if err := collective.Agree(e.Comm, errors.Join(err, absolute)); err != nil {
		return err
	}
	env := append(cleanEnv(os.Environ()), "DEEPRC_TASK="+e.Task, fmt.Sprint("DEEPRC_ATTEMPT=", e.Attempt), "DEEPRC_RUN="+run)
	gpus := cudaVar + strings.Join(e.GPUs[:c.GPUs], ",")
	if c.MPI {
		return executeMPI(e, c.Command, dir, env, gpus)
	}
	place, err := collective.Hosts(e.Comm)
	if err != nil {
		return err
	}
	all := accompany(e.Ctx, e.Comm)
	defer all.end(nil)
	env = append(env, fmt.Sprint("RANK=", e.Comm.Rank()), fmt.Sprint("WORLD_SIZE=", e.Comm.Size()), fmt.Sprint("LOCAL_RANK=", place.LocalRank), gpus)
	if err := runChild(all.ctx, e.Log, c.Command, dir, env, execGrace); err != nil {
		return err
	}
	return all.meet()
}

// runChild runs a command to its end, in dir, and puts each line that it prints into log. When ctx is cancelled, the command and its own
// children get SIGTERM, and SIGKILL after grace; the error is then the cause.
func runChild(ctx context.Context, log *slog.Logger, command []string, dir string, env []string, grace time.Duration) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // its own children end with it, and it with this process: the task of a run that goes on is alone
	runtime.LockOSThread()                                                            // whose end Pdeathsig means
	defer runtime.UnlockOSThread()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		lines := bufio.NewReaderSize(r, 64<<10)
		for {
			line, _, err := lines.ReadLine() // what is longer than the buffer comes in parts
			if err != nil {
				return
			}
			log.Info(string(line))
		}
	}()
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it has left behind
	}
	w.Close()
	<-logged
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exit):
		return fmt.Errorf("%s: %w", command[0], err)
	}
	return fmt.Errorf("%s cannot be started: %w", command[0], err)
}

// cudaVar says which GPUs a program sees: those that its task has asked for and no others.
const cudaVar = "CUDA_VISIBLE_DEVICES="

// launcherVariables begin the names of variables by which a launcher tells a process of its ranks: a child that speaks MPI would take itself
// for one of ours. What a user or a site sets for launchers and MPIs stays.
var launcherVariables = []string{
	"PMI_", "PMIX_", "PMI2_", "MPI_LOCAL", "HYDI_", "MPIR_CVAR_CH3_INTERFACE_HOSTNAME=", // Hydra, PMIx
	"OMPI_COMM_WORLD_", "OMPI_UNIVERSE_", "OMPI_APP_", "OMPI_NUM_", "OMPI_FIRST_", "OMPI_COMMAND=", "OMPI_ARGV=", "OMPI_FILE_LOCATION=", "PRTE_", "OMPI_MCA_orte_", "OMPI_MCA_ess",
	"OMPI_MCA_pmix", "OMPI_MCA_initial_wdir=", "OMPI_MCA_shmem_RUNTIME", "OMPI_MCA_mpi_oversubscribe=", // Open MPI
	"SLURM_STEP", "SLURM_TASK", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_GTIDS", "SLURM_SRUN", "SLURM_MPI", "SLURM_PMIX_MAPPING", "SLURM_PMIXP_", "SLURM_PMI2", "SLURM_PMI_",
	"SLURM_CPU_BIND", // how srun has bound our ranks; a step of a child's would take it for its own --cpu-bind
	"RANK=", "WORLD_SIZE=", "LOCAL_RANK=", "LOCAL_WORLD_SIZE=", "MASTER_ADDR=", "MASTER_PORT=", "TORCHELASTIC_", "JOB_COMPLETION_INDEX=",
	"DEEPRC_COMM=", "DEEPRC_MPI=", "DEEPRC_KEY=", "DEEPRC_RENDEZVOUS=", "DEEPRC_SIZE=", "DEEPRC_STOPPED="}

// cleanEnv is env without them.
func cleanEnv(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		return slices.ContainsFunc(launcherVariables, func(prefix string) bool { return strings.HasPrefix(v, prefix) })
	})
}
