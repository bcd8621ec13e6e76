package collective

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Mailbox carries small control messages between the ranks of a group; unlike a Comm
// it is not collective, and any goroutine may use it.
type Mailbox interface {
	// Send passes msg to another rank, or to this one, and does not wait until it is
	// received. Messages to one rank keep their order. The error is the group's failure.
	// More than 8 MiB panic.
	Send(to int, msg []byte) error
	// Recv waits for a message of any rank. It returns the messages that have arrived
	// before it returns the group's failure.
	Recv() (from int, msg []byte, err error)
	// Close makes Recv return [ErrMailboxClosed]; this rank's only.
	Close() error
}

// ErrMailboxClosed is what Recv returns after Close.
var ErrMailboxClosed = errors.New("the mailbox is closed")

// OpenMailbox gives the mailbox of a group, of which there is one on each rank.
func OpenMailbox(c Comm) Mailbox { return c.(backend).mailbox() }

// maxMail is the number of bytes of a message; data travels by the collectives.
const maxMail = 8 << 20

func checkMail(msg []byte) {
	if len(msg) > maxMail {
		panic(fmt.Sprintf("collective: a message of %d bytes: want at most %d", len(msg), maxMail))
	}
}

// letter is a message and its sender's rank, in the world or in the group as the mailbox keeps it.
type letter struct {
	from int
	msg  []byte
}

// mailbox is a queue of letters that came for one group.
type mailbox struct {
	mu     sync.Mutex
	queue  []letter
	closed bool
	some   chan struct{} // holds a token when there is something to look at
}

func newMailbox() *mailbox { return &mailbox{some: make(chan struct{}, 1)} }

func (m *mailbox) put(from int, msg []byte) {
	m.mu.Lock()
	m.queue = append(m.queue, letter{from, msg})
	m.mu.Unlock()
	m.wake()
}

func (m *mailbox) wake() { nudge(m.some) }

// nudge leaves a token in some, which holds one.
func nudge(some chan struct{}) {
	select {
	case some <- struct{}{}:
	default:
	}
}

// receivers are the goroutines that wait for mail of other processes.
type receivers struct {
	n     atomic.Int32
	begun chan struct{} // holds a token when one has begun to wait
}

func newReceivers() receivers { return receivers{begun: make(chan struct{}, 1)} }

// take waits for a letter, a close or the failure that broken tells of; r, if any, are told of it.
func (m *mailbox) take(broken <-chan struct{}, failure func() error, r *receivers) (letter, error) {
	for {
		m.mu.Lock()
		if len(m.queue) > 0 {
			l := m.queue[0]
			m.queue[0] = letter{}
			if m.queue = m.queue[1:]; len(m.queue) > 0 {
				m.wake()
			}
			m.mu.Unlock()
			return l, nil
		}
		closed := m.closed
		m.mu.Unlock()
		if closed {
			m.wake() // for the next one that waits
			return letter{}, ErrMailboxClosed
		}
		if err := failure(); err != nil {
			return letter{}, err
		}
		if r != nil {
			r.n.Add(1)
			nudge(r.begun)
		}
		select {
		case <-m.some:
		case <-broken:
		}
		if r != nil {
			r.n.Add(-1)
		}
	}
}

func (m *mailbox) close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.wake()
	return nil
}

// box is this process's mailbox of a group, which it may not have joined yet; nil if it has left it.
func (w *world) box(id uint64) *mailbox {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.groups[id]; g != nil {
		return opened(&g.letters)
	}
	if early := w.absent.early(id); early != nil {
		return opened(&early.letters)
	}
	return nil
}

func opened(m **mailbox) *mailbox {
	if *m == nil {
		*m = newMailbox()
	}
	return *m
}

// groupMail is the mailbox of a group of a world of processes.
type groupMail struct {
	g *group
	m *mailbox
}

func (c *peerComm) mailbox() Mailbox {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return groupMail{c.group, opened(&c.letters)}
}

func (b groupMail) Send(to int, msg []byte) error {
	checkRoot(len(b.g.members), to)
	checkMail(msg)
	if err := b.g.err(); err != nil {
		return err
	}
	if to == b.g.me {
		b.m.put(b.g.w.rank, append([]byte(nil), msg...))
		return nil
	}
	body := make([]byte, 8, 8+len(msg))
	binary.LittleEndian.PutUint64(body, b.g.id)
	b.g.w.fabric.send(b.g.members[to], kindMail, append(body, msg...))
	return nil
}

func (b groupMail) Recv() (int, []byte, error) {
	l, err := b.m.take(b.g.broken, b.g.err, &b.g.w.receivers)
	if err != nil {
		return 0, nil, err
	}
	for r, world := range b.g.members {
		if world == l.from {
			return r, l.msg, nil
		}
	}
	return 0, nil, errors.New("collective: a message of a rank outside the group")
}

func (b groupMail) Close() error { return b.m.close() }
