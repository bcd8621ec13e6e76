package stages

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"deeprc/collective"
)

// ragged are the groups of a long table with these steps and bounds.
func ragged(bounds ...[3]int) *Series {
	s := &Series{Long: true}
	at := int64(0)
	for _, b := range bounds {
		s.Groups = append(s.Groups, Group{Start: []int64{at}, N: b[2] + 1, Bounds: b})
		at += int64(b[2] + 1)
	}
	return s
}

// TestWindowsExhaustively compares every window of ragged series with a search over all starts: a window belongs to the part
// that holds its whole horizon, its lookback may reach into the part before, and every stride-th one is taken from the part's first.
func TestWindowsExhaustively(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	type window struct{ group, start int }
	for range 300 {
		var bounds [][3]int
		for range 1 + rnd.IntN(6) {
			a := rnd.IntN(30)
			b := a + rnd.IntN(20)
			bounds = append(bounds, [3]int{a, b, b + rnd.IntN(20)})
		}
		s := ragged(bounds...)
		w := WindowsConfig{1 + rnd.IntN(8), 1 + rnd.IntN(6), 1 + rnd.IntN(4), false}
		var want [3][]window
		for g, b := range bounds {
			for p := range b {
				begin := 0
				if p > 0 {
					begin = b[p-1]
				}
				taken := 0
				for start := range b[p] {
					first, end := start+w.Lookback, start+w.Lookback+w.Horizon // of the horizon
					if p == 0 && end <= b[p] || p > 0 && first >= begin && end <= b[p] {
						if taken%w.Stride == 0 {
							want[p] = append(want[p], window{g, start})
						}
						taken++
					}
				}
			}
		}
		sets, err := splitWindows(s, w)
		if len(want[0]) == 0 || len(want[1]) == 0 || len(want[2]) == 0 {
			if usage := (ConfigError{}); !errors.As(err, &usage) {
				t.Fatalf("%v of %v: %v, want an error: a part is empty", w, bounds, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%v of %v: %v", w, bounds, err)
		}
		for p, ws := range sets {
			if ws.Len() != len(want[p]) {
				t.Fatalf("%v of %v: %d %s windows, want %d", w, bounds, ws.Len(), partNames[p], len(want[p]))
			}
			for i, x := range want[p] {
				g, start := ws.at(i)
				var at [1]int64
				ws.Offsets(at[:], i)
				if g != x.group || start != x.start || at[0] != s.Groups[g].Start[0]+int64(start) {
					t.Fatalf("%v of %v: %s window %d is (%d, %d) at %d, want %v", w, bounds, partNames[p], i, g, start, at[0], x)
				}
			}
		}
	}
}

func TestWindowsOfWideTable(t *testing.T) {
	const n = 100
	s := &Series{Groups: []Group{{Start: []int64{0, n, 2 * n}, N: n, Bounds: [3]int{60, 80, 100}}}}
	for _, c := range []struct {
		w    WindowsConfig
		want [3]int
	}{
		{WindowsConfig{10, 5, 1, false}, [3]int{60 - 10 - 5 + 1, 20 - 5 + 1, 20 - 5 + 1}},
		{WindowsConfig{10, 5, 7, false}, [3]int{7, 3, 3}},
		{WindowsConfig{55, 5, 1, false}, [3]int{1, 16, 16}},
		{WindowsConfig{40, 20, 1, false}, [3]int{1, 1, 1}},
		{WindowsConfig{1, 1, 1, false}, [3]int{59, 20, 20}},
		{WindowsConfig{1, 1, 1000, false}, [3]int{1, 1, 1}},
	} {
		sets, err := splitWindows(s, c.w)
		if err != nil {
			t.Fatal(err)
		}
		for p, ws := range sets {
			if ws.Len() != c.want[p] {
				t.Errorf("%v: %d %s windows, want %d", c.w, ws.Len(), partNames[p], c.want[p])
			}
			var at [3]int64
			ws.Offsets(at[:], ws.Len()-1)
			_, start := ws.at(ws.Len() - 1)
			if at != [3]int64{int64(start), int64(n + start), int64(2*n + start)} {
				t.Errorf("%v: the last window starts at %d, its offsets are %v", c.w, start, at)
			}
		}
	}
}

func TestWindowsErrors(t *testing.T) {
	wide := &Series{Groups: []Group{{Start: []int64{0}, N: 100, Bounds: [3]int{60, 80, 100}}}}
	for _, c := range []struct {
		s    *Series
		w    WindowsConfig
		want string
	}{
		{wide, WindowsConfig{90, 20, 1, false}, "a window of lookback 90 + horizon 20 = 110 steps is longer than the data: the longest series has 100 steps; shorten windows.lookback or windows.horizon"},
		{wide, WindowsConfig{50, 20, 1, false}, "the train part has no window: lookback 50 + horizon 20 = 70 steps do not fit into its 60"},
		{wide, WindowsConfig{10, 30, 1, false}, "the validation part has no window: lookback 10 + horizon 30 = 40 steps do not fit into its 30"},
		{ragged([3]int{60, 80, 85}, [3]int{30, 50, 55}), WindowsConfig{10, 15, 1, false}, "the test part has no window: lookback 10 + horizon 15 = 25 steps do not fit into its 15"},
		{ragged([3]int{0, 50, 90}), WindowsConfig{10, 15, 1, false}, "the train part has no window: lookback 10 + horizon 15 = 25 steps do not fit into its 0"},
		{ragged([3]int{5, 7, 9}, [3]int{5, 7, 12}), WindowsConfig{10, 15, 1, false}, "is longer than the data: the longest series has 13 steps"},
	} {
		_, err := splitWindows(c.s, c.w)
		if usage := (ConfigError{}); err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &usage) {
			t.Errorf("%v: got  %v\nwant %s", c.w, err, c.want)
		}
	}
}

// TestWindowsETTh1 checks the counts that the benchmark's papers give.
func TestWindowsETTh1(t *testing.T) {
	path := filepath.Join(os.Getenv("DEEPRC_DATA"), "ett", "ETTh1.csv")
	if os.Getenv("DEEPRC_DATA") == "" {
		t.Skip("DEEPRC_DATA names no folder with ett/ETTh1.csv")
	}
	for h, want := range map[string][3]int{"96": {8209, 2785, 2785}, "720": {7585, 2161, 2161}} {
		for _, split := range []string{`["2017-06-26", "2017-10-24", "2018-02-21"]`, "[8640, 2880, 2880]"} {
			cfg := mustParse(t, "[data]\n", "data.path="+path, "windows.horizon="+h, "data.split="+split)
			err := collective.RunLocal(2, func(c collective.Comm) error {
				raw, err := readData(c, &cfg.Data, nil, nil)
				if err != nil {
					return err
				}
				s, err := buildSeries(c, &cfg.Data, raw, nil)
				if err != nil {
					return err
				}
				sets, err := splitWindows(s, cfg.Windows)
				for p, ws := range sets {
					if err == nil && ws.Len() != want[p] {
						t.Errorf("horizon %s, split %s: %d %s windows, want %d", h, split, ws.Len(), partNames[p], want[p])
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
