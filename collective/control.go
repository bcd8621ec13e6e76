package collective

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Kinds of control messages between the processes of a world. Their order is kept between two processes.
const (
	kindFailure byte = iota + 1 // a group has failed: notice
	kindAnswer                  // rank 0 is about to print the world's failure
	kindMail                    // group id, then the message
	kindAsk                     // where are you in this group: group id
	kindReply                   // reply
	kindDrain                   // a rank has left a broken group: drainNote (MPI)
	kindMeet                    // group id, then where the sender listens for the receiver (Gloo)
	kindShrink                  // the sender is in Shrink: shrinkNote
	kindQuorum                  // who goes on: shrinkNote
)

// notice is the failure of a group.
type notice struct {
	Group   uint64
	Failure RankError
}

func (n notice) encode() []byte { return mustJSON(n) }

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and integers cannot fail
	}
	return b
}

// message is called by the fabric for each control message of another process, and does not wait.
func (w *world) message(from int, kind byte, body []byte) {
	if err := w.dispatch(from, kind, body); err != nil {
		w.lost(from, "", fmt.Sprintf("its control message of kind %d cannot be read (%v): is it of another version of deeprc?", kind, err), false)
	}
}

func (w *world) dispatch(from int, kind byte, body []byte) error {
	switch kind {
	case kindFailure:
		var n notice
		if err := json.Unmarshal(body, &n); err != nil {
			return err
		}
		w.noticed(n)
	case kindAnswer:
		w.mu.Lock()
		defer w.mu.Unlock()
		select {
		case <-w.answered:
		default:
			close(w.answered)
		}
	case kindMail:
		if len(body) < 8 {
			return fmt.Errorf("%d bytes", len(body))
		}
		if m := w.box(binary.LittleEndian.Uint64(body)); m != nil {
			m.put(from, body[8:])
		}
	case kindAsk:
		if len(body) != 8 {
			return fmt.Errorf("%d bytes", len(body))
		}
		w.fabric.send(from, kindReply, mustJSON(w.where(binary.LittleEndian.Uint64(body))))
	case kindReply:
		var r reply
		if err := json.Unmarshal(body, &r); err != nil {
			return err
		}
		select {
		case w.replies <- r:
		default: // nobody asks any more
		}
	case kindShrink, kindQuorum:
		var n shrinkNote
		if err := json.Unmarshal(body, &n); err != nil {
			return err
		}
		w.quorum.note(from, kind, n)
	default:
		return w.fabric.take(from, kind, body)
	}
	return nil
}

var errKind = errors.New("unknown kind")

// noticed takes another rank's word that a group has failed.
func (w *world) noticed(n notice) {
	e := n.Failure
	w.mu.Lock()
	g := w.groups[n.Group]
	if g == nil {
		if early := w.absent.early(n.Group); early != nil {
			early.failure = &e
		}
	}
	w.mu.Unlock()
	if g == nil {
		return
	}
	if g == w.root {
		e.quiet = w.rank != 0 && e.Rank != w.rank
	}
	w.breakGroup(g, &e)
}
