package collective

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Local makes a world of n ranks in this process; each Comm is for one goroutine.
// Ranks read each other's buffers in place. AllReduce combines in rank order, so
// its result is the same bits on every rank and in every run. Ranks that call
// different methods, or with arguments that do not match, panic.
func Local(n int) []Comm {
	if n < 1 {
		panic(fmt.Sprintf("collective: Local(%d): a world has at least one rank", n))
	}
	w := &localWorld{groups: map[*localGroup]struct{}{}}
	world := make([]int, n)
	for r := range world {
		world[r] = r
	}
	w.root = w.group(nil, world)
	cs := make([]Comm, n)
	for r := range cs {
		cs[r] = w.root.comms[r]
	}
	return cs
}

// localWorld is all groups of one Local.
type localWorld struct {
	root   *localGroup
	mu     sync.Mutex
	groups map[*localGroup]struct{}
}

// group makes and registers a group of the listed world ranks.
func (w *localWorld) group(parent *localGroup, world []int) *localGroup {
	n := len(world)
	g := &localGroup{w: w, parent: parent, world: world, slots: make([]slot, n), subs: map[string]*localGroup{}, comms: make([]*localComm, n),
		boxes: make([]*mailbox, n), failed: make(chan struct{})}
	for r := range g.comms {
		g.comms[r] = &localComm{g: g, rank: r}
		g.boxes[r] = newMailbox()
	}
	g.cond.L = &g.mu
	g.open.Store(int32(n))
	w.mu.Lock()
	defer w.mu.Unlock()
	if parent != nil && parent.broken != nil { // broken changes only under w.mu
		g.breakWith(parent.broken)
	}
	w.groups[g] = struct{}{}
	return g
}

// fail records g's first failure and releases every rank that waits in g or in a group made of it.
func (g *localGroup) fail(e *RankError) *RankError {
	w := g.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if g.broken != nil {
		return g.broken
	}
	for o := range w.groups {
		for p := o; p != nil; p = p.parent {
			if p == g {
				o.breakWith(e)
			}
		}
	}
	g.breakWith(e)
	return e
}

// breakWith is called with the world's mu held.
func (g *localGroup) breakWith(e *RankError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken == nil {
		g.broken = e
		close(g.failed)
		g.cond.Broadcast()
	}
}

// localGroup is the meeting point of some ranks. A call is one or two meetings:
// ranks enter with their arguments and, where they touch each other's memory,
// leave together. A failure can break an entry only: whoever has entered finds
// all others alive and in the same call, so nobody leaves while its memory is in use.
type localGroup struct {
	w      *localWorld
	parent *localGroup
	world  []int // world rank of each rank
	comms  []*localComm
	boxes  []*mailbox

	mu       sync.Mutex
	cond     sync.Cond
	arrived  int
	gen      atomic.Uint64 // number of meetings held
	broken   *RankError    // changed with w.mu and mu held
	failed   chan struct{} // closed when broken is set
	slots    []slot
	mismatch string // how the arguments of the present call disagree

	subMu sync.Mutex
	subs  map[string]*localGroup // groups that some of their ranks have not joined
	join  int                    // ranks that have joined, guarded by the parent's subMu
	open  atomic.Int32           // ranks that have not closed
}

// slot is one rank's arguments of the present call.
type slot struct {
	call  opcode
	buf   Buf
	how   int   // Op or root
	srcAt []int // AllToAll: where the elements for each rank begin in buf, and their end
}

// spins is the number of looks at the meeting before a rank blocks: some 10 µs. Where
// there are many more ranks than cores, others need the core.
const (
	spins     = 64
	spinRanks = 4 // ranks a core
)

// smallReduce is the number of elements up to which the last rank to enter an
// AllReduce does all of it, which saves the second meeting.
const smallReduce = 2048

// enter publishes s and returns when every rank of the group has entered.
func (c *localComm) enter(s slot) error {
	g := c.g
	g.mu.Lock()
	if err := g.broken; err != nil {
		g.mu.Unlock()
		return err
	}
	g.slots[c.rank] = s
	gen := g.gen.Load()
	if g.arrived++; g.arrived == len(g.slots) {
		if g.mismatch = g.check(); g.mismatch == "" && s.call == opAllReduce && s.buf.N <= smallReduce {
			reduceRange(g.slots, 0, s.buf.N)
		}
		g.next(gen)
		g.mu.Unlock()
	} else {
		g.mu.Unlock()
		if err := c.await(gen, true); err != nil {
			return err
		}
	}
	if g.mismatch != "" {
		panic("collective: " + g.mismatch)
	}
	return nil
}

// leave returns when every rank has left; it cannot fail.
func (c *localComm) leave() {
	g := c.g
	g.mu.Lock()
	gen := g.gen.Load()
	if g.arrived++; g.arrived == len(g.slots) {
		clear(g.slots)
		g.next(gen)
		g.mu.Unlock()
		return
	}
	g.mu.Unlock()
	c.await(gen, false)
}

// next ends meeting gen; g.mu is held.
func (g *localGroup) next(gen uint64) {
	g.arrived = 0
	g.gen.Store(gen + 1)
	g.cond.Broadcast()
}

// await returns when meeting gen has ended, or the world has failed and breakable is set.
func (c *localComm) await(gen uint64, breakable bool) error {
	g := c.g
	if len(g.slots) <= spinRanks*runtime.GOMAXPROCS(0) {
		for range spins {
			if g.gen.Load() != gen {
				return nil
			}
			runtime.Gosched()
		}
	}
	if breakable {
		c.block()
		defer c.unblock()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.gen.Load() == gen {
		if breakable && g.broken != nil {
			return g.broken
		}
		g.cond.Wait()
	}
	return nil
}

// check tells how the ranks' arguments disagree, or "".
func (g *localGroup) check() string {
	a := &g.slots[0]
	for r := range g.slots {
		b := &g.slots[r]
		switch {
		case a.call != b.call:
			return fmt.Sprintf("rank %d calls %v while rank %d calls %v", g.world[0], a.call, g.world[r], b.call)
		case a.how != b.how || a.buf.Type != b.buf.Type || a.call != opAllToAll && a.buf.N != b.buf.N:
			return fmt.Sprintf("%v: rank %d has %v (op or root %d), rank %d has %v (op or root %d)",
				a.call, g.world[0], a.buf, a.how, g.world[r], b.buf, b.how)
		}
	}
	return ""
}

// localComm is one rank's end of a localGroup.
type localComm struct {
	g    *localGroup
	rank int
	position
	closed bool
}

func (c *localComm) Rank() int       { return c.rank }
func (c *localComm) Size() int       { return len(c.g.slots) }
func (c *localComm) worldRank() int  { return c.g.world[c.rank] }
func (c *localComm) library() string { return "in-process ranks" }

func (c *localComm) fail(err error) *RankError { return c.g.fail(rankError(c.worldRank(), err)) }

func (c *localComm) Sub(ranks []int) (Comm, error) {
	me := checkSub(c, ranks)
	c.position.enter(opSub, Buf{}, len(ranks))
	defer c.exit()
	s := c.g.sub(ranks, me)
	if err := s.Barrier(); err != nil {
		return nil, err
	}
	return s, nil
}

// sub is rank me's end of a group of the listed ranks of g, which the first of them to come makes.
func (g *localGroup) sub(ranks []int, me int) *localComm {
	key := fmt.Sprint(ranks)
	g.subMu.Lock()
	defer g.subMu.Unlock()
	sub := g.subs[key]
	if sub == nil {
		world := make([]int, len(ranks))
		for i, r := range ranks {
			world[i] = g.world[r]
		}
		sub = g.w.group(g, world)
		g.subs[key] = sub
	}
	if sub.join++; sub.join == len(ranks) {
		delete(g.subs, key)
	}
	return sub.comms[me]
}

func (c *localComm) Barrier() error {
	c.position.enter(opBarrier, Buf{}, 0)
	defer c.exit()
	return c.enter(slot{call: opBarrier})
}

func (c *localComm) Broadcast(b Buf, root int) error {
	checkRoot(c.Size(), root)
	c.position.enter(opBroadcast, b, root)
	defer c.exit()
	if err := c.enter(slot{call: opBroadcast, buf: b, how: root}); err != nil {
		return err
	}
	if c.rank != root {
		copy(b.Bytes(), c.g.slots[root].buf.Bytes())
	}
	c.leave()
	return nil
}

func (c *localComm) AllReduce(b Buf, op Op) error {
	checkOp(op, b.Type)
	c.position.enter(opAllReduce, b, int(op))
	defer c.exit()
	if err := c.enter(slot{call: opAllReduce, buf: b, how: int(op)}); err != nil {
		return err
	}
	if b.N <= smallReduce {
		return nil
	}
	lo, hi := Share(b.N, c.rank, c.Size())
	reduceRange(c.g.slots, lo, hi)
	c.leave()
	return nil
}

func (c *localComm) AllToAll(dst Buf, dstN []int, src Buf, srcN []int) error {
	checkAllToAll(c, dst, dstN, src, srcN)
	c.position.enter(opAllToAll, src, dst.N)
	defer c.exit()
	srcAt := make([]int, len(srcN)+1)
	for r, n := range srcN {
		srcAt[r+1] = srcAt[r] + n
	}
	if err := c.enter(slot{call: opAllToAll, buf: src, srcAt: srcAt}); err != nil {
		return err
	}
	at, mismatch := 0, ""
	for r := range c.g.slots {
		s := &c.g.slots[r]
		lo := s.srcAt[c.rank]
		n := s.srcAt[c.rank+1] - lo
		if n != dstN[r] {
			mismatch = fmt.Sprintf("collective: AllToAll: rank %d sends %d elements to rank %d, which expects %d", c.g.world[r], n, c.worldRank(), dstN[r])
			break
		}
		if n > 0 {
			copy(dst.slice(at, at+n).Bytes(), s.buf.slice(lo, lo+n).Bytes())
			at += n
		}
	}
	c.leave()
	if mismatch != "" {
		panic(mismatch)
	}
	return nil
}

func (c *localComm) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	if w := c.g.w; c.g.open.Add(-1) == 0 {
		w.mu.Lock()
		delete(w.groups, c.g)
		w.mu.Unlock()
	}
	return nil
}
