package stages

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"
	"time"
)

// Split divides every series into train, validation and test, in time order. One
// of its fields is set.
type Split struct {
	Fractions []float64   // of the steps; as int(f·n) for train and test, the rest for validation where they sum to 1
	Rows      []int       // steps each
	Dates     []time.Time // at which train, validation and test end (not included); without the third, test runs to the end
}

func (s *Split) fromTOML(v any) error {
	*s = Split{}
	list, ok := v.([]any)
	if !ok {
		return fmt.Errorf("is %v: want a list, as [0.7, 0.1, 0.2]", v)
	}
	whole := true
	for _, e := range list {
		if _, ok := e.(float64); ok {
			whole = false
		}
	}
	for _, e := range list {
		switch e := e.(type) {
		case int64:
			if whole {
				s.Rows = append(s.Rows, int(e))
			} else {
				s.Fractions = append(s.Fractions, float64(e))
			}
		case float64:
			s.Fractions = append(s.Fractions, e)
		case time.Time:
			if e.Location().String() == "time-local" {
				return fmt.Errorf("holds the time of day %s: want dates, as 2017-06-26 00:00:00", e.Format(time.TimeOnly))
			}
			s.Dates = append(s.Dates, wallClock(e))
		case string:
			t, err := parseDate(e)
			if err != nil {
				return err
			}
			s.Dates = append(s.Dates, t)
		default:
			return fmt.Errorf("holds %v: want fractions, row counts or dates", e)
		}
	}
	return s.check(len(list))
}

func (s *Split) check(n int) error {
	kinds := 0
	for _, l := range []int{len(s.Fractions), len(s.Rows), len(s.Dates)} {
		if l > 0 {
			kinds++
		}
	}
	if kinds != 1 || n != 3 && (n != 2 || len(s.Dates) != 2) {
		return errors.New("want three fractions, three row counts, or two or three dates")
	}
	sum := 0.
	for _, f := range s.Fractions {
		if !(f > 0) {
			return fmt.Errorf("the fraction %g must be above 0", f)
		}
		sum += f
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("the fractions sum to %g: more than 1", sum)
	}
	for _, r := range s.Rows {
		if r < 1 {
			return fmt.Errorf("the row count %d must be at least 1", r)
		}
	}
	for i := 1; i < len(s.Dates); i++ {
		if !s.Dates[i].After(s.Dates[i-1]) {
			return fmt.Errorf("%s is not after %s", showTime(s.Dates[i]), showTime(s.Dates[i-1]))
		}
	}
	return nil
}

// wallClock drops the zone that the TOML library gives to local times.
func wallClock(t time.Time) time.Time {
	switch t.Location().String() {
	case "datetime-local", "date-local", "time-local":
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	}
	return t.UTC()
}

func parseDate(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("holds %q: want a date as 2017-06-26 or 2017-06-26 00:00:00", s)
}

// bounds are the steps at which train, validation and test end in a series of n
// steps, step t being at time at(t).
func (s Split) bounds(n int, at func(t int) time.Time) (b [3]int) {
	switch {
	case s.Rows != nil:
		end := 0
		for i, r := range s.Rows {
			end += min(r, n-end)
			b[i] = end
		}
	case s.Fractions != nil:
		f := s.Fractions
		part := func(i int) int { return int(f[i]*float64(n) + 1e-9) }
		b[0] = part(0)
		b[1] = b[0] + part(1)
		if math.Abs(f[0]+f[1]+f[2]-1) < 1e-9 {
			b[1] = n - part(2)
		}
		b[2] = min(b[1]+part(2), n)
	default:
		b[2] = n
		for i, d := range s.Dates {
			b[i] = sort.Search(n, func(t int) bool { return !at(t).Before(d) })
		}
	}
	return b
}

func (s Split) String() string {
	switch {
	case s.Rows != nil:
		return strings.ReplaceAll(fmt.Sprint(s.Rows), " ", ", ")
	case s.Fractions != nil:
		var p []string
		for _, f := range s.Fractions {
			p = append(p, tomlFloat(f))
		}
		return "[" + strings.Join(p, ", ") + "]"
	}
	var p []string
	for _, d := range s.Dates {
		p = append(p, d.Format(`"2006-01-02 15:04:05.999999999"`))
	}
	return "[" + strings.Join(p, ", ") + "]"
}
