package mesh

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// maxQueue is the number of bytes that may wait for a peer; one that lets more gather is lost rather than the memory.
const maxQueue = 64 << 20

type state byte

const (
	stateOpen    state = iota
	stateDeaf          // it takes nothing any more; what it has sent is still read
	stateLeaving       // this process says goodbye
	stateEnded
)

// peer is the connection to one other rank.
type peer struct {
	m       *Mesh
	rank    int
	conn    net.Conn
	heard   atomic.Int64 // when something last came, as a duration since m.start
	handled atomic.Bool  // the Handler is at work, so nothing is read
	wake    chan struct{}
	gone    chan struct{} // closed with stateEnded

	mu      sync.Mutex
	state   state
	pending []byte // frames not yet given to the connection
	flying  int    // bytes of the frames that are being given to it
	why     error  // of stateEnded; nil after a goodbye
}

func newPeer(m *Mesh, rank int, conn net.Conn) *peer {
	p := &peer{m: m, rank: rank, conn: conn, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	p.hear()
	return p
}

// process is how messages name the peer's.
func (p *peer) process() string { return fmt.Sprintf("its process (host %s)", p.m.hosts[p.rank]) }

func (p *peer) hear() { p.heard.Store(int64(time.Since(p.m.start))) }

// silent is how long nothing has been heard.
func (p *peer) silent() time.Duration {
	if p.handled.Load() {
		return 0
	}
	return time.Since(p.m.start) - time.Duration(p.heard.Load())
}

// heardReader is the connection, with a note of when something came.
type heardReader struct{ *peer }

func (r heardReader) Read(b []byte) (int, error) {
	n, err := r.conn.Read(b)
	if n > 0 {
		r.hear()
	}
	return n, err
}

// read hands out messages until the connection ends.
func (p *peer) read() {
	p.end(p.receive())
	p.mu.Lock()
	why := p.why
	p.mu.Unlock()
	if why != nil && !p.m.closing.Load() {
		p.m.h.Lost(p.rank, why)
	}
}

func (p *peer) receive() error {
	r := bufio.NewReader(heardReader{p})
	for {
		kind, body, err := readFrame(r, maxBody)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
			return fmt.Errorf("the connection to %s was closed: it was killed or it crashed", p.process())
		case err != nil:
			return fmt.Errorf("the connection to %s broke: %w", p.process(), err)
		case kind == kindBye:
			return nil
		case kind == kindPulse:
		case kind >= kindOwn:
			return fmt.Errorf("%s sent a message of kind %d, which is not expected here", p.process(), kind)
		case !p.m.closing.Load():
			p.handled.Store(true)
			p.m.h.Message(p.rank, kind, body)
			p.hear()
			p.handled.Store(false)
		}
	}
}

// end closes the connection; why is nil if nothing is wrong. The first call counts.
func (p *peer) end(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == stateEnded {
		return
	}
	p.state, p.why, p.pending = stateEnded, why, nil
	close(p.gone)
	p.conn.Close()
}

func (p *peer) queue(kind byte, body []byte) {
	p.mu.Lock()
	open := p.state == stateOpen
	full := open && len(p.pending)+p.flying+headerBytes+len(body) > maxQueue
	if open && !full {
		p.pending = appendFrame(p.pending, kind, body)
		nudge(p.wake)
	}
	p.mu.Unlock()
	if full {
		p.end(fmt.Errorf("%s does not take its messages: more than %d MiB wait for it", p.process(), maxQueue>>20))
	}
}

// pulse queues a heartbeat, unless other bytes are on their way.
func (p *peer) pulse() {
	p.mu.Lock()
	idle := len(p.pending)+p.flying == 0
	p.mu.Unlock()
	if idle {
		p.queue(kindPulse, nil)
	}
}

// leave queues a goodbye behind what is queued. The peer answers it by closing the connection.
func (p *peer) leave() {
	p.mu.Lock()
	open, deaf := p.state == stateOpen, p.state == stateDeaf
	if open {
		p.state = stateLeaving
		p.pending = appendFrame(p.pending, kindBye, nil)
		nudge(p.wake)
	}
	p.mu.Unlock()
	if deaf {
		p.end(nil)
	}
}

// write gives the connection what is queued, until the connection ends or the goodbye is said.
func (p *peer) write() {
	var spare []byte
	for {
		p.mu.Lock()
		b := p.pending
		p.pending, p.flying = spare[:0], len(b)
		leaving := p.state == stateLeaving
		p.mu.Unlock()
		if len(b) == 0 {
			spare = b
			if leaving {
				if c, ok := p.conn.(interface{ CloseWrite() error }); ok {
					c.CloseWrite()
				}
				return
			}
			select {
			case <-p.wake:
			case <-p.gone:
				return
			}
			continue
		}
		if err := p.put(b); err != nil {
			p.deafen()
			return
		}
		if spare = b; cap(b) > 1<<20 {
			spare = nil
		}
	}
}

// deafen stops sending after a failed write. The connection stays open: what the peer sent before, a goodbye perhaps, is
// still to be read, and then reading tells how it ended.
func (p *peer) deafen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == stateOpen {
		p.state, p.pending = stateDeaf, nil
	}
}

// put writes b. A peer that takes nothing for Config.Silence is lost, time in which this process was itself stopped not counted.
func (p *peer) put(b []byte) error {
	const parts = 4
	part := max(p.m.c.Silence/parts, time.Millisecond)
	for stuck := 0; len(b) > 0; {
		began := time.Now()
		if err := p.conn.SetWriteDeadline(began.Add(part)); err != nil {
			return err
		}
		n, err := p.conn.Write(b[:min(len(b), 256<<10)])
		b = b[n:]
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n > 0 || time.Since(began) > part+part/2:
			stuck = 0
		default:
			stuck++
		}
		if stuck == parts {
			err := fmt.Errorf("%s has taken nothing of what is sent to it for %v", p.process(), p.m.c.Silence)
			p.end(err)
			return err
		}
	}
	return nil
}
