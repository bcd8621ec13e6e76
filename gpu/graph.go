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

	c *Context
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
	s.capturing = true
	var recorded C.CUgraph
	var err error
	ended := false
	end := func() {
		ended, s.capturing = true, false
		err = errors.Join(err, c.check("cuStreamEndCapture", C.in_cuStreamEndCapture(c.ctx, s.s, &recorded), ""))
	}
	defer func() {
		if !ended { // f panics
			end()
		}
	}()
	err = f()
	end()
	if recorded != 0 {
		defer C.in_cuGraphDestroy(c.ctx, recorded)
	}
	if err != nil {
		return nil, err
	}
	g := &Graph{c: c}
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

// Launch starts the recorded work on s.
func (g *Graph) Launch(s *Stream) error {
	if err := g.c.ready(); err != nil {
		return err
	}
	return g.c.check("cuGraphLaunch", C.in_cuGraphLaunch(g.c.ctx, g.e, s.s), "")
}

// Close gives it back, when the stream that it runs on has been waited for.
func (g *Graph) Close() error {
	if g.c.lost.Load() != nil {
		return nil
	}
	return g.c.check("cuGraphExecDestroy", C.in_cuGraphExecDestroy(g.c.ctx, g.e), "")
}
