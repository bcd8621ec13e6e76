package collective

// flightBytes and flightMessages bound what AllToAll has under way at once: many
// small messages go together, large ones partner by partner.
const (
	flightBytes    = 32 << 20
	flightMessages = 64
)

// AllToAll exchanges pairwise: in round i a rank sends to the rank i above it and
// receives from the rank i below.
//
// Peers may cut their flights elsewhere: the rounds are the same on all ranks, and a
// flight waits only for messages of its own rounds, so the lowest unfinished round
// always goes on.
func (c *peerComm) AllToAll(dst Buf, dstN []int, src Buf, srcN []int) error {
	checkAllToAll(c, dst, dstN, src, srcN)
	c.enter(opAllToAll, src, dst.N)
	defer c.exit()
	p := len(c.members)
	dstAt, srcAt := c.starts(dstN, srcN)
	part := func(b Buf, at []int, r int) Buf { return b.slice(at[r], at[r+1]) }
	copy(part(dst, dstAt, c.me).Bytes(), part(src, srcAt, c.me).Bytes())
	bytes := 0
	for i := 1; i < p; i++ {
		to, from := (c.me+i)%p, (c.me-i+p)%p
		in, out := part(dst, dstAt, from), part(src, srcAt, to)
		step := pieceBytes / in.Type.Size()
		for lo := 0; lo < max(in.N, out.N); lo += step {
			if lo < in.N {
				piece := in.slice(lo, min(lo+step, in.N))
				c.msgs = append(c.msgs, recv(piece, from))
				bytes += piece.N * piece.Type.Size()
			}
			if lo < out.N {
				piece := out.slice(lo, min(lo+step, out.N))
				c.msgs = append(c.msgs, send(piece, to))
				bytes += piece.N * piece.Type.Size()
			}
			if bytes >= flightBytes || len(c.msgs) >= flightMessages {
				if err := c.flush(); err != nil {
					return err
				}
				bytes = 0
			}
		}
	}
	return c.flush()
}

// starts is where each rank's part of two buffers begins, and where the last one ends.
func (c *peerComm) starts(dstN, srcN []int) (dst, src []int) {
	p := len(c.members)
	if c.offsets == nil {
		c.offsets = make([]int, 2*(p+1))
	}
	dst, src = c.offsets[:p+1], c.offsets[p+1:]
	for r := range p {
		dst[r+1], src[r+1] = dst[r]+dstN[r], src[r]+srcN[r]
	}
	return dst, src
}
