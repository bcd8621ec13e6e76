package collective

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// backend is what every Comm of this package can do beside its collectives.
type backend interface {
	Comm
	fail(err error) *RankError // breaks the group on all its ranks; returns its first failure
	worldRank() int
	mailbox() Mailbox
	library() string
	shrink() (Comm, error)
	again() (Comm, error)
	last() backend // what goes on for this group: the latest that Shrink made of it, or itself
}

// Do calls f on this rank of a group and makes its end the group's; collective. It
// returns nil on all ranks once f has returned nil on all.
//
// A rank whose f returns an error or panics, or whose ctx is cancelled, makes every
// call of every other rank on this group, or on one made of it, return a [*RankError]
// that names it, within two seconds for those that wait. Do then returns the group's
// first failure on every rank, and the group can only be closed; the groups that it
// was made of go on. In a group of one it returns f's error as it is. Where f has gone on
// in a group that [Shrink] made of this one, that group's end counts.
func Do(ctx context.Context, c Comm, f func(c Comm) error) error {
	b := c.(backend)
	stop := context.AfterFunc(ctx, func() { b.last().fail(cancelled{context.Cause(ctx)}) })
	err := errGoexit
	func() {
		defer func() {
			if p := recover(); p != nil {
				err = panicked(p)
			}
			if err == errGoexit { // the goroutine ends here: tell the others first
				b.last().fail(err)
				stop()
			}
		}()
		err = f(c)
	}()
	if err == nil {
		err = b.last().Barrier() // until here another rank's failure is this rank's too
	}
	if !stop() && err == nil && ctx.Err() != nil {
		err = cancelled{context.Cause(ctx)}
	}
	switch {
	case err == nil:
		return nil
	case c.Size() == 1:
		b.fail(err)
		return err
	}
	e := b.last().fail(err)
	if e.Rank == b.worldRank() { // perhaps another rank told of it first, without the chain
		t := *e
		t.err = err
		e = &t
	}
	return e
}

// cancelled is the failure of a rank whose task was cancelled.
type cancelled struct{ cause error }

func (c cancelled) Error() string { return "cancelled: " + c.cause.Error() }
func (c cancelled) Unwrap() error { return c.cause }

// errGoexit is the failure of a rank that left by runtime.Goexit, as testing's FailNow does.
var errGoexit = errors.New("the rank's goroutine ended before its work did")

// panicked is a panic as an error, with the stack; but for an error with a method Outside, which says that its cause is
// not in the program, such as a full disk.
func panicked(p any) error {
	cause, ok := p.(error)
	if _, outside := p.(interface{ Outside() }); outside {
		return cause
	}
	if !ok {
		cause = fmt.Errorf("%v", p)
	}
	return fmt.Errorf("panic: %w\n%s", cause, debug.Stack())
}
