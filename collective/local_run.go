package collective

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// RunLocal runs f on n in-process ranks, one goroutine each, and returns the
// root-cause error: the bare error with one rank, else a [*RankError] that wraps
// it. A rank whose f returns an error, panics or ends its goroutine releases the
// others from any call that they wait in.
func RunLocal(n int, f func(c Comm) error) error {
	l, err := limitsFrom(os.Getenv)
	if err != nil {
		return err
	}
	return runLocal(n, l, func(c Comm) Comm { return c }, f)
}

func runLocal(n int, l limits, wrap func(Comm) Comm, f func(c Comm) error) error {
	cs := Local(n)
	root := cs[0].(*localComm).g
	stop := make(chan struct{})
	defer close(stop)
	go root.w.watch(l, stop)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for r, c := range cs {
		errs[r] = errGoexit
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer c.Close()
			errs[r] = Do(context.Background(), wrap(c), f)
		}()
	}
	wg.Wait()
	if n == 1 || root.broken == nil {
		return errs[0]
	}
	if own := errs[root.broken.Rank]; own != nil && own != errGoexit { // it has the error chain
		return own
	}
	return root.broken
}

// watch is the watchdog of in-process ranks; see [world.watch].
func (w *localWorld) watch(l limits, stop <-chan struct{}) {
	l.watch(stop, func() {
		w.mu.Lock()
		groups := make([]*localGroup, 0, len(w.groups))
		for g := range w.groups {
			groups = append(groups, g)
		}
		w.mu.Unlock()
		for _, g := range groups {
			for _, c := range g.comms {
				what, site, waited, end := c.overdue(l)
				if what == "" {
					continue
				}
				text := fmt.Sprintf("%s at %s has waited %v in a group of ranks %v for: %s", what, site, waited.Round(time.Millisecond), g.world, g.missing(c))
				if end {
					g.fail(rankError(c.worldRank(), fmt.Errorf("%s (DEEPRC_TIMEOUT=%v)", text, l.timeout)))
				} else {
					fmt.Fprintf(os.Stderr, "deeprc: rank %d: %s\n", c.worldRank(), text)
				}
				break // the others wait for the same
			}
		}
	})
}

// missing tells where those ranks are that are not in the call of c.
func (g *localGroup) missing(c *localComm) string {
	var there []string
	mine := callOf(c.where())
	for _, o := range g.comms {
		if o == c {
			continue
		}
		where := o.where()
		if callOf(where) == mine {
			continue
		}
		g.w.mu.Lock()
		for other := range g.w.groups {
			for _, e := range other.comms {
				if here := e.where(); other != g && e.worldRank() == o.worldRank() && strings.HasPrefix(here, "waits") {
					where += fmt.Sprintf("; in ranks %v it %s", other.world, here)
				}
			}
		}
		g.w.mu.Unlock()
		there = append(there, fmt.Sprintf("rank %d, which %s", o.worldRank(), where))
	}
	return strings.Join(there, "; ")
}

// localMail is one rank's end of a group's mailboxes.
type localMail struct{ c *localComm }

func (c *localComm) mailbox() Mailbox { return localMail{c} }

func (b localMail) Send(to int, msg []byte) error {
	checkRoot(b.c.Size(), to)
	checkMail(msg)
	if err := b.c.failure(); err != nil {
		return err
	}
	b.c.g.boxes[to].put(b.c.rank, append([]byte(nil), msg...))
	return nil
}

func (b localMail) Recv() (int, []byte, error) {
	l, err := b.c.g.boxes[b.c.rank].take(b.c.g.failed, b.c.failure, nil)
	return l.from, l.msg, err
}

func (b localMail) Close() error { return b.c.g.boxes[b.c.rank].close() }

func (c *localComm) failure() error {
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	if c.g.broken != nil {
		return c.g.broken
	}
	return nil
}
