package stages

import "fmt"

// maxKept bounds the groups that are kept: a communicator each on each of their ranks.
const maxKept = 64

// keptGroups is what the pilot knows of the groups that the workers keep after an attempt, for the next one on the same ranks: to make one
// anew, they must meet. By [groupKey].
type keptGroups map[string]*keptGroup

type keptGroup struct {
	task int  // whose attempt it runs, or ran last
	idle bool // that attempt has ended well on all its ranks
}

// start is told of the attempt of a task that starts on these ranks. Again: they have kept the group of the last one; keep: they may keep this one's.
func (k keptGroups) start(task int, ranks []int) (again, keep bool) {
	key := groupKey(ranks)
	g := k[key]
	if g == nil && len(k) == maxKept {
		return false, false
	}
	again = g != nil && g.idle
	k[key] = &keptGroup{task: task}
	return again, true
}

// done is told that a task has ended well on these ranks.
func (k keptGroups) done(task int, ranks []int) {
	if g := k[groupKey(ranks)]; g != nil && g.task == task {
		g.idle = true
	}
}

func groupKey(ranks []int) string { return fmt.Sprint(ranks) }
