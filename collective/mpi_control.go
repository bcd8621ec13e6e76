package collective

// #include <sched.h>
// #include "mpi_table.h"
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
	"unsafe"
)

// postmanPause is how often control messages are looked for while no call and no mailbox waits for any.
const postmanPause = 20 * time.Millisecond

// send starts a control message; what holds it in memory is freed when it has arrived.
func (f *mpiFabric) send(to int, kind byte, body []byte) {
	b := append(make([]byte, 0, len(body)+1), body...)
	fl := &flight{reqs: make([]C.deeprc_h, 1)}
	m := C.struct_deeprc_message{bytes: C.int32_t(len(b)), peer: C.int32_t(to), tag: C.int32_t(kind), send: 1}
	p := unsafe.SliceData(b)
	fl.pin.Pin(p)
	m.address = C.uint64_t(uintptr(unsafe.Pointer(p)))
	f.mu.Lock()
	defer f.mu.Unlock()
	if rc := C.mpi_start(f.ctl, &m, 1, &fl.reqs[0], 1, &fl.left); rc != 0 {
		fmt.Fprintf(os.Stderr, "deeprc: rank %d: a message to rank %d is lost: %v\n", f.rank, to, mpiError("MPI_Isend", rc))
	}
	if fl.left > 0 {
		f.flights = append(f.flights, fl)
	} else {
		fl.pin.Unpin()
	}
}

// poll hands out the control messages that have come and reports whether there were any.
func (f *mpiFabric) poll() bool {
	if !f.pollMu.TryLock() {
		return false // somebody is at it
	}
	defer f.pollMu.Unlock()
	some := false
	for {
		b, from, kind, err := f.receive()
		if err != nil {
			f.w.root.fail(err)
			return false
		}
		if kind == 0 {
			return some
		}
		some = true
		f.w.message(from, kind, b)
	}
}

// receive takes a control message that waits; kind is 0 if there is none.
func (f *mpiFabric) receive() (b []byte, from int, kind byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found, source, tag, n C.int
	var message C.deeprc_h
	if rc := C.mpi_probe(f.ctl, &found, &source, &tag, &n, &message); rc != 0 {
		return nil, 0, 0, mpiError("MPI_Improbe", rc)
	}
	if found == 0 {
		return nil, 0, 0, nil
	}
	b = make([]byte, max(1, n))
	if rc := C.mpi_receive_matched(unsafe.Pointer(&b[0]), n, &message); rc != 0 {
		return nil, 0, 0, mpiError("MPI_Mrecv", rc)
	}
	return b[:n], int(source), byte(tag), nil
}

// land takes leave of the flights that are complete; mu is held.
func (f *mpiFabric) land() {
	f.flights = slices.DeleteFunc(f.flights, func(fl *flight) bool {
		if rc := C.mpi_test(&fl.reqs[0], C.int(len(fl.reqs)), 1, &fl.left); rc != 0 || fl.left > 0 {
			return false
		}
		fl.pin.Unpin()
		return true
	})
}

// How often the postman looks before it pauses, each time after a yield, while a mailbox waits: about as long as an answer takes.
const (
	mailLooks        = 300
	crowdedMailLooks = 50
)

// postman hands out control messages while no call does, and clears up. Since the last message, or since a mailbox has begun to wait, its
// pauses double, while a mailbox waits up to that of a call that waits, in C, as the pauses of an idle Go program are 1 ms and more
// (runtime.netpoll). Longer ones end when a mailbox begins to wait.
func (f *mpiFabric) postman() {
	defer close(f.stopped)
	looks := mailLooks
	if f.crowded {
		looks = crowdedMailLooks
	}
	var pause time.Duration
	var idle int
	fresh := func() { pause, idle = firstPause*time.Microsecond, 0 }
	fresh()
	for {
		select {
		case <-f.stop:
			return
		case <-f.w.receivers.begun:
			fresh()
		default:
		}
		some := f.poll()
		f.mu.Lock()
		f.land()
		err := f.drains.work(f)
		f.mu.Unlock()
		if err != nil {
			f.w.root.fail(err)
		}
		waited := f.w.receivers.n.Load() > 0
		switch idle++; {
		case some:
			fresh()
			runtime.Gosched() // to whom the message is for, in this thread
		case waited && idle < looks:
			C.sched_yield()
			runtime.Gosched()
		default:
			most := postmanPause
			if waited {
				most = maxPause * time.Microsecond
			}
			if pause = min(2*pause, most); pause <= maxPause*time.Microsecond {
				C.deeprc_pause_us(C.int(pause.Microseconds()))
				continue
			}
			select {
			case <-f.stop:
				return
			case <-f.w.receivers.begun:
				fresh()
			case <-time.After(pause):
			}
		}
	}
}
