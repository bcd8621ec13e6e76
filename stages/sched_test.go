package stages

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// cpus are n equal ranks on one node.
func cpus(n int) []Slot { return slices.Repeat([]Slot{{Memory: 1 << 30}}, n) }

// job of a test: name, ranks, and what it comes after.
func jobOf(name string, ranks int, after ...string) Task {
	return Task{Name: name, After: after, Request: Request{Ranks: Ranks{ranks, ranks}, OnFailure: FailureSkips}}
}

func mustSched(t testing.TB, policy Policy, slots []Slot, tasks ...Task) *Sched {
	t.Helper()
	s, err := NewSched(tasks, slots, policy, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// says is orders in words.
func (s *Sched) says(orders []Order) string {
	var out []string
	for _, o := range orders {
		name := s.tasks[o.Task].Name
		switch o.Kind {
		case Start:
			out = append(out, fmt.Sprintf("start %s.%d %v", name, o.Attempt, o.Ranks))
		case Halt:
			out = append(out, fmt.Sprintf("halt %s.%d %v", name, o.Attempt, o.Ranks))
		case Retry:
			out = append(out, fmt.Sprintf("retry %s at %v", name, o.At))
		case End:
			out = append(out, fmt.Sprintf("%s %s", name, o.State))
		case Lose:
			out = append(out, fmt.Sprintf("lose %v", o.Ranks))
		}
	}
	return strings.Join(out, ", ")
}

// A line of a story: what happens at a second, and what is ordered.
type line struct {
	at    int
	event string // "", "left TASK RANK [failure]", "cancel TASK", "drain", "stop"
	want  string
}

func (s *Sched) story(t *testing.T, lines []line) {
	t.Helper()
	for i, l := range lines {
		e := Event{Now: time.Duration(l.at) * time.Second}
		words := strings.Fields(l.event + " - - - -")
		task := func() int {
			return slices.IndexFunc(s.tasks, func(t *schedTask) bool { return t.Name == words[1] })
		}
		switch words[0] {
		case "left":
			e.Kind, e.Task, e.Attempt = Left, task(), s.tasks[task()].attempts
			fmt.Sscan(words[2], &e.Rank)
			if words[3] != "-" {
				e.Failure = words[3]
			}
		case "cancel":
			e.Kind, e.Tasks, e.Reason = Cancel, []int{task()}, "asked for"
		case "drain":
			e.Kind, e.Reason = Drain, "asked for"
		case "stop":
			e.Kind, e.Reason = Stop, "asked for"
		}
		if got := s.says(s.Step(e)); got != l.want {
			t.Errorf("line %d, %q:\ngot  %s\nwant %s", i, l.event, got, l.want)
		}
	}
}

func TestSchedStories(t *testing.T) {
	with := func(task Task, change func(q *Request)) Task {
		change(&task.Request)
		return task
	}
	retries := func(q *Request) { q.Retries, q.Backoff = 2, 10*time.Second }
	for _, c := range []struct {
		name   string
		policy string
		slots  []Slot
		tasks  []Task
		lines  []line
	}{
		{"tasks start when those before them and ranks are there", "fifo", cpus(2), []Task{jobOf("a", 2), jobOf("b", 1, "a"), jobOf("c", 1, "a"), jobOf("d", 1, "b")}, []line{
			{0, "", "start a.1 [0 1]"},
			{1, "left a 0", ""},
			{1, "left a 0", ""}, // twice
			{2, "left a 1", "a done, start b.1 [0], start c.1 [1]"},
			{3, "left c 1", "c done"},
			{4, "left b 0", "b done, start d.1 [0]"},
			{5, "left d 0", "d done"},
		}},
		{"a rank that has left is used before the others have", "fifo", cpus(2), []Task{jobOf("a", 2), jobOf("b", 1)}, []line{
			{0, "", "start a.1 [0 1]"},
			{1, "left a 1", "start b.1 [1]"},
			{2, "left b 1", "b done"},
			{3, "left a 0", "a done"},
		}},
		{"fifo waits at the head", "fifo", cpus(2), []Task{jobOf("a", 1), jobOf("b", 2), jobOf("c", 1)}, []line{
			{0, "", "start a.1 [0]"},
			{1, "left a 0", "a done, start b.1 [0 1]"},
		}},
		{"backfill does not, and its first task is overtaken by what ends in time only", "backfill", cpus(4), []Task{
			with(jobOf("long", 2), func(q *Request) { q.Timeout = 100 * time.Second }), jobOf("wide", 4),
			with(jobOf("short", 1), func(q *Request) { q.Timeout = 50 * time.Second }),
			with(jobOf("late", 1), func(q *Request) { q.Timeout = 500 * time.Second })}, []line{
			{0, "", "start long.1 [0 1], start short.1 [2], start late.1 [3]"}, // late: unguaranteed, so it counts
			{1, "left long 0", ""},
			{1, "left long 1", "long done"},
			{2, "left short 2", "short done"},
			{3, "left late 3", "late done, start wide.1 [0 1 2 3]"},
		}},
		{"ranks that only few have are left for those who need them", "backfill", []Slot{{GPUs: 1, Memory: 9}, {Memory: 9}, {Memory: 5}}, []Task{
			jobOf("a", 1), with(jobOf("m", 1), func(q *Request) { q.Memory = 8 }), with(jobOf("g", 1), func(q *Request) { q.GPUs = 1 })}, []line{
			{0, "", "start a.1 [2], start m.1 [1], start g.1 [0]"},
		}},
		{"so many on each node", "fifo", []Slot{{Node: 0}, {Node: 1}, {Node: 1}, {Node: 2}, {Node: 2}, {Node: 2}}, []Task{
			with(jobOf("a", 2), func(q *Request) { q.PerNode = 2 }), with(jobOf("b", 2), func(q *Request) { q.PerNode = 1 }), with(jobOf("c", 2), func(q *Request) { q.PerNode = 2 })}, []line{
			{0, "", "start a.1 [1 2], start b.1 [0 3], start c.1 [4 5]"},
		}},
		{"a range takes what is free", "fifo", cpus(4), []Task{jobOf("a", 1), with(jobOf("b", 1), func(q *Request) { q.Ranks = Ranks{2, 3} }), with(jobOf("c", 1), func(q *Request) { q.Ranks = Ranks{1, 3} })}, []line{
			{0, "", "start a.1 [0], start b.1 [1 2 3]"},
			{1, "left b 1", "start c.1 [1]"},
		}},
		{"priority, then age", "fifo", cpus(1), []Task{jobOf("a", 1), jobOf("b", 1), with(jobOf("c", 1), func(q *Request) { q.Priority = 5 })}, []line{
			{0, "", "start c.1 [0]"},
			{1, "left c 0", "c done, start a.1 [0]"},
			{2, "left a 0", "a done, start b.1 [0]"},
		}},
		{"retries wait, twice as long each time", "fifo", cpus(2), []Task{with(jobOf("a", 2), retries), jobOf("b", 1, "a")}, []line{
			{0, "", "start a.1 [0 1]"},
			{1, "left a 0 oops", ""},
			{1, "left a 1 oops", "retry a at 11s"},
			{10, "", ""},
			{11, "", "start a.2 [0 1]"},
			{12, "left a 0 oops", ""},
			{12, "left a 1 oops", "retry a at 32s"},
			{32, "", "start a.3 [0 1]"},
			{33, "left a 1 oops", ""},
			{33, "left a 0", "a failed, b skipped"},
		}},
		{"continue goes on, stop does not", "fifo", cpus(2), []Task{
			with(jobOf("a", 1), func(q *Request) { q.OnFailure = FailureContinues }), jobOf("b", 1, "a"),
			with(jobOf("c", 1, "b"), func(q *Request) { q.OnFailure = FailureStops }), jobOf("d", 1, "b"), jobOf("e", 2)}, []line{
			{0, "", "start a.1 [0]"}, // e waits at the head
			{1, "left a 0 oops", "a failed, start e.1 [0 1]"},
			{2, "left e 0", "start b.1 [0]"},
			{2, "left e 1", "e done"},
			{3, "left b 0", "b done, start c.1 [0], start d.1 [1]"},
			{4, "left c 0 oops", "c failed"},
			{5, "left d 1", "d done"},
		}},
		{"stop leaves out what has not started", "backfill", cpus(2), []Task{
			with(jobOf("a", 1), func(q *Request) { q.OnFailure = FailureStops }), with(jobOf("b", 1), retries), jobOf("c", 2)}, []line{
			{0, "", "start a.1 [0], start b.1 [1]"},
			{1, "left a 0 oops", "a failed, c skipped"},
			{2, "left b 1 oops", "b interrupted"},
		}},
		{"a timeout halts, and is a failure", "fifo", cpus(1), []Task{with(jobOf("a", 1), func(q *Request) { q.Timeout, q.Retries = 5*time.Second, 1 })}, []line{
			{0, "", "start a.1 [0]"},
			{4, "", ""},
			{5, "", "halt a.1 [0]"},
			{6, "left a 0 slow", "retry a at 6s, start a.2 [0]"},
			{11, "", "halt a.2 [0]"},
			{12, "left a 0", "a done"}, // it had ended well just then
		}},
		{"a rank that does not leave is lost, and what needs it fails", "backfill", cpus(2), []Task{with(jobOf("a", 2), func(q *Request) { q.Timeout = 5 * time.Second }), jobOf("b", 2), jobOf("c", 1), {Name: "all"}}, []line{
			{0, "", "start a.1 [0 1]"},
			{5, "", "halt a.1 [0 1]"},
			{6, "left a 0 slow", "start c.1 [0]"},
			{34, "", ""},
			{35, "", "lose [1], a failed, b failed"},
			{36, "left a 1", ""},
			{37, "left c 0", "c done, start all.1 [0]"},
			{38, "left all 0", "all done"},
		}},
		{"cancel", "fifo", cpus(1), []Task{with(jobOf("a", 1), retries), jobOf("b", 1, "a"), jobOf("c", 1)}, []line{
			{0, "", "start a.1 [0]"},
			{1, "cancel c", "c cancelled"},
			{1, "cancel a", "halt a.1 [0]"},
			{1, "cancel a", ""},
			{2, "left a 0 cancelled", "a cancelled, b skipped"},
			{3, "cancel a", ""},
		}},
		{"drain ends orderly, then stop at once", "fifo", cpus(2), []Task{with(jobOf("a", 1), retries), jobOf("b", 1), jobOf("c", 1), jobOf("d", 1, "a")}, []line{
			{0, "", "start a.1 [0], start b.1 [1]"},
			{1, "drain", "c interrupted, d interrupted"},
			{2, "left b 1", "b done"},
			{3, "stop", "halt a.1 [0]"},
			{4, "left a 0 cancelled", "a interrupted"},
		}},
		{"locality prefers the ranks of the tasks before", "locality", cpus(4), []Task{jobOf("a", 1), jobOf("b", 1), jobOf("c", 2, "b"), jobOf("d", 1, "a")}, []line{
			{0, "", "start a.1 [0], start b.1 [1]"},
			{1, "left b 1", "b done, start c.1 [1 2]"},
			{2, "left a 0", "a done, start d.1 [0]"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) { mustSched(t, policies[c.policy], c.slots, c.tasks...).story(t, c.lines) })
	}
}

func TestSchedNever(t *testing.T) {
	two := []Slot{{Node: 0, Memory: 4e9}, {Node: 1, GPUs: 1, Memory: 8e9}}
	for _, c := range []struct {
		q    Request
		want string
	}{
		{Request{Ranks: Ranks{3, 5}}, "ranks = 3-5, but there are 2 ranks that run tasks"},
		{Request{Ranks: Ranks{1, 1}, GPUs: 2}, "ranks = 1 with gpus = 2, but of 2 ranks that run tasks 0 have that; the most that one has is gpus = 1"},
		{Request{GPUs: 1}, "ranks = all with gpus = 1, but of 2 ranks that run tasks 1 have that"},
		{Request{Ranks: Ranks{2, 2}, Memory: 5 << 30}, "ranks = 2 with memory = 5GiB, but of 2 ranks that run tasks 1 have that"},
		{Request{Ranks: Ranks{1, 1}, Memory: 900 << 40}, "ranks = 1 with memory = 900TiB, but of 2 ranks that run tasks 0 have that; the most that one has is memory = 7.451GiB"},
		{Request{Ranks: Ranks{4, 4}, PerNode: 4}, "ranks = 4 and ranks_per_node = 4, but there are 2 ranks that run tasks"},
		{Request{Ranks: Ranks{3, 3}, GPUs: 1}, "ranks = 3 with gpus = 1, but there are 2 ranks that run tasks"},
		{Request{Ranks: Ranks{2, 2}, PerNode: 2}, "ranks = 2 and ranks_per_node = 2, but 0 nodes have as many such ranks"},
		{Request{Ranks: Ranks{1, 9}, PerNode: 1, GPUs: 1}, ""},
	} {
		got := ""
		if _, err := NewSched([]Task{{Name: "x", Request: c.q, at: "f:1:2"}}, two, fifo, func(string) bool { return false }); err != nil {
			got = strings.TrimPrefix(err.Error(), `f:1:2: task "x": `)
		}
		if got != c.want {
			t.Errorf("%+v:\ngot  %q\nwant %q", c.q, got, c.want)
		}
	}
	if _, err := NewSched([]Task{jobOf("x", 1)}, []Slot{{Off: true}}, fifo, func(string) bool { return false }); err == nil {
		t.Error("no rank that runs tasks")
	}
}

func TestSchedResumes(t *testing.T) {
	s, err := NewSched([]Task{jobOf("a", 9), jobOf("b", 1, "a"), jobOf("c", 1, "b")}, cpus(1), fifo, func(name string) bool { return name == "a" })
	if err != nil {
		t.Fatal(err)
	}
	if got := s.says(s.Step(Event{})); got != "start b.1 [0]" {
		t.Errorf("got %s", got)
	}
	s, _ = NewSched([]Task{jobOf("a", 1)}, cpus(1), fifo, func(string) bool { return true })
	if !s.Finished() || s.Wake() != forever {
		t.Error("all are done")
	}
}

// A task whose timeout ends it before the first in turn could start does not count as overtaking; one that may last longer does.
func TestBackfillCountsOnTimeouts(t *testing.T) {
	for timeout, want := range map[time.Duration]int{0: 1, 99 * time.Second: 0, 100 * time.Second: 0, 101 * time.Second: 1} {
		long, small := jobOf("long", 2), jobOf("small", 1)
		long.Timeout, small.Timeout = 100*time.Second, timeout
		s := mustSched(t, backfill, cpus(3), long, jobOf("wide", 3), small)
		if got := s.says(s.Step(Event{})); got != "start long.1 [0 1], start small.1 [2]" {
			t.Errorf("got %s", got)
		}
		if got := s.tasks[1].overtaken; got != want {
			t.Errorf("timeout %v: overtaken %d times, want %d", timeout, got, want)
		}
	}
}

// A task that needs all ranks starts in spite of a never-ending supply of small ones, which are of no known length.
func TestBackfillDoesNotStarve(t *testing.T) {
	tasks := []Task{jobOf("s0", 1), jobOf("wide", 4)}
	for i := 1; i < 500; i++ {
		tasks = append(tasks, jobOf(fmt.Sprint("s", i), 1))
	}
	s := mustSched(t, backfill, cpus(4), tasks...)
	r := rand.New(rand.NewPCG(1, 1))
	var open []Order
	before := 0
	for orders := s.Step(Event{}); ; {
		for _, o := range orders {
			if o.Kind != Start {
				continue
			}
			if s.tasks[o.Task].Name == "wide" {
				if before > 1+maxOvertaken {
					t.Errorf("%d tasks started before it", before)
				}
				return
			}
			before++
			open = append(open, Order{Task: o.Task, Attempt: o.Attempt, Ranks: slices.Clone(o.Ranks)})
		}
		if len(open) == 0 {
			t.Fatal("nothing runs")
		}
		i := r.IntN(len(open))
		o := open[i]
		open = slices.Delete(open, i, i+1)
		orders = s.Step(Event{Kind: Left, Task: o.Task, Attempt: o.Attempt, Rank: o.Ranks[0]})
	}
}

func TestReadyTasksKeepTheirTurn(t *testing.T) {
	r, q := rand.New(rand.NewPCG(2, 2)), readyTasks{by: map[shape]*queue{}}
	var all []*schedTask
	for i := range 200 {
		t := &schedTask{Task: jobOf("", 1+r.IntN(3)), index: i, seq: i}
		t.Priority = r.IntN(3)
		all = append(all, t)
		q.push(t)
	}
	for _, i := range r.Perm(200)[:80] {
		q.remove(all[i])
		all[i].seq = -1
	}
	all = slices.DeleteFunc(all, func(t *schedTask) bool { return t.seq < 0 })
	slices.SortFunc(all, inTurn)
	var got []*schedTask
	for q.n > 0 {
		first := q.first()
		if first != q.heads()[0] {
			t.Fatal("first and heads differ")
		}
		got = append(got, first)
		q.remove(first)
	}
	if !reflect.DeepEqual(got, all) {
		t.Error("another order")
	}
}
