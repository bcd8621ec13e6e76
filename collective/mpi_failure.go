package collective

// #include "mpi_table.h"
import "C"

import (
	"runtime"
	"time"
)

const (
	// tellTimeout is how long a failing rank waits until its notices are out and rank 0 has answered.
	tellTimeout = 2 * time.Second
	// answerTime is how long rank 0 goes on answering notices once a failure is known,
	// and gives the others to leave their calls before it prints and exits.
	answerTime = 200 * time.Millisecond
	// finalizeTimeout ends MPI_Finalize, which hangs in some MPICH over TCP.
	finalizeTimeout = 3 * time.Second
	// linger keeps a process that prints nothing alive while another prints: a
	// launcher ends all ranks when the first one, which should be the printer,
	// exits with an error. So no job lasts longer for it, on a busy node either.
	linger = 3 * time.Second
)

// notice looks for a message that another rank has failed and returns the world's
// first failure; the world's mu is held. Rank 0 answers, for it will print.
func (w *mpiWorld) notice() error {
	if w.failure != nil {
		return w.failure
	}
	b, from, err := w.receive(tagFailure)
	if err != nil || b == nil {
		return err
	}
	w.failure = decodeRankError(b)
	w.failure.quiet = w.ctl.rank != 0
	w.answer(from)
	return w.failure
}

// answer tells a failing rank that rank 0 knows; mu is held.
func (w *mpiWorld) answer(to int) {
	if w.ctl.rank == 0 {
		w.ctl.reqs = w.ctl.reqs[:0]
		w.ctl.send(w.keep([]byte{1}), to, tagAnswer) // an error leaves the printing to the other rank
	}
}

// keep pins b for good: the end of its message is not waited for.
func (w *mpiWorld) keep(b []byte) Buf {
	p := new(runtime.Pinner)
	p.Pin(&b[0])
	w.leaked = append(w.leaked, p)
	return Of(b)
}

// receive returns a waiting message of that tag on the control communicator, nil if there is none; mu is held.
func (w *mpiWorld) receive(tag C.int) (b []byte, from int, err error) {
	var found, source, n, left C.int
	if rc := C.mpi_iprobe(tag, w.ctl.h, &found, &source, &n); rc != 0 {
		return nil, 0, mpiError("MPI_Iprobe", rc)
	}
	if found == 0 {
		return nil, 0, nil
	}
	b = make([]byte, n)
	var req C.deeprc_h
	buf := w.keep(b)
	if rc := C.mpi_irecv(buf.Ptr, n, C.DEEPRC_U8, source, tag, w.ctl.h, &req); rc != 0 {
		return nil, 0, mpiError("MPI_Irecv", rc)
	}
	for left = 1; left > 0; {
		if rc := C.mpi_test(&req, 1, burstTests, &left); rc != 0 {
			return nil, 0, mpiError("MPI_Irecv", rc)
		}
	}
	return b, int(source), nil
}

// tell sends e to every other rank and waits a while until the notices are out
// and rank 0 is known to print: it has answered, or it has failed too.
func (w *mpiWorld) tell(e *RankError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure != nil {
		return
	}
	w.failure = e
	ctl := &w.ctl
	buf := w.keep(e.encode())
	ctl.reqs = make([]C.deeprc_h, 0, ctl.size)
	for r := range ctl.size {
		if r != ctl.rank {
			ctl.send(buf, r, tagFailure)
		}
	}
	left := C.int(len(ctl.reqs))
	for end := time.Now().Add(tellTimeout); (left > 0 || ctl.rank != 0 && !e.quiet) && time.Now().Before(end); {
		if len(ctl.reqs) > 0 {
			C.mpi_test(&ctl.reqs[0], C.int(len(ctl.reqs)), 1, &left)
		}
		for _, tag := range []C.int{tagAnswer, tagFailure} {
			if b, from, err := w.receive(tag); err == nil && b != nil && from == 0 {
				e.quiet = true
			}
		}
		w.mu.Unlock()
		time.Sleep(time.Millisecond)
		w.mu.Lock()
	}
}

// end closes the world after f has returned err on this rank and returns what Run
// returns. After a failure MPI is not finalized: calls that were cut short are
// still under way, so that MPI_Finalize may hang or write to memory since freed.
func (w *mpiWorld) end(err error) error {
	if err == nil {
		err = w.ctl.Barrier() // until here another rank's failure is this rank's too
	}
	if err == nil {
		w.finalize()
		return nil
	}
	if w.ctl.size > 1 {
		err = w.fail(err)
	}
	if !Primary(err) {
		time.Sleep(linger)
	}
	return err
}

// fail spreads err, unless a failure is known already, and returns the world's first.
func (w *mpiWorld) fail(err error) error {
	w.tell(rankError(w.ctl.rank, err))
	if w.ctl.rank == 0 {
		for end := time.Now().Add(answerTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
			w.mu.Lock()
			if b, from, err := w.receive(tagFailure); err == nil && b != nil {
				w.answer(from)
			}
			w.mu.Unlock()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}

// finalize ends MPI, or leaves it to the end of the process when it hangs.
func (w *mpiWorld) finalize() {
	done := make(chan struct{})
	go func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		C.mpi_finalize()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(finalizeTimeout):
	}
}
