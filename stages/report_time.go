package stages

import (
	"time"

	"gonum.org/v1/plot"
)

// timeTicks are at most seven round times in a range of Unix seconds, in the place's wall-clock time. A second line of
// the label has the date, month or year where it is new.
func timeTicks(lo, hi float64, place *time.Location) (ticks []plot.Tick) {
	const day = 24 * time.Hour
	start, end := time.UnixMilli(int64(lo*1000)).In(place), time.UnixMilli(int64(hi*1000)).In(place)
	fits := func(step time.Duration) bool { return end.Sub(start) <= 6*step }
	midnight := time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, place)

	var at []time.Time
	first, again := "", "" // layouts of a label's two lines
	for _, s := range []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if fits(s) {
			first, again = "15:04", "2 Jan"
			if s < time.Minute {
				first = "15:04:05"
			}
			skip := start.Sub(midnight) / s * s
			for t := midnight.Add(skip); !t.After(end); t = t.Add(s) {
				at = append(at, t)
			}
			break
		}
	}
	if at == nil {
		for _, n := range []int{1, 2, 4, 7, 14} {
			if fits(time.Duration(n) * day) {
				first, again = "2 Jan", "2006"
				for t := midnight; !t.After(end); t = t.AddDate(0, 0, n) {
					at = append(at, t)
				}
				break
			}
		}
	}
	if at == nil {
		months := 1
		for _, n := range []int{1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200} {
			months = n
			if fits(time.Duration(n) * 30 * day) {
				break
			}
		}
		first, again = "Jan", "2006"
		if months >= 12 {
			first, again = "2006", ""
		}
		years := max(1, months/12)
		t := time.Date(start.Year()/years*years, 1, 1, 0, 0, 0, 0, place)
		for ; !t.After(end); t = t.AddDate(0, months, 0) {
			at = append(at, t)
		}
	}

	last := ""
	for _, t := range at {
		if t.Before(start) {
			continue
		}
		label := t.Format(first) + "\n " // each label has two lines, else the first ones would not align
		if line := t.Format(again); line != last {
			label, last = t.Format(first)+"\n"+line, line
		}
		ticks = append(ticks, plot.Tick{Value: float64(t.Unix()), Label: label})
	}
	return ticks
}
