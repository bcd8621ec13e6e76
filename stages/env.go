package stages

import (
	"context"
	"log/slog"

	"deeprc/collective"
	"deeprc/model"
)

// Env is all that a running task can see. What it leaves for other tasks it puts on the Shelf or in a file of the run's folder; what it
// returns, an error or nil, is its end on this rank, and the end of the group's ranks is one, as [collective.Do] says.
type Env struct {
	Ctx     context.Context // is cancelled when the task is to end; its cause says why. When the run stops, Comm goes on for patience, so that the ranks can agree on where they end
	Comm    collective.Comm // of the task's ranks only
	Task    string
	Attempt int          // from 1
	Dir     string       // the run's folder
	Device  model.Device // of this rank, with the threads that it has whatever the task
	GPUs    []string     // of this rank, whatever the task, by their names in CUDA_VISIBLE_DEVICES
	Log     *slog.Logger // to a file in the task's folder, of the group's first rank or, where the task says so, of each; its end reaches rank 0 if the task fails
	Shelf   *Shelf       // of this rank
	Version string       // of the program

	times   *timings // of this rank's stages in this attempt
	noCache bool     // series are neither taken from the cache nor kept in it
}

// A Shelf is what tasks have left in one rank's memory for those after them. One task at a time sees it.
type Shelf struct {
	series *Series // of the run's data; nil where no task here has made or got them
}
