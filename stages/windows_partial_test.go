package stages

import (
	"math"
	"math/rand/v2"
	"testing"

	"deeprc/model"
)

// TestPartialWindows holds every window of random series to what it is by definition: the steps of the series from its start on, those of
// the train part as they are, and beyond it the last known value in the past and nothing among the targets.
func TestPartialWindows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		cfg := WindowsConfig{Lookback: 1 + rnd.IntN(8), Horizon: 1 + rnd.IntN(6), Stride: 1 + rnd.IntN(4), Partial: true}
		channels := 1 + rnd.IntN(3)
		s := &Series{Long: channels == 1}
		for range 1 + rnd.IntN(4) {
			a := rnd.IntN(30)
			b := a + rnd.IntN(20)
			g := Group{N: b + rnd.IntN(20), Bounds: [3]int{a, b, b}}
			for range channels {
				g.Start = append(g.Start, int64(len(s.Data.Past)))
				for range g.N {
					v := rnd.Float32()
					s.Data.Past = append(s.Data.Past, v)
					if rnd.IntN(5) == 0 {
						v = float32(math.NaN())
					}
					s.Data.Target = append(s.Data.Target, v)
				}
			}
			g.Inputs = int64(len(s.Data.Inputs))
			s.Data.Inputs = append(s.Data.Inputs, make([]float32, 2*g.N+1)...)
			s.Groups = append(s.Groups, g)
		}
		s.Data.Columns = model.Columns{Hist: 1, Future: 1, Static: 1}
		s.Data.Deviation = s.deviations()
		ws := &windowSet{s: s, stride: cfg.Stride}
		var want [][2]int // group and start
		var partial [][2]int
		for g, grp := range s.Groups {
			n := 0
			for start := 0; start+cfg.Lookback < grp.Bounds[0] && start+cfg.Lookback+cfg.Horizon <= grp.N; start += cfg.Stride {
				if start+cfg.Lookback+cfg.Horizon <= grp.Bounds[0] {
					want, n = append(want, [2]int{g, start}), n+1
				} else {
					partial = append(partial, [2]int{g, start})
				}
			}
			ws.first = append(ws.first, 0)
			ws.through = append(ws.through, n)
			if g > 0 {
				ws.through[g] += ws.through[g-1]
			}
		}
		if len(want) == 0 {
			continue
		}
		j := &job{cfg: &Config{Windows: cfg}, series: s, sets: [3]*windowSet{ws}}
		windows, data := j.trainWindows()
		if windows.Len() != len(want)+len(partial) {
			t.Fatalf("%+v of %+v: %d windows, want %d and %d", cfg, s.Groups, windows.Len(), len(want), len(partial))
		}
		for i, x := range append(want, partial...) {
			grp, at := s.Groups[x[0]], make([]int64, channels+3)
			windows.Offsets(at, i)
			for c := range channels {
				end := grp.Start[c] + int64(grp.Bounds[0])
				for k := range int64(cfg.Lookback + cfg.Horizon) {
					src := grp.Start[c] + int64(x[1]) + k
					past, target := s.Data.Past[min(src, end-1)], s.Data.Target[min(src, end-1)]
					if src >= end {
						target = float32(math.NaN())
					}
					if p, y := data.Past[at[c]+k], data.Target[at[c]+k]; p != past || y != target && (y == y || target == target) {
						t.Fatalf("%+v: window %v, step %d: past %v, target %v, want %v, %v", cfg, x, k, p, y, past, target)
					}
				}
				if got, want := data.Deviation(at[c]), s.Data.Deviation(grp.Start[c]); got != want {
					t.Fatalf("%+v: window %v: deviation %v, want %v", cfg, x, got, want)
				}
			}
			for k, want := range []int64{int64(x[1]), int64(grp.N + x[1]), int64(2 * grp.N)} {
				if got := at[channels+k] - grp.Inputs; got != want {
					t.Fatalf("%+v: window %v: inputs' row %d at %d, want %d", cfg, x, k, got, want)
				}
			}
		}
	}
}
