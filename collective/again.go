package collective

// Again makes a new group of the ranks of c, in their order, and ends c, on each of them. The ranks need not meet for that, as in Sub: the
// caller knows that on all of them the calls in c have come to their end without a failure. A failure of what c was made of, or of another
// rank in the new group, is the error of the new group's first call.
func Again(c Comm) Comm { return c.(backend).again() }

func (c *peerComm) again() Comm {
	p := c.parent
	g := p.sub(places(p.members, c.members), c.me)
	c.link.pass(g)
	c.closed = true
	c.w.leave(c.group)
	return &peerComm{group: g, link: c.link}
}

func (c *localComm) again() Comm {
	p := c.g.parent
	s := p.sub(places(p.world, c.g.world), c.rank)
	c.Close()
	return s
}
