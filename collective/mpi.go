package collective

// #cgo LDFLAGS: -ldl
// #include <sched.h>
// #include <stdlib.h>
// #include "mpi_table.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// mpiWorld is MPI_COMM_WORLD of this process. MPI is asked for
// MPI_THREAD_SERIALIZED and mu is held round every call; since all that wait are
// non-blocking calls tested in bursts, mu is never held while waiting.
type mpiWorld struct {
	mu      sync.Mutex
	library string  // the MPI library's own name and version
	ctl     mpiComm // failure notices and the last barrier
	failure *RankError
	leaked  []*runtime.Pinner // buffers of calls that a failure cut short: MPI may still touch them
}

// mpiComm is a group of ranks over one MPI communicator.
type mpiComm struct {
	w          *mpiWorld
	h          C.deeprc_h
	rank, size int
	world      []int // world rank of each rank
	reqs       []C.deeprc_h
	left       C.int
	closed     bool
}

// Tags of point-to-point messages; a message never waits behind one of another tag.
const (
	tagData = iota + 1
	tagSub
	tagFailure
	tagAnswer
)

// pieceBytes is the largest single message, well inside MPI's int counts. It is
// a variable so that a test can make it small.
var pieceBytes = 1 << 30

// mpiOpened is set for good by the first openMPI: MPI starts once in a process.
var mpiOpened atomic.Bool

// openMPI loads the plugin at path and starts MPI.
func openMPI(path string) (*mpiComm, error) {
	if mpiOpened.Swap(true) {
		return nil, errors.New("MPI can be started only once in a process")
	}
	var version, rc C.int
	file := C.CString(path)
	defer C.free(unsafe.Pointer(file))
	if text := C.deeprc_mpi_load(file, &version, &rc); text != nil {
		return nil, fmt.Errorf("cannot load the MPI plugin %s: %s\n%s", path, C.GoString(text), loadAdvice)
	}
	if version != C.DEEPRC_MPI_VERSION {
		return nil, versionError(path, int(version))
	}
	if rc != 0 {
		return nil, fmt.Errorf("MPI_Init_thread of %s: %s", path, mpiText(rc))
	}
	return new(mpiWorld).start()
}

func (w *mpiWorld) start() (*mpiComm, error) {
	text := make([]byte, 8192)
	C.mpi_library((*C.char)(unsafe.Pointer(&text[0])), C.int(len(text)))
	line, _, _ := strings.Cut(C.GoString((*C.char)(unsafe.Pointer(&text[0]))), "\n")
	w.library = strings.Join(strings.Fields(line), " ")
	c := &mpiComm{w: w, closed: true} // the library's own, never freed
	if rc := C.mpi_world(&c.h); rc != 0 {
		return nil, mpiError("MPI_COMM_WORLD", rc)
	}
	if err := c.measure(); err != nil {
		return nil, err
	}
	c.world = make([]int, c.size)
	for r := range c.world {
		c.world[r] = r
	}
	w.ctl = mpiComm{w: w, world: c.world}
	if rc := C.mpi_dup(c.h, &w.ctl.h); rc != 0 {
		return nil, mpiError("MPI_Comm_dup", rc)
	}
	return c, w.ctl.measure()
}

// measure asks MPI for rank and size.
func (c *mpiComm) measure() error {
	var r, n C.int
	if rc := C.mpi_rank(c.h, &r); rc != 0 {
		return mpiError("MPI_Comm_rank", rc)
	}
	if rc := C.mpi_size(c.h, &n); rc != 0 {
		return mpiError("MPI_Comm_size", rc)
	}
	c.rank, c.size = int(r), int(n)
	return nil
}

// mpiError is code rc of the call op, by class name and text; the world's mu is held.
func mpiError(op string, rc C.int) error { return fmt.Errorf("%s: %s", op, mpiText(rc)) }

func mpiText(rc C.int) string {
	text := make([]byte, 1024)
	p := (*C.char)(unsafe.Pointer(&text[0]))
	C.mpi_error(rc, p, C.int(len(text)))
	return C.GoString(p)
}

func (c *mpiComm) Rank() int      { return c.rank }
func (c *mpiComm) Size() int      { return c.size }
func (c *mpiComm) worldRank() int { return c.world[c.rank] }

// call runs one communication: it refuses after a failure, pins the buffers,
// starts the requests and waits for them.
func (c *mpiComm) call(op string, start func() C.int, bufs ...Buf) error {
	w := c.w
	pin := new(runtime.Pinner)
	for _, b := range bufs {
		if b.N > 0 {
			pin.Pin(b.Ptr)
		}
	}
	c.reqs = c.reqs[:0]
	w.mu.Lock()
	err := w.notice()
	if err == nil {
		if rc := start(); rc != 0 {
			err = mpiError(op, rc)
		}
	}
	w.mu.Unlock()
	if err == nil {
		err = c.wait(op)
	}
	if err != nil {
		w.mu.Lock()
		w.leaked = append(w.leaked, pin)
		w.mu.Unlock()
		return err
	}
	pin.Unpin()
	return nil
}

// How a wait goes on: bursts of tests, then tests between yields, then between
// pauses that double up to maxPause, so that an idle rank costs a few percent of a core.
const (
	burstTests = 200
	yields     = 200
	maxPause   = 200 // µs
)

// wait returns when the requests of c.reqs are complete or a rank has failed.
func (c *mpiComm) wait(op string) error {
	if len(c.reqs) == 0 {
		return nil
	}
	tests, us := C.int(burstTests), 1
	for i := 0; ; i++ {
		if err := c.test(op, tests); err != nil || c.left == 0 {
			return err
		}
		if tests = 1; i < yields {
			C.sched_yield()
			continue
		}
		C.deeprc_pause_us(C.int(us))
		us = min(2*us, maxPause)
	}
}

// test makes some tests of c.reqs, sets c.left and looks for a failure.
func (c *mpiComm) test(op string, tests C.int) error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if rc := C.mpi_test(&c.reqs[0], C.int(len(c.reqs)), tests, &c.left); rc != 0 {
		return mpiError(op, rc)
	}
	if c.left == 0 {
		return nil
	}
	return c.w.notice()
}

// request is room for one more request; the world's mu is held.
func (c *mpiComm) request() *C.deeprc_h {
	c.reqs = append(c.reqs, 0)
	return &c.reqs[len(c.reqs)-1]
}

func (c *mpiComm) Barrier() error {
	return c.call("MPI_Ibarrier", func() C.int { return C.mpi_ibarrier(c.h, c.request()) })
}

// pieces calls f on consecutive pieces of b of at most pieceBytes.
func pieces(b Buf, f func(Buf) error) error {
	step := pieceBytes / b.Type.Size()
	for lo := 0; lo < b.N; lo += step {
		if err := f(b.slice(lo, min(lo+step, b.N))); err != nil {
			return err
		}
	}
	return nil
}

func (c *mpiComm) Broadcast(b Buf, root int) error {
	checkRoot(c, root)
	return pieces(b, func(p Buf) error {
		return c.call("MPI_Ibcast", func() C.int {
			return C.mpi_ibcast(p.Ptr, C.int(p.N), C.int(p.Type), C.int(root), c.h, c.request())
		}, p)
	})
}

func (c *mpiComm) AllReduce(b Buf, op Op) error {
	return pieces(b, func(p Buf) error {
		return c.call("MPI_Iallreduce", func() C.int {
			return C.mpi_iallreduce(p.Ptr, C.int(p.N), C.int(p.Type), C.int(op), c.h, c.request())
		}, p)
	})
}

func (c *mpiComm) send(b Buf, to, tag int) C.int {
	return C.mpi_isend(b.Ptr, C.int(b.N), C.int(b.Type), C.int(to), C.int(tag), c.h, c.request())
}

func (c *mpiComm) recv(b Buf, from, tag int) C.int {
	return C.mpi_irecv(b.Ptr, C.int(b.N), C.int(b.Type), C.int(from), C.int(tag), c.h, c.request())
}
