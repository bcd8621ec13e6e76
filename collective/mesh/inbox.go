package mesh

import "sync"

// inbox is the queue of messages that a rank sends to itself.
type inbox struct {
	mu    sync.Mutex
	queue []letter
	some  chan struct{} // holds a token when there is something to look at
}

type letter struct {
	kind byte
	body []byte
}

func newInbox() *inbox { return &inbox{some: make(chan struct{}, 1)} }

func (b *inbox) put(kind byte, body []byte) {
	b.mu.Lock()
	b.queue = append(b.queue, letter{kind, append([]byte(nil), body...)})
	b.mu.Unlock()
	nudge(b.some)
}

func nudge(some chan struct{}) {
	select {
	case some <- struct{}{}:
	default:
	}
}

// run hands the messages out until m closes.
func (b *inbox) run(m *Mesh) {
	for {
		select {
		case <-m.stop:
			return
		case <-b.some:
		}
		b.mu.Lock()
		queue := b.queue
		b.queue = nil
		b.mu.Unlock()
		for _, l := range queue {
			if m.closing.Load() {
				return
			}
			m.h.Message(m.c.Rank, l.kind, l.body)
		}
	}
}
