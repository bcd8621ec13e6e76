package stages

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// A timeline is what events.jsonl tells: who did what when. Its clock is in seconds of the run, boot included; the time between two
// sessions is left out.
type timeline struct {
	sessions []*session
	seconds  float64 // the walls of all sessions
}

// A session is one start of the run, on world ranks.
type session struct {
	at    float64 // on the timeline
	begin time.Time
	world int
	boot  float64 // seconds from the begin of the run to that of the pilot
	last  float64 // the latest time told, seconds of the pilot, as all below
	left  float64 // when the last rank left a task
	ended bool    // it has told its end
	spans []*span

	here map[int]*span   // of each rank, the attempt that it has not left
	skew map[int]float64 // what is to be added to a rank's clock
}

type attemptKey struct {
	task    string
	attempt int
}

// A span is one rank's part in one attempt, seconds of the pilot: ordered ≤ begin ≤ end ≤ heard.
type span struct {
	attemptKey
	rank                       int
	ordered, begin, end, heard float64
	failure                    string
	open                       bool // the rank has not left, as far as is known
	stages                     []stageSpan
}

// stageSpan is one stage of a task on one rank, seconds of that rank's clock, or of the pilot's in a span.
type stageSpan struct {
	Stage string  `json:"stage"`
	Begin float64 `json:"begin"`
	End   float64 `json:"end"`
}

// maxStages bounds the stages of one attempt that are told.
const maxStages = 64

// spans are the stages so far, the first maxStages.
func (t *timings) spans(clock time.Time) (out []stageSpan) {
	for _, s := range t.stages[:min(len(t.stages), maxStages)] {
		b := s.begin.Sub(clock).Seconds()
		out = append(out, stageSpan{s.Stage, b, b + s.Seconds})
	}
	return out
}

// Bounds on what is read of a folder that anybody may have written.
const (
	maxEventLine  = 1 << 20
	maxEvents     = 20_000_000
	maxEventWorld = 1 << 20
	maxSeconds    = 1e9
)

// readTimeline reads events.jsonl; one that is not there is an empty timeline. A last line that is not whole is left out, another that
// cannot be read is an error with its number. until, unless it is zero, is the end of a last session that has not told its own.
func readTimeline(path string, until time.Time) (*timeline, error) {
	t := &timeline{}
	err := eachLine(path, maxEventLine, maxEvents, func(line []byte, last bool) error {
		var e taskEvent
		if err := json.Unmarshal(line, &e); err != nil {
			if last { // torn by a crash
				return nil
			}
			return err
		}
		return t.add(e)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	for i, s := range t.sessions {
		s.at = t.seconds
		if i == len(t.sessions)-1 && !s.ended && !until.IsZero() {
			s.last = max(s.last, min(until.Sub(s.begin).Seconds()-s.boot, maxSeconds))
		}
		s.finish()
		t.seconds += s.wall()
	}
	return t, nil
}

// add takes one event.
func (t *timeline) add(e taskEvent) error {
	for _, v := range []*float64{&e.T, &e.Boot, e.Begin, e.End} {
		if v != nil && !(*v >= -maxSeconds && *v <= maxSeconds) {
			return fmt.Errorf("a time of %g s", *v)
		}
	}
	if e.Event == "session" {
		begin, err := time.Parse(time.RFC3339Nano, e.Time)
		switch {
		case err != nil:
			return fmt.Errorf("time: %w", err)
		case e.World < 1 || e.World > maxEventWorld:
			return fmt.Errorf("world = %d: want 1 to %d", e.World, maxEventWorld)
		case e.Boot < 0:
			return fmt.Errorf("boot = %g: want no less than 0", e.Boot)
		}
		t.sessions = append(t.sessions, &session{begin: begin, world: e.World, boot: e.Boot, here: map[int]*span{}, skew: map[int]float64{}})
		return nil
	}
	if len(t.sessions) == 0 {
		return errors.New("an event before the first session")
	}
	s := t.sessions[len(t.sessions)-1]
	if s.ended {
		return errors.New("an event after the end of its session")
	}
	if e.T < s.last {
		return fmt.Errorf("t = %g: time goes back, from %g", e.T, s.last)
	}
	s.last = e.T
	key := attemptKey{e.Task, e.Attempt}
	switch e.Event {
	case "start":
		for _, r := range e.Ranks {
			if r < 0 || r >= s.world {
				return fmt.Errorf("rank %d of %d", r, s.world)
			}
			if s.here[r] != nil {
				return fmt.Errorf("task %q starts on rank %d, where %q runs", e.Task, r, s.here[r].task)
			}
			p := &span{attemptKey: key, rank: r, ordered: e.T, begin: e.T, open: true}
			s.here[r] = p
			s.spans = append(s.spans, p)
		}
	case "left":
		if e.Rank == nil || e.Begin == nil || e.End == nil || *e.End < *e.Begin || len(e.Stages) > maxStages {
			return errors.New("left: want rank, and begin before end")
		}
		p := s.here[*e.Rank]
		if p == nil || p.attemptKey != key {
			return fmt.Errorf("rank %d leaves task %q, which it is not in", *e.Rank, e.Task)
		}
		delete(s.here, *e.Rank)
		p.open, p.begin, p.end, p.heard, p.failure, p.stages = false, *e.Begin, *e.End, e.T, e.Reason, e.Stages
		skew, known := s.skew[p.rank]
		if d := e.T - p.end; !known || d < skew {
			s.skew[p.rank] = d
		}
		s.left = e.T
	case "end":
		s.ended = true
	}
	return nil
}

// finish brings all times of the session to the pilot's clock. A rank's clock is behind it by what the fastest of its reports took or
// less (Cristian 1989, "Probabilistic clock synchronization", one way).
func (s *session) finish() {
	for _, p := range s.spans {
		if p.open {
			p.end, p.heard = s.last, s.last
			continue
		}
		d := s.skew[p.rank]
		in := func(v, lo, hi float64) float64 { return min(max(v+d, lo), hi) }
		p.begin = in(p.begin, p.ordered, p.heard)
		p.end = in(p.end, p.begin, p.heard)
		from := p.begin
		for i, st := range p.stages {
			b := in(st.Begin, from, p.end)
			from = in(st.End, b, p.end)
			p.stages[i] = stageSpan{st.Stage, b, from}
		}
	}
	if !s.ended || len(s.spans) == 0 || len(s.here) > 0 {
		s.left = s.last
	}
	slices.SortStableFunc(s.spans, func(a, b *span) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.ordered, b.ordered)) })
}

// world is the most ranks that a session had.
func (t *timeline) world() (most int) {
	for _, s := range t.sessions {
		most = max(most, s.world)
	}
	return most
}

// wall is the length of the session.
func (s *session) wall() float64 { return s.boot + s.last }

// of are the spans of one rank, after finish.
func (s *session) of(rank int) []*span {
	from, _ := slices.BinarySearchFunc(s.spans, rank, func(p *span, r int) int { return cmp.Compare(p.rank, r) })
	to, _ := slices.BinarySearchFunc(s.spans, rank+1, func(p *span, r int) int { return cmp.Compare(p.rank, r) })
	return s.spans[from:to]
}
