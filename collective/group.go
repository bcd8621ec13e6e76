package collective

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"sync/atomic"
)

// group is what this process knows of one group of ranks of a [world]: who is in
// it, whether it has failed, and which call this rank is in.
type group struct {
	w       *world
	id      uint64 // the same on all its ranks, and of no other group of this world
	parent  *group
	members []int // world rank of each rank
	me      int
	line    uint64 // id of the group that this one goes on for after Shrink; else its own

	failure atomic.Pointer[RankError] // of the group or of one that it was made of
	broken  chan struct{}             // closed with the failure

	subMu sync.Mutex
	made  map[uint64]uint64 // how many groups of one list were made of this one

	letters *mailbox // of this process; w.mu

	position
}

// world is this process's part of a world of processes: its groups, and the
// control messages by which failures reach them.
type world struct {
	rank, size int
	fabric     fabric
	limits     limits

	mu     sync.Mutex
	groups map[uint64]*group
	absent absentees
	root   *group
	ended  bool           // all ranks have finished: a process that goes now goes well
	dead   map[int]string // ranks whose process has ended, and how that was seen

	quorum    *quorum
	receivers receivers
	replies   chan reply    // to the watchdog's questions
	answered  chan struct{} // closed when rank 0 is about to print the world's failure
	stop      chan struct{} // ends the watchdog
}

// fabric carries the data and the control messages of a world of processes.
type fabric interface {
	// library names what moves the data.
	library() string
	// send passes a control message to another process, in order, without waiting for it.
	send(to int, kind byte, body []byte)
	// take handles a control message of a kind that is the fabric's own.
	take(from int, kind byte, body []byte) error
	// survives reports whether the world outlives a process that dies.
	survives() bool
	// link connects the ranks of the new group g, a part of parent; collective over them.
	link(g *group, parent *peerComm) (link, error)
}

func newWorld(rank, size int, f fabric, l limits) *world {
	return &world{rank: rank, size: size, fabric: f, limits: l,
		groups: map[uint64]*group{}, absent: newAbsentees(), dead: map[int]string{}, quorum: newQuorum(), receivers: newReceivers(),
		replies: make(chan reply, 64), answered: make(chan struct{}), stop: make(chan struct{})}
}

// all is the group of the whole world.
func (w *world) all() *group {
	members := make([]int, w.size)
	for r := range members {
		members[r] = r
	}
	w.root = w.join(nil, members, 1, w.rank)
	return w.root
}

// join registers a group; it is broken from the start if its failure came earlier.
func (w *world) join(parent *group, members []int, id uint64, me int) *group {
	g := &group{w: w, id: id, line: id, parent: parent, members: members, me: me, broken: make(chan struct{}), made: map[uint64]uint64{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.groups[id] = g
	var e *RankError
	if parent != nil {
		e = parent.failure.Load()
	}
	if early := w.absent.join(id); early != nil {
		g.letters = early.letters
		if e == nil {
			e = early.failure
		}
	}
	for _, r := range members {
		if how := w.dead[r]; how != "" && e == nil {
			e = &RankError{Rank: r, Text: how, died: true}
		}
	}
	if e != nil {
		g.break_(e)
	}
	return g
}

// sub is the place of the listed ranks of g: its id is the same on all of them, as they
// have made the same groups of that list before. A group made of the same ranks later has another.
func (g *group) sub(ranks []int, me int) *group {
	h := fnv.New64a()
	fmt.Fprint(h, ranks)
	list := h.Sum64()
	g.subMu.Lock()
	g.made[list]++
	fmt.Fprint(h, g.id, g.made[list])
	g.subMu.Unlock()
	members := make([]int, len(ranks))
	for i, r := range ranks {
		members[i] = g.members[r]
	}
	return g.w.join(g, members, h.Sum64()|2, me) // 0 and 1 are taken
}

// places is the rank that each of these ranks of the world, all of them members, has in the group of these members.
func places(members, of []int) []int {
	at := make(map[int]int, len(members))
	for r, q := range members {
		at[q] = r
	}
	ranks := make([]int, len(of))
	for i, q := range of {
		ranks[i] = at[q]
	}
	return ranks
}

func (w *world) leave(g *group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.groups, g.id)
	w.absent.leave(g.id)
}

// within reports whether g is o or made of it.
func (g *group) within(o *group) bool {
	for ; g != nil; g = g.parent {
		if g == o {
			return true
		}
	}
	return false
}

// break_ records the group's failure and releases its waiting calls; w.mu is held.
func (g *group) break_(e *RankError) {
	if g.failure.CompareAndSwap(nil, e) {
		close(g.broken)
	}
}

// err is the failure of the group, or nil.
func (g *group) err() error {
	if e := g.failure.Load(); e != nil {
		return e
	}
	return nil
}

// breakGroup breaks g and all that is made of it in this process and returns g's
// first failure; first reports whether that is e.
func (w *world) breakGroup(g *group, e *RankError) (failure *RankError, first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := g.failure.Load(); old != nil {
		return old, false
	}
	for _, o := range w.groups {
		if o.within(g) {
			o.break_(e)
		}
	}
	g.break_(e)
	return e, true
}

// fail breaks g on all its ranks and returns its first failure as this rank sees it.
func (g *group) fail(err error) *RankError {
	e, first := g.w.breakGroup(g, rankError(g.w.rank, err))
	if first {
		g.tell(e)
	}
	return e
}

// tell gives the others of g notice of its failure: the rank that failed too, which may
// not know yet that others act on it, and must not take their leaving for the cause.
func (g *group) tell(e *RankError) {
	body := notice{Group: g.id, Failure: *e.short()}.encode()
	for _, r := range g.members {
		if r != g.w.rank && !(r == e.Rank && e.died) {
			g.w.fabric.send(r, kindFailure, body)
		}
	}
}

// lost takes note that another process has ended: every group that it is in fails here,
// and, with spread, where that cannot be seen too.
func (w *world) lost(rank int, host, how string, spread bool) {
	w.mu.Lock()
	if w.ended || w.dead[rank] != "" {
		w.mu.Unlock()
		return
	}
	w.dead[rank] = how
	var hit []*group
	for _, g := range w.groups {
		if slices.Contains(g.members, rank) {
			hit = append(hit, g)
		}
	}
	w.mu.Unlock()
	e := &RankError{Rank: rank, Host: host, Text: how, died: true, quiet: spread}
	for _, g := range hit {
		if _, first := w.breakGroup(g, e); first && spread {
			g.tell(e)
		}
	}
	w.quorum.wake()
}

// end is called when all ranks have finished.
func (w *world) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.ended = true
		close(w.stop)
	}
}

func (g *group) String() string {
	if g.id == 1 {
		return "all ranks"
	}
	if len(g.members) > 8 {
		return fmt.Sprintf("%d ranks from %v", len(g.members), g.members[:8])
	}
	return fmt.Sprintf("ranks %v", g.members)
}
