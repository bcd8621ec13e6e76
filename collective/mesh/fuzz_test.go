package mesh

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, 1, []byte("abc")), kindBye, nil))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		var again []byte
		for {
			kind, body, err := readFrame(r, maxHello)
			if err != nil {
				if rest := len(b) - len(again); err == io.EOF && rest != 0 {
					t.Errorf("io.EOF with %d bytes left", rest)
				}
				break
			}
			again = appendFrame(again, kind, body)
		}
		if !bytes.HasPrefix(b, again) {
			t.Errorf("%q was read as %q", b, again)
		}
	})
}

// checkHello fails for a hello that a decoder must not let pass.
func checkHello(t *testing.T, h hello) {
	if h.Size < 1 || h.Size > maxRanks || h.Rank < 0 || h.Rank >= h.Size || h.To < 0 || h.To >= h.Size || h.ID == "" {
		t.Errorf("%+v", h)
	}
	for _, s := range []string{h.Host, h.Source, h.ID} {
		if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("text %q", s)
		}
	}
	if _, err := netip.ParseAddrPort(h.Address); h.Address != "" && err != nil {
		t.Error(err)
	}
}

func FuzzDecodeHello(f *testing.F) {
	f.Add([]byte(mustJSON(someHello)))
	f.Add([]byte(`{"Rank":-1,"Size":1e9}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHello(b); err == nil {
			checkHello(t, h)
		}
	})
}

func FuzzDecodeNote(f *testing.F) {
	f.Add([]byte(mustJSON(note{Addresses: []string{"10.0.0.1:5", "[::1]:5"}, Host: "h", Pid: 1, ID: "i"})))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decodeNote(b)
		if err == nil && len(n.Addresses) == 0 {
			t.Error("a note without an address")
		}
	})
}

func FuzzDecodeTable(f *testing.F) {
	f.Add([]byte(mustJSON(table{[]string{"", "10.0.0.1:5"}, []string{"a", "b"}})), 2)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if got, err := decodeTable(b, size); err == nil && (len(got.Addresses) != size || len(got.Hosts) != size) {
			t.Errorf("%+v for %d ranks", got, size)
		}
	})
}

// script is a connection whose other end sends first, and then, when it has seen the opening of this one, what then returns for it.
type script struct {
	first bytes.Buffer
	then  func(opening) []byte
	wrote bytes.Buffer
}

func (s *script) Read(b []byte) (int, error) {
	if s.first.Len() == 0 && s.then != nil && s.wrote.Len() >= openingBytes {
		s.first.Write(s.then(opening(s.wrote.Bytes()[:openingBytes])))
		s.then = nil
	}
	return s.first.Read(b)
}
func (s *script) Write(b []byte) (int, error)      { return s.wrote.Write(b) }
func (s *script) Close() error                     { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// play writes first, then body, as a frame with its proof where it is genuine.
func play(first []byte, kind byte, body []byte, genuine bool, between func(other opening) *greeting) *script {
	s := &script{}
	s.first.Write(first)
	s.then = func(other opening) []byte {
		if !genuine || len(first) < openingBytes {
			return body
		}
		return appendFrame(nil, kind, append(between(other).proof(kind, body), body...))
	}
	return s
}

// FuzzHear plays the one that dials: as a stranger, or as one that knows the secret and says hello with any body.
func FuzzHear(f *testing.F) {
	o := newOpening()
	f.Add(o[:], kindHello, []byte(mustJSON(someHello)), true)
	f.Add(o[:], kindHello, []byte(mustJSON(someHello)), false)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), byte(0), []byte(nil), false)
	secret := secretOf("k")
	f.Fuzz(func(t *testing.T, first []byte, kind byte, body []byte, genuine bool) {
		s := play(first, kind, body, genuine, func(other opening) *greeting {
			return &greeting{secret: secret, dialer: opening(first[:openingBytes]), acceptor: other}
		})
		g, h, err := hear(s, secret)
		if err != nil {
			return
		}
		checkHello(t, h)
		if !genuine || kind != kindHello || len(first) != openingBytes || string(first[:len(magic)]) != magic || g == nil {
			t.Errorf("%q was let in", first)
		}
	})
}

// FuzzGreet plays the one that accepts.
func FuzzGreet(f *testing.F) {
	o := newOpening()
	f.Add(o[:], kindWelcome, []byte("{}"), true)
	f.Add(o[:], kindRefusal, []byte("no"), true)
	f.Add(o[:], kindWelcome, []byte("{}"), false)
	secret := secretOf("k")
	f.Fuzz(func(t *testing.T, first []byte, kind byte, body []byte, genuine bool) {
		s := play(first, kind, body, genuine, func(other opening) *greeting {
			return &greeting{secret: secret, dialer: other, acceptor: opening(first[:openingBytes])}
		})
		got, err := greet(s, secret, someHello)
		if err == nil && (!genuine || kind != kindWelcome || len(first) != openingBytes || !bytes.Equal(got, body)) {
			t.Errorf("%q was believed: %q", first, got)
		}
	})
}

func FuzzFirstHost(f *testing.F) {
	for _, s := range []string{"a", "n[03-05,9],m", "rack[03-05,9]n[1-4]", "a[", "]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		host, err := firstHost(list)
		if err == nil && (!validHost(host) || len(host) > len(list)) || err != nil && host != "" {
			t.Errorf("firstHost(%q) is %q, %v", list, host, err)
		}
	})
}

func FuzzFromEnv(f *testing.F) {
	for _, s := range []string{
		"RANK=1\nWORLD_SIZE=2\nMASTER_ADDR=fd00::1\nMASTER_PORT=29500\nTORCHELASTIC_USE_AGENT_STORE=True",
		"RANK=1\nWORLD_SIZE=2\nDEEPRC_RENDEZVOUS=file:/a\nDEEPRC_SILENCE=1s\nDEEPRC_KEY=k",
		"SLURM_PROCID=1\nSLURM_NTASKS=2\nSLURM_JOB_ID=7\nSLURM_STEP_NODELIST=n[1-2]\nDEEPRC_INTERFACE=ib0",
		"JOB_COMPLETION_INDEX=1\nDEEPRC_SIZE=2\nDEEPRC_RENDEZVOUS=tcp://h:1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set := map[string]string{}
		for line := range strings.SplitSeq(text, "\n") {
			name, value, _ := strings.Cut(line, "=")
			set[name] = value
		}
		c, err := FromEnv(func(name string) string { return set[name] })
		if err != nil {
			if c != (Config{}) {
				t.Errorf("%+v beside %v", c, err)
			}
			return
		}
		if _, err := c.complete(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if _, err := json.Marshal(c.Source); err != nil || c.Source == "" {
			t.Errorf("source %q, %v", c.Source, err)
		}
	})
}
