package stages

import "time"

// A Policy chooses the ready task that starts next, and its ranks; ok is false where none can. It is called again until then. It is
// a pure function of what it sees.
type Policy func(v *View) (c Choice, ok bool)

// Choice is a ready task and free ranks for it.
type Choice struct {
	Task      int
	Ranks     []int
	Overtakes int // the task that may have to wait longer for it; −1 for none
}

// policies by name, as pilot.policy has them.
var policies = map[string]Policy{"fifo": fifo, "backfill": backfill, "locality": locality}

var policyNames = []string{"fifo", "backfill", "locality"}

// A View is what a Policy sees: the ready tasks in turn, the free ranks, and what runs.
type View struct {
	now     time.Duration
	ready   *readyTasks
	pool    *pool
	running []*attempt // by expected end
	tasks   []*schedTask
}

func (s *Sched) view() *View { return &View{s.now, &s.ready, s.pool, s.running, s.tasks} }

// place is a choice of t on free ranks, none of those in but, the ones in prefer first.
func (v *View) place(t *schedTask, but, prefer rankSet) (Choice, bool) {
	ranks := v.pool.pick(t.Request, but, prefer)
	return Choice{t.index, ranks, -1}, ranks != nil
}
