package collective

import (
	"bytes"
	"testing"
	"time"
)

// noFabric is a world's fabric whose messages go nowhere.
type noFabric struct{}

func (noFabric) library() string                      { return "none" }
func (noFabric) send(int, byte, []byte)               {}
func (noFabric) survives() bool                       { return true }
func (noFabric) link(*group, *peerComm) (link, error) { return nil, nil }
func (noFabric) take(int, byte, []byte) error         { return errKind }

// FuzzControlMessage: whatever another process sends, this one lives, and a message it cannot read fails its groups with that rank's name.
func FuzzControlMessage(f *testing.F) {
	f.Add(kindFailure, notice{1, RankError{Rank: 2, Host: "b", Text: "no such column"}}.encode())
	f.Add(kindFailure, notice{7, RankError{Rank: -1}}.encode())
	f.Add(kindAnswer, []byte(nil))
	f.Add(kindMail, []byte("12345678hello"))
	f.Add(kindAsk, []byte("12345678"))
	f.Add(kindReply, mustJSON(reply{1, 1, "b", "is in call 3, Barrier"}))
	f.Add(kindDrain, mustJSON(drainNote{1, 12}))
	f.Add(kindShrink, mustJSON(shrinkNote{Line: 1}))
	f.Add(kindQuorum, mustJSON(shrinkNote{1, []int{0, 2}, 5}))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		w := newWorld(0, 3, noFabric{}, limits{})
		g := w.all()
		w.message(1, kind, bytes.Clone(body))
		w.message(1, kind, bytes.Clone(body))
		if err := w.dispatch(1, kind, bytes.Clone(body)); err != nil && g.err() == nil {
			t.Errorf("kind %d: %v, but the group goes on", kind, err)
		}
		g.where()
		w.where(1)
	})
}

// TestOverdue: a wait is told of when its time has come, then when it has doubled.
func TestOverdue(t *testing.T) {
	var p position
	p.enter(opBarrier, Buf{}, 0)
	p.block()
	l := limits{tell: time.Second, timeout: time.Minute}
	for _, c := range []struct {
		waited    time.Duration
		told, end bool
	}{{900 * time.Millisecond, false, false}, {1100 * time.Millisecond, true, false}, {2 * time.Second, false, false}, {2300 * time.Millisecond, true, false}, {61 * time.Second, true, true}} {
		p.waiting.since = time.Now().Add(-c.waited)
		what, _, _, end := p.overdue(l)
		if (what != "") != c.told || end != c.end {
			t.Errorf("after %v: told %q, end %v", c.waited, what, end)
		}
	}
}
