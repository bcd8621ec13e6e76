package stages

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// traceFile opens in ui.perfetto.dev and chrome://tracing.
const traceFile = "trace.json"

// maxTrace bounds the events of a trace, at about 200 bytes each; traceName the bytes of a name in it.
const (
	maxTrace  = 200_000
	traceName = 200
)

// traceEvent is one of the Trace Event Format (Google, 2016): ph X is a span, M names a row. Times are in microseconds.
type traceEvent struct {
	Name string         `json:"name"`
	Cat  string         `json:"cat,omitempty"`
	Ph   string         `json:"ph"`
	Ts   float64        `json:"ts"`
	Dur  float64        `json:"dur,omitempty"`
	Pid  int            `json:"pid"`
	Tid  int            `json:"tid"`
	Args map[string]any `json:"args,omitempty"`
}

// writeTrace writes a row a rank: tasks, in them their stages, and around them what scheduling took. Where that is more than maxTrace
// events, stages and scheduling are left out first, then the last tasks; otherData says how many.
func (t *timeline) writeTrace(w io.Writer, name string) error {
	levels := [3]int{} // tasks, with scheduling, with stages
	for _, s := range t.sessions {
		for _, p := range s.spans {
			levels[0]++
			levels[1] += 2
			levels[2] += len(p.stages)
		}
	}
	rows := min(t.world(), maxTrace/4)
	room := maxTrace - 2*rows - 3*len(t.sessions)
	tasks := min(levels[0], max(room, 0))
	scheduling := levels[0]+levels[1] <= room
	stages := scheduling && levels[0]+levels[1]+levels[2] <= room
	left := levels[0] - tasks
	if !scheduling {
		left += levels[1]
	}
	if !stages {
		left += levels[2]
	}

	b := bufio.NewWriter(w)
	fmt.Fprintf(b, `{"displayTimeUnit":"ms","otherData":{"left_out":%d},"traceEvents":[`, left)
	first := true
	put := func(e traceEvent) error {
		e.Name, e.Pid = cut(e.Name), 1
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.WriteByte('\n')
		_, err = b.Write(text)
		return err
	}
	span := func(cat, name string, rank int, from, to float64, args map[string]any) error {
		if to <= from {
			return nil
		}
		return put(traceEvent{Name: name, Cat: cat, Ph: "X", Ts: from * 1e6, Dur: (to - from) * 1e6, Tid: rank, Args: args})
	}
	if err := put(traceEvent{Name: "process_name", Ph: "M", Args: map[string]any{"name": name}}); err != nil {
		return err
	}
	for r := range rows {
		if err := put(traceEvent{Name: "thread_name", Ph: "M", Tid: r, Args: map[string]any{"name": fmt.Sprint("rank ", r)}}); err != nil {
			return err
		}
		if err := put(traceEvent{Name: "thread_sort_index", Ph: "M", Tid: r, Args: map[string]any{"sort_index": r}}); err != nil {
			return err
		}
	}
	for _, s := range t.sessions {
		at := s.at + s.boot
		if err := span("pilot", "boot", 0, s.at, at, map[string]any{"ranks": s.world}); err != nil {
			return err
		}
		if err := span("pilot", "term", 0, at+s.left, at+s.last, nil); err != nil {
			return err
		}
		for _, p := range s.spans {
			if tasks--; tasks < 0 {
				continue
			}
			args := map[string]any{"attempt": p.attempt}
			if p.failure != "" {
				args["failure"] = cut(p.failure)
			}
			if p.open {
				args["open"] = true
			}
			if err := span("task", p.task, p.rank, at+p.begin, at+p.end, args); err != nil {
				return err
			}
			if scheduling {
				if err := span("scheduling", "to start", p.rank, at+p.ordered, at+p.begin, nil); err != nil {
					return err
				}
				if err := span("scheduling", "to hand back", p.rank, at+p.end, at+p.heard, nil); err != nil {
					return err
				}
			}
			for _, st := range p.stages {
				if !stages {
					break
				}
				if err := span("stage", st.Stage, p.rank, at+st.Begin, at+st.End, nil); err != nil {
					return err
				}
			}
		}
	}
	b.WriteString("\n]}\n")
	return b.Flush()
}

// cut bounds a text of a trace or page.
func cut(s string) string {
	if len(s) > traceName {
		return s[:traceName] + "…"
	}
	return s
}
