package stages

import (
	"errors"
	"fmt"

	"deeprc/collective"
	"deeprc/model"
)

// Stopped reports whether err is the end of a run that was told to stop: all ranks ended it at the same place, with their
// checkpoints written, and it goes on with --resume.
func Stopped(err error) bool { return errors.Is(err, model.ErrStopped) }

// stopped is the error of a stage that ends here because some rank's context was cancelled, on all ranks alike, else nil; collective.
func (j *job) stopped(stage string) error {
	var told int64
	if j.ctx.Err() != nil {
		told = 1
	}
	told, err := collective.AllReduceOne(j.c, told, collective.Max)
	if err != nil || told == 0 {
		return err
	}
	return fmt.Errorf("%s: %w: %w", stage, model.ErrStopped, model.Cause(j.ctx))
}
