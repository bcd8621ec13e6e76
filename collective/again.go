package collective

import "errors"

// Again makes a new group of the ranks of c, in their order, and ends c, on each of them. The ranks need not meet for that, as in Sub: the
// caller knows that on all of them the calls in c have come to their end without a failure. A failure of what c was made of, or of another
// rank in the new group, is the error of the new group's first call. c is of Sub, or of Again: for the world, and for a group of [Shrink],
// which end with the program, Again is an error, and leaves them as they are.
func Again(c Comm) (Comm, error) { return c.(backend).again() }

var errAgain = errors.New("collective.Again: the world, or a group of Shrink, was not made by Sub")

func (c *peerComm) again() (Comm, error) {
	p := c.parent
	if p == nil {
		return nil, errAgain
	}
	g := p.sub(places(p.members, c.members), c.me)
	c.link.pass(g)
	c.closed = true
	c.w.leave(c.group)
	return &peerComm{group: g, link: c.link}, nil
}

func (c *localComm) again() (Comm, error) {
	p := c.g.parent
	if p == nil {
		return nil, errAgain
	}
	s := p.sub(places(p.world, c.g.world), c.rank)
	c.Close()
	return s, nil
}
