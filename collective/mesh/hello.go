package mesh

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// The handshake of two processes, which proves to each that the other knows the secret, without sending it:
//
//	both             opening: magic, version, nonce
//	the one that dials   hello, with its proof
//	the one that accepts welcome or refusal, with its proof
//
// A proof is HMAC-SHA256 over the frame's kind, both openings and the body, so it fits one connection, direction and text.
const (
	magic        = "deeprc\x00m"
	version      = 1
	nonceBytes   = 32
	openingBytes = len(magic) + 1 + nonceBytes
	proofBytes   = sha256.Size
)

// handshakeTime is how long a handshake may take.
const handshakeTime = 10 * time.Second

// hello is who dials.
type hello struct {
	Rank, Size int
	To         int    // the rank that it wants to reach
	Address    string // IP address and port on which it listens; to rank 0 only
	Host       string
	Pid        int
	ID         string // random; tells a process that dials again from another one with its rank
	Source     string // Config.Source
}

// welcome is rank 0's answer.
type welcome struct {
	Left    time.Duration // until rank 0 gives up waiting for the others
	Silence time.Duration // Config.Silence of rank 0
}

func (h hello) String() string {
	return fmt.Sprintf("rank %d (host %s, process %d)", h.Rank, h.Host, h.Pid)
}

// decodeHello reads a hello of a process that knows the secret, and still believes nothing.
func decodeHello(body []byte) (hello, error) {
	var h hello
	if err := json.Unmarshal(body, &h); err != nil {
		return h, fmt.Errorf("a hello that cannot be read: %w", err)
	}
	if h.Size < 1 || h.Size > maxRanks || h.Rank < 0 || h.Rank >= h.Size || h.To < 0 || h.To >= h.Size {
		return h, fmt.Errorf("a hello of rank %d to rank %d of %d", h.Rank, h.To, h.Size)
	}
	if h.Address != "" {
		if _, err := netip.ParseAddrPort(h.Address); err != nil || len(h.Address) > 128 {
			return h, errors.New("a hello whose address is not one")
		}
	}
	if h.ID == "" {
		return h, errors.New("a hello without an ID")
	}
	h.Host, h.Source, h.ID = printable(h.Host), printable(h.Source), printable(h.ID)
	return h, nil
}

// printable is s without what could disturb a terminal, at most 64 bytes long.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, s[:min(len(s), 64)])
}

// printableText is another process's text without what could disturb a terminal, at most 16 KiB of it.
func printableText(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(string(b[:min(len(b), 16<<10)]), "?"))
}

type opening [openingBytes]byte

func newOpening() (o opening) {
	copy(o[:], magic)
	o[len(magic)] = version
	rand.Read(o[len(magic)+1:]) // never fails
	return o
}

// versionError is the other end's fault or this one's, and no retry helps.
type versionError byte

func (v versionError) Error() string {
	return fmt.Sprintf("it speaks version %d of the protocol and this process version %d: start all ranks with the same deeprc", byte(v), version)
}

func (o *opening) check() error {
	if string(o[:len(magic)]) != magic {
		return errors.New("it is not a process of deeprc")
	}
	if v := o[len(magic)]; v != version {
		return versionError(v)
	}
	return nil
}

// greeting is a handshake under way.
type greeting struct {
	conn             net.Conn
	secret           []byte
	dialer, acceptor opening
}

func (g *greeting) proof(kind byte, body []byte) []byte {
	h := hmac.New(sha256.New, g.secret)
	h.Write([]byte{kind})
	h.Write(g.dialer[:])
	h.Write(g.acceptor[:])
	h.Write(body)
	return h.Sum(nil)
}

func (g *greeting) write(kind byte, body []byte) error {
	return writeFrame(g.conn, kind, append(g.proof(kind, body), body...), handshakeTime)
}

// read returns the next frame and whether its sender knows the secret.
func (g *greeting) read() (kind byte, body []byte, genuine bool, err error) {
	kind, b, err := readFrame(g.conn, maxHello)
	if err != nil {
		return 0, nil, false, err
	}
	if len(b) < proofBytes {
		return 0, nil, false, errors.New("a frame without a proof")
	}
	body = b[proofBytes:]
	return kind, body, hmac.Equal(b[:proofBytes], g.proof(kind, body)), nil
}

var (
	// errStranger is met by both sides whose secrets differ.
	errStranger = errors.New("it has another key, so it belongs to another job or run")
	errSilent   = errors.New("the handshake is not complete")
)

// refusedError is the reason that a process of the same world gave.
type refusedError string

func (e refusedError) Error() string { return string(e) }

// greet is the handshake of the process that dials; it returns what the welcome says. The
// caller has set a deadline.
func greet(conn net.Conn, secret []byte, h hello) ([]byte, error) {
	g := greeting{conn: conn, secret: secret, dialer: newOpening()}
	if _, err := conn.Write(g.dialer[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", errSilent, err)
	}
	if _, err := io.ReadFull(conn, g.acceptor[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", errSilent, err)
	}
	if err := g.acceptor.check(); err != nil {
		return nil, err
	}
	if err := g.write(kindHello, mustJSON(h)); err != nil {
		return nil, fmt.Errorf("%w: %w", errSilent, err)
	}
	kind, body, genuine, err := g.read()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errSilent, err)
	case !genuine:
		return nil, errStranger
	case kind == kindRefusal:
		return nil, refusedError(printableText(body))
	case kind != kindWelcome:
		return nil, fmt.Errorf("a frame of kind %d in the handshake", kind)
	}
	return body, nil
}

// hear is the first half of the handshake of the process that accepts; with the greeting it answers. The caller has set a deadline.
func hear(conn net.Conn, secret []byte) (*greeting, hello, error) {
	g := &greeting{conn: conn, secret: secret, acceptor: newOpening()}
	if _, err := io.ReadFull(conn, g.dialer[:]); err != nil {
		return nil, hello{}, fmt.Errorf("%w: %w", errSilent, err)
	}
	if string(g.dialer[:len(magic)]) != magic {
		return nil, hello{}, g.dialer.check()
	}
	if _, err := conn.Write(g.acceptor[:]); err != nil { // of another version, it sees this one's
		return nil, hello{}, fmt.Errorf("%w: %w", errSilent, err)
	}
	if err := g.dialer.check(); err != nil {
		return nil, hello{}, err
	}
	kind, body, genuine, err := g.read()
	switch {
	case err != nil:
		return nil, hello{}, fmt.Errorf("%w: %w", errSilent, err)
	case kind != kindHello:
		return nil, hello{}, fmt.Errorf("a frame of kind %d in the handshake", kind)
	case !genuine:
		farewell(conn, kindRefusal, make([]byte, proofBytes))
		return nil, hello{}, errStranger
	}
	h, err := decodeHello(body)
	return g, h, err
}
