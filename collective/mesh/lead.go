package mesh

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// table tells all ranks of each.
type table struct {
	Addresses []string // on which each listens; of rank 0 ""
	Hosts     []string
}

// news is what rank 0 hears while the world comes together.
type news struct {
	rank int
	kind byte // kindHello, kindReady or kindFailed
	text string
}

// lead is Join of rank 0.
func (j *joining) lead() (w world, err error) {
	l, err := j.listen()
	if err != nil {
		return w, err
	}
	if j.Folder != "" {
		remove, err := j.publish(l.Addr().(*net.TCPAddr))
		if err != nil {
			l.Close()
			return w, err
		}
		defer remove()
	}
	g := &gathering{joining: j, came: make([]hello, j.Size), news: make(chan news, j.Size), done: make(chan struct{})}
	g.end, _ = j.ctx.Deadline()
	d := openDoor(l, j.secret, g.admit)
	w, err = g.settle(d)
	close(g.done)
	d.close()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		var wg sync.WaitGroup
		for _, conn := range j.links {
			if conn != nil {
				wg.Go(func() { farewell(conn, kindFailed, []byte(err.Error())) })
			}
		}
		wg.Wait()
	}
	return w, err
}

// gathering is what rank 0 knows of those who have come.
type gathering struct {
	*joining
	end  time.Time
	news chan news
	done chan struct{}

	mu   sync.Mutex
	came []hello // by rank; an ID of "" for those who have not
}

// admit takes a rank in. What cannot be mended ends the gathering, so that nobody waits for its time.
func (g *gathering) admit(h hello, gr *greeting) bool {
	n, kept := g.enter(h, gr)
	if n.kind != 0 {
		g.tell(n)
	}
	if kept {
		go g.hear(h, gr.conn)
	}
	return kept
}

// enter is admit but for the news.
func (g *gathering) enter(h hello, gr *greeting) (n news, kept bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var old hello
	if h.Rank < g.Size {
		old = g.came[h.Rank]
	}
	refusal := ""
	switch {
	case h.Size != g.Size:
		refusal = fmt.Sprintf("the numbers of ranks differ: %v was started with %d (%s), %v with %d (%s)", h, h.Size, h.Source, g.hello(0, ""), g.Size, printable(g.Source))
	case h.To != 0 || h.Rank == 0:
		refusal = fmt.Sprintf("%v looks for rank %d, but this is %v; start anew", h, h.To, g.hello(0, ""))
	case old.ID != "" && old.ID != h.ID:
		refusal = fmt.Sprintf("two processes have the same rank: %v and %v; is one left over from an earlier run, or was a rank given twice (RANK)?", old, h)
	}
	if refusal != "" {
		gr.write(kindRefusal, []byte(refusal))
		return news{h.Rank, kindFailed, refusal}, false
	}
	if gr.write(kindWelcome, mustJSON(welcome{Left: time.Until(g.end), Silence: g.Silence})) != nil {
		return news{}, false
	}
	if old.ID != "" { // it dials again
		g.links[h.Rank].Close()
	}
	g.came[h.Rank], g.links[h.Rank] = h, gr.conn
	return news{h.Rank, kindHello, ""}, true
}

func (g *gathering) tell(n news) {
	select {
	case g.news <- n:
	case <-g.done:
	}
}

// hear waits for the one frame that a rank sends before the world stands.
func (g *gathering) hear(h hello, conn net.Conn) {
	kind, body, err := readFrame(conn, maxHello)
	g.mu.Lock()
	stale := g.links[h.Rank] != conn
	g.mu.Unlock()
	switch {
	case stale:
	case err != nil:
		g.tell(news{h.Rank, kindFailed, fmt.Sprintf("%v went away while the world came together: %v", h, err)})
	case kind == kindReady:
		g.tell(news{h.Rank, kindReady, ""})
	case kind == kindFailed:
		g.tell(news{h.Rank, kindFailed, printableText(body)})
	default:
		g.tell(news{h.Rank, kindFailed, fmt.Sprintf("%v sent a frame of kind %d while the world came together", h, kind)})
	}
}

// settle waits for all to come, then for all to be ready, and says go.
func (g *gathering) settle(d *door) (w world, err error) {
	here, ready, told := map[int]bool{0: true}, map[int]bool{0: true}, false
	again := time.NewTicker(noteTime)
	defer again.Stop()
	for len(ready) < g.Size {
		select {
		case <-g.ctx.Done():
			if err := g.cancelled(); err != nil {
				return w, fmt.Errorf("%v: %w", g.hello(0, ""), err)
			}
			return w, g.late(ready, d)
		case <-again.C:
			if n, ok := g.usurper(); ok {
				return w, fmt.Errorf("two processes have the same rank: %v and rank 0 (host %s, process %d), which has written %s after it; is another run in this folder, or was a rank given twice (RANK)?", g.hello(0, ""), printable(n.Host), n.Pid, g.notePath())
			}
		case n := <-g.news:
			switch n.kind {
			case kindFailed:
				return w, errors.New(n.text)
			case kindReady:
				ready[n.rank] = true
			case kindHello:
				if here[n.rank] = true; len(here) < g.Size {
					continue
				}
				if told {
					return w, fmt.Errorf("rank %d has lost its connection and come again while the world came together; start anew", n.rank)
				}
				told = true
				if err := g.reachable(); err != nil {
					return w, err
				}
				if err := g.all(kindTable, mustJSON(g.table())); err != nil {
					return w, err
				}
			}
		}
	}
	if err := g.all(kindGo, nil); err != nil {
		return w, err
	}
	return world{links: g.links, hosts: g.table().Hosts, own: g.address()}, nil
}

// address is the IP address of rank 0 as the others use it.
func (g *gathering) address() string {
	if g.own != "" {
		return g.own
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var first string
	for _, conn := range g.links[1:] {
		ip := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		if !ip.IsLoopback() {
			return ip.String()
		}
		first = ip.String()
	}
	return first
}

// reachable refuses a world in which some ranks listen where only their own host can reach them.
func (g *gathering) reachable() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var inside, outside *hello
	for r := 1; r < g.Size; r++ {
		at, err := netip.ParseAddrPort(g.came[r].Address)
		if err != nil {
			return fmt.Errorf("%v does not tell where it listens", g.came[r])
		}
		if at.Addr().Unmap().IsLoopback() {
			inside = &g.came[r]
		} else {
			outside = &g.came[r]
		}
	}
	if inside != nil && outside != nil {
		return fmt.Errorf("%v can be reached from its own host only, at %s, but %v is elsewhere: the name of rank 0's host stands for a loopback address there; use its IP address as MASTER_ADDR, or set DEEPRC_INTERFACE", inside, inside.Address, outside)
	}
	return nil
}

func (g *gathering) table() table {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := table{make([]string, g.Size), make([]string, g.Size)}
	for r, h := range g.came {
		t.Addresses[r], t.Hosts[r] = h.Address, h.Host
	}
	t.Hosts[0] = hostName()
	return t
}

// all sends a frame to every other rank.
func (g *gathering) all(kind byte, body []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for r, conn := range g.links {
		if conn == nil {
			continue
		}
		if err := writeFrame(conn, kind, body, handshakeTime); err != nil {
			return fmt.Errorf("%v went away while the world came together: %w", g.came[r], err)
		}
		conn.SetWriteDeadline(time.Time{})
	}
	return nil
}

// late names who has not come in time.
func (g *gathering) late(ready map[int]bool, d *door) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var missing, slow []int
	came := []string{g.hello(0, "").String()}
	for r := 1; r < g.Size; r++ {
		if g.came[r].ID == "" {
			missing = append(missing, r)
			continue
		}
		came = append(came, g.came[r].String())
		if !ready[r] {
			slow = append(slow, r)
		}
	}
	if len(missing) == 0 {
		return fmt.Errorf("%s come to rank 0, but not to all other ranks, within %v%s; do firewalls let the ranks reach each other, and is it the right network (DEEPRC_INTERFACE)?", plural(slow, "has", "have"), g.Timeout, d.strays())
	}
	const most = 4
	if more := len(came) - most; more > 0 {
		came = append(came[:most], fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("%s not come within %v to rank 0, which waited %s; of %d ranks are here: %s%s. Were they started with their rank and number of ranks (RANK and WORLD_SIZE, or the launcher's), and can they reach that address?",
		plural(missing, "has", "have"), g.Timeout, g.waited(), g.Size, strings.Join(came, ", "), d.strays())
}

// waited is where rank 0 waited, for messages.
func (g *gathering) waited() string {
	at := g.place()
	if g.foreign {
		at += ", which is no address of its host as seen from there, so on all of its addresses"
	}
	return at
}

// place is where the ranks meet, for messages.
func (j *joining) place() string {
	if j.Folder != "" {
		return "where the file " + j.notePath() + " tells"
	}
	return "at " + j.Address
}

// listen opens the port of rank 0: at the address on which the others look for it, where that is one of this host; with
// a folder at the own address that was asked for; else at all addresses.
func (j *joining) listen() (net.Listener, error) {
	host, port := j.own, "0"
	if j.Address != "" {
		var name string
		name, port, _ = net.SplitHostPort(j.Address)
		host = j.ownAddress(name)
		j.foreign = host == ""
	}
	l, err := new(net.ListenConfig).Listen(j.ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("rank 0 (host %s) cannot listen where the ranks meet: %w; is the port taken by another run, or should rank 0 be on another host?", hostName(), err)
	}
	return l, nil
}

// ownAddress is the address that a host's name stands for, if it is one of this host's and
// the other hosts would find the same; else "". A name that stands for a loopback address
// here (Debian gives one to a host's own) stands for another there.
func (j *joining) ownAddress(name string) string {
	if name == "localhost" {
		return "127.0.0.1"
	}
	literal := net.ParseIP(name) != nil
	found, err := net.DefaultResolver.LookupNetIP(j.ctx, "ip", name)
	if err != nil {
		return ""
	}
	ours := addresses()
	for _, a := range found {
		a = a.Unmap()
		if (literal || !a.IsLoopback()) && (a.IsLoopback() || slices.ContainsFunc(ours, func(o interfaceAddress) bool { return o.ip == a.WithZone("") })) {
			return a.String()
		}
	}
	return ""
}
