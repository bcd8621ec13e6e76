package collective

import (
	"bytes"
	"encoding/binary"
	"strings"
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

// TestAbsent: late words of groups that were left are dropped, however many; early ones wait for the group.
func TestAbsent(t *testing.T) {
	w, other := newWorld(0, 3, noFabric{}, limits{}), newWorld(1, 3, noFabric{}, limits{})
	mine, theirs := w.all(), other.all()
	words := func(id uint64) {
		w.message(1, kindMail, append(binary.LittleEndian.AppendUint64(nil, id), "letter"...))
		w.message(1, kindFailure, notice{id, RankError{Rank: 1, Text: "no such column"}}.encode())
	}
	for range 2 * mostAbsent {
		g := mine.sub([]int{0, 1}, 0)
		theirs.sub([]int{0, 1}, 1)
		w.leave(g)
		words(g.id)
	}
	for _, e := range w.absent.of {
		if e.failure != nil || e.letters != nil {
			t.Fatal("the words for a group that was left are kept")
		}
	}
	words(theirs.sub([]int{0, 1}, 1).id)
	for id := range uint64(mostAbsent - 1) { // of groups that never come
		words(id<<32 | 2)
	}
	if n := len(w.absent.of); n != mostAbsent {
		t.Errorf("%d groups are remembered, want %d", n, mostAbsent)
	}
	g := mine.sub([]int{0, 1}, 0)
	if err := g.err(); err == nil || !strings.Contains(err.Error(), "no such column") {
		t.Errorf("the failure that came early: %v", err)
	}
	if from, msg, err := (groupMail{g, w.box(g.id)}).Recv(); from != 1 || string(msg) != "letter" || err != nil {
		t.Errorf("the letter that came early: %q of rank %d, %v", msg, from, err)
	}
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
