package gpu

// #include "libcuda.h"
import "C"

import (
	"errors"
	"runtime"
)

// A Graph is work that was recorded once, and that one call starts again: a step of training is hundreds of kernels.
type Graph struct {
	Nodes int // kernels, copies and the like

	s *Stream
	e C.CUgraphExec
}

// Capture records what f gives to the stream, instead of doing it. Addresses and numbers are those of the moment. f must not wait, allocate,
// Read or Write, and must use this stream only. The goroutine stays on its thread meanwhile, to which the driver binds a recording, so that
// other ranks of this process are not kept from waiting and allocating.
func (s *Stream) Capture(f func() error) (*Graph, error) {
	c := s.c
	if err := c.ready(); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := c.check("cuStreamBeginCapture_v2", C.in_cuStreamBeginCapture_v2(c.ctx, s.s, C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), ""); err != nil {
		return nil, err
	}
	var recorded C.CUgraph
	defer func() {
		if recorded != 0 {
			C.in_cuGraphDestroy(c.ctx, recorded)
		}
	}()
	record := func() (err error) {
		s.capturing.Store(true)
		defer func() { // f may panic
			s.capturing.Store(false)
			err = errors.Join(err, c.check("cuStreamEndCapture", C.in_cuStreamEndCapture(c.ctx, s.s, &recorded), ""))
		}()
		return f()
	}
	if err := record(); err != nil {
		return nil, err
	}
	g := &Graph{s: s}
	var n C.size_t
	if err := c.check("cuGraphGetNodes", C.in_cuGraphGetNodes(c.ctx, recorded, nil, &n), ""); err != nil {
		return nil, err
	}
	g.Nodes = int(n)
	if err := c.check("cuGraphInstantiateWithFlags", C.in_cuGraphInstantiateWithFlags(c.ctx, &g.e, recorded, 0), ""); err != nil {
		return nil, err
	}
	return g, nil
}

// Launch starts the recorded work, on the stream that it was captured on, whose scratch memory and workspace it uses.
func (g *Graph) Launch() error {
	c := g.s.c
	if err := c.ready(); err != nil {
		return err
	}
	return c.check("cuGraphLaunch", C.in_cuGraphLaunch(c.ctx, g.e, g.s.s), "")
}

// Close gives it back, when its stream has been waited for.
func (g *Graph) Close() error {
	c := g.s.c
	if c.over() {
		return nil
	}
	return c.check("cuGraphExecDestroy", C.in_cuGraphExecDestroy(c.ctx, g.e), "")
}
