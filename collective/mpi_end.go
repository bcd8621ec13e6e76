package collective

// #include "mpi_table.h"
import "C"

import (
	"context"
	"errors"
	"time"
)

const (
	// answerTime is how long a failing rank waits for rank 0 to say that it will print.
	answerTime = 2 * time.Second
	// noticeTime is given to failure notices to reach the others before this process exits.
	noticeTime = 200 * time.Millisecond
	// finalizeTimeout ends MPI_Finalize, which hangs in some MPICH over TCP.
	finalizeTimeout = 3 * time.Second
	// linger keeps a process that prints nothing alive while another prints: a
	// launcher ends all ranks when the first one, which should be the printer,
	// exits with an error. So no job lasts longer for it, on a busy node either.
	linger = 3 * time.Second
)

// run calls f and ends the world of processes with it.
func (c *peerComm) run(wrap func(Comm) Comm, f func(c Comm) error) error {
	w := c.w
	err := Do(context.Background(), wrap(c), f)
	fabric := w.fabric.(*mpiFabric)
	var e *RankError
	if !errors.As(err, &e) || !e.died {
		fabric.letGo()
	}
	if err == nil {
		w.end()
		fabric.finalize()
		return nil
	}
	return w.settleFailure(err)
}

// settleFailure gives err the time to reach the other ranks and settles which process
// prints it: rank 0's, if it answers. After a failure MPI is not finalized: calls that were
// cut short are still under way, so that MPI_Finalize may hang or write to memory since freed.
func (w *world) settleFailure(err error) error {
	if w.size == 1 {
		return err
	}
	e := w.root.failure.Load()
	if e == nil { // met after the end
		return err
	}
	if w.rank == 0 {
		for r := 1; r < w.size; r++ {
			w.fabric.send(r, kindAnswer, nil)
		}
		time.Sleep(noticeTime)
		return e
	}
	if !e.quiet {
		select {
		case <-w.answered:
			t := *e
			t.quiet = true
			e = &t
		case <-time.After(answerTime):
		}
	}
	if !Primary(e) {
		time.Sleep(linger)
	}
	return e
}

// finalize ends MPI, or leaves it to the end of the process when it hangs.
func (f *mpiFabric) finalize() {
	close(f.stop)
	<-f.stopped
	done := make(chan struct{})
	go func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for end := time.Now().Add(finalizeTimeout / 2); len(f.flights) > 0 && time.Now().Before(end); {
			f.land()
		}
		C.mpi_finalize()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(finalizeTimeout):
	}
}
