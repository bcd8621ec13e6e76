package stages

import (
	"context"

	"deeprc/collective"
)

// A company is a group whose ranks each wait for something outside of it, such as a command, for as long as that takes: in a collective
// call they would be taken for stuck after a while (DEEPRC_TIMEOUT). It uses the group's mailbox.
type company struct {
	c    collective.Comm
	mail collective.Mailbox
	ctx  context.Context         // is cancelled when the group fails, too: what this rank waits for is to be ended
	end  context.CancelCauseFunc // of ctx
	all  chan struct{}           // closed when all others are done, so far as this rank is to know
}

// accompany begins; collective.
func accompany(ctx context.Context, c collective.Comm) *company {
	a := &company{c: c, mail: collective.OpenMailbox(c), all: make(chan struct{})}
	a.ctx, a.end = context.WithCancelCause(ctx)
	words := 1 // rank 0's, that all are done
	if c.Rank() == 0 {
		words = c.Size() - 1
	}
	go func() {
		for range words {
			if _, _, err := a.mail.Recv(); err != nil {
				a.end(err)
				return
			}
		}
		close(a.all)
	}()
	return a
}

// meet says that this rank is done and waits until all are; collective. A rank that has failed returns from its task in place of calling
// it, which fails the group.
func (a *company) meet() error {
	if a.c.Rank() > 0 {
		if err := a.mail.Send(0, nil); err != nil {
			return err
		}
	}
	select {
	case <-a.all:
	case <-a.ctx.Done():
		return context.Cause(a.ctx)
	}
	if a.c.Rank() > 0 {
		return nil
	}
	for r := 1; r < a.c.Size(); r++ {
		if err := a.mail.Send(r, nil); err != nil {
			return err
		}
	}
	return nil
}
