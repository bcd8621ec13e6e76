package collective

import (
	"fmt"
	"runtime"
	"strings"
)

// checked is a Comm that compares every call with those of the other ranks before it
// makes it (DEEPRC_DEBUG=comm): each rank sends what it is about to call, with which
// arguments and from where, and rank 0 tells all whether they agree. The first
// disagreement is an error on all ranks, with both call sites. It costs two small
// collectives a call.
type checked struct{ backend }

// compare tells the other ranks of a call and returns how theirs disagree with it.
func (c checked) compare(call string, dstN, srcN []int) error {
	var pcs [32]uintptr
	n := runtime.Callers(2, pcs[:])
	mine := []byte(call + "\x00" + callSite(pcs[:n]))
	for _, k := range append(append([]int{}, dstN...), srcN...) {
		mine = fmt.Appendf(mine, "\x00%d", k)
	}
	all, counts, err := GatherV(c.backend, mine, 0)
	if err != nil {
		return err
	}
	verdict := ""
	if c.Rank() == 0 {
		calls := make([][]string, c.Size())
		for r, n := range counts {
			calls[r], all = strings.Split(string(all[:n]), "\x00"), all[n:]
		}
		verdict = disagreement(calls)
	}
	b, err := BroadcastBytes(c.backend, []byte(verdict), 0)
	if err != nil || len(b) == 0 {
		return err
	}
	return fmt.Errorf("the ranks' calls do not match: %s", b)
}

// disagreement compares calls, each {call, site, dst counts …, src counts …}.
func disagreement(calls [][]string) string {
	ranks := len(calls)
	for r, b := range calls {
		a := calls[0]
		if a[0] != b[0] {
			return fmt.Sprintf("rank 0 calls %s at %s, rank %d calls %s at %s", a[0], a[1], r, b[0], b[1])
		}
		for q := range calls {
			if len(b) == 2 { // no counts
				break
			}
			if to, from := b[2+ranks+q], calls[q][2+r]; to != from {
				return fmt.Sprintf("%s: rank %d at %s sends %s elements to rank %d, which at %s expects %s", a[0], r, b[1], to, q, calls[q][1], from)
			}
		}
	}
	return ""
}

// check makes calls in a group that a backend has made checked, too.
func check(s Comm, err error) (Comm, error) {
	if err != nil {
		return nil, err
	}
	return checked{s.(backend)}, nil
}

func (c checked) Sub(ranks []int) (Comm, error) { return check(c.backend.Sub(ranks)) } // collective over some ranks only: not compared
func (c checked) shrink() (Comm, error)         { return check(c.backend.shrink()) }
func (c checked) again() (Comm, error)          { return check(c.backend.again()) }

func (c checked) Barrier() error {
	if err := c.compare("Barrier", nil, nil); err != nil {
		return err
	}
	return c.backend.Barrier()
}

func (c checked) Broadcast(b Buf, root int) error {
	checkRoot(c.Size(), root)
	if err := c.compare(opBroadcast.describe(b, root), nil, nil); err != nil {
		return err
	}
	return c.backend.Broadcast(b, root)
}

func (c checked) AllReduce(b Buf, op Op) error {
	checkOp(op, b.Type)
	if err := c.compare(opAllReduce.describe(b, int(op)), nil, nil); err != nil {
		return err
	}
	return c.backend.AllReduce(b, op)
}

func (c checked) AllToAll(dst Buf, dstN []int, src Buf, srcN []int) error {
	checkAllToAll(c, dst, dstN, src, srcN)
	if err := c.compare("AllToAll of "+src.Type.String(), dstN, srcN); err != nil {
		return err
	}
	return c.backend.AllToAll(dst, dstN, src, srcN)
}
