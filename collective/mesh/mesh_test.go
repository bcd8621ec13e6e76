package mesh

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

func TestMessagesInOrder(t *testing.T) {
	const size, each = 4, 200
	all := worldOf(t, Config{Size: size, Folder: t.TempDir()})
	for from, j := range all {
		go func() {
			for i := range each {
				for to := range size {
					j.m.Send(to, byte(i), fmt.Appendf(nil, "%d>%d #%d", from, to, i))
				}
			}
		}()
	}
	for to, j := range all {
		j.h.until(t, "the arrival of all messages", func() bool { return len(j.h.messages) == size*each })
		var next [size]int
		for _, text := range j.h.messages {
			var from, kind, f, at, i int
			if _, err := fmt.Sscanf(text, "%d %d %d>%d #%d", &from, &kind, &f, &at, &i); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if f != from || at != to || i != next[from] || kind != i {
				t.Fatalf("rank %d got %q, want message %d of rank %d", to, text, next[from], from)
			}
			next[from]++
		}
		j.h.wantNoneLost(t)
	}
}

// A body is copied by Send, and one of the greatest length arrives.
func TestSendCopies(t *testing.T) {
	all := worldOf(t, Config{Size: 2, Folder: t.TempDir()})
	for to, j := range all {
		body := make([]byte, maxBody)
		body[maxBody-1] = 'x'
		all[0].m.Send(to, 1, body)
		clear(body)
		j.h.until(t, "the arrival", func() bool { return len(j.h.messages) == 1 })
		if text := j.h.messages[0]; text[len(text)-1] != 'x' || len(text) != maxBody+4 {
			t.Errorf("to rank %d: %d bytes, the last one %q", to, len(text), text[len(text)-1])
		}
	}
}

func TestSendPanics(t *testing.T) {
	m, _, _ := half(t, 0)
	for name, f := range map[string]func(){
		"kind": func() { m.Send(1, kindOwn, nil) },
		"body": func() { m.Send(1, 0, make([]byte, maxBody+1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// What was sent before Close arrives, and then nobody is lost.
func TestGoodbye(t *testing.T) {
	wantNoLeak(t)
	all := worldOf(t, Config{Size: 3, Folder: t.TempDir()})
	for i := range 100 {
		all[1].m.Send(0, 5, fmt.Append(nil, i))
	}
	began := time.Now()
	if err := all[1].m.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > flushTime {
		t.Errorf("Close took %v", took)
	}
	all[0].h.until(t, "the arrival of what was sent before Close", func() bool { return len(all[0].h.messages) == 100 })
	all[2].m.Send(1, 5, nil) // to nobody
	all[1].m.Send(0, 5, nil) // from nobody
	all[2].m.Send(0, 6, []byte("still here"))
	all[0].h.until(t, "a message of a rank that has not closed", func() bool { return len(all[0].h.messages) == 101 })
	for range 2 { // idempotent
		for _, j := range all {
			if err := j.m.Close(); err != nil {
				t.Error(err)
			}
			j.h.wantNoneLost(t)
		}
	}
	if n := len(all[1].h.messages); n != 0 {
		t.Errorf("%d messages after Close", n)
	}
}

func TestCloseAtOnceOnAllRanks(t *testing.T) {
	wantNoLeak(t)
	all := worldOf(t, Config{Size: 4, Folder: t.TempDir()})
	done := make(chan error)
	for _, j := range all {
		for range 2 {
			go func() { done <- j.m.Close() }()
		}
	}
	for range 2 * len(all) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, j := range all {
		j.h.wantNoneLost(t)
	}
}

// A peer that neither reads nor answers does not hold Close up.
func TestCloseDespiteStuckPeer(t *testing.T) {
	t.Parallel()
	m, h, conn := half(t, time.Hour)
	for range 3 {
		m.Send(1, 0, make([]byte, maxBody))
	}
	began := time.Now()
	m.Close()
	if took := time.Since(began); took > flushTime+handlerTime+time.Second {
		t.Errorf("Close took %v", took)
	}
	h.wantNoneLost(t)
	conn.Close()
}

func TestLostOnAbruptClose(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn){
		"close": func(c *net.TCPConn) { c.Close() },
		"reset": func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
		"half a frame": func(c *net.TCPConn) {
			c.Write(appendFrame(nil, 1, []byte("body"))[:7])
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, h, conn := half(t, 0)
			conn.Write(appendFrame(nil, 9, []byte("last")))
			h.until(t, "the last message", func() bool { return len(h.messages) == 1 })
			end(conn.(*net.TCPConn))
			h.wantLost(t, 1, "the connection to its process (host h1) was closed")
			m.Send(1, 0, []byte("to nobody"))
		})
	}
}

// In a world of three, the loss of one is told to the others, which go on.
func TestLostLeavesTheOthers(t *testing.T) {
	all := worldOf(t, Config{Size: 3, Folder: t.TempDir()})
	for _, p := range all[2].m.peers[:2] {
		p.conn.Close()
	}
	all[0].h.wantLost(t, 2, "was closed")
	all[1].h.wantLost(t, 2, "was closed")
	all[0].m.Send(1, 1, []byte("x"))
	all[1].h.until(t, "a message between the others", func() bool { return len(all[1].h.messages) == 1 })
}

func TestLostOnNonsense(t *testing.T) {
	for text, frame := range map[string][]byte{
		"kind 244":         appendFrame(nil, kindTable, nil),
		"4294967295 bytes": {1, 0xff, 0xff, 0xff, 0xff},
	} {
		_, h, conn := half(t, 0)
		conn.Write(frame)
		h.wantLost(t, 1, text)
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	_, h, conn := half(t, 200*time.Millisecond)
	go io.Copy(io.Discard, conn)
	h.wantLost(t, 1, "nothing has been heard from its process (host h1) for 200ms")
}

// Heartbeats keep an idle world together.
func TestIdle(t *testing.T) {
	all := worldOf(t, Config{Size: 3, Folder: t.TempDir(), Silence: 300 * time.Millisecond})
	time.Sleep(900 * time.Millisecond)
	for _, j := range all {
		j.h.wantNoneLost(t)
	}
}

// A peer that lives but takes nothing is lost.
func TestStuckPeer(t *testing.T) {
	t.Parallel()
	m, h, conn := half(t, 200*time.Millisecond)
	go func() {
		for {
			if _, err := conn.Write(appendFrame(nil, kindPulse, nil)); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	m.Send(1, 0, make([]byte, maxBody))
	h.wantLost(t, 1, "has taken nothing of what is sent to it for 200ms")
}

func TestQueueOverflow(t *testing.T) {
	m, h, _ := half(t, time.Hour)
	body := make([]byte, maxBody)
	for range maxQueue/maxBody + 1 {
		m.Send(1, 0, body)
	}
	h.wantLost(t, 1, "more than 64 MiB wait for it")
	m.Send(1, 0, body)
}

// A Handler at work is no silence of the peer.
func TestBusyHandlerIsNoSilence(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	c, err := Config{Size: 2, Address: "127.0.0.1:1", Silence: 100 * time.Millisecond}.complete()
	if err != nil {
		t.Fatal(err)
	}
	h := &slowHandler{recorder: newRecorder(), time: 400 * time.Millisecond}
	m := start(c, h, world{links: []net.Conn{nil, a}, hosts: []string{"h0", "h1"}})
	defer m.Close()
	go io.Copy(io.Discard, b)
	b.Write(appendFrame(appendFrame(nil, 1, nil), kindBye, nil))
	h.until(t, "the message", func() bool { return len(h.messages) == 1 })
	h.wantNoneLost(t)
}

type slowHandler struct {
	*recorder
	time time.Duration
}

func (h *slowHandler) Message(from int, kind byte, body []byte) {
	time.Sleep(h.time)
	h.recorder.Message(from, kind, body)
}

func TestWasStopped(t *testing.T) {
	const s = time.Second
	for since, want := range map[time.Duration]bool{15 * s: false, 29 * s: false, 31 * s: true, 3600 * s: true} {
		if got := wasStopped(since, 15*s, 60*s); got != want {
			t.Errorf("a tick after %v: %v", since, got)
		}
	}
}
