package collective

import "math/bits"

// segmentBytes is the length of a message of the long algorithms: two of them, what
// comes in and what it is added to, stay in the caches. Of 128 KiB to 1 MiB it is the
// fastest on 2 ranks (bench/RESULTS.md).
const segmentBytes = 512 << 10

// latencyBytes is what could be sent in the time that a message takes in any case: 32 KiB in 3 µs.
const latencyBytes = 32 << 10

// AllReduce combines by recursive doubling or round a ring, whichever moves less
// (Thakur, Rabenseifner and Gropp 2005, doi 10.1177/1094342005051521, §4.4-4.5, whose
// cost is γ = β here: adding a byte costs what sending it does):
//
//	doubling: log₂P messages of n bytes, each added: log₂P·(α + 2nβ)
//	ring: 2(P−1) messages of n/P, half of them added: 2(P−1)α + 3nβ(P−1)/P
func (c *peerComm) AllReduce(b Buf, op Op) error {
	checkOp(op, b.Type)
	c.enter(opAllReduce, b, int(op))
	defer c.exit()
	p, n := len(c.members), b.N*b.Type.Size()
	if p == 1 {
		alone(b, op)
		return c.err()
	}
	rounds := bits.Len(uint(p - 1))
	if doubling, ring := rounds*(latencyBytes+2*n), 2*(p-1)*latencyBytes+3*n*(p-1)/p; doubling <= ring && n <= segmentBytes {
		return c.doubling(b, op)
	}
	step := max(p, segmentBytes/b.Type.Size()*p)
	for lo := 0; lo < b.N; lo += step {
		if err := c.ring(b.slice(lo, min(lo+step, b.N)), op); err != nil {
			return err
		}
	}
	return c.err()
}

// doubling exchanges the whole buffer with the rank at distance 1, 2, 4 … The lower
// rank's operand comes first on both sides, so that all ranks get the same bits. The
// ranks beyond a power of two give theirs to a neighbour first, and get the result last.
func (c *peerComm) doubling(b Buf, op Op) error {
	p := len(c.members)
	power := 1 << (bits.Len(uint(p)) - 1)
	extra := p - power // ranks 0 … 2·extra−1 pair up: the even one gives to the odd one
	in := c.room(b.N, b.Type)
	me := c.me - extra
	if c.me < 2*extra {
		if me = c.me / 2; c.me%2 == 0 {
			if err := c.swap(send(b, c.me+1), message{}); err != nil {
				return err
			}
			return c.swap(recv(b, c.me+1), message{})
		}
		if err := c.swap(recv(in, c.me-1), message{}); err != nil {
			return err
		}
		combineFirst(in, b, op)
	}
	for distance := 1; distance < power; distance *= 2 {
		other := me ^ distance
		peer := other + extra
		if other < extra {
			peer = 2*other + 1
		}
		if err := c.swap(recv(in, peer), send(b, peer)); err != nil {
			return err
		}
		if other < me {
			combineFirst(in, b, op)
		} else {
			combine(b, in, op)
		}
	}
	if c.me < 2*extra {
		return c.swap(send(b, c.me-1), message{})
	}
	return c.err()
}

// combineFirst sets b[i] to x[i] op b[i], by way of x.
func combineFirst(x, b Buf, op Op) {
	combine(x, b, op)
	copy(b.Bytes(), x.Bytes())
}

// ring cuts b into a part for each rank. Each part goes once round and collects every
// rank's, then once round again complete.
func (c *peerComm) ring(b Buf, op Op) error {
	p := len(c.members)
	part := func(i int) Buf {
		lo, hi := Share(b.N, (i+2*p)%p, p)
		return b.slice(lo, hi)
	}
	next, before := (c.me+1)%p, (c.me+p-1)%p
	for s := range p - 1 {
		mine := part(c.me - s - 1)
		in := c.room(mine.N, mine.Type)
		if err := c.swap(recv(in, before), send(part(c.me-s), next)); err != nil {
			return err
		}
		combine(mine, in, op)
	}
	for s := range p - 1 {
		if err := c.swap(recv(part(c.me-s), before), send(part(c.me+1-s), next)); err != nil {
			return err
		}
	}
	return nil
}
