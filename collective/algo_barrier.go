package collective

// Barrier is by dissemination (Hensgen, Finkel and Manber 1988): in round k each rank
// tells the one 2^k above it, so after log₂P rounds each has heard of all.
func (c *peerComm) Barrier() error {
	c.enter(opBarrier, Buf{}, 0)
	defer c.exit()
	p := len(c.members)
	both := c.room(16, U8)
	out, in := both.slice(0, 1), both.slice(8, 9)
	for distance := 1; distance < p; distance *= 2 {
		if err := c.swap(recv(in, (c.me+p-distance)%p), send(out, (c.me+distance)%p)); err != nil {
			return err
		}
	}
	return c.err()
}
