package collective

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"
)

// Shrink makes a group of those ranks of c whose processes live, in c's order, after a
// failure; collective over them, each in Shrink or on its way there. A rank that dies
// meanwhile is left out as well, or makes Shrink or the new group fail: then call it
// again. It is for worlds that outlive a process, which those over Gloo do; an MPI
// library ends the whole job (MPI 3.1 §8.3), and in-process ranks die together.
func Shrink(c Comm) (Comm, error) { return c.(backend).shrink() }

// shrinkNote is a survivor's wish to go on (kindShrink), or who does (kindQuorum).
type shrinkNote struct {
	Line    uint64 // of which group the survivors are
	Members []int  `json:",omitempty"` // world ranks
	Nonce   uint64 `json:",omitempty"`
}

// quorum settles who goes on. The lowest living rank waits for the word of each living
// rank and then tells all; when it dies, the next one does.
type quorum struct {
	mu      sync.Mutex
	came    map[uint64]map[int]bool // by line
	settled map[uint64]shrinkNote
	nonce   uint64
	changed chan struct{} // closed at each change
}

func newQuorum() *quorum {
	return &quorum{came: map[uint64]map[int]bool{}, settled: map[uint64]shrinkNote{}, changed: make(chan struct{})}
}

func (q *quorum) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.change()
}

func (q *quorum) change() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *quorum) note(from int, kind byte, n shrinkNote) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if kind == kindQuorum {
		q.settled[n.Line] = n
	} else {
		q.come(n.Line, from)
	}
	q.change()
}

func (q *quorum) come(line uint64, rank int) {
	if q.came[line] == nil {
		q.came[line] = map[int]bool{}
	}
	q.came[line][rank] = true
}

// living is those of members whose processes live.
func (w *world) living(members []int) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(members), func(r int) bool { return w.dead[r] != "" })
}

// settle returns who of g goes on, once all living ranks agree.
func (w *world) settle(g *group) (shrinkNote, error) {
	q, told := w.quorum, -1
	var end <-chan time.Time
	if w.limits.timeout > 0 {
		end = time.After(w.limits.timeout)
	}
	for {
		alive := w.living(g.members)
		first := alive[0] // this process lives
		if first != w.rank && first != told {
			w.fabric.send(first, kindShrink, mustJSON(shrinkNote{Line: g.line}))
			told = first
		}
		q.mu.Lock()
		if n, ok := q.settled[g.line]; ok {
			delete(q.settled, g.line)
			q.mu.Unlock()
			return n, nil
		}
		var late []int
		if first == w.rank {
			q.come(g.line, w.rank)
			late = slices.DeleteFunc(slices.Clone(alive), func(r int) bool { return q.came[g.line][r] })
			if len(late) == 0 {
				delete(q.came, g.line)
				q.nonce++
				n := shrinkNote{g.line, alive, uint64(w.rank)<<32 | q.nonce}
				q.mu.Unlock()
				for _, r := range alive[1:] {
					w.fabric.send(r, kindQuorum, mustJSON(n))
				}
				return n, nil
			}
		}
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-changed:
		case <-end:
			if first == w.rank {
				return shrinkNote{}, fmt.Errorf("collective.Shrink of %v: after %v ranks %v have not called it", g, w.limits.timeout, late)
			}
			return shrinkNote{}, fmt.Errorf("collective.Shrink of %v: after %v rank %d, which settles who goes on, has not answered", g, w.limits.timeout, first)
		}
	}
}

func (c *peerComm) shrink() (Comm, error) {
	w := c.w
	if !w.fabric.survives() {
		return nil, fmt.Errorf("collective.Shrink: %s does not outlive a process that dies: use Gloo (--comm gloo)", c.library())
	}
	c.enter(opShrink, Buf{}, 0)
	defer c.exit()
	n, err := w.settle(c.group)
	if err != nil {
		return nil, err
	}
	me := slices.Index(n.Members, w.rank)
	if me < 0 {
		return nil, fmt.Errorf("collective.Shrink of %v: the others take this rank for dead and go on as %v", c.group, n.Members)
	}
	h := fnv.New64a()
	fmt.Fprint(h, "shrink", n.Line, n.Nonce, n.Members)
	g := w.join(nil, n.Members, h.Sum64()|2, me)
	g.line = n.Line
	s, err := w.connect(g, nil)
	if err != nil {
		return nil, err
	}
	if err := s.Barrier(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	c.heir.Store(s)
	return s, nil
}

func (c *peerComm) last() backend {
	for heir := c.heir.Load(); heir != nil; heir = c.heir.Load() {
		c = heir
	}
	return c
}

func (c *localComm) shrink() (Comm, error) {
	return nil, errors.New("collective.Shrink: in-process ranks live and die together")
}

func (c *localComm) last() backend { return c }
