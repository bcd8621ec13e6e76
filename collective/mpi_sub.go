package collective

// #include "mpi_table.h"
import "C"

import (
	"fmt"
	"hash/fnv"
)

// Sub makes a communicator by MPI_Comm_create_group, which blocks with the
// world's mu held. So its ranks first meet, by messages to the first of them and
// back, where a failure can still release them; then all of them are in the call.
// One goroutine of a process makes groups at a time.
func (c *mpiComm) Sub(ranks []int) (Comm, error) {
	me := checkSub(c, ranks)
	if err := c.meet(ranks, me); err != nil {
		return nil, err
	}
	s := &mpiComm{w: c.w, rank: me, size: len(ranks), world: make([]int, len(ranks))}
	list := make([]C.int, len(ranks))
	for i, r := range ranks {
		list[i], s.world[i] = C.int(r), c.world[r]
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if rc := C.mpi_create_group(c.h, &list[0], C.int(len(list)), &s.h); rc != 0 {
		return nil, mpiError("MPI_Comm_create_group", rc)
	}
	return s, nil
}

// meet returns when all the listed ranks have entered it with the same list.
func (c *mpiComm) meet(ranks []int, me int) error {
	h := fnv.New64a()
	fmt.Fprint(h, ranks)
	mine := int64(h.Sum64())
	if me > 0 {
		got := []int64{mine}
		if err := c.exchangeOne(Of(got), ranks[0], true); err != nil {
			return err
		}
		if err := c.exchangeOne(Of(got), ranks[0], false); err != nil {
			return err
		}
		mustAgree(ranks, got[0] == mine)
		return nil
	}
	same := true
	for _, r := range ranks[1:] {
		got := []int64{0}
		if err := c.exchangeOne(Of(got), r, false); err != nil {
			return err
		}
		same = same && got[0] == mine
	}
	if !same {
		mine = ^mine
	}
	for _, r := range ranks[1:] {
		if err := c.exchangeOne(Of([]int64{mine}), r, true); err != nil {
			return err
		}
	}
	mustAgree(ranks, same)
	return nil
}

func mustAgree(ranks []int, same bool) {
	if !same {
		panic(fmt.Sprintf("collective: Sub(%v): its ranks call Sub with different lists", ranks))
	}
}

func (c *mpiComm) exchangeOne(b Buf, peer int, send bool) error {
	return c.call("MPI_Comm_create_group", func() C.int {
		if send {
			return c.send(b, peer, tagSub)
		}
		return c.recv(b, peer, tagSub)
	}, b)
}

// Close frees the communicator. After a failure it is left to the end of the process.
func (c *mpiComm) Close() error {
	w := c.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.closed || w.failure != nil {
		return nil
	}
	c.closed = true
	if rc := C.mpi_free(c.h); rc != 0 {
		return mpiError("MPI_Comm_free", rc)
	}
	return nil
}
