package stages

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// stamps parses times of day-month form or with hours.
func stamps(t testing.TB, texts ...string) (ts []int64) {
	t.Helper()
	for _, s := range texts {
		at, err := parseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		ts = append(ts, at.UnixMicro())
	}
	return ts
}

// every makes n times, d apart.
func every(n int, d time.Duration) (ts []int64) {
	for i := range n {
		ts = append(ts, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i)*d).UnixMicro())
	}
	return ts
}

func without(ts []int64, drop ...int) (out []int64) {
	for i, t := range ts {
		keep := true
		for _, d := range drop {
			keep = keep && i != d
		}
		if keep {
			out = append(out, t)
		}
	}
	return out
}

// monthEnds are the last days of n months, every k-th, from the one of start.
func monthEnds(start time.Time, n, k int) (ts []int64) {
	for i := range n {
		ts = append(ts, time.Date(start.Year(), start.Month()+time.Month(i*k)+1, 0, start.Hour(), 0, 0, 0, time.UTC).UnixMicro())
	}
	return ts
}

func TestFindStep(t *testing.T) {
	const hour = 3600e6
	dec := time.Date(2019, 12, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		series [][]int64
		plain  bool
		want   Step
		text   string
		season int
		steps  []int // of the first series, the step of each time
	}{
		{"hours", [][]int64{every(50, time.Hour)}, false, Step{Micros: hour}, "1 h", 24, nil},
		{"quarter hours", [][]int64{every(50, 15*time.Minute)}, false, Step{Micros: hour / 4}, "15 min", 96, nil},
		{"days", [][]int64{every(50, 24*time.Hour)}, false, Step{Micros: 24 * hour}, "1 day(s)", 7, nil},
		{"weeks", [][]int64{every(50, 7*24*time.Hour)}, false, Step{Micros: 168 * hour}, "7 day(s)", 1, nil},
		{"gaps", [][]int64{without(every(9, time.Hour), 3, 4, 7)}, false, Step{Micros: hour}, "1 h", 24, []int{0, 1, 2, 5, 6, 8}},
		{"gaps that need the divisor", [][]int64{stamps(t, "2020-01-01 00:00", "2020-01-01 02:00", "2020-01-01 05:00")}, false, Step{Micros: hour}, "1 h", 24, []int{0, 2, 5}},
		{"spacing of another series", [][]int64{without(every(9, time.Hour), 1, 3, 5, 7), every(9, time.Hour)}, false, Step{Micros: hour}, "1 h", 24, []int{0, 2, 4, 6, 8}},
		{"months", [][]int64{stamps(t, "2020-01-01", "2020-02-01", "2020-03-01", "2020-05-01")}, false, Step{Months: 1}, "1 month(s)", 12, []int{0, 1, 2, 4}},
		{"quarters", [][]int64{stamps(t, "2020-01-15", "2020-04-15", "2020-07-15", "2021-01-15")}, false, Step{Months: 3}, "3 month(s)", 4, []int{0, 1, 2, 4}},
		{"years", [][]int64{stamps(t, "2020-06-01", "2021-06-01", "2022-06-01", "2024-06-01")}, false, Step{Months: 12}, "12 month(s)", 1, []int{0, 1, 2, 4}},
		{"decades", [][]int64{stamps(t, "1950-01-01", "1960-01-01", "1980-01-01")}, false, Step{Months: 120}, "120 month(s)", 1, []int{0, 1, 3}},
		{"month ends", [][]int64{monthEnds(dec, 60, 1)}, false, Step{Months: 1, Ends: true}, "1 month(s)", 12, nil},
		{"month ends, few", [][]int64{monthEnds(dec, 5, 1)}, false, Step{Months: 1, Ends: true}, "1 month(s)", 12, []int{0, 1, 2, 3, 4}},
		{"month ends with a gap", [][]int64{without(monthEnds(dec, 9, 1), 2, 3)}, false, Step{Months: 1, Ends: true}, "1 month(s)", 12, []int{0, 1, 4, 5, 6, 7, 8}},
		{"month ends from February", [][]int64{stamps(t, "2021-02-28", "2021-03-31", "2021-04-30")}, false, Step{Months: 1, Ends: true}, "1 month(s)", 12, []int{0, 1, 2}},
		{"quarter ends", [][]int64{monthEnds(dec, 20, 3)}, false, Step{Months: 3, Ends: true}, "3 month(s)", 4, nil},
		{"ends of February", [][]int64{monthEnds(dec.AddDate(0, 0, 60), 9, 12)}, false, Step{Months: 12, Ends: true}, "12 month(s)", 1, nil},
		{"the 28th, no month's end", [][]int64{stamps(t, "2021-02-28", "2021-03-28", "2021-04-28")}, false, Step{Months: 1}, "1 month(s)", 12, []int{0, 1, 2}},
		{"whole numbers", [][]int64{{10, 15, 25, 30}}, true, Step{Micros: 5, Plain: true}, "5", 1, []int{0, 1, 3, 4}},
		{"negative whole numbers", [][]int64{{-7, -4, -1, 2}}, true, Step{Micros: 3, Plain: true}, "3", 1, []int{0, 1, 2, 3}},
		{"one row", [][]int64{{10}}, true, Step{Micros: 1, Plain: true}, "1", 1, []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := findStep(c.series, c.plain)
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v, want %+v", got, err, c.want)
			}
			if got.String() != c.text || got.season() != c.season {
				t.Errorf("%q with seasons of %d, want %q, %d", got, got.season(), c.text, c.season)
			}
			for _, ts := range c.series {
				for i, at := range ts {
					pos := got.index(ts[0], at)
					if back := got.at(ts[0], pos); back != at {
						t.Errorf("row %d at %s is placed at step %d, which is %s", i, time.UnixMicro(at).UTC(), pos, time.UnixMicro(back).UTC())
					}
				}
			}
			var pos []int
			for _, at := range c.series[0] {
				pos = append(pos, got.index(c.series[0][0], at))
			}
			if c.steps != nil && !slices.Equal(pos, c.steps) {
				t.Fatalf("steps %v, want %v", pos, c.steps)
			}
			if c.steps == nil && pos[len(pos)-1] != len(pos)-1 {
				t.Errorf("%d rows without a gap end at step %d", len(pos), pos[len(pos)-1])
			}
		})
	}
}

func TestFindStepIrregular(t *testing.T) {
	ts := every(200, time.Hour)
	for i := range ts {
		ts[i] += int64(i*i%7) * 1e6 // some seconds late
	}
	for name, c := range map[string]struct {
		ts    []int64
		plain bool
		want  string
	}{
		"seconds late":       {ts, false, `the timestamps are not evenly spaced: the only spacing that fits them all is 1 s, and then`},
		"one far-off number": {[]int64{1, 2, 3, 1 << 40}, true, "not evenly spaced"},
		"all of int64":       {[]int64{-1 << 63, 0, 1<<63 - 1}, true, "too wide for a time grid"},
		"too much for int64": {[]int64{-1 << 63, 1 << 62}, true, "too wide for a time grid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := findStep([][]int64{c.ts}, c.plain)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `set data.step = "rows"`) {
				t.Errorf("got %v", err)
			}
		})
	}
}
