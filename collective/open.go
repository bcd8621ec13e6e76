package collective

import (
	"fmt"
	"os"
	"time"
)

// Options say which world [Run] opens.
type Options struct {
	// Ranks is the number of in-process ranks; 0 if not asked for, then 1.
	Ranks int
	// Comm is what connects the ranks: local, mpi, openmpi, mpich, gloo, the path of an
	// MPI plugin, or "" for what DEEPRC_COMM says, else for what the launcher's
	// environment tells. DEEPRC_MPI says which MPI where that is not named. Where the
	// ranks of Gloo meet stands in the environment: see [mesh.FromEnv].
	Comm string
}

// LauncherName says who started this process, as far as its environment tells; "" for nobody.
func LauncherName() string { return findLauncher(os.Getenv).name }

// Backend names what moves the data of c: in-process ranks, or a library and its version.
func Backend(c Comm) string { return c.(backend).library() }

// Run opens the world, calls f once for each rank that lives in this process,
// closes the world and returns the root-cause error.
//
// Under an MPI launcher, and with Gloo, the ranks are processes, else they are
// goroutines of this one. The world fails as [Do] says. Run then returns the failure
// on every rank; in a world of one rank it returns the bare error. The caller prints it
// where [Primary] says so and exits with a nonzero code everywhere, at once: a launcher
// ends all processes when the first one exits so.
//
// MPI can be opened once in a process.
func Run(o Options, f func(c Comm) error) error {
	ch, err := choose(o, os.Getenv)
	if err != nil {
		return elsewhere(ch, err)
	}
	if ch.plugin == "" {
		return runLocal(ch.ranks, ch.limits, ch.wrap, f)
	}
	path, err := findPlugin(ch.plugin)
	if err != nil {
		if ch.from.size == 1 && !ch.forced {
			return runLocal(1, ch.limits, ch.wrap, f)
		}
		return elsewhere(ch, ch.explain(err))
	}
	if ch.gloo != nil {
		c, err := openGloo(path, *ch.gloo, ch.limits)
		if err != nil {
			return err // of each process: they may have no terminal in common
		}
		return c.runGloo(ch.wrap, f)
	}
	c, err := openMPI(path, ch.limits)
	if err != nil {
		return elsewhere(ch, ch.explain(err))
	}
	return c.run(ch.wrap, func(w Comm) error {
		if n := ch.from.size; n > 1 && c.Size() == 1 {
			return fmt.Errorf("%s started %d ranks, but the MPI of %s sees one: the plugin is of another MPI; set DEEPRC_MPI to the right one (openmpi, mpich or a path)",
				ch.from.name, n, path)
		}
		return f(w)
	})
}

// wrap is c as the user's code gets it: checked in every call with DEEPRC_DEBUG=comm.
func (ch choice) wrap(c Comm) Comm {
	if ch.checked {
		return checked{c.(backend)}
	}
	return c
}

// explain says why MPI was wanted.
func (ch choice) explain(err error) error {
	switch {
	case ch.from.size > 0:
		return fmt.Errorf("%s started %d ranks: %w", ch.from.name, ch.from.size, err)
	case ch.from.name != "":
		return fmt.Errorf("started by %s: %w", ch.from.name, err)
	}
	return err
}

// launchError is met by all ranks alike before they can talk; rank 0 prints it.
type launchError struct{ error }

func (e launchError) Unwrap() error { return e.error }

// elsewhere leaves err to the process of the launcher's rank 0, and gives it the time to print.
func elsewhere(ch choice, err error) error {
	if ch.from.rank == 0 {
		return err
	}
	time.Sleep(linger)
	return launchError{err}
}
