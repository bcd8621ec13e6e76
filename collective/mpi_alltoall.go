package collective

import "C"

// flightBytes and flightMessages bound what AllToAll has under way at once: many
// small messages go together, large ones partner by partner.
const (
	flightBytes    = 32 << 20
	flightMessages = 64
)

// AllToAll exchanges pairwise: in round i a rank sends to the rank i above it and
// receives from the rank i below. MPI_Alltoallv has int counts and int offsets.
func (c *mpiComm) AllToAll(dst Buf, dstN []int, src Buf, srcN []int) error {
	checkAllToAll(c, dst, dstN, src, srcN)
	in, out := parts(dst, dstN), parts(src, srcN)
	copy(in[c.rank].Bytes(), out[c.rank].Bytes())
	x := exchange{c: c}
	for i := 1; i < c.size; i++ {
		to, from := (c.rank+i)%c.size, (c.rank-i+c.size)%c.size
		if err := x.add(in[from], from, out[to], to); err != nil {
			return err
		}
	}
	return x.flush()
}

// parts cuts b into consecutive runs of ns elements.
func parts(b Buf, ns []int) []Buf {
	ps, at := make([]Buf, len(ns)), 0
	for r, n := range ns {
		ps[r] = b.slice(at, at+n)
		at += n
	}
	return ps
}

// exchange collects messages and sends them in flights.
type exchange struct {
	c     *mpiComm
	msgs  []message
	bytes int
}

type message struct {
	buf  Buf
	peer int
	send bool
}

// add queues the receipt of in and the sending of out, piece by piece, side by side.
func (x *exchange) add(in Buf, from int, out Buf, to int) error {
	step := pieceBytes / in.Type.Size()
	for lo := 0; lo < max(in.N, out.N); lo += step {
		if lo < in.N {
			x.push(message{in.slice(lo, min(lo+step, in.N)), from, false})
		}
		if lo < out.N {
			x.push(message{out.slice(lo, min(lo+step, out.N)), to, true})
		}
		if x.bytes >= flightBytes || len(x.msgs) >= flightMessages {
			if err := x.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exchange) push(m message) {
	x.msgs = append(x.msgs, m)
	x.bytes += m.buf.N * m.buf.Type.Size()
}

// flush starts what is queued and waits for it. Peers may cut their flights
// elsewhere: the rounds are the same on all ranks, and a flight waits only for
// messages of its own rounds, so the lowest unfinished round always goes on.
func (x *exchange) flush() error {
	bufs := make([]Buf, len(x.msgs))
	for i, m := range x.msgs {
		bufs[i] = m.buf
	}
	err := x.c.call("MPI_Isend/MPI_Irecv", func() C.int {
		for _, m := range x.msgs {
			start := x.c.recv
			if m.send {
				start = x.c.send
			}
			if rc := start(m.buf, m.peer, tagData); rc != 0 {
				return rc
			}
		}
		return 0
	}, bufs...)
	x.msgs, x.bytes = x.msgs[:0], 0
	return err
}
