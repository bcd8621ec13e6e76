package mesh

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// maxHandshakes is how many may be under way at a door; those that come then are turned away, and dial again.
const maxHandshakes = 1024

// door accepts connections and hands those on whose other end knows the secret. Others take nobody's place: each has its own
// goroutine and handshakeTime.
type door struct {
	l      net.Listener
	secret []byte
	admit  func(h hello, g *greeting) (kept bool) // answers; the connection is its own if kept

	mu      sync.Mutex
	closed  bool
	inside  map[net.Conn]bool // in a handshake
	refused int               // connections that failed it, or could not be accepted
	last    string            // why, of the last one, or of the last that said something
	telling bool              // last said something
	wg      sync.WaitGroup
}

func openDoor(l net.Listener, secret []byte, admit func(hello, *greeting) bool) *door {
	d := &door{l: l, secret: secret, admit: admit, inside: map[net.Conn]bool{}}
	d.wg.Go(d.accept)
	return d
}

func (d *door) accept() {
	for {
		conn, err := d.l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no file descriptors are left, or the connection is gone already
			d.mu.Lock()
			d.refused, d.last, d.telling = d.refused+1, err.Error(), true
			d.mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			continue
		}
		d.mu.Lock()
		enter := !d.closed && len(d.inside) < maxHandshakes
		if enter {
			d.inside[conn] = true
			d.wg.Go(func() { d.shake(conn) })
		}
		d.mu.Unlock()
		if !enter {
			conn.Close()
		}
	}
}

func (d *door) shake(conn net.Conn) {
	g, h, err := d.listen(conn)
	d.mu.Lock()
	delete(d.inside, conn) // so close leaves a connection that may be kept alone
	closed := d.closed
	if err != nil && !closed {
		d.refused++
		if telling := !errors.Is(err, errSilent); telling || !d.telling {
			d.last, d.telling = fmt.Sprintf("%v: %v", conn.RemoteAddr(), err), telling
		}
	}
	d.mu.Unlock()
	if err == nil && !closed {
		conn.SetDeadline(time.Time{})
		if d.admit(h, g) {
			return
		}
	}
	conn.Close()
}

// listen is the handshake up to the hello, in its time.
func (d *door) listen(conn net.Conn) (*greeting, hello, error) {
	d.mu.Lock()
	if !d.closed {
		conn.SetDeadline(time.Now().Add(handshakeTime))
	}
	d.mu.Unlock()
	return hear(conn, d.secret)
}

// strays says which connections were turned away, for the error of a world that does not come together; "" for none.
func (d *door) strays() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refused == 0 {
		return ""
	}
	return fmt.Sprintf("; strays turned away: %d, one of them %s", d.refused, d.last)
}

// close ends what waits for a hello, lets answers under way be written, and returns when all is done.
func (d *door) close() {
	d.l.Close()
	d.mu.Lock()
	d.closed = true
	for conn := range d.inside {
		conn.SetReadDeadline(time.Unix(1, 0))
	}
	d.mu.Unlock()
	d.wg.Wait()
}
