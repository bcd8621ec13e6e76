package gpu

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// What is written may be changed at once, and what is larger than the staging memory goes in pieces.
func TestWriteRead(t *testing.T) {
	r := newRig(t, healthy, Options{})
	for _, n := range []int{1, 1000, stagingBytes/4 + 1, 3*stagingBytes/4 + 17} {
		x := normal(seeded(19), n)
		p := r.room(n)
		buffer := append([]float32(nil), x...)
		must(t, r.s.WriteFloats(p, buffer))
		clear(buffer)
		for i, v := range r.get(p, n) {
			if v != x[i] {
				t.Fatalf("%d values: value %d is %g, want %g", n, i, v, x[i])
			}
		}
	}
	must(t, r.s.Write(r.room(1), nil))
}

// Two streams do their work at different times; an event puts one behind the other.
func TestStreamsAndEvents(t *testing.T) {
	const n = 1000
	r := newRig(t, healthy, Options{})
	other, err := r.NewStream()
	must(t, err)
	host, err := r.AllocPinned(4 * n)
	must(t, err)
	p := r.room(n)
	for i := range host.Floats() {
		host.Floats()[i] = float32(i)
	}
	start, end := event(t, r, true), event(t, r, true)
	must(t, start.Record(other))
	must(t, other.CopyIn(p, host, 0, 4*n))
	must(t, end.Record(other))
	if done, err := end.Done(); done || err != nil {
		t.Errorf("a copy that nobody has waited for is done: %v, %v", done, err)
	}
	must(t, r.s.Wait(end))
	must(t, r.s.Unary("AFFINE", p, p, 2, 1, n))
	if got := r.get(p, n); got[999] != 1999 {
		t.Errorf("got %g, want 1999", got[999])
	}
	if done, err := end.Done(); !done || err != nil {
		t.Errorf("an event that was waited for is not done: %v, %v", done, err)
	}
	if d, err := end.Since(start); d < 0 || err != nil {
		t.Errorf("the copy took %v: %v", d, err)
	}
	must(t, other.CopyOut(host, 0, p, 4*n))
	must(t, other.Sync())
	if host.Floats()[3] != 7 {
		t.Errorf("got %g, want 7", host.Floats()[3])
	}
	must(t, start.Close())
	must(t, end.Close())
	must(t, other.Close())
	must(t, host.Free())
}

func event(t *testing.T, r *rig, timed bool) *Event {
	e, err := r.NewEvent(timed)
	must(t, err)
	return e
}

// Goroutines run on any thread, and each call takes the context along.
func TestGoroutines(t *testing.T) {
	contexts := []*rig{newRig(t, healthy, Options{}), newRig(t, healthy, Options{})}
	var all sync.WaitGroup
	for i := range 8 {
		r := contexts[i%2]
		s, err := r.NewStream()
		must(t, err)
		p := r.room(100)
		all.Go(func() {
			got := make([]float32, 100)
			for k := range 20 {
				want := float32(100*i + k)
				if err := errors.Join(s.Fill(p, want, 100), s.ReadFloats(got, p)); err != nil || got[99] != want {
					t.Errorf("goroutine %d: got %g, want %g: %v", i, got[99], want, err)
					break
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestGraph(t *testing.T) {
	r := newRig(t, healthy, Options{FullFloat32: true})
	x, y := r.put([]float32{1, 2, 3, 4}), r.room(4)
	g, err := r.s.Capture(func() error {
		return errors.Join(
			r.s.Multiply(y, x, x, Product{M: 2, N: 2, K: 2}),
			r.s.Unary("AFFINE", x, y, .5, 0, 4),
			r.s.Reduce(Sum, y, x, 1, 1, 4, 1),
		)
	})
	must(t, err)
	if g.Nodes != 3 {
		t.Errorf("%d nodes, want 3", g.Nodes)
	}
	near(t, "before", r.get(x, 4), []float64{1, 2, 3, 4}, 0, 0) // it was recorded only
	for range 2 {
		must(t, g.Launch())
	}
	// (1 2; 3 4)²/2 = (3.5 5; 7.5 11), squared and halved again
	near(t, "after two launches", r.get(x, 4), []float64{24.875, 36.25, 54.375, 79.25}, 0, 0)
	near(t, "its sum", r.get(y, 1), []float64{194.75}, 0, 0)
	must(t, g.Close())
}

func TestCaptureRefuses(t *testing.T) {
	r := newRig(t, healthy, Options{})
	p := r.room(4)
	m, err := r.Alloc("memory", 4)
	must(t, err)
	before, _, err := r.MemoryInfo()
	must(t, err)
	for want, f := range map[string]func() error{
		"Write while the stream is captured":          func() error { return r.s.WriteFloats(p, []float32{1}) },
		"Read while the stream is captured":           func() error { return r.s.ReadFloats(make([]float32, 1), p) },
		"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED (900)": r.s.Sync,
		"CUDA_ERROR_STREAM_CAPTURE_INVALIDATED (901)": r.s.Sync,
		"cuMemAllocAsync":                             func() error { _, err := r.Alloc("x", 4); return err },
		"there is no kernel no_such":                  func() error { return r.s.launch("no_such", flat(1)) },
		"Free of memory while":                        m.Free,
	} {
		if g, err := r.s.Capture(f); g != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of a function that is captured is lost")
			}
		}()
		_, _ = r.s.Capture(func() error { panic("x") })
	}()
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_, _ = r.s.Capture(func() error { runtime.Goexit(); return nil })
	}()
	<-exited
	if after, _, err := r.MemoryInfo(); err != nil || after != before {
		t.Errorf("captures that failed have left %d bytes: %v", before-after, err)
	}
	must(t, r.s.Fill(p, 1, 4)) // the stream goes on
	near(t, "fill", r.get(p, 4), []float64{1, 1, 1, 1}, 0, 0)
}
