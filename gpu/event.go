package gpu

// #include "libcuda.h"
import "C"

import "time"

// An Event is a moment in the work of a stream.
type Event struct {
	c *Context
	e C.CUevent
}

// NewEvent makes one that has happened; timed ones can say how long what lies between two took.
func (c *Context) NewEvent(timed bool) (*Event, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	e, flags := &Event{c: c}, C.uint(C.CU_EVENT_DISABLE_TIMING)
	if timed {
		flags = 0
	}
	if err := c.check("cuEventCreate", C.in_cuEventCreate(c.ctx, &e.e, flags), ""); err != nil {
		return nil, err
	}
	return e, nil
}

// Record makes it the moment when all that s has so far is done.
func (e *Event) Record(s *Stream) error {
	if err := e.c.ready(); err != nil {
		return err
	}
	return e.c.check("cuEventRecord", C.in_cuEventRecord(e.c.ctx, e.e, s.s), "")
}

// Sync waits until it has happened.
func (e *Event) Sync() error {
	if err := e.c.ready(); err != nil {
		return err
	}
	return e.c.check("cuEventSynchronize", C.in_cuEventSynchronize(e.c.ctx, e.e), "")
}

// Done reports whether it has happened, without waiting.
func (e *Event) Done() (bool, error) {
	if err := e.c.ready(); err != nil {
		return false, err
	}
	rc := C.in_cuEventQuery(e.c.ctx, e.e)
	if rc == C.CUDA_ERROR_NOT_READY {
		return false, nil
	}
	return rc == 0, e.c.check("cuEventQuery", rc, "")
}

// Since is how long the device took from one timed event to this one; both must have happened.
func (e *Event) Since(from *Event) (time.Duration, error) {
	if err := e.c.ready(); err != nil {
		return 0, err
	}
	var ms C.float
	err := e.c.check("cuEventElapsedTime", C.in_cuEventElapsedTime(e.c.ctx, &ms, from.e, e.e), "")
	return time.Duration(float64(ms) * float64(time.Millisecond)), err
}

// Close gives it back.
func (e *Event) Close() error {
	if e.c.over() {
		return nil
	}
	return e.c.check("cuEventDestroy_v2", C.in_cuEventDestroy_v2(e.c.ctx, e.e), "")
}
