package stages

import (
	"fmt"
	"sort"
)

// windowSet are the windows whose horizon lies within one part of the split; a
// lookback may reach into the part before. They are counted, never stored.
type windowSet struct {
	s       *Series
	stride  int
	first   []int // start of each group's first window
	through []int // windows of the groups up to and including each
}

var partNames = [3]string{"train", "validation", "test"}

// splitWindows makes the sets of train, validation and test. In a series of a
// long table that is too short there is no window; a part without any is an error.
func splitWindows(s *Series, cfg WindowsConfig) (sets [3]*windowSet, err error) {
	l, h := cfg.Lookback, cfg.Horizon
	for _, u := range s.Untrained {
		if s.Groups[u.Group].N >= l+h {
			return sets, fmt.Errorf("no value in the train part of %s: nothing can be learnt of it; leave it out, or move data.split", u.What)
		}
	}
	for p := range sets {
		ws := &windowSet{s: s, stride: cfg.Stride}
		total, longest := 0, 0
		for _, g := range s.Groups {
			begin := 0
			if p > 0 {
				begin = g.Bounds[p-1]
			}
			start := max(begin-l, 0)
			n := 0
			if last := g.Bounds[p] - l - h; last >= start {
				n = (last-start)/cfg.Stride + 1
			}
			longest = max(longest, g.Bounds[p]-start)
			total += n
			ws.first, ws.through = append(ws.first, start), append(ws.through, total)
		}
		if total == 0 {
			return sets, emptyPart(s, p, l, h, longest)
		}
		sets[p] = ws
	}
	return sets, nil
}

func emptyPart(s *Series, p, l, h, longest int) error {
	n := 0
	for _, g := range s.Groups {
		n = max(n, g.N)
	}
	if n < l+h {
		return configErrorf("a window of lookback %d + horizon %d = %d steps is longer than the data: the longest series has %d steps; "+
			"shorten windows.lookback or windows.horizon", l, h, l+h, n)
	}
	return configErrorf("the %s part has no window: lookback %d + horizon %d = %d steps do not fit into its %d (with the lookback before it); "+
		"shorten them, or give it a larger share in data.split", partNames[p], l, h, l+h, longest)
}

// Len is the number of windows.
func (w *windowSet) Len() int { return w.through[len(w.through)-1] }

// locate is the group of window i, of through windows in the groups up to and including each, and which of the group's it is.
func locate(through []int, i int) (g, k int) {
	if len(through) > 1 {
		g = sort.SearchInts(through, i+1)
		if g > 0 {
			i -= through[g-1]
		}
	}
	return g, i
}

// at is group and first step of window i.
func (w *windowSet) at(i int) (group, start int) {
	g, k := locate(w.through, i)
	return g, w.first[g] + k*w.stride
}

// Offsets is as in [model.Windows].
func (w *windowSet) Offsets(dst []int64, i int) {
	g, start := w.at(i)
	grp := &w.s.Groups[g]
	for c, at := range grp.Start {
		dst[c] = at + int64(start)
	}
	w.s.inputOffsets(dst[len(grp.Start):], grp, start)
}

// inputOffsets writes where the inputs of a window of a group that starts at a step are: hist and future columns, then the statics.
func (s *Series) inputOffsets(dst []int64, grp *Group, start int) {
	rows := s.Data.Hist + s.Data.Future
	for k := range dst {
		dst[k] = grp.Inputs + int64(k*grp.N)
		if k < rows {
			dst[k] += int64(start)
		}
	}
}

func (w *windowSet) String() string { return fmt.Sprintf("%d windows", w.Len()) }
