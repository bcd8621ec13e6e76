package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"deeprc/collective"
	"deeprc/stages"
)

// interruptible gives contexts that signals cancel: stop by SIGTERM or SIGUSR1 (Slurm's warning before the time limit, and what mpirun
// forwards), finish by these and the first SIGINT. A second SIGINT ends the process at once; the others do not: a scheduler sends SIGTERM,
// too, while the checkpoint that its warning asked for is being written.
func interruptible() (stop, finish context.Context, end func()) {
	stop, cancel := context.WithCancelCause(context.Background())
	finish, ease := context.WithCancelCause(stop)
	ignored := signal.Ignored(os.Interrupt) // at the start, as sh does to what is to run in the background
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
	go func() {
		interrupts := 0
		for s := range ch {
			if s == os.Interrupt {
				interrupts++
			}
			if interrupts == 2 {
				if ignored { // again after a reset
					os.Exit(128 + int(syscall.SIGINT))
				}
				signal.Reset(os.Interrupt)
				syscall.Kill(os.Getpid(), syscall.SIGINT)
			}
			why := fmt.Errorf("%s received", s)
			if s == os.Interrupt {
				ease(why)
			} else {
				cancel(why)
			}
		}
	}()
	return stop, finish, func() { cancel(nil) }
}

// A stopped is the end of a run that all ranks stopped alike.
type stopped struct {
	error
	rank int // the lowest of this process
}

// stoppedVar names a file in which rank 0 of a run that has stopped writes its exit code: MPICH's mpirun loses the code at times, after it
// has passed a signal on.
const stoppedVar = "DEEPRC_STOPPED"

// exitCode prints the error, on rank 0, and is what this process ends with.
func (s *stopped) exitCode() int {
	if s.rank > 0 {
		return exitStopped
	}
	fmt.Fprintln(os.Stderr, "deeprc:", s.error)
	if path := os.Getenv(stoppedVar); path != "" {
		if err := os.WriteFile(path, fmt.Appendln(nil, exitStopped), 0o666); err != nil {
			fmt.Fprintf(os.Stderr, "deeprc: %s: %v\n", stoppedVar, err)
		}
	}
	return exitStopped
}

// runToStop is collective.Run, but where f ends as [stages.Stopped] says, on all ranks, their world ends in order: nobody is killed
// by the launcher while another writes its checkpoint.
func runToStop(o collective.Options, f func(c collective.Comm) error) error {
	var mu sync.Mutex
	var end *stopped
	err := collective.Run(o, func(c collective.Comm) error {
		err := f(c)
		if !stages.Stopped(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if end == nil || c.Rank() < end.rank {
			end = &stopped{err, c.Rank()}
		}
		return nil
	})
	if err == nil && end != nil {
		return end
	}
	return err
}
