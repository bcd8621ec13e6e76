package collective

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// opcode names a call of a Comm.
type opcode uint8

const (
	opNone opcode = iota
	opSub
	opBarrier
	opBroadcast
	opAllReduce
	opAllToAll
	opShrink
)

func (o opcode) String() string {
	return [...]string{"none", "Sub", "Barrier", "Broadcast", "AllReduce", "AllToAll", "Shrink"}[o]
}

// position is which call of a group this rank is in. Entering costs a few
// nanoseconds; who calls is found only when the call has to wait.
type position struct {
	busy atomic.Bool
	last atomic.Uint64 // calls of the whole group entered << 8 | opcode of the last

	buf Buf // of the present call
	how int // its operation, root or count

	mu      sync.Mutex
	waiting *wait // while the present call waits
	report  wait  // memory of waiting
}

// wait is a call that waits for other ranks.
type wait struct {
	since   time.Time
	what    string
	callers [24]uintptr
	n       int
	told    time.Duration // how long it had waited when the watchdog last told of it
}

// enter begins a call; one goroutine is in a group at a time.
func (p *position) enter(op opcode, b Buf, how int) {
	if !p.busy.CompareAndSwap(false, true) {
		panic(fmt.Sprintf("collective: %v: another goroutine is in %v of this Comm; a Comm is for one goroutine at a time", op, opcode(p.last.Load())))
	}
	calls := p.last.Load() >> 8
	if op != opSub && op != opShrink { // others of the group may make groups of other ranks meanwhile
		calls++
	}
	p.last.Store(calls<<8 | uint64(op))
	p.buf, p.how = b, how
}

// tag marks the messages of the present call: ranks that make different calls, against the rules, wait for each other's
// messages, and the watchdog tells of them; they do not take one another's. It has the 15 bits that every MPI allows.
func (p *position) tag() int {
	last := p.last.Load()
	op := opcode(last)
	if op == opSub {
		return int(op)
	}
	mark := uint(p.buf.Type)
	if op != opAllToAll { // whose counts differ by rank
		mark += uint(p.buf.N)*7 + uint(p.how)*5
	}
	return int(last>>8&0x7f)<<8 | int(mark%31+1)<<3 | int(op)
}

func (p *position) exit() { p.busy.Store(false) }

// block notes that the present call waits now, and unblock that it does not any more.
func (p *position) block() {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &p.report
	*w = wait{since: time.Now(), what: opcode(p.last.Load()).describe(p.buf, p.how)}
	w.n = runtime.Callers(2, w.callers[:])
	p.waiting = w
}

func (p *position) unblock() {
	p.mu.Lock()
	p.waiting = nil
	p.mu.Unlock()
}

// describe is a call with its arguments.
func (o opcode) describe(b Buf, how int) string {
	switch o {
	case opSub:
		return fmt.Sprintf("Sub of %d ranks", how)
	case opBroadcast:
		return fmt.Sprintf("Broadcast of %v from rank %d", b, how)
	case opAllReduce:
		return fmt.Sprintf("AllReduce (%v) of %v", Op(how), b)
	case opAllToAll:
		return fmt.Sprintf("AllToAll of %v, receiving %d", b, how)
	}
	return o.String()
}

// site is the first caller outside this package: file:line.
func (w *wait) site() string { return callSite(w.callers[:w.n]) }

func callSite(pcs []uintptr) string {
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		inside := strings.HasPrefix(f.Function, "deeprc/collective.") && !strings.HasSuffix(f.File, "_test.go")
		if f.File != "" && !inside && !strings.HasPrefix(f.Function, "runtime.") {
			return path.Base(path.Dir(f.File)) + "/" + path.Base(f.File) + fmt.Sprint(":", f.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}

// where tells what this rank does in g.
func (p *position) where() string {
	last := p.last.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.waiting; w != nil {
		return fmt.Sprintf("waits in call %d, %s, at %s, for %v", last>>8, w.what, w.site(), time.Since(w.since).Round(time.Millisecond))
	}
	switch {
	case p.busy.Load():
		return fmt.Sprintf("is in call %d, %v", last>>8, opcode(last))
	case last == 0:
		return "has made no call of this group"
	}
	return fmt.Sprintf("is in no call of this group; its last was call %d, %v", last>>8, opcode(last))
}
