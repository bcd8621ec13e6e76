package stages

import (
	"fmt"
	"math"
	"time"
)

// A Step is the even spacing of a time grid: a fixed time, whole months, or
// plain counting.
type Step struct {
	Micros int64 // microseconds, or units where the time column holds whole numbers
	Months int
	Ends   bool // with Months: every time is on the last day of its month
	Plain  bool // the time column holds whole numbers
}

// at is the time of step t of a grid that starts at t0.
func (s Step) at(t0 int64, t int) int64 {
	if s.Months > 0 {
		x := time.UnixMicro(t0).UTC()
		if s.Ends { // the day before the first of the month after
			x = x.AddDate(0, 0, 1)
			return x.AddDate(0, s.Months*t, -1).UnixMicro()
		}
		return x.AddDate(0, s.Months*t, 0).UnixMicro()
	}
	return t0 + s.Micros*int64(t)
}

func (s Step) String() string {
	switch {
	case s.Plain:
		return fmt.Sprint(s.Micros)
	case s.Months > 0:
		return fmt.Sprintf("%d month(s)", s.Months)
	case s.Micros%(24*3600e6) == 0:
		return fmt.Sprintf("%d day(s)", s.Micros/(24*3600e6))
	case s.Micros%3600e6 == 0:
		return fmt.Sprintf("%d h", s.Micros/3600e6)
	case s.Micros%60e6 == 0:
		return fmt.Sprintf("%d min", s.Micros/60e6)
	}
	return fmt.Sprintf("%g s", float64(s.Micros)/1e6)
}

// halfDay is the number of steps in twelve hours, 0 where a step is longer or no time.
func (s Step) halfDay() int {
	if s.Plain || s.Months > 0 || s.Micros <= 0 {
		return 0
	}
	return int(12 * 3600e6 / s.Micros)
}

// season is the number of steps in a day (a week of days, a year of months), at
// least 1.
func (s Step) season() int {
	const day = 24 * 3600e6
	switch {
	case s.Plain:
		return 1
	case s.Months > 0:
		return max(1, 12/s.Months)
	case s.Micros < day:
		return int(day / s.Micros)
	case s.Micros == day:
		return 7
	}
	return 1
}

// findStep is the spacing that all times of all series are multiples of.
func findStep(series [][]int64, plain bool) (Step, error) {
	var d int64 // greatest common divisor of all differences
	months, ends, rows := 0, 0, 0
	small := int64(math.MaxInt64)
	for _, ts := range series {
		rows += len(ts)
		if len(ts) > 0 && ts[len(ts)-1]-ts[0] < 0 { // more than an int64 holds
			return Step{}, fmt.Errorf("the time column runs from %d to %d: too wide for a time grid; set data.step = \"rows\" to take each row as a step", ts[0], ts[len(ts)-1])
		}
		for i := 1; i < len(ts); i++ {
			gap := ts[i] - ts[i-1]
			d = gcd(d, gap)
			small = min(small, gap)
			if months >= 0 && !plain {
				months = gcdMonths(months, ts[i-1], ts[i])
			}
			if ends >= 0 && !plain {
				ends = gcdMonths(ends, firstAfter(ts[i-1]), firstAfter(ts[i]))
			}
		}
	}
	if d == 0 {
		return Step{Micros: 1, Plain: plain}, nil
	}
	if !plain && ends > 0 && small >= 28*24*3600e6 {
		return Step{Months: ends, Ends: true}, nil
	}
	if !plain && months > 0 && small >= 28*24*3600e6 {
		return Step{Months: months}, nil
	}
	s := Step{Micros: d, Plain: plain}
	var steps float64
	for _, ts := range series {
		if len(ts) > 0 {
			steps += (float64(ts[len(ts)-1])-float64(ts[0]))/float64(d) + 1
		}
	}
	if steps > 10*float64(rows)+1000 {
		return s, fmt.Errorf("the timestamps are not evenly spaced: the only spacing that fits them all is %s, and then %.0f of %.0f steps would be missing; "+
			"clean the time column, or set data.step = \"rows\" to take each row as a step", s, steps-float64(rows), steps)
	}
	return s, nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// gcdMonths folds the whole months between two times into m; −1 where they are not whole.
func gcdMonths(m int, a, b int64) int {
	x, y := time.UnixMicro(a).UTC(), time.UnixMicro(b).UTC()
	n := (y.Year()-x.Year())*12 + int(y.Month()) - int(x.Month())
	if n <= 0 || x.AddDate(0, n, 0) != y {
		return -1
	}
	return int(gcd(int64(m), int64(n)))
}

// firstAfter is the day after t, the first of a month; where t is not on the last
// day of one, −2⁶³, which is no whole month from anything.
func firstAfter(t int64) int64 {
	if x := time.UnixMicro(t).UTC().AddDate(0, 0, 1); x.Day() == 1 {
		return x.UnixMicro()
	}
	return math.MinInt64
}

// index is the step of the grid from t0 on at which t stands.
func (s Step) index(t0, t int64) int {
	if s.Months > 0 {
		x, y := time.UnixMicro(t0).UTC(), time.UnixMicro(t).UTC()
		return ((y.Year()-x.Year())*12 + int(y.Month()) - int(x.Month())) / s.Months
	}
	return int((t - t0) / s.Micros)
}

// showTime is the shortest form of t in messages and plots.
func showTime(t time.Time) string {
	if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
		return t.Format("2006-01-02")
	}
	if t.Second() == 0 {
		return t.Format("2006-01-02 15:04")
	}
	return t.Format("2006-01-02 15:04:05")
}
