// Package mesh connects the processes of one world without MPI: they find each other
// through rank 0, and between every two of them there is one TCP connection for small
// control messages and for the news that the other one is gone.
//
// The processes prove to each other that they know the world's key; what they send
// after that is neither encrypted nor signed.
package mesh

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config says who this process is and where the world meets.
type Config struct {
	Rank, Size int
	Address    string        // host:port on which rank 0 listens; "" with Folder
	Folder     string        // shared folder, writable to this user only, in which rank 0 writes where it listens; one world at a time for one key; "" with Address
	Key        string        // identity of the world: processes with another key are refused (strays, another job)
	Interface  string        // own address: an interface's name, an IP address, or a CIDR network that it lies in, or several with commas, of which the first that is there counts; "" = the address by which rank 0 is reached
	Timeout    time.Duration // to come together; 0 = 2 min
	Silence    time.Duration // a peer from which nothing is heard for so long is lost; rank 0's counts for all; 0 = 60 s
	Source     string        // where Rank and Size came from, for messages, e.g. "RANK, WORLD_SIZE"

	pulse time.Duration // between heartbeats; 0 = Silence/4
}

// maxRanks bounds a world.
const maxRanks = 1 << 16

// Handler is told what comes from the other ranks, from before Join returns until Close
// does. Its methods should be quick: while one runs, nothing else of that peer is read.
type Handler interface {
	Message(from int, kind byte, body []byte) // called by one goroutine a peer, in order of sending for each peer; body is the callee's
	Lost(rank int, why error)                 // once a peer, when its connection ended without goodbye or it fell silent; after its last message
}

// Mesh is this process's connections to all others of its world. Any goroutine may use it.
type Mesh struct {
	c       Config
	h       Handler
	own     string
	hosts   []string // by rank
	peers   []*peer  // by rank; nil for this one
	self    *inbox
	start   time.Time
	closing atomic.Bool
	stop    chan struct{}
	once    sync.Once
	wg      sync.WaitGroup
}

// world is what a process knows when all have come together.
type world struct {
	links []net.Conn // by rank; nil for this process
	hosts []string
	own   string
}

func start(c Config, h Handler, w world) *Mesh {
	m := &Mesh{c: c, h: h, own: w.own, hosts: w.hosts, peers: make([]*peer, c.Size), start: time.Now(), stop: make(chan struct{})}
	m.self = newInbox()
	for r, link := range w.links {
		if link != nil {
			m.peers[r] = newPeer(m, r, link)
		}
	}
	m.wg.Go(func() { m.self.run(m) })
	m.wg.Go(m.watch)
	for _, p := range m.peers {
		if p != nil {
			m.wg.Go(p.read)
			m.wg.Go(p.write)
		}
	}
	return m
}

func (m *Mesh) Rank() int { return m.c.Rank }
func (m *Mesh) Size() int { return m.c.Size }

// Host is the host name of a rank.
func (m *Mesh) Host(rank int) string { return m.hosts[rank] }

// Address is the own IP address that the peers use.
func (m *Mesh) Address() string { return m.own }

// Send queues a copy of a message and returns at once. To a rank that is lost or has
// closed, and after Close, it does nothing. Queued for this rank itself, the message
// comes through Handler.Message from another goroutine. A kind of 240 or more, or a
// body of more than 16 MiB, panics.
func (m *Mesh) Send(to int, kind byte, body []byte) {
	if kind >= kindOwn || len(body) > maxBody {
		panic(fmt.Sprintf("mesh: Send of kind %d and %d bytes: want a kind below %d and at most %d bytes", kind, len(body), kindOwn, maxBody))
	}
	switch {
	case m.closing.Load():
	case to == m.c.Rank:
		m.self.put(kind, body)
	default:
		m.peers[to].queue(kind, body)
	}
}

// How long Close waits for the queues to be sent, and then for calls of the Handler under way.
const (
	flushTime   = 2 * time.Second
	handlerTime = time.Second
)

// Close says goodbye, so that the peers do not count this rank as lost, after it has
// sent what was queued, for which it waits at most 2 s. The Handler is not called any
// more when it returns, unless a call has not returned a second later; so a Handler's
// method should not call it. It is idempotent.
func (m *Mesh) Close() error {
	m.once.Do(func() {
		m.closing.Store(true)
		close(m.stop)
		for _, p := range m.peers {
			if p != nil {
				p.leave()
			}
		}
		if m.ended(flushTime) {
			return
		}
		for _, p := range m.peers {
			if p != nil {
				p.end(nil)
			}
		}
		m.ended(handlerTime)
	})
	return nil
}

// ended waits until all goroutines have ended, and reports whether they did in time.
func (m *Mesh) ended(within time.Duration) bool {
	done := make(chan struct{})
	go func() {
		m.wg.Wait()
		close(done)
	}()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
