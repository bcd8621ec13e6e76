package collective

// #include "gloo_table.h"
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

const (
	// connectTime bounds the making of a group's connections, once all its ranks listen.
	connectTime = time.Minute
	// reasonTime is how long a rank whose data connection has broken waits to hear why.
	reasonTime = 2 * time.Second
)

// glooLink is the Gloo connections of one group.
type glooLink struct {
	f   *glooFabric
	ctx unsafe.Pointer // a handle

	mu    sync.Mutex
	g     *group         // set by pass, with mu held, of the goroutine that makes the calls
	done  chan struct{}  // ends the watching of g
	batch unsafe.Pointer // of the exchange under way, a handle

	posts []C.struct_deeprc_gloo_message
	pin   runtime.Pinner
}

// connect dials the other ranks. It goes on in the background if the group fails meanwhile.
func (l *glooLink) connect(addresses []byte) error {
	done := make(chan error, 1)
	go func() {
		var text glooText
		p, room := text.c()
		if rc := C.gloo_connect(l.ctx, (*C.char)(unsafe.Pointer(&addresses[0])), p, room); rc != C.DEEPRC_GLOO_OK {
			done <- fmt.Errorf("the data connections of %v cannot be made: %s", l.g, &text)
			return
		}
		done <- nil
	}()
	var err error
	select {
	case err = <-done:
	case <-l.g.broken:
		go func() {
			<-done
			C.gloo_mesh_free(l.ctx)
		}()
		return l.g.err()
	}
	if err != nil {
		C.gloo_mesh_free(l.ctx)
		return l.reason(err)
	}
	return nil
}

// watch ends the exchange under way when g fails, while the link is g's.
func (l *glooLink) watch(g *group, done chan struct{}) {
	select {
	case <-done:
	case <-g.broken:
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.g == g && l.batch != nil {
			C.gloo_abort(l.batch)
		}
	}
}

// exchange hands the messages to Gloo's thread and waits for it.
func (l *glooLink) exchange(ms []message, tag int) error {
	l.posts = l.posts[:0]
	for i := range ms {
		m := &ms[i]
		l.pin.Pin(m.buf.Ptr)
		dir := C.int32_t(0)
		if m.send {
			dir = 1
		}
		l.posts = append(l.posts, C.struct_deeprc_gloo_message{ptr: C.uint64_t(uintptr(m.buf.Ptr)),
			bytes: C.int64_t(m.buf.N * m.buf.Type.Size()), peer: C.int32_t(m.peer), tag: C.int32_t(tag), send: dir})
	}
	defer l.pin.Unpin()
	var text glooText
	var peer C.int = -1
	batch, rc, err := l.post(&text)
	if err != nil {
		return err
	}
	if rc == C.DEEPRC_GLOO_OK {
		l.g.block()
		p, room := text.c()
		rc = C.gloo_wait(batch, 0, &peer, p, room)
		l.g.unblock()
		l.mu.Lock()
		l.batch = nil
		C.gloo_release(batch) // from here on the memory is the caller's
		l.mu.Unlock()
	}
	if rc == C.DEEPRC_GLOO_OK {
		return nil
	}
	if peer >= 0 {
		r := l.g.members[peer]
		return l.reason(fmt.Errorf("the data connection to rank %d (%s) broke: %s", r, l.f.m.Host(r), &text))
	}
	return l.reason(fmt.Errorf("the data connections of %v broke: %s", l.g, &text))
}

// post starts l.posts, unless the group has failed.
func (l *glooLink) post(text *glooText) (batch unsafe.Pointer, rc C.int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.g.err(); err != nil {
		return nil, 0, err
	}
	p, room := text.c()
	rc = C.gloo_post(l.ctx, &l.posts[0], C.int(len(l.posts)), &l.batch, p, room)
	if rc != C.DEEPRC_GLOO_OK {
		l.batch = nil
	}
	return l.batch, rc, nil
}

// reason is why a connection broke: the group's failure, of which word may be under way, or what Gloo says.
func (l *glooLink) reason(err error) error {
	select {
	case <-l.g.broken:
		return l.g.err()
	case <-time.After(reasonTime):
		return err
	}
}

func (l *glooLink) pass(g *group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.done)
	l.g, l.done = g, make(chan struct{})
	go l.watch(g, l.done)
}

func (l *glooLink) close() error {
	close(l.done)
	C.gloo_mesh_free(l.ctx)
	return nil
}
