package collective

// #include <stdlib.h>
// #include "gloo_table.h"
import "C"

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"deeprc/collective/mesh"
)

// glooFabric is a world of processes that find each other without MPI: control messages go over
// a [mesh.Mesh], data over Gloo's TCP connections, of which each group has its own.
type glooFabric struct {
	name  string
	dev   unsafe.Pointer // a handle
	m     *mesh.Mesh
	ready chan struct{} // closed when m is set
	w     *world

	mu       sync.Mutex
	meetings map[uint64]*meeting
}

// meeting is the addresses that the ranks of a group give each other.
type meeting struct {
	came map[int][]byte // by world rank: where it listens for this rank
	some chan struct{}  // holds a token when there is something to look at
}

// openGloo loads the plugin at path and joins the world that cfg names.
func openGloo(path string, cfg mesh.Config, l limits) (*peerComm, error) {
	var version C.int
	file := C.CString(path)
	defer C.free(unsafe.Pointer(file))
	if text := C.deeprc_gloo_load(file, &version); text != nil {
		return nil, fmt.Errorf("cannot load the Gloo plugin %s: %s\n%s", path, C.GoString(text), glooAdvice)
	}
	if version != C.DEEPRC_GLOO_VERSION {
		return nil, versionError(path, int(version), C.DEEPRC_GLOO_VERSION)
	}
	f := &glooFabric{ready: make(chan struct{}), meetings: map[uint64]*meeting{}}
	f.w = newWorld(cfg.Rank, cfg.Size, f, l)
	g := f.w.all()
	m, err := mesh.Join(context.Background(), cfg, f)
	if err != nil {
		return nil, err
	}
	f.m = m
	close(f.ready)
	go f.w.watch()
	var text glooText
	C.gloo_library(text.c())
	f.name = text.String()
	address := C.CString(m.Address())
	defer C.free(unsafe.Pointer(address))
	p, n := text.c()
	if rc := C.gloo_device(address, &f.dev, p, n); rc != C.DEEPRC_GLOO_OK {
		err = fmt.Errorf("gloo: cannot use this host's address %s: %s; choose another with DEEPRC_INTERFACE", m.Address(), &text)
		g.fail(err)
		m.Close()
		return nil, err
	}
	link, err := f.link(g, nil)
	if err != nil {
		err = g.fail(err)
		m.Close()
		return nil, err
	}
	return &peerComm{group: g, link: link}, nil
}

// runGloo is [peerComm.run] for processes that may each have their own terminal or log: each prints the failure.
func (c *peerComm) runGloo(wrap func(Comm) Comm, f func(c Comm) error) error {
	fabric, w := c.w.fabric.(*glooFabric), c.w
	err := Do(context.Background(), wrap(c), f)
	if err == nil {
		w.end()
		fabric.m.Close()
		c.link.close()
		C.gloo_device_free(fabric.dev)
		return nil
	}
	if w.size > 1 { // without a goodbye, so that those who go on after Shrink do not wait for this rank
		time.Sleep(noticeTime)
	}
	var e *RankError
	if errors.As(err, &e) && e.quiet {
		t := *e
		t.quiet = false
		return &t
	}
	return err
}

func (f *glooFabric) library() string { return f.name }
func (f *glooFabric) survives() bool  { return true }

func (f *glooFabric) send(to int, kind byte, body []byte) {
	<-f.ready
	f.m.Send(to, kind, body)
}

// Message is [mesh.Handler]'s.
func (f *glooFabric) Message(from int, kind byte, body []byte) {
	<-f.ready
	f.w.message(from, kind, body)
}

// take keeps the address at which another rank listens for this one.
func (f *glooFabric) take(from int, kind byte, body []byte) error {
	if kind != kindMeet {
		return errKind
	}
	if len(body) != 8+C.DEEPRC_GLOO_ADDRESS {
		return fmt.Errorf("%d bytes", len(body))
	}
	mt := f.meeting(binary.LittleEndian.Uint64(body))
	f.mu.Lock()
	mt.came[from] = body[8:]
	f.mu.Unlock()
	nudge(mt.some)
	return nil
}

// Lost is [mesh.Handler]'s.
func (f *glooFabric) Lost(rank int, why error) {
	<-f.ready
	f.w.lost(rank, f.m.Host(rank), why.Error(), true)
}

func (f *glooFabric) meeting(id uint64) *meeting {
	f.mu.Lock()
	defer f.mu.Unlock()
	mt := f.meetings[id]
	if mt == nil {
		mt = &meeting{came: map[int][]byte{}, some: make(chan struct{}, 1)}
		f.meetings[id] = mt
	}
	return mt
}

// link connects each rank of g to each other: every rank listens once for each of the
// others, tells them where, and dials.
func (f *glooFabric) link(g *group, _ *peerComm) (link, error) {
	n := len(g.members)
	l := &glooLink{f: f, g: g, done: make(chan struct{})}
	addresses := make([]byte, n*C.DEEPRC_GLOO_ADDRESS) // (rank, slot)
	var bytes C.int
	var text glooText
	p, room := text.c()
	if rc := C.gloo_mesh(f.dev, C.int(g.me), C.int(n), C.int(connectTime.Milliseconds()), &l.ctx,
		(*C.char)(unsafe.Pointer(&addresses[0])), &bytes, p, room); rc != C.DEEPRC_GLOO_OK {
		return nil, fmt.Errorf("gloo: cannot listen on %s: %s", f.m.Address(), &text)
	}
	slot := func(r int) []byte { return addresses[r*C.DEEPRC_GLOO_ADDRESS : (r+1)*C.DEEPRC_GLOO_ADDRESS] }
	id := binary.LittleEndian.AppendUint64(nil, g.id)
	for r, q := range g.members {
		if r != g.me {
			f.send(q, kindMeet, append(id[:8:8], slot(r)...))
		}
	}
	if err := f.await(g, slot); err != nil {
		C.gloo_mesh_free(l.ctx)
		return nil, err
	}
	if err := l.connect(addresses); err != nil {
		return nil, err
	}
	go l.watch(g, l.done)
	return l, nil
}

// await fills each slot with the address at which that rank listens for this one.
func (f *glooFabric) await(g *group, slot func(r int) []byte) error {
	mt := f.meeting(g.id)
	defer func() {
		f.mu.Lock()
		delete(f.meetings, g.id)
		f.mu.Unlock()
	}()
	g.block()
	defer g.unblock()
	for {
		left := 0
		f.mu.Lock()
		for r, q := range g.members {
			if a := mt.came[q]; a != nil {
				copy(slot(r), a)
			} else if r != g.me {
				left++
			}
		}
		f.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-mt.some:
		case <-g.broken:
			return g.err()
		}
	}
}

// glooText is room for what the plugin has to say.
type glooText [512]byte

func (t *glooText) c() (*C.char, C.int) { return (*C.char)(unsafe.Pointer(&t[0])), C.int(len(t)) }
func (t *glooText) String() string      { return C.GoString((*C.char)(unsafe.Pointer(&t[0]))) }
