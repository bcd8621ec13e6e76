package stages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func timelineOf(t *testing.T, lines string) (*timeline, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), eventsFile)
	if err := os.WriteFile(path, []byte(lines), 0o666); err != nil {
		t.Fatal(err)
	}
	return readTimeline(path, time.Time{})
}

// Two sessions: in the first, rank 1's clock is 10 s late and it is told to end by a kill; in the second, everything ends.
const twoSessions = `{"t":0,"event":"session","time":"2026-01-01T00:00:00Z","boot":1,"world":2}
{"t":0.5,"event":"start","task":"a","attempt":1,"ranks":[0,1]}
{"t":2,"event":"left","task":"a","attempt":1,"rank":0,"begin":0.6,"end":1.9,"stages":[{"stage":"read","begin":0.7,"end":1.7}]}
{"t":3,"event":"left","task":"a","attempt":1,"rank":1,"begin":-9.3,"end":-7.2,"reason":"rank 1: <b>bad</b>"}
{"t":4,"event":"start","task":"b","attempt":1,"ranks":[1]}
{"t":6,"event":"halt","task":"b","attempt":1,"ranks":[1]}
{"t":0,"event":"session","time":"2026-01-01T01:00:00Z","boot":2,"world":2}
{"t":0,"event":"start","task":"b","attempt":1,"ranks":[1]}
{"t":4,"event":"left","task":"b","attempt":1,"rank":1,"begin":1,"end":4}
{"t":5,"event":"end"}
{"t":5,"eve`

func TestUtilisation(t *testing.T) {
	tl, err := timelineOf(t, twoSessions)
	if err != nil {
		t.Fatal(err)
	}
	u := tl.utilisation()
	near := func(a, b Durations) bool {
		for _, d := range []float64{a.Boot - b.Boot, a.Scheduling - b.Scheduling, a.Exec - b.Exec, a.Idle - b.Idle, a.Term - b.Term, a.Wall - b.Wall} {
			if math.Abs(d) > 1e-9 {
				return false
			}
		}
		return true
	}
	// Rank 0: a from 0.7 to 2 on the pilot's clock, which is 0.1 s ahead. Rank 1: a from 0.9 to 3, then b until the last that is known; in the second session b from 1 to 4.
	for r, want := range []Durations{{Boot: 3, Scheduling: 0.2, Exec: 1.3, Idle: 4.5 + 4, Term: 1, Wall: 14}, {Boot: 3, Scheduling: 0.4 + 1, Exec: 2.1 + 2 + 3, Idle: 0.5 + 1, Term: 1, Wall: 14}} {
		if got := u.Ranks[r].Durations; !near(got, want) {
			t.Errorf("rank %d: got %+v, want %+v", r, got, want)
		}
	}
	if u.Attempts != 3 || u.Sessions != 2 || u.Wall != 14 || math.Abs(u.Busy-8.4/28) > 1e-9 {
		t.Errorf("got %+v", u)
	}
}

// The durations of a rank add up to the wall time, whatever clocks say.
func TestUtilisationAddsUp(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var b strings.Builder
		for range 1 + r.IntN(3) {
			world, now := 1+r.IntN(5), 0.0
			fmt.Fprintf(&b, `{"t":0,"event":"session","time":"2026-01-01T00:00:00Z","boot":%g,"world":%d}`+"\n", r.Float64(), world)
			busy := map[int]int{}
			for i := range r.IntN(40) {
				now += r.Float64()
				rank := r.IntN(world)
				if at, ok := busy[rank]; ok {
					begin := r.Float64()*20 - 10
					fmt.Fprintf(&b, `{"t":%g,"event":"left","task":"t%d","attempt":1,"rank":%d,"begin":%g,"end":%g}`+"\n", now, at, rank, begin, begin+r.Float64()*5)
					delete(busy, rank)
					continue
				}
				busy[rank] = i
				fmt.Fprintf(&b, `{"t":%g,"event":"start","task":"t%d","attempt":1,"ranks":[%d]}`+"\n", now, i, rank)
			}
			if r.IntN(2) == 0 {
				fmt.Fprintf(&b, `{"t":%g,"event":"end"}`+"\n", now+r.Float64())
			}
		}
		tl, err := timelineOf(t, b.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tl.utilisation().Ranks {
			sum := d.Boot + d.Scheduling + d.Exec + d.Idle + d.Term
			if math.Abs(sum-d.Wall) > 1e-9*max(1, d.Wall) || min(d.Boot, d.Scheduling, d.Exec, d.Idle, d.Term) < -1e-9 {
				t.Fatalf("seed %d: %+v: sum %g", seed, d, sum)
			}
		}
	}
}

func TestTimelineMistakes(t *testing.T) {
	session := `{"t":0,"event":"session","time":"2026-01-01T00:00:00Z","world":2}` + "\n"
	for _, c := range []struct{ lines, want string }{
		{"x\n" + session, ":1: invalid character"},
		{`{"t":0,"event":"start"}` + "\n", ":1: an event before the first session"},
		{strings.Replace(session, "2}", "2000000000}", 1), ":1: world = 2000000000: want 1 to"},
		{session + `{"t":1,"event":"start","task":"a","attempt":1,"ranks":[7]}` + "\n", ":2: rank 7 of 2"},
		{session + `{"t":1e12,"event":"end"}` + "\n", ":2: a time of 1e+12 s"},
		{session + `{"t":1,"event":"left","task":"a","rank":0,"begin":0,"end":1}` + "\n", `:2: rank 0 leaves task "a", which it is not in`},
		{session + `{"t":1,"event":"halt"}` + "\n" + `{"t":0,"event":"halt"}` + "\n", ":3: t = 0: time goes back, from 1"},
		{session + strings.Repeat(" ", maxEventLine+1) + "\n", ":2: a line of more than"},
	} {
		if _, err := timelineOf(t, c.lines); err == nil || !strings.Contains(err.Error(), eventsFile+c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestTrace(t *testing.T) {
	tl, err := timelineOf(t, twoSessions)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tl.writeTrace(&b, "run"); err != nil {
		t.Fatal(err)
	}
	var trace struct {
		TraceEvents []traceEvent
		OtherData   map[string]int
	}
	if err := json.Unmarshal(b.Bytes(), &trace); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	rows, found := map[int]bool{}, map[string]traceEvent{}
	for _, e := range trace.TraceEvents {
		if e.Name == "thread_name" {
			rows[e.Tid] = true
		}
		found[fmt.Sprint(e.Cat, " ", e.Name, " ", e.Tid)] = e
	}
	a, read := found["task a 0"], found["stage read 0"]
	if len(rows) != 2 || trace.OtherData["left_out"] != 0 || math.Abs(a.Ts-1.7e6) > 1 || math.Abs(a.Dur-1.3e6) > 1 || read.Ts < a.Ts || read.Ts+read.Dur > a.Ts+a.Dur || read.Dur == 0 {
		t.Errorf("rows %v, a %+v, read %+v", rows, a, read)
	}
	if found["task a 1"].Args["failure"] != "rank 1: <b>bad</b>" || found["task b 1"].Dur != 3e6 {
		t.Errorf("got %+v", found)
	}

	// Too many for a trace: it stays small, and says so.
	s := &session{world: 1, last: 1e6}
	for i := range maxTrace {
		s.spans = append(s.spans, &span{attemptKey: attemptKey{"t", 1}, ordered: float64(i), begin: float64(i) + 0.1, end: float64(i) + 0.8, heard: float64(i) + 0.9})
	}
	b.Reset()
	if err := (&timeline{sessions: []*session{s}, seconds: 1e6}).writeTrace(&b, "run"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &trace); err != nil || len(trace.TraceEvents) > maxTrace || trace.OtherData["left_out"] < maxTrace || b.Len() > 250*maxTrace {
		t.Errorf("%v: %d events, %v, %d bytes", err, len(trace.TraceEvents), trace.OtherData, b.Len())
	}
}
