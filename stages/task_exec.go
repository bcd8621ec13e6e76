package stages

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"deeprc/collective"
)

// execGrace is how long a command may take to end after SIGTERM; then it is killed.
const execGrace = 5 * time.Second

// execute runs a command as a child process on every rank of the task, in its folder; what it prints is the task's log. It is a failure
// if one does not end with exit code 0.
func execute(e *Env, command []string) error {
	dir, err := makeTaskDir(e.Dir, e.Task)
	if err := collective.Agree(e.Comm, err); err != nil {
		return err
	}
	place, err := collective.Hosts(e.Comm)
	if err != nil {
		return err
	}
	run, err := filepath.Abs(e.Dir)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(e.Ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(cleanEnv(os.Environ()), fmt.Sprint("RANK=", e.Comm.Rank()), fmt.Sprint("WORLD_SIZE=", e.Comm.Size()), fmt.Sprint("LOCAL_RANK=", place.LocalRank),
		"DEEPRC_TASK="+e.Task, fmt.Sprint("DEEPRC_ATTEMPT=", e.Attempt), "DEEPRC_RUN="+run)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // its own children end with it, and it with this process: the task of a run that goes on is alone
	runtime.LockOSThread()                                                            // whose end Pdeathsig means
	defer runtime.UnlockOSThread()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = execGrace
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
			e.Log.Info(string(line))
		}
	}()
	err = cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it has left behind
	}
	w.Close()
	<-logged
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case e.Ctx.Err() != nil:
		return context.Cause(e.Ctx)
	case errors.As(err, &exit):
		return fmt.Errorf("%s: %w", command[0], err)
	}
	return fmt.Errorf("%s cannot be started: %w", command[0], err)
}

// launcherVariables begin the names of variables by which a launcher tells a process of its ranks: a child that speaks MPI would take itself
// for one of ours.
var launcherVariables = []string{"OMPI_", "PMI_", "PMIX_", "PMI2_", "MPI_", "MPIR_", "HYDRA_", "HYDI_", "PRTE_", "ORTE_", "SLURM_STEP", "SLURM_TASK", "SLURM_PROCID",
	"SLURM_LOCALID", "SLURM_NODEID", "SLURM_GTIDS", "SLURM_SRUN", "SLURM_MPI", "SLURM_PMI", "RANK=", "WORLD_SIZE=", "LOCAL_RANK=", "LOCAL_WORLD_SIZE=", "MASTER_ADDR=", "MASTER_PORT=",
	"DEEPRC_COMM=", "DEEPRC_MPI=", "DEEPRC_KEY="}

// cleanEnv is env without them.
func cleanEnv(env []string) (out []string) {
	for _, v := range env {
		clean := true
		for _, prefix := range launcherVariables {
			clean = clean && !strings.HasPrefix(v, prefix)
		}
		if clean {
			out = append(out, v)
		}
	}
	return out
}
