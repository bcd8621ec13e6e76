package stages

import (
	"cmp"
	"maps"
	"slices"

	"deeprc/frame"
)

// waiting are the results of steps that later steps need.
type waiting map[*frame.Table]wait

// wait is how long a table is needed, and what it takes.
type wait struct {
	until int   // the last step that works on it
	held  int64 // bytes of the memory limit
}

func (w waiting) release() {
	for t := range w {
		t.Release()
	}
}

// offload moves tables that are not among the next step's to files, those first that hold most memory, until at
// least half of the limit is free; moved tells which became which. It does not communicate: ranks may
// move different ones.
func (w waiting) offload(m *frame.Memory, next []*frame.Table) (moved map[*frame.Table]*frame.Table, err error) {
	moved = map[*frame.Table]*frame.Table{}
	order := slices.SortedFunc(maps.Keys(w), func(a, b *frame.Table) int { return cmp.Compare(w[b].held, w[a].held) })
	for _, t := range order {
		if m.Used() <= m.Limit()/2 || w[t].held <= 0 {
			break
		}
		if slices.Contains(next, t) {
			continue
		}
		to, err := t.Offload()
		if err != nil {
			return moved, err
		}
		w[to], moved[t] = wait{until: w[t].until}, to
		delete(w, t)
		t.Release()
	}
	return moved, nil
}
