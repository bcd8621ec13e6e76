package stages

import "fmt"

// maxKept bounds the members of all groups that a rank keeps, itself among them. Over Gloo each other member is a socket, of which a process
// may often have 1024, some for the world's own connections; over MPI a group is a communicator, of which there are some 2000. Groups
// beyond are made anew for each attempt: to end another for one, its ranks would have to be told.
const maxKept = 512

// keptGroups is what the pilot knows of the groups that the workers keep after an attempt, for the next one on the same ranks: to make one
// anew, they must meet.
type keptGroups struct {
	groups  map[string]*keptGroup // by groupKey
	members map[int]int           // by rank: those of all groups that it may keep
}

type keptGroup struct {
	task int  // whose attempt it runs, or ran last
	idle bool // that attempt has ended well on all its ranks
}

func newKeptGroups() keptGroups {
	return keptGroups{groups: map[string]*keptGroup{}, members: map[int]int{}}
}

// start is told of the attempt of a task that starts on these ranks. Again: they have kept the group of the last one; keep: they may keep this one's.
func (k keptGroups) start(task int, ranks []int) (again, keep bool) {
	key := groupKey(ranks)
	g := k.groups[key]
	if g == nil {
		for _, r := range ranks {
			if k.members[r]+len(ranks) > maxKept {
				return false, false
			}
		}
		for _, r := range ranks {
			k.members[r] += len(ranks)
		}
	}
	again = g != nil && g.idle
	k.groups[key] = &keptGroup{task: task}
	return again, true
}

// done is told that a task has ended well on these ranks.
func (k keptGroups) done(task int, ranks []int) {
	if g := k.groups[groupKey(ranks)]; g != nil && g.task == task {
		g.idle = true
	}
}

func groupKey(ranks []int) string { return fmt.Sprint(ranks) }
