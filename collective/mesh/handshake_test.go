package mesh

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

var someHello = hello{Rank: 1, Size: 2, Address: "127.0.0.1:4711", Host: "h", Pid: 7, ID: "a", Source: "RANK=1, WORLD_SIZE=2"}

type heard struct {
	h   hello
	err error
}

// hearing is one end of a handshake whose other end the test plays.
func hearing(t *testing.T, key string) (net.Conn, <-chan heard) {
	a, b := pair(t)
	out := make(chan heard, 1)
	go func() {
		b.SetDeadline(time.Now().Add(patience))
		g, h, err := hear(b, secretOf(key))
		if err == nil {
			err = g.write(kindWelcome, []byte("hi"))
		}
		b.Close()
		out <- heard{h, err}
	}()
	a.SetDeadline(time.Now().Add(patience))
	return a, out
}

func TestHandshake(t *testing.T) {
	conn, out := hearing(t, "k")
	body, err := greet(conn, secretOf("k"), someHello)
	if err != nil || string(body) != "hi" {
		t.Fatalf("%q, %v", body, err)
	}
	if got := <-out; got.err != nil || got.h != someHello {
		t.Fatalf("%+v, %v", got.h, got.err)
	}
}

func TestHandshakeWrongKey(t *testing.T) {
	conn, out := hearing(t, "k")
	if _, err := greet(conn, secretOf("l"), someHello); !errors.Is(err, errStranger) {
		t.Errorf("the one that dials: %v", err)
	}
	conn.Close()
	if got := <-out; !errors.Is(got.err, errStranger) {
		t.Errorf("the one that accepts: %v", got.err)
	}
}

func TestHandshakeRefused(t *testing.T) {
	for name, c := range map[string]struct {
		send  func(net.Conn)
		wants string
	}{
		"magic":   {func(c net.Conn) { c.Write(make([]byte, openingBytes)) }, "not a process of deeprc"},
		"http":    {func(c net.Conn) { io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n") }, "not a process of deeprc"},
		"short":   {func(c net.Conn) { io.WriteString(c, magic); c.Close() }, "not complete"},
		"silence": {func(c net.Conn) { c.Close() }, "not complete"},
		"version": {func(c net.Conn) {
			o := newOpening()
			o[len(magic)] = version - 1
			c.Write(o[:])
		}, "version 0 of the protocol"},
		"huge": {func(c net.Conn) {
			o := newOpening()
			c.Write(o[:])
			c.Write([]byte{kindHello, 0xff, 0xff, 0xff, 0xff})
		}, "4294967295 bytes"},
		"no proof": {func(c net.Conn) {
			o := newOpening()
			c.Write(o[:])
			c.Write(appendFrame(nil, kindHello, []byte("{}")))
		}, "without a proof"},
		"garbage": {func(c net.Conn) {
			o := newOpening()
			c.Write(o[:])
			c.Write(appendFrame(nil, kindHello, bytes.Repeat([]byte{7}, 100)))
		}, "another key"},
		"kind": {func(c net.Conn) {
			o := newOpening()
			c.Write(o[:])
			c.Write(appendFrame(nil, kindTable, make([]byte, 100)))
		}, "kind 244"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, out := hearing(t, "k")
			c.send(conn)
			conn.(*net.TCPConn).CloseWrite()
			got := <-out
			wantError(t, got.err, c.wants)
		})
	}
}

func TestHandshakeOtherVersionIsToldToDialer(t *testing.T) {
	a, b := pair(t)
	go func() {
		o := newOpening()
		o[len(magic)] = version + 1
		b.Write(o[:])
	}()
	a.SetDeadline(time.Now().Add(patience))
	_, err := greet(a, secretOf("k"), someHello)
	wantError(t, err, "version 2 of the protocol and this process version 1", "same deeprc")
}

// A slow client ends with the deadline, and holds up nobody.
func TestHandshakeSlow(t *testing.T) {
	a, b := pair(t)
	a.Write([]byte(magic))
	b.SetDeadline(time.Now().Add(50 * time.Millisecond))
	_, _, err := hear(b, secretOf("k"))
	wantError(t, err, "not complete")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := openDoor(l, secretOf("k"), func(h hello, g *greeting) bool { return g.write(kindWelcome, nil) == nil })
	for range 5 {
		slow, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		slow.Write([]byte(magic[:3]))
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := greet(conn, secretOf("k"), someHello); err != nil {
		t.Errorf("beside slow clients: %v", err)
	}
	began := time.Now()
	d.close()
	if took := time.Since(began); took > handshakeTime/2 {
		t.Errorf("close took %v with slow clients inside", took)
	}
}

// A connection that the door hands on is not touched by its closing.
func TestDoorKeepsHandsOffTheAdmitted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in, out, kept := make(chan bool), make(chan bool), make(chan net.Conn, 1)
	d := openDoor(l, secretOf("k"), func(h hello, g *greeting) bool {
		in <- true
		<-out
		g.write(kindWelcome, nil)
		kept <- g.conn
		return true
	})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	greeted := make(chan error, 1)
	go func() {
		conn.SetDeadline(time.Now().Add(patience))
		_, err := greet(conn, secretOf("k"), someHello)
		conn.Write([]byte("x"))
		greeted <- err
	}()
	<-in
	closed := make(chan bool)
	go func() { d.close(); close(closed) }()
	time.Sleep(20 * time.Millisecond)
	close(out)
	<-closed
	if err := <-greeted; err != nil {
		t.Fatal(err)
	}
	c := <-kept
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Errorf("the connection that was kept cannot be read: %v", err)
	}
}

func TestDecodeHello(t *testing.T) {
	if h, err := decodeHello(mustJSON(someHello)); err != nil || h != someHello {
		t.Errorf("%+v, %v", h, err)
	}
	for text, change := range map[string]func(*hello){
		"rank -1":     func(h *hello) { h.Rank = -1 },
		"rank 2 to":   func(h *hello) { h.Rank = 2 },
		"of 0":        func(h *hello) { h.Size, h.Rank = 0, 0 },
		"to rank 5":   func(h *hello) { h.To = 5 },
		"address":     func(h *hello) { h.Address = "localhost:1" },
		"without an":  func(h *hello) { h.ID = "" },
		"of 16777216": func(h *hello) { h.Size = 1 << 24 },
	} {
		h := someHello
		change(&h)
		_, err := decodeHello(mustJSON(h))
		wantError(t, err, text)
	}
	h := someHello
	h.Host = "a\x1b[2Jb" + strings.Repeat("c", 100)
	if got, err := decodeHello(mustJSON(h)); err != nil || got.Host != "a?[2Jb"+strings.Repeat("c", 58) {
		t.Errorf("%q, %v", got.Host, err)
	}
}

func TestReadFrame(t *testing.T) {
	b := appendFrame(appendFrame(nil, 3, []byte("abc")), 4, nil)
	r := bytes.NewReader(b)
	if kind, body, err := readFrame(r, 3); kind != 3 || string(body) != "abc" || err != nil {
		t.Errorf("%d %q %v", kind, body, err)
	}
	if kind, body, err := readFrame(r, 0); kind != 4 || len(body) != 0 || err != nil {
		t.Errorf("%d %q %v", kind, body, err)
	}
	if _, _, err := readFrame(r, 0); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, _, err := readFrame(bytes.NewReader(b[:6]), 9); err != io.ErrUnexpectedEOF {
		t.Errorf("in a body: %v", err)
	}
	huge := binary.BigEndian.AppendUint32([]byte{1}, 10)
	_, _, err := readFrame(bytes.NewReader(huge), 9)
	wantError(t, err, "a frame of 10 bytes, more than the 9 allowed")
}
