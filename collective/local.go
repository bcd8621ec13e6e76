package collective

import (
	"fmt"
	"runtime"
	"slices"
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
	g := w.group(world)
	cs := make([]Comm, n)
	for r := range cs {
		cs[r] = &localComm{g: g, rank: r}
	}
	return cs
}

// localWorld is what all groups of one Local share: the first failure.
type localWorld struct {
	mu      sync.Mutex
	failure *RankError
	groups  map[*localGroup]struct{}
}

// group makes and registers a group of the listed world ranks.
func (w *localWorld) group(world []int) *localGroup {
	g := &localGroup{w: w, world: world, slots: make([]slot, len(world)), subs: map[string]*localGroup{}}
	g.cond.L = &g.mu
	g.open.Store(int32(len(world)))
	w.mu.Lock()
	defer w.mu.Unlock()
	g.broken = w.failure
	w.groups[g] = struct{}{}
	return g
}

// fail records the first failure of the world and releases every waiting rank.
func (w *localWorld) fail(e *RankError) *RankError {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure != nil {
		return w.failure
	}
	w.failure = e
	for g := range w.groups {
		g.mu.Lock()
		g.broken = e
		g.cond.Broadcast()
		g.mu.Unlock()
	}
	return e
}

// localGroup is the meeting point of some ranks. A call is one or two meetings:
// ranks enter with their arguments and, where they touch each other's memory,
// leave together. A failure can break an entry only: whoever has entered finds
// all others alive and in the same call, so nobody leaves while its memory is in use.
type localGroup struct {
	w     *localWorld
	world []int // world rank of each rank

	mu       sync.Mutex
	cond     sync.Cond
	arrived  int
	gen      atomic.Uint64 // number of meetings held
	broken   *RankError
	slots    []slot
	mismatch string // how the arguments of the present call disagree

	subMu sync.Mutex
	subs  map[string]*localGroup // groups that some of their ranks have not joined
	join  int                    // ranks that have joined, guarded by the parent's subMu
	open  atomic.Int32           // ranks that have not closed
}

// slot is one rank's arguments of the present call.
type slot struct {
	call       string
	buf        Buf
	how        int // Op or root
	dstN, srcN []int
}

// spins is the number of looks at the meeting before a rank blocks: some 10 µs.
const spins = 64

// smallReduce is the number of elements up to which the last rank to enter an
// AllReduce does all of it, which saves the second meeting.
const smallReduce = 2048

// enter publishes s and returns when every rank of the group has entered.
func (g *localGroup) enter(rank int, s slot) error {
	g.mu.Lock()
	if err := g.broken; err != nil {
		g.mu.Unlock()
		return err
	}
	g.slots[rank] = s
	gen := g.gen.Load()
	if g.arrived++; g.arrived == len(g.slots) {
		if g.mismatch = g.check(); g.mismatch == "" && s.call == "AllReduce" && s.buf.N <= smallReduce {
			reduceRange(g.slots, 0, s.buf.N)
		}
		g.next(gen)
		g.mu.Unlock()
	} else {
		g.mu.Unlock()
		if err := g.await(gen, true); err != nil {
			return err
		}
	}
	if g.mismatch != "" {
		panic("collective: " + g.mismatch)
	}
	return nil
}

// leave returns when every rank has left; it cannot fail.
func (g *localGroup) leave() {
	g.mu.Lock()
	gen := g.gen.Load()
	if g.arrived++; g.arrived == len(g.slots) {
		clear(g.slots)
		g.next(gen)
		g.mu.Unlock()
		return
	}
	g.mu.Unlock()
	g.await(gen, false)
}

// next ends meeting gen; g.mu is held.
func (g *localGroup) next(gen uint64) {
	g.arrived = 0
	g.gen.Store(gen + 1)
	g.cond.Broadcast()
}

// await returns when meeting gen has ended, or the world has failed and breakable is set.
func (g *localGroup) await(gen uint64, breakable bool) error {
	for range spins {
		if g.gen.Load() != gen {
			return nil
		}
		runtime.Gosched()
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
			return fmt.Sprintf("rank %d calls %s while rank %d calls %s", g.world[0], a.call, g.world[r], b.call)
		case a.how != b.how || a.buf.Type != b.buf.Type || a.call != "AllToAll" && a.buf.N != b.buf.N:
			return fmt.Sprintf("%s: rank %d has %v (op or root %d), rank %d has %v (op or root %d)",
				a.call, g.world[0], a.buf, a.how, g.world[r], b.buf, b.how)
		}
		for q, n := range b.srcN {
			if m := g.slots[q].dstN[r]; m != n {
				return fmt.Sprintf("AllToAll: rank %d sends %d elements to rank %d, which expects %d", g.world[r], n, g.world[q], m)
			}
		}
	}
	return ""
}

type localComm struct {
	g      *localGroup
	rank   int
	closed bool
}

func (c *localComm) Rank() int      { return c.rank }
func (c *localComm) Size() int      { return len(c.g.slots) }
func (c *localComm) worldRank() int { return c.g.world[c.rank] }

func (c *localComm) Sub(ranks []int) (Comm, error) {
	me := checkSub(c, ranks)
	g, key := c.g, fmt.Sprint(ranks)
	g.subMu.Lock()
	sub := g.subs[key]
	if sub == nil {
		world := make([]int, len(ranks))
		for i, r := range ranks {
			world[i] = g.world[r]
		}
		sub = g.w.group(world)
		g.subs[key] = sub
	}
	if sub.join++; sub.join == len(ranks) {
		delete(g.subs, key)
	}
	g.subMu.Unlock()
	s := &localComm{g: sub, rank: me}
	if err := s.Barrier(); err != nil {
		return nil, err
	}
	return s, nil
}

func (c *localComm) Barrier() error { return c.g.enter(c.rank, slot{call: "Barrier"}) }

func (c *localComm) Broadcast(b Buf, root int) error {
	checkRoot(c, root)
	if err := c.g.enter(c.rank, slot{call: "Broadcast", buf: b, how: root}); err != nil {
		return err
	}
	if c.rank != root {
		copy(b.Bytes(), c.g.slots[root].buf.Bytes())
	}
	c.g.leave()
	return nil
}

func (c *localComm) AllReduce(b Buf, op Op) error {
	if err := c.g.enter(c.rank, slot{call: "AllReduce", buf: b, how: int(op)}); err != nil {
		return err
	}
	if b.N <= smallReduce {
		return nil
	}
	lo, hi := Share(b.N, c.rank, c.Size())
	reduceRange(c.g.slots, lo, hi)
	c.g.leave()
	return nil
}

func (c *localComm) AllToAll(dst Buf, dstN []int, src Buf, srcN []int) error {
	checkAllToAll(c, dst, dstN, src, srcN)
	if err := c.g.enter(c.rank, slot{call: "AllToAll", buf: src, dstN: dstN, srcN: srcN}); err != nil {
		return err
	}
	at := 0
	for r := range c.g.slots {
		s := &c.g.slots[r]
		lo := 0
		for _, n := range s.srcN[:c.rank] {
			lo += n
		}
		n := s.srcN[c.rank]
		copy(dst.slice(at, at+n).Bytes(), s.buf.slice(lo, lo+n).Bytes())
		at += n
	}
	c.g.leave()
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

// checkSub panics unless ranks are distinct ranks of c with this one among them; it returns this rank's place.
func checkSub(c Comm, ranks []int) int {
	seen := make([]bool, c.Size())
	for _, r := range ranks {
		if r < 0 || r >= c.Size() || seen[r] {
			panic(fmt.Sprintf("collective: Sub(%v): want distinct ranks of a group of %d", ranks, c.Size()))
		}
		seen[r] = true
	}
	me := slices.Index(ranks, c.Rank())
	if me < 0 {
		panic(fmt.Sprintf("collective: Sub(%v): called by rank %d, which is not among them", ranks, c.Rank()))
	}
	return me
}

func checkRoot(c Comm, root int) {
	if root < 0 || root >= c.Size() {
		panic(fmt.Sprintf("collective: root %d in a group of %d ranks", root, c.Size()))
	}
}

// checkAllToAll panics unless the counts fit the buffers and the group.
func checkAllToAll(c Comm, dst Buf, dstN []int, src Buf, srcN []int) {
	sum := func(what string, b Buf, ns []int) {
		total := 0
		for _, n := range ns {
			if n < 0 {
				panic(fmt.Sprintf("collective: AllToAll: a %s count is %d", what, n))
			}
			total += n
		}
		if len(ns) != c.Size() || total != b.N {
			panic(fmt.Sprintf("collective: AllToAll: %d %s counts that sum to %d, want %d that sum to %d", len(ns), what, total, c.Size(), b.N))
		}
	}
	if dst.Type != src.Type {
		panic(fmt.Sprintf("collective: AllToAll: from %v into %v", src, dst))
	}
	sum("dst", dst, dstN)
	sum("src", src, srcN)
}
