package mesh

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Join brings the world together: rank 0 listens, the others dial it until [Config.Timeout]
// is over, tell where they listen, learn where the others do, and connect to them. It
// returns on all ranks when all connections stand, or on all with the same reason.
// A rank that does not come is named in it.
func Join(ctx context.Context, c Config, h Handler) (*Mesh, error) {
	c, err := c.complete()
	if err != nil {
		return nil, c.wrap(err)
	}
	own, err := pick(c.Interface)
	if err != nil {
		return nil, c.wrap(err)
	}
	limit, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	j := &joining{Config: c, own: own, ctx: limit, outer: ctx, secret: secretOf(c.Key), id: newID(), links: make([]net.Conn, c.Size)}
	var w world
	switch {
	case c.Size == 1:
		w = world{links: j.links, hosts: []string{hostName()}, own: j.loneAddress()}
	case c.Rank == 0:
		w, err = j.lead()
	default:
		w, err = j.follow()
	}
	if err != nil {
		return nil, c.wrap(err)
	}
	c.Silence, c.pulse = j.Silence, j.pulse
	return start(c, h, w), nil
}

// wrap says in an error whose it is.
func (c Config) wrap(err error) error {
	from := ""
	if c.Source != "" {
		from = " (" + c.Source + ")"
	}
	return fmt.Errorf("rank %d of %d%s: %w", c.Rank, c.Size, from, err)
}

// joining is a Join under way.
type joining struct {
	Config
	own        string          // the IP address that was asked for; "" if none was
	ctx, outer context.Context // outer is the caller's, ctx ends with Timeout too
	secret     []byte
	id         string
	links      []net.Conn // by rank
	foreign    bool       // of rank 0: Address is not one of this host's
}

const (
	defaultTimeout = 2 * time.Minute
	defaultSilence = time.Minute
	minSilence     = 10 * time.Millisecond
)

// complete checks a Config and fills in what it leaves out.
func (c Config) complete() (Config, error) {
	switch {
	case c.Size < 1 || c.Size > maxRanks:
		return c, fmt.Errorf("a world of %d ranks: want 1 to %d", c.Size, maxRanks)
	case c.Rank < 0 || c.Rank >= c.Size:
		return c, fmt.Errorf("rank %d of %d: ranks count from 0", c.Rank, c.Size)
	case c.Size > 1 && (c.Address == "") == (c.Folder == ""):
		return c, fmt.Errorf("where the ranks meet: want an address of rank 0 or a shared folder, and not both")
	case c.Timeout < 0 || c.Silence < 0:
		return c, fmt.Errorf("a negative time: to come together %v, of silence %v", c.Timeout, c.Silence)
	}
	if c.Address != "" && !validAddress(c.Address) {
		return c, fmt.Errorf("the address of rank 0 is %q: want host:port, or [IPv6 address]:port", c.Address)
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Silence == 0 {
		c.Silence = defaultSilence
	}
	c.Silence = max(c.Silence, minSilence)
	c.setPulse()
	return c, nil
}

func (c *Config) setPulse() {
	if c.pulse == 0 || c.pulse > c.Silence/2 {
		c.pulse = c.Silence / 4
	}
}

// validAddress reports whether s is host:port.
func validAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && validHost(host) && validPort(port)
}

// validHost reports whether s can be a host's name or an IP address.
func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r == '-' || r == '.' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// hello is this process's to a rank.
func (j *joining) hello(to int, address string) hello {
	return hello{Rank: j.Rank, Size: j.Size, To: to, Address: address, Host: hostName(), Pid: os.Getpid(), ID: j.id, Source: j.Source}
}

// cancelled is the caller's reason to give up; nil if there is none.
func (j *joining) cancelled() error {
	if err := context.Cause(j.outer); err != nil {
		return fmt.Errorf("cancelled while the world came together: %w", err)
	}
	return nil
}

// drop closes the connections of a world that does not come together.
func drop(links []net.Conn) {
	for _, conn := range links {
		if conn != nil {
			conn.Close()
		}
	}
}

// secretOf is what both ends of a handshake prove to know.
func secretOf(key string) []byte {
	m := hmac.New(sha256.New, []byte("deeprc mesh"))
	m.Write([]byte(key))
	return m.Sum(nil)
}

func newID() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func hostName() string {
	h, err := os.Hostname()
	if err != nil {
		return "unknown host"
	}
	return h
}

// plural is "rank 2" or "ranks 2, 5", of a long list its beginning, with the verb that fits.
func plural(ranks []int, one, many string) string {
	const most = 20
	var s []string
	for _, r := range ranks[:min(len(ranks), most)] {
		s = append(s, fmt.Sprint(r))
	}
	text := strings.Join(s, ", ")
	if len(ranks) > most {
		text += fmt.Sprintf(" and %d more", len(ranks)-most)
	}
	if len(ranks) == 1 {
		return "rank " + text + " " + one
	}
	return "ranks " + text + " " + many
}
