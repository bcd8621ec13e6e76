package stages

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// shape is what decides whether a task can start: tasks of one shape fit, or do not, together.
type shape struct {
	ranks   Ranks
	perNode int
	gpus    int
	memory  int64
	timeout time.Duration
}

func (q Request) shape() shape { return shape{q.Ranks, q.PerNode, q.GPUs, q.Memory, q.Timeout} }

// readyTasks are the tasks that wait for ranks only, a queue a shape: what is to be looked at is the first of each.
type readyTasks struct {
	by     map[shape]*queue
	queues []*queue // in the order in which their shapes came
	n      int
}

// queue is a heap of tasks, in turn.
type queue []*schedTask

func (r *readyTasks) push(t *schedTask) {
	key := t.shape()
	q := r.by[key]
	if q == nil {
		q = &queue{}
		r.by[key] = q
		r.queues = append(r.queues, q)
	}
	heap.Push(q, t)
	r.n++
}

// remove takes out a task that is ready.
func (r *readyTasks) remove(t *schedTask) {
	r.n--
	q := r.by[t.shape()]
	if (*q)[0] == t {
		heap.Pop(q)
	} else if i := slices.Index(*q, t); i > 0 {
		heap.Remove(q, i)
	}
}

// first is the task that comes first of all; nil where there is none.
func (r *readyTasks) first() (t *schedTask) {
	for _, q := range r.queues {
		if len(*q) > 0 && (t == nil || inTurn((*q)[0], t) < 0) {
			t = (*q)[0]
		}
	}
	return t
}

// heads are the first tasks of each shape, in turn.
func (r *readyTasks) heads() (out []*schedTask) {
	for _, q := range r.queues {
		if len(*q) > 0 {
			out = append(out, (*q)[0])
		}
	}
	slices.SortFunc(out, inTurn)
	return out
}

// inTurn orders ready tasks: by priority, then as they became ready.
func inTurn(a, b *schedTask) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.seq, b.seq))
}

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return inTurn(q[i], q[j]) < 0 }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*schedTask)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return t
}
