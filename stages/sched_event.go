package stages

import "time"

// State is where a task is.
type State string

const (
	Waiting     State = "waiting" // for the tasks that it comes after
	Delayed     State = "delayed" // until its next attempt
	Ready       State = "ready"   // waiting for ranks
	Running     State = "running"
	Done        State = "done"
	Failed      State = "failed"
	Skipped     State = "skipped"     // a task before it has failed, or the run was stopped by one
	Cancelled   State = "cancelled"   // by a person
	Interrupted State = "interrupted" // the run ends before it: a resumed one goes on with it
)

// Ended reports whether a task in this state never runs again.
func (s State) Ended() bool {
	return s == Done || s == Failed || s == Skipped || s == Cancelled || s == Interrupted
}

// Event is what happened at time Now since the run began; Now never goes back.
type Event struct {
	Kind    EventKind
	Now     time.Duration
	Task    int    // of Left
	Tasks   []int  // of Cancel
	Attempt int    // of Left
	Rank    int    // of Left
	Failure string // of Left: what that rank ended with; "": well
	Reason  string // of Cancel, Drain, Stop
}

// EventKind says what an Event is.
type EventKind uint8

const (
	Tick   EventKind = iota // time has passed
	Left                    // a rank has left an attempt of a task, and is free
	Cancel                  // tasks shall not go on, nor start
	Drain                   // no further task shall start
	Stop                    // nor those that run go on
)

// Order is what is to be done.
type Order struct {
	Kind    OrderKind
	Task    int
	Attempt int
	Ranks   []int  // of Start; of End, those of the last attempt
	Reason  string // of Halt; of Retry and End, the failure
	State   State  // of End
	Orderly bool   // of Halt: it may come to a place first where it can go on later, in patience
	At      time.Duration
}

// OrderKind says what an Order is.
type OrderKind uint8

const (
	Start OrderKind = iota // an attempt on ranks, which are free
	Halt                   // end an attempt on all its ranks; each tells when it has left
	Retry                  // nothing: an attempt has failed, and the next may start from At on
	End                    // nothing: the task has ended
	Lose                   // nothing: Ranks are not used any more, since they do not end the attempt
)
