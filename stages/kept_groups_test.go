package stages

import (
	"strings"
	"testing"

	"deeprc/collective"
)

func TestKeptGroups(t *testing.T) {
	k := newKeptGroups()
	start := func(task int, again, keep bool, ranks ...int) {
		t.Helper()
		if a, b := k.start(task, ranks); a != again || b != keep {
			t.Errorf("task %d on %v: again %v, keep %v; want %v, %v", task, ranks, a, b, again, keep)
		}
	}
	start(0, false, true, 0, 1)
	k.done(0, []int{0, 1})
	start(1, false, true, 1, 0) // another order is another group
	start(2, true, true, 0, 1)
	start(3, false, true, 0, 1) // 2 has failed
	k.done(2, []int{0, 1})      // told late: the group is 3's
	start(4, false, true, 0, 1)
	for r := 2; r <= maxKept/2-1; r++ { // rank 0 has two groups of two already
		start(5, false, true, 0, r)
	}
	start(6, false, false, 0, maxKept)
	k.done(6, []int{0, maxKept})
	start(7, false, false, 0, maxKept)
	start(7, false, true, 1, maxKept) // of ranks that keep less
	k.done(4, []int{0, 1})
	start(8, true, true, 0, 1)
}

// A pilot and a worker that do not agree on what is kept: an error, and no wait for ranks that do not come.
func TestWorkerHasNoGroup(t *testing.T) {
	c := collective.Local(1)[0]
	w := newWorker(c, nil, Env{}, nil)
	if _, err := w.group(command{Ranks: []int{0}, Again: true}); err == nil || !strings.Contains(err.Error(), "kept") {
		t.Error(err)
	}
}
