package collective

import "math/bits"

// Broadcast sends down a binomial tree where the buffer is short, and down a chain,
// segment behind segment, where there are more segments than ranks.
func (c *peerComm) Broadcast(b Buf, root int) error {
	checkRoot(c.Size(), root)
	c.enter(opBroadcast, b, root)
	defer c.exit()
	step := max(1, min(segmentBytes, pieceBytes)/b.Type.Size())
	if p := len(c.members); p > 2 && b.N/step >= p {
		return c.chain(b, root, step)
	}
	for lo := 0; lo < b.N; lo += step {
		if err := c.tree(b.slice(lo, min(lo+step, b.N)), root); err != nil {
			return err
		}
	}
	return c.err()
}

// tree: counted from root, rank r receives from r without its lowest set bit and sends to
// r plus each lower power of two.
func (c *peerComm) tree(b Buf, root int) error {
	p := len(c.members)
	r := (c.me - root + p) % p
	low := 1 << bits.Len(uint(p-1)) // root: above all
	if r > 0 {
		low = r & -r
		if err := c.swap(recv(b, (r-low+root)%p), message{}); err != nil {
			return err
		}
	}
	for d := low / 2; d > 0; d /= 2 {
		if r+d < p {
			c.msgs = append(c.msgs, send(b, (r+d+root)%p))
		}
	}
	return c.flush()
}

// chain: a rank receives a segment from the one before it while it sends the last one on.
func (c *peerComm) chain(b Buf, root, step int) error {
	p := len(c.members)
	r := (c.me - root + p) % p
	next, before := (c.me+1)%p, (c.me+p-1)%p
	last := Buf{}
	for lo := 0; lo < b.N+step; lo += step {
		in, out := Buf{}, last
		if lo < b.N {
			last = b.slice(lo, min(lo+step, b.N))
			in = last
		}
		if r == 0 {
			in = Buf{}
		}
		if r == p-1 {
			out = Buf{}
		}
		if err := c.swap(recv(in, before), send(out, next)); err != nil {
			return err
		}
	}
	return c.err()
}
