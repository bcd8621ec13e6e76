package collective

import "sync/atomic"

// link moves messages between the ranks of one group. Between two ranks, messages
// of one tag arrive in the order in which they were sent.
type link interface {
	// exchange starts the messages, all of one tag of 15 bits, and returns when all are
	// complete, or when the group has failed. A message is at most pieceBytes long.
	exchange(ms []message, tag int) error
	// pass makes it the link of g, of the same ranks, in which no message has been sent; all that were sent so far have arrived.
	pass(g *group)
	// close frees the link; of a broken group too.
	close() error
}

// pieceBytes is the largest single message, well inside MPI's int counts. It is
// a variable so that a test can make it small.
var pieceBytes = 1 << 30

// message is one buffer that goes to, or comes from, a rank of the group.
type message struct {
	buf  Buf
	peer int
	send bool
}

func send(b Buf, to int) message   { return message{b, to, true} }
func recv(b Buf, from int) message { return message{b, from, false} }

// peerComm is a group of ranks in processes of their own. Its collectives are
// point-to-point messages over a link, so that each wait of each of them ends when
// the group fails; see algo_*.go for the algorithms.
type peerComm struct {
	*group
	link    link
	msgs    []message
	scratch []float64 // for what comes in before it is combined
	offsets []int     // of AllToAll's parts
	closed  bool
	heir    atomic.Pointer[peerComm] // of the ranks that live after a failure: made by Shrink
}

func (c *peerComm) Rank() int      { return c.me }
func (c *peerComm) Size() int      { return len(c.members) }
func (c *peerComm) worldRank() int { return c.w.rank }

// Sub joins the new group and connects its ranks.
func (c *peerComm) Sub(ranks []int) (Comm, error) {
	me := checkSub(c, ranks)
	c.enter(opSub, Buf{}, len(ranks))
	defer c.exit()
	if err := c.err(); err != nil {
		return nil, err
	}
	s, err := c.w.connect(c.sub(ranks, me), c)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// connect makes the Comm of a group that was joined.
func (w *world) connect(g *group, parent *peerComm) (*peerComm, error) {
	l, err := w.fabric.link(g, parent)
	if err != nil {
		w.leave(g)
		return nil, err
	}
	return &peerComm{group: g, link: l}, nil
}

func (c *peerComm) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	err := c.link.close()
	c.w.leave(c.group)
	return err
}

// flush exchanges the queued messages.
func (c *peerComm) flush() error {
	if len(c.msgs) == 0 {
		return c.err()
	}
	err := c.link.exchange(c.msgs, c.tag())
	clear(c.msgs)
	c.msgs = c.msgs[:0]
	return err
}

// swap exchanges up to two messages; those of no elements are left out on both sides.
func (c *peerComm) swap(a, b message) error {
	if a.buf.N > 0 {
		c.msgs = append(c.msgs, a)
	}
	if b.buf.N > 0 {
		c.msgs = append(c.msgs, b)
	}
	return c.flush()
}

// room is scratch memory for n elements of type t.
func (c *peerComm) room(n int, t Type) Buf {
	if words := (n*t.Size() + 7) / 8; words > len(c.scratch) {
		c.scratch = make([]float64, words)
	}
	return Buf{Of(c.scratch).Ptr, n, t}
}

func (c *peerComm) library() string { return c.w.fabric.library() }

var _, _ backend = (*peerComm)(nil), (*localComm)(nil)
