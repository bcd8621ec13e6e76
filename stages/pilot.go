package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"deeprc/collective"
)

// runPilot runs tasks on the ranks of c, as sched, which only rank 0 has, decides; collective. Rank 0 decides on a goroutine of its own,
// so that it can work, too. watch, of rank 0, hears of every order and of every rank that has left an attempt; an error of it stops the run.
// When finish is cancelled, on any rank, no further task starts; when ctx is, those that run are told to end, too. The error is of the
// pilot itself: how tasks end is in sched. Where stuck, a task that was told to end goes on on this rank: what it works with must stay as it is.
func runPilot(ctx, finish context.Context, c collective.Comm, tasks []Task, env Env, sched *Sched, watch watcher) (stuck bool, err error) {
	all := make([]int, c.Size())
	for r := range all {
		all[r] = r
	}
	ctl, err := c.Sub(all) // its mailbox ends with it
	if err != nil {
		return false, err
	}
	mail := collective.OpenMailbox(ctl)
	send := func(to int, v any) error {
		msg, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return mail.Send(to, msg)
	}
	var w *worker
	ended := make(chan error, 1)
	if c.Rank() == 0 {
		p := &pilot{s: sched, watch: watch, reports: make(chan report, 256), over: make(chan struct{}), begin: time.Now()}
		w = newWorker(ctl, tasks, env, func(r report) error { p.reports <- r; return nil })
		p.send = func(to int, c command) error {
			if to == 0 {
				w.take(c)
				return nil
			}
			return send(to, c)
		}
		defer close(p.over)
		go p.receive(mail)
		go func() {
			err := p.run(ctx, finish)
			for r := c.Size() - 1; r > 0; r-- {
				err = errors.Join(err, send(r, command{Kind: cmdEnd}))
			}
			w.finish(err)
			ended <- err
		}()
	} else {
		w = newWorker(ctl, tasks, env, func(r report) error { return send(0, r) })
		go w.listen(mail)
		defer context.AfterFunc(ctx, func() {
			_ = send(0, report{Stop: context.Cause(ctx).Error()}) // fails where all has ended
		})()
		defer context.AfterFunc(finish, func() {
			_ = send(0, report{Finish: context.Cause(finish).Error()})
		})()
	}
	stuck, err = w.work()
	if !stuck {
		err = errors.Join(err, w.close())
	}
	if c.Rank() == 0 {
		if err == nil {
			err = <-ended
		}
		mail.Close()
	}
	err = collective.Agree(ctl, err)
	return stuck, errors.Join(err, ctl.Close())
}

// watcher hears what happens; on rank 0.
type watcher interface {
	// ordered is called for each order at the time when it is carried out; attempt is what is known of the attempt that has ended.
	ordered(now time.Duration, o Order, failed []report) error
	// left is called for each rank that has left an attempt.
	left(now time.Duration, r report) error
	// told is called when the run is told to end, by Drain or Stop.
	told(e Event) error
	// cancelled gives tasks that people ask to cancel; what it holds from the start never starts. It may be nil.
	cancelled() <-chan []int
}

// pilot is rank 0's loop.
type pilot struct {
	s       *Sched
	watch   watcher
	send    func(to int, c command) error
	reports chan report
	over    chan struct{} // closed when nobody hears reports any more
	begin   time.Time
	kept    keptGroups
	failed  map[int][]report // of each task, those of the present attempt that name a failure
}

// receive passes on the reports that come by mail.
func (p *pilot) receive(mail collective.Mailbox) {
	for {
		_, msg, err := mail.Recv()
		var r report
		if err == nil {
			err = json.Unmarshal(msg, &r)
		}
		if err != nil {
			if errors.Is(err, collective.ErrMailboxClosed) {
				return
			}
			r = report{Task: -1, Failure: err.Error()}
		}
		select {
		case p.reports <- r:
		case <-p.over:
			return
		}
		if err != nil {
			return
		}
	}
}

// run schedules until all tasks have ended.
func (p *pilot) run(ctx, finish context.Context) (err error) {
	p.failed, p.kept = map[int][]report{}, newKeptGroups()
	now := func() time.Duration { return time.Since(p.begin) }
	var watched error // the first error of watch
	do := func(e Event) error {
		for {
			bad := p.obey(e.Now, p.s.Step(e))
			var w watchError
			if !errors.As(bad, &w) {
				return bad
			}
			if watched != nil {
				return nil
			}
			watched = w.err
			e = Event{Kind: Stop, Now: e.Now, Reason: w.err.Error()}
		}
	}
	tell := func(kind EventKind, reason string) error {
		e := Event{Kind: kind, Now: now(), Reason: reason}
		if bad := p.watch.told(e); bad != nil && watched == nil {
			watched = bad
			e.Kind, e.Reason = Stop, bad.Error()
		}
		return do(e)
	}
	first := Event{Kind: Tick, Now: now()}
	asked := p.watch.cancelled()
	cancel := func(tasks []int) Event { return Event{Kind: Cancel, Now: now(), Tasks: tasks, Reason: cancelReason} }
	select {
	case tasks := <-asked:
		first = cancel(tasks)
	default:
	}
	err = do(first)
	timer := time.NewTimer(0)
	stop, drain := ctx.Done(), finish.Done()
	for err == nil && !p.s.Finished() {
		if wake := p.s.Wake(); wake == forever {
			timer.Stop()
		} else {
			timer.Reset(wake - now())
		}
		select {
		case r := <-p.reports:
			switch {
			case r.Task < 0:
				return errors.New(r.Failure)
			case r.Stop != "":
				err = tell(Stop, r.Stop)
				continue
			case r.Finish != "":
				err = tell(Drain, r.Finish)
				continue
			}
			at := now()
			if r.Failure != "" {
				p.failed[r.Task] = append(p.failed[r.Task], r)
			}
			if e := p.watch.left(at, r); e != nil && watched == nil {
				watched = e
				err = do(Event{Kind: Stop, Now: at, Reason: e.Error()})
			}
			if err == nil {
				err = do(Event{Kind: Left, Now: at, Task: r.Task, Attempt: r.Attempt, Rank: r.Rank, Failure: r.Failure})
			}
		case tasks := <-asked:
			err = do(cancel(tasks))
		case <-timer.C:
			err = do(Event{Kind: Tick, Now: now()})
		case <-stop:
			stop = nil
			err = tell(Stop, context.Cause(ctx).Error())
		case <-drain:
			drain = nil
			err = tell(Drain, context.Cause(finish).Error())
		}
	}
	return errors.Join(watched, err)
}

// watchError is an error of the watcher.
type watchError struct{ err error }

func (e watchError) Error() string { return e.err.Error() }

// obey carries out orders, all of them whatever the watcher says.
func (p *pilot) obey(now time.Duration, orders []Order) error {
	var bad error
	for _, o := range orders {
		var c command
		switch o.Kind {
		case Start:
			delete(p.failed, o.Task)
			c = command{Kind: cmdStart, Task: o.Task, Attempt: o.Attempt, Ranks: o.Ranks}
			c.Again, c.Keep = p.kept.start(o.Task, o.Ranks)
		case Halt:
			c = command{Kind: cmdHalt, Task: o.Task, Attempt: o.Attempt, Reason: o.Reason, Orderly: o.Orderly}
		case End:
			if o.State == Done {
				p.kept.done(o.Task, o.Ranks)
			}
		}
		if err := p.watch.ordered(now, o, p.failed[o.Task]); err != nil && bad == nil {
			bad = watchError{err}
		}
		if o.Kind != Start && o.Kind != Halt {
			continue
		}
		for _, r := range o.Ranks {
			if err := p.send(r, c); err != nil {
				return err
			}
		}
	}
	return bad
}

// firstLine is what people read of a failure that may have a stack in it.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// seconds is a time for people and files.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3g s", d.Seconds()) }
