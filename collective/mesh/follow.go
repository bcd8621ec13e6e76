package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Pauses between two attempts to reach rank 0.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// placeTime is the time of one attempt to connect where rank 0 has told several addresses.
const placeTime = 3 * time.Second

// graceTime is what rank 0 gets beyond its limit to tell why the world does not come together.
const graceTime = 5 * time.Second

// follow is Join of every rank but 0.
func (j *joining) follow() (w world, err error) {
	lead, l, left, err := j.reach()
	if err != nil {
		return w, err
	}
	ctx, cancel := context.WithTimeout(j.outer, left+graceTime)
	j.links[0] = lead
	dialing, cancelDialing := context.WithTimeout(ctx, left-min(left/4, graceTime)) // so that rank 0 hears in time who does not reach whom
	defer cancelDialing()
	a := &arrivals{joining: j, ctx: ctx, dialing: dialing, ids: make([]string, j.Size), some: make(chan struct{}, 1)}
	d := openDoor(l, j.secret, a.admit)
	heard := make(chan word)
	a.wg.Go(func() { a.listenTo(lead, heard) })
	w, err = a.settle(heard)
	cancel()
	d.close()
	if err != nil {
		if _, told := err.(failedError); !told {
			farewell(lead, kindFailed, fmt.Appendf(nil, "%v: %v", j.hello(0, ""), err))
		}
		lead.Close()
		a.wg.Wait()
		drop(j.links)
		return w, err
	}
	a.wg.Wait()
	w.own, _, _ = net.SplitHostPort(l.Addr().String())
	return w, nil
}

// failedError is rank 0's word that the world does not come together.
type failedError string

func (e failedError) Error() string { return string(e) }

// reach connects to rank 0 and says hello, again and again until it works or the time is
// over. It returns a listener at the own address, or where none was asked for at the one by
// which this process reached rank 0.
func (j *joining) reach() (conn net.Conn, l net.Listener, left time.Duration, err error) {
	var last error
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		places, err := j.places()
		if err != nil {
			last = err
		}
		limit := min(handshakeTime, j.Timeout/4) // a silent stranger leaves time for other attempts
		if len(places) > 1 {
			limit = min(limit, placeTime)
		}
		for _, place := range places {
			conn, l, left, err := j.try(place, limit)
			if err == nil {
				return conn, l, left, nil
			}
			var refused refusedError
			var version versionError
			if errors.As(err, &refused) || errors.As(err, &version) && j.Folder == "" { // a stale note may lead to any version
				return nil, nil, 0, fmt.Errorf("rank 0 at %s: %w", place, err)
			}
			if last == nil || j.ctx.Err() == nil { // else it tells no more than that the time is over
				last = fmt.Errorf("at %s: %w", place, err)
			}
		}
		if wait(j.ctx, pause) {
			continue
		}
		if err := j.cancelled(); err != nil {
			return nil, nil, 0, err
		}
		return nil, nil, 0, fmt.Errorf("rank 0 was not reached within %v %s; the last attempt: %w. Does it run with the same DEEPRC_KEY, is that its address (MASTER_ADDR and MASTER_PORT, or DEEPRC_RENDEZVOUS), does a firewall let the port through, and is it the right network (DEEPRC_INTERFACE)?", j.Timeout, j.place(), last)
	}
}

// wait is false if ctx ended meanwhile.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// try makes one attempt to reach rank 0 at an address: limit to connect, and again for the handshake.
func (j *joining) try(place string, limit time.Duration) (net.Conn, net.Listener, time.Duration, error) {
	dialer := net.Dialer{Timeout: limit}
	conn, err := dialer.DialContext(j.ctx, "tcp", place)
	if err != nil {
		return nil, nil, 0, err
	}
	host := j.own
	if host == "" {
		host, _, _ = net.SplitHostPort(conn.LocalAddr().String())
	}
	l, err := new(net.ListenConfig).Listen(j.ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		conn.Close()
		return nil, nil, 0, err
	}
	body, err := j.greet(j.ctx, conn, limit, j.hello(0, l.Addr().String()))
	var answer welcome
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil {
		conn.Close()
		l.Close()
		return nil, nil, 0, err
	}
	j.Silence = max(answer.Silence, minSilence)
	j.setPulse()
	return conn, l, max(0, min(answer.Left, 24*time.Hour)), nil
}

// greet is the handshake within a time, and ctx's. The connection has no deadlines after it.
func (j *joining) greet(ctx context.Context, conn net.Conn, limit time.Duration, h hello) ([]byte, error) {
	conn.SetDeadline(time.Now().Add(limit))
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	body, err := greet(conn, j.secret, h)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	conn.SetDeadline(time.Time{})
	return body, err
}

// word is a frame of rank 0, or why there is none.
type word struct {
	kind byte
	body []byte
	err  error
}

// listenTo passes on the frames of rank 0 up to the last one before the world stands.
func (a *arrivals) listenTo(lead net.Conn, to chan<- word) {
	for {
		kind, body, err := readFrame(lead, maxBody)
		select {
		case to <- word{kind, body, err}:
		case <-a.ctx.Done():
			return
		}
		if err != nil || kind != kindTable {
			return
		}
	}
}

// arrivals is the ranks above this one, which connect to it.
type arrivals struct {
	*joining
	ctx     context.Context // ends when rank 0 must have told what comes of the world
	dialing context.Context // ends when attempts to connect to other ranks do
	wg      sync.WaitGroup
	mu      sync.Mutex
	n       int
	ids     []string // by rank, of those that have come
	some    chan struct{}
}

func (a *arrivals) admit(h hello, g *greeting) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h.To != a.Rank || h.Size != a.Size || h.Rank <= a.Rank {
		return false // it looks for another
	}
	old := a.links[h.Rank]
	if old != nil && a.ids[h.Rank] != h.ID {
		return false
	}
	if g.write(kindWelcome, nil) != nil {
		return false
	}
	if old == nil {
		a.n++
	} else { // the welcome did not arrive, so it dials again
		old.Close()
	}
	a.links[h.Rank], a.ids[h.Rank] = g.conn, h.ID
	nudge(a.some)
	return true
}

// settle connects to the ranks below, waits for those above, reports to rank 0 and waits for its go.
func (a *arrivals) settle(heard <-chan word) (w world, err error) {
	dialed := make(chan error, 1)
	var t *table
	ready, connected := false, false
	for {
		a.mu.Lock()
		all := a.n == a.Size-1-a.Rank
		a.mu.Unlock()
		if connected && all && !ready {
			ready = true
			if err := writeFrame(a.links[0], kindReady, nil, handshakeTime); err != nil {
				return w, fmt.Errorf("rank 0 went away while the world came together: %w", err)
			}
			a.links[0].SetWriteDeadline(time.Time{})
		}
		select {
		case <-a.some:
		case err := <-dialed:
			if err != nil {
				return w, err
			}
			connected = true
		case <-a.ctx.Done():
			if err := a.cancelled(); err != nil {
				return w, err
			}
			return w, fmt.Errorf("rank 0 (%s) has fallen silent while the world came together", a.links[0].RemoteAddr())
		case m := <-heard:
			switch {
			case m.err != nil:
				return w, fmt.Errorf("rank 0 (%s) went away while the world came together: %w", a.links[0].RemoteAddr(), m.err)
			case m.kind == kindFailed:
				return w, failedError(printableText(m.body))
			case m.kind == kindTable && t == nil:
				if t, err = decodeTable(m.body, a.Size); err != nil {
					return w, err
				}
				a.wg.Go(func() { dialed <- a.dialLower(t) })
			case m.kind == kindGo && ready:
				return world{links: a.links, hosts: t.Hosts}, nil
			default:
				return w, fmt.Errorf("rank 0 sent a frame of kind %d that is not expected here", m.kind)
			}
		}
	}
}

// decodeTable reads rank 0's table for a number of ranks.
func decodeTable(body []byte, size int) (*table, error) {
	t := new(table)
	if err := json.Unmarshal(body, t); err != nil {
		return nil, fmt.Errorf("rank 0's table of the ranks cannot be read: %w", err)
	}
	if len(t.Addresses) != size || len(t.Hosts) != size {
		return nil, fmt.Errorf("rank 0's table has %d addresses and %d hosts for %d ranks", len(t.Addresses), len(t.Hosts), size)
	}
	for r := range t.Hosts {
		t.Hosts[r] = printable(t.Hosts[r])
	}
	return t, nil
}

// dialLower connects to the ranks from 1 to the one below this.
func (a *arrivals) dialLower(t *table) error {
	for r := 1; r < a.Rank; r++ {
		if err := a.dial(r, t.Addresses[r]); err != nil {
			return fmt.Errorf("rank %d (host %s) cannot be reached at %s: %w; do firewalls let the ranks reach each other, and is it the right network (DEEPRC_INTERFACE)?", r, t.Hosts[r], printable(t.Addresses[r]), err)
		}
	}
	return nil
}

// dial connects to a rank, again and again until a.dialing ends.
func (a *arrivals) dial(r int, address string) error {
	last := errors.New("there was no time to try")
	dialer := net.Dialer{Timeout: handshakeTime}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		conn, err := dialer.DialContext(a.dialing, "tcp", address)
		if err == nil {
			if _, err = a.greet(a.dialing, conn, handshakeTime, a.hello(r, "")); err == nil {
				a.mu.Lock()
				a.links[r] = conn
				a.mu.Unlock()
				return nil
			}
			conn.Close()
		}
		if a.dialing.Err() == nil {
			last = err
		}
		if !wait(a.dialing, pause) {
			return last
		}
	}
}
