package collective

// #include "mpi_table.h"
import "C"

import (
	"encoding/json"
	"slices"
	"unsafe"
)

// drains are communicators of broken groups that this rank has closed. Messages may
// still be on their way in them, which whoever gets the communicator's number next must
// not receive. So each rank tells each other how many it has sent it, receives what is
// missing, and frees the communicator then.
type drains struct {
	links []*mpiLink
	notes map[uint64]map[int]int64 // by group and world rank: the messages sent to this rank
}

// drainNote tells how many messages the sender has sent to the receiver in a group.
type drainNote struct {
	Group uint64
	Sent  int64
}

// take keeps another rank's drainNote.
func (f *mpiFabric) take(from int, kind byte, body []byte) error {
	if kind != kindDrain {
		return errKind
	}
	var n drainNote
	if err := json.Unmarshal(body, &n); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &f.drains
	if d.notes == nil {
		d.notes = map[uint64]map[int]int64{}
	}
	if d.notes[n.Group] == nil {
		d.notes[n.Group] = map[int]int64{}
	}
	d.notes[n.Group][from] = n.Sent
	return nil
}

// work receives what has come in and frees what is empty; mu is held.
func (d *drains) work(f *mpiFabric) (err error) {
	d.links = slices.DeleteFunc(d.links, func(l *mpiLink) bool {
		done, e := d.drain(f, l)
		if e != nil {
			err = e
		}
		return done
	})
	return err
}

func (d *drains) drain(f *mpiFabric, l *mpiLink) (bool, error) {
	for {
		var found, from, tag, n C.int
		var message C.deeprc_h
		if rc := C.mpi_probe(l.h, &found, &from, &tag, &n, &message); rc != 0 {
			return true, mpiError("MPI_Improbe", rc)
		}
		if found == 0 {
			break
		}
		b := make([]byte, max(1, n))
		if rc := C.mpi_receive_matched(unsafe.Pointer(&b[0]), n, &message); rc != 0 {
			return true, mpiError("MPI_Mrecv", rc)
		}
		l.taken[from]++
	}
	for r, q := range l.g.members {
		if sent, told := d.notes[l.g.id][q]; r != l.g.me && (!told || sent != l.taken[r]) {
			return false, nil
		}
	}
	if slices.ContainsFunc(f.flights, func(fl *flight) bool { return fl.link == l }) {
		return false, nil
	}
	delete(d.notes, l.g.id)
	return true, f.free(l.h)
}
