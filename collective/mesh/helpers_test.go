package mesh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds the waiting for what must come.
const patience = 10 * time.Second

// recorder is a Handler that remembers.
type recorder struct {
	mu       sync.Mutex
	messages []string // "from kind body"
	lost     map[int]error
	losses   int
	news     chan struct{}
}

func newRecorder() *recorder {
	return &recorder{lost: map[int]error{}, news: make(chan struct{}, 1)}
}

func (r *recorder) Message(from int, kind byte, body []byte) {
	r.mu.Lock()
	r.messages = append(r.messages, fmt.Sprintf("%d %d %s", from, kind, body))
	r.mu.Unlock()
	nudge(r.news)
}

func (r *recorder) Lost(rank int, why error) {
	r.mu.Lock()
	r.lost[rank] = why
	r.losses++
	r.mu.Unlock()
	nudge(r.news)
}

// until waits for a condition on what has come.
func (r *recorder) until(t *testing.T, what string, met func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		r.mu.Lock()
		ok := met()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.news:
		case <-late:
			t.Fatalf("%s has not happened within %v", what, patience)
		}
	}
}

// wantLost waits until a rank is lost, and checks the reason.
func (r *recorder) wantLost(t *testing.T, rank int, text string) {
	t.Helper()
	r.until(t, fmt.Sprintf("the loss of rank %d", rank), func() bool { return r.lost[rank] != nil })
	r.mu.Lock()
	defer r.mu.Unlock()
	wantError(t, r.lost[rank], text)
	if r.losses != 1 {
		t.Errorf("Lost was called %d times, want 1", r.losses)
	}
}

func (r *recorder) wantNoneLost(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for rank, why := range r.lost {
		t.Errorf("rank %d is lost: %v", rank, why)
	}
}

func wantError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error %q does not contain %q", err, text)
		}
	}
}

// joined is what Join returned, and after what time.
type joined struct {
	m    *Mesh
	err  error
	h    *recorder
	took time.Duration
}

// joinAsync starts a Join whose Mesh is closed at the test's end.
func joinAsync(ctx context.Context, t *testing.T, c Config) <-chan joined {
	out := make(chan joined, 1)
	if c.Timeout == 0 {
		c.Timeout = patience
	}
	h, began := newRecorder(), time.Now()
	go func() {
		m, err := Join(ctx, c, h)
		if m != nil {
			t.Cleanup(func() { m.Close() })
		}
		out <- joined{m, err, h, time.Since(began)}
	}()
	return out
}

// joinAll joins all ranks of a world at once.
func joinAll(t *testing.T, c Config) []joined {
	t.Helper()
	var all []<-chan joined
	for c.Rank = range c.Size {
		all = append(all, joinAsync(t.Context(), t, c))
	}
	return results(t, all...)
}

func results(t *testing.T, all ...<-chan joined) (list []joined) {
	t.Helper()
	for _, ch := range all {
		select {
		case j := <-ch:
			list = append(list, j)
		case <-time.After(3 * patience):
			t.Fatal("Join has not returned")
		}
	}
	return list
}

// world is joinAll of a world that must come together.
func worldOf(t *testing.T, c Config) []joined {
	t.Helper()
	all := joinAll(t, c)
	for r, j := range all {
		if j.err != nil {
			t.Fatalf("rank %d: %v", r, j.err)
		}
	}
	return all
}

// nextPort is below the ports that the system gives out, so that nobody takes one meanwhile.
var nextPort atomic.Int64

// freeAddress is a loopback address whose port nobody listens on; none is given twice.
func freeAddress(t *testing.T, ip string) string {
	t.Helper()
	const from, ports = 10000, 20000
	nextPort.CompareAndSwap(0, int64(os.Getpid())*101)
	var err error
	for range 100 {
		address := net.JoinHostPort(ip, strconv.FormatInt(from+nextPort.Add(1)%ports, 10))
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	t.Skipf("this host has no %s: %v", ip, err)
	return ""
}

// pair is two ends of a TCP connection.
func pair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// half is rank 0 of a world of two whose rank 1 is a bare connection.
func half(t *testing.T, silence time.Duration) (*Mesh, *recorder, net.Conn) {
	t.Helper()
	a, b := pair(t)
	c, err := Config{Size: 2, Address: "127.0.0.1:1", Silence: silence}.complete()
	if err != nil {
		t.Fatal(err)
	}
	h := newRecorder()
	m := start(c, h, world{links: []net.Conn{nil, a}, hosts: []string{"h0", "h1"}, own: "127.0.0.1"})
	t.Cleanup(func() { b.Close(); m.Close() })
	return m, h, b
}

// wantNoLeak checks at the test's end that goroutines and file descriptors are as many as now.
func wantNoLeak(t *testing.T) {
	t.Helper()
	fds := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return 0
		}
		return len(list)
	}
	net.Dial("tcp", "127.0.0.1:1") // the poller's own descriptors
	goroutines, open := runtime.NumGoroutine(), fds()
	t.Cleanup(func() {
		var g, f int
		for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(5 * time.Millisecond) {
			if g, f = runtime.NumGoroutine(), fds(); g <= goroutines && f <= open {
				return
			}
		}
		stacks := make([]byte, 64<<10)
		t.Errorf("%d goroutines and %d file descriptors, were %d and %d\n%s", g, f, goroutines, open, stacks[:runtime.Stack(stacks, true)])
	})
}
