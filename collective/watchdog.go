package collective

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// limits are how long a call may wait.
type limits struct {
	tell    time.Duration // then the watchdog tells who waits for whom; 0: never
	timeout time.Duration // then the group fails; 0: never
}

// Defaults of DEEPRC_WATCHDOG and DEEPRC_TIMEOUT. A rank that computes while others
// wait for it is nothing wrong, so the second is long.
const (
	defaultTell    = time.Minute
	defaultTimeout = 30 * time.Minute
)

func limitsFrom(env func(string) string) (limits, error) {
	l := limits{defaultTell, defaultTimeout}
	for name, d := range map[string]*time.Duration{"DEEPRC_WATCHDOG": &l.tell, "DEEPRC_TIMEOUT": &l.timeout} {
		v := env(name)
		if v == "" {
			continue
		}
		var err error
		if *d, err = time.ParseDuration(v); err != nil || *d < 0 {
			return l, fmt.Errorf("%s=%q: want a duration such as 90s or 10m, or 0 for never", name, v)
		}
	}
	return l, nil
}

// period is how often the watchdog looks.
func (l limits) period() time.Duration {
	p := time.Second
	for _, d := range []time.Duration{l.tell, l.timeout} {
		if d > 0 {
			p = min(p, max(d/8, time.Millisecond))
		}
	}
	return p
}

// reply is where a rank is in a group.
type reply struct {
	Group uint64
	Rank  int // of the world
	Host  string
	Where string
}

// replyTime is how long the watchdog waits for the other ranks' replies.
const replyTime = time.Second

// where is this rank's reply to a question about a group.
func (w *world) where(id uint64) reply {
	r := reply{Group: id, Rank: w.rank, Host: hostName(), Where: "has not joined this group, or has left it"}
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.groups[id]; g != nil {
		r.Where = g.where()
		if strings.HasPrefix(r.Where, "waits") {
			return r
		}
	}
	for _, g := range w.groups { // it may wait elsewhere
		if here := g.where(); g.id != id && strings.HasPrefix(here, "waits") {
			r.Where += fmt.Sprintf("; in %v it %s", g, here)
		}
	}
	return r
}

// watch calls look again and again until stop is closed, where there is a limit to look for.
func (l limits) watch(stop <-chan struct{}, look func()) {
	if l == (limits{}) {
		return
	}
	tick := time.NewTicker(l.period())
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			look()
		}
	}
}

// watch is the watchdog of a world of processes.
func (w *world) watch() {
	w.limits.watch(w.stop, func() {
		w.mu.Lock()
		groups := make([]*group, 0, len(w.groups))
		for _, g := range w.groups {
			groups = append(groups, g)
		}
		w.mu.Unlock()
		for _, g := range groups {
			what, site, waited, end := g.overdue(w.limits)
			if what == "" || g.failure.Load() != nil {
				continue
			}
			text := fmt.Sprintf("%s at %s has waited %v in a group of %v for: %s", what, site, waited.Round(time.Millisecond), g, w.missing(g))
			if end {
				g.fail(fmt.Errorf("%s (DEEPRC_TIMEOUT=%v)", text, w.limits.timeout))
			} else if g.failure.Load() == nil {
				fmt.Fprintf(os.Stderr, "deeprc: rank %d (%s): %s\n", w.rank, hostName(), text)
			}
		}
	})
}

// overdue returns the call that waits too long, if one does, and whether its time is out. It is told of again
// when it has waited twice as long.
func (p *position) overdue(l limits) (what, site string, waited time.Duration, end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wt := p.waiting
	if wt == nil {
		return
	}
	waited = time.Since(wt.since)
	end = l.timeout > 0 && waited >= l.timeout
	if !end && (l.tell == 0 || waited < max(l.tell, 2*wt.told)) {
		return "", "", 0, false
	}
	wt.told = waited
	return wt.what, wt.site(), waited, end
}

// missing asks the other ranks of g where they are, and tells of those that do not wait in the same call.
func (w *world) missing(g *group) string {
	for len(w.replies) > 0 {
		<-w.replies
	}
	left := map[int]bool{}
	id := binary.LittleEndian.AppendUint64(nil, g.id)
	for _, r := range g.members {
		if r != w.rank {
			left[r] = true
			w.fabric.send(r, kindAsk, id)
		}
	}
	var here, there []string
	mine := callOf(g.where())
	for end := time.After(replyTime); len(left) > 0; {
		select {
		case r := <-w.replies:
			if r.Group != g.id || !left[r.Rank] {
				continue
			}
			delete(left, r.Rank)
			if callOf(r.Where) == mine {
				here = append(here, fmt.Sprint(r.Rank))
			} else {
				there = append(there, fmt.Sprintf("rank %d (%s), which %s", r.Rank, r.Host, r.Where))
			}
		case <-end:
			for r := range left {
				there = append(there, fmt.Sprintf("rank %d, which does not answer: it is stopped, its host cannot be reached, or it is inside a long call of a library", r))
			}
			clear(left)
		}
	}
	slices.Sort(there)
	if len(there) == 0 {
		there = []string{"nobody: all ranks are in it, so the messages are slow or lost"}
	}
	if len(here) > 0 {
		there = append(there, fmt.Sprintf("(in the same call: ranks %s)", strings.Join(here, ", ")))
	}
	return strings.Join(there, "; ")
}

// callOf is the number and name of the call in which a rank waits.
func callOf(where string) string {
	where, _, _ = strings.Cut(where, ", at ")
	return strings.Join(strings.Fields(where)[:min(5, len(strings.Fields(where)))], " ") // waits in call 12, Barrier
}
