package collective

// #include <sched.h>
// #include "mpi_table.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// mpiLink is one MPI communicator.
type mpiLink struct {
	f        *mpiFabric
	g        *group
	h        C.deeprc_h
	borrowed bool  // the library's own communicator: not freed
	maker    int64 // id of the group that the communicator was made for

	starts []C.struct_deeprc_message
	reqs   []C.deeprc_h
	left   C.int
	pin    runtime.Pinner
	sent   []int64 // messages that each rank was sent, and that were received of it: see mpi_drain.go
	taken  []int64
}

func newMPILink(f *mpiFabric, g *group, h C.deeprc_h) *mpiLink {
	return &mpiLink{f: f, g: g, h: h, sent: make([]int64, len(g.members)), taken: make([]int64, len(g.members))}
}

// How a wait goes on: bursts of tests, then tests between yields, then between pauses
// that double up to a part of the time waited. So an idle rank costs a few percent of
// a core, and what it waits for is seen late by a few percent of the wait.
const (
	burstTests   = 100  // some 10 µs
	bursts       = 50   // where each rank has a core
	yields       = 1000 // where each rank has a core: a test and a yield take about 1 µs
	crowdedTests = 5
	crowdedYield = 100
	firstPause   = 2    // µs
	maxPause     = 200  // µs, at first
	idlePause    = 1000 // µs, after idlePauses pauses: some 30 ms
	idlePauses   = 150
	longPause    = 2000 // µs, after longPauses pauses: some 200 ms
	longPauses   = 300
	pollEach     = 64 // tests between two looks for control messages, while it yields
)

// exchange starts all messages in one call and tests them until they are complete or the group has failed.
func (l *mpiLink) exchange(ms []message, tag int) error {
	f := l.f
	if err := l.g.err(); err != nil {
		return err
	}
	l.starts, l.reqs = l.starts[:0], l.reqs[:0]
	for i := range ms {
		m := &ms[i]
		dir := C.int32_t(0)
		if m.send {
			dir = 1
		}
		l.starts = append(l.starts, C.struct_deeprc_message{address: C.uint64_t(uintptr(m.buf.Ptr)),
			bytes: C.int32_t(m.buf.N * m.buf.Type.Size()), peer: C.int32_t(m.peer), tag: C.int32_t(tag), send: dir})
		l.reqs = append(l.reqs, 0)
	}
	n, tests := C.int(len(ms)), C.int(burstTests)
	if f.crowded {
		tests = crowdedTests
	}
	f.mu.Lock()
	rc := C.mpi_start(l.h, &l.starts[0], n, &l.reqs[0], tests, &l.left)
	var err error
	if rc != 0 {
		err = mpiError("MPI_Isend/MPI_Irecv", rc)
	}
	f.mu.Unlock()
	waits := l.left > 0 // what is complete in that one call saves the pins
	if waits {
		for i := range ms {
			l.pin.Pin(ms[i].buf.Ptr)
		}
		if err == nil {
			err = l.wait()
		}
	}
	if err != nil {
		l.abandon(ms)
		return err
	}
	for i := range ms {
		l.count(&ms[i])
	}
	if waits {
		l.pin.Unpin()
	}
	runtime.KeepAlive(ms)
	return nil
}

func (l *mpiLink) count(m *message) {
	if m.send {
		l.sent[m.peer]++
	} else {
		l.taken[m.peer]++
	}
}

// wait returns when the started messages are complete or the group has failed.
func (l *mpiLink) wait() error {
	f := l.f
	first, second, tests := bursts, bursts+yields, C.int(burstTests)
	if f.crowded {
		first, second, tests = 0, crowdedYield, crowdedTests
	}
	us := firstPause
	for i := 0; ; i++ {
		if i == first {
			tests = 1
		}
		f.mu.Lock()
		rc := C.mpi_test(&l.reqs[0], C.int(len(l.reqs)), tests, &l.left)
		var err error
		if rc != 0 {
			err = mpiError("MPI_Test", rc)
		}
		f.mu.Unlock()
		if err == nil && l.left > 0 {
			err = l.g.err()
		}
		if err != nil || l.left == 0 {
			if i > second {
				l.g.unblock()
			}
			return err
		}
		switch {
		case i < first:
		case i < second:
			if i%pollEach == 0 {
				f.poll()
			}
			C.sched_yield()
		default:
			if i == second {
				l.g.block()
			}
			f.poll()
			C.deeprc_pause_us(C.int(us))
			switch us = min(2*us, maxPause); {
			case i > second+longPauses:
				us = longPause
			case i > second+idlePauses:
				us = idlePause
			}
		}
	}
}

// abandon leaves the started messages of a broken group: receives are withdrawn, so
// that the caller's memory is its own again; what MPI cannot let go of stays pinned
// until it is complete.
func (l *mpiLink) abandon(ms []message) {
	f := l.f
	f.mu.Lock()
	defer f.mu.Unlock()
	fl := &flight{link: l}
	for i := range min(len(l.reqs), len(ms)) {
		send, state := C.int(0), C.int(0)
		if ms[i].send {
			send = 1
		}
		C.mpi_cancel(&l.reqs[i], send, &state) // an error leaves it on its way
		if state > 0 {
			l.count(&ms[i])
		}
		if state > 1 {
			fl.reqs = append(fl.reqs, l.reqs[i])
		}
	}
	if len(fl.reqs) == 0 {
		l.pin.Unpin()
		return
	}
	fl.pin, l.pin = l.pin, runtime.Pinner{}
	f.flights = append(f.flights, fl)
}

func (l *mpiLink) pass(g *group) {
	l.g = g
	clear(l.sent)
	clear(l.taken)
}

func (l *mpiLink) close() error {
	if l.borrowed {
		return nil
	}
	f := l.f
	if l.g.failure.Load() != nil {
		for r, q := range l.g.members {
			if r != l.g.me {
				f.send(q, kindDrain, mustJSON(drainNote{l.g.id, l.sent[r]}))
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.drains.links = append(f.drains.links, l)
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fmt.Sprint(l.g.members)
	if _, full := f.spare[key]; full || len(f.spare) == maxSpare {
		return f.free(l.h)
	}
	f.spare[key] = spareComm{l.h, l.maker}
	return nil
}

// free frees a communicator; mu is held.
func (f *mpiFabric) free(h C.deeprc_h) error {
	if rc := C.mpi_free(h); rc != 0 {
		return mpiError("MPI_Comm_free", rc)
	}
	return nil
}

// spareComm is a communicator of a group that was closed, unbroken, for the next group of the same ranks: MPI_Comm_create_group takes much
// longer than a message, and milliseconds where ranks share cores, since it does not yield them.
type spareComm struct {
	h     C.deeprc_h
	maker int64
}

// maxSpare bounds them: MPI libraries have some thousands of communicators.
const maxSpare = 256

// link takes a spare communicator, which all ranks must have, or makes one by MPI_Comm_create_group, which blocks with mu held. So its
// ranks first meet, by messages to the first of them and back, where a failure can still release them; then all of them are in the call.
func (f *mpiFabric) link(g *group, parent *peerComm) (link, error) {
	key := fmt.Sprint(g.members)
	f.mu.Lock()
	spare := f.spare[key]
	delete(f.spare, key)
	f.mu.Unlock()
	maker, err := meetFirst(g, parent, spare.maker)
	f.mu.Lock()
	defer f.mu.Unlock()
	l := newMPILink(f, g, spare.h)
	if l.maker = maker; maker != 0 {
		return l, err
	}
	if spare.maker != 0 {
		err = errors.Join(err, f.free(spare.h))
	}
	if err != nil {
		return nil, err
	}
	l.maker = int64(g.id)
	var ranks []C.int
	for _, p := range places(parent.members, g.members) {
		ranks = append(ranks, C.int(p))
	}
	if rc := C.mpi_create_group(parent.link.(*mpiLink).h, (*C.int)(unsafe.Pointer(&ranks[0])), C.int(len(ranks)), &l.h); rc != 0 {
		return nil, mpiError("MPI_Comm_create_group", rc)
	}
	return l, nil
}

// meetFirst returns when all ranks of g, ranks of parent, have entered it for this same group. The result is the maker of the spare
// communicator that each of them has, else 0.
func meetFirst(g *group, parent *peerComm, spare int64) (maker int64, err error) {
	type word struct{ group, spare int64 }
	at := places(parent.members, g.members)
	words := make([]word, len(at))
	one := func(i int) Buf { return Buf{unsafe.Pointer(&words[i]), 2, I64} }
	words[0] = word{int64(g.id), spare}
	if g.me > 0 {
		if err := parent.swap(send(one(0), at[0]), message{}); err != nil {
			return 0, err
		}
		if err := parent.swap(recv(one(0), at[0]), message{}); err != nil {
			return 0, err
		}
	} else {
		for i := 1; i < len(at); i++ {
			parent.msgs = append(parent.msgs, recv(one(i), at[i]))
		}
		if err := parent.flush(); err != nil {
			return 0, err
		}
		for _, w := range words[1:] {
			if w.group != int64(g.id) {
				words[0].group = 0
			}
			if w.spare != spare {
				words[0].spare = 0
			}
		}
		for i := 1; i < len(at); i++ {
			parent.msgs = append(parent.msgs, send(one(0), at[i]))
		}
		if err := parent.flush(); err != nil {
			return 0, err
		}
	}
	if words[0].group != int64(g.id) {
		panic("collective: Sub: the ranks of " + g.String() + " call it with different lists")
	}
	return words[0].spare, nil
}
