package frame

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
)

const (
	nsPerDay  = usPerDay * 1000
	nsPerWeek = 7 * nsPerDay
	monday    = 4 // 1970-01-05, in days since 1970-01-01
)

// ticksPerDay is the unit in which a column counts time since 1970-01-01 00:00 UTC.
func ticksPerDay(dt arrow.DataType) (int64, bool) {
	switch dt := dt.(type) {
	case *arrow.Date32Type:
		return 1, true
	case *arrow.Date64Type:
		return 86400 * 1e3, true
	case *arrow.TimestampType:
		return 86400 * [...]int64{1, 1e3, 1e6, 1e9}[dt.Unit], true
	}
	return 0, false
}

// period is a length of time: a number of months, or of nanoseconds. The other is 0.
type period struct{ months, ns int64 }

// units of a period's text, in nanoseconds; months and years apart.
var units = map[string]int64{
	"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": nsPerDay, "w": nsPerWeek,
}

// ParseDuration reads a length of time, as all options give it: a number above 0 and a unit, ns, us,
// ms, s, m (minutes), h, d or w, as in 15m, 1.5h or 2w, of at most 292 years. Months (mo) and years
// (y), whole numbers of them, are an error here, since they differ in length; [ResampleOptions] has them.
func ParseDuration(s string) (time.Duration, error) {
	p, err := parsePeriod(s)
	if err != nil {
		return 0, err
	}
	ns, err := p.ticks(nsPerDay)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", quote(s), err)
	}
	return time.Duration(ns), nil
}

// parsePeriod reads a length of time of [ParseDuration], or months or years.
func parsePeriod(s string) (period, error) {
	i := 0
	for i < len(s) && (s[i]-'0' <= 9 || s[i] == '.') {
		i++
	}
	whole, frac, point := strings.Cut(s[:i], ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	unit, fixed := units[s[i:]]
	months := map[string]int64{"mo": 1, "y": 12}[s[i:]]
	rest, exact := fraction(frac, unit)
	switch {
	case err != nil || n == 0 && rest == 0 || !fixed && (months == 0 || point) || !exact || point && frac == "":
		return period{}, fmt.Errorf("%s is not a length of time; want a number above 0 and a unit, ns, us, ms, s, m (minutes), h, d or w, or a whole number of mo (months) or y, as in 15m, 1.5h or 1mo", quote(s))
	case months > 0 && n <= 12e4/months:
		return period{months: n * months}, nil
	case fixed:
		over, ns := bits.Mul64(uint64(n), uint64(unit))
		if over == 0 && ns <= uint64(math.MaxInt64-rest) {
			return period{ns: int64(ns) + rest}, nil
		}
	}
	return period{}, fmt.Errorf("%s is too long a time; want at most 292 years, or 10000y in months and years", quote(s))
}

// fraction is the digits behind the point of a number of units, in nanoseconds; false where they are finer.
func fraction(digits string, unit int64) (ns int64, exact bool) {
	for _, d := range strings.TrimRight(digits, "0") {
		if d < '0' || d > '9' || unit%10 != 0 {
			return 0, false
		}
		unit /= 10
		ns += int64(d-'0') * unit
	}
	return ns, true
}

// ticks is a fixed period in a column's unit.
func (p period) ticks(perDay int64) (int64, error) {
	if p.months > 0 {
		return 0, fmt.Errorf("months and years differ in length; give days")
	}
	tick := nsPerDay / perDay
	if p.ns%tick != 0 {
		return 0, fmt.Errorf("the time column counts in steps of %s, of which this is no multiple; cast the column to a finer unit", fixedText(tick))
	}
	return p.ns / tick, nil
}

// fixedText is a number of nanoseconds in the greatest unit that divides it.
func fixedText(ns int64) string {
	for _, u := range []string{"d", "h", "m", "s", "ms", "us"} {
		if ns%units[u] == 0 {
			return strconv.FormatInt(ns/units[u], 10) + u
		}
	}
	return strconv.FormatInt(ns, 10) + "ns"
}

// parseTicks reads a time as [scanTime] does, in a column's unit, which must count it exactly.
func parseTicks(s string, perDay int64) (int64, error) {
	us, ns, end, ok := scanTime([]byte(s), 0)
	if !ok || end != len(s) {
		return 0, fmt.Errorf("%s is not a time; want it as in 2006-01-02 or 2006-01-02 15:04:05", quote(s))
	}
	if perDay > usPerDay {
		t, ok := nanos(us, ns)
		switch {
		case ns < 0:
			return 0, fmt.Errorf("%s is finer than a nanosecond", quote(s))
		case !ok:
			return 0, fmt.Errorf("%s is out of the range of a time in nanoseconds, 1677-09-21 to 2262-04-11", quote(s))
		}
		return t, nil
	}
	tick := usPerDay / perDay
	if ns != 0 || us%tick != 0 {
		return 0, fmt.Errorf("%s is finer than the time column, which counts in steps of %s", quote(s), fixedText(tick*1000))
	}
	return us / tick, nil
}

// maxTicks bounds times, so that differences and steps of them cannot overflow.
const maxTicks = math.MaxInt64 / 2

// civil is the year and month (0 to 11) of a day since 1970-01-01 in the proleptic
// Gregorian calendar, and the first day of that month; Hinnant, chrono-Compatible
// Low-Level Date Algorithms.
func civil(day int64) (year int64, month int, first int64) {
	z := day + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	year, month = yoe+era*400, int(mp+2)
	if mp >= 10 {
		year, month = year+1, int(mp-10)
	}
	return year, month, day - (doy - (153*mp+2)/5)
}

// monthStart is the first day of a month, counted from January 1970, in days since then.
func monthStart(month int64) int64 {
	y, m := floorDiv(month, 12)+1970, month-12*floorDiv(month, 12)
	if m < 2 {
		y--
	}
	mp := (m + 10) % 12
	era := floorDiv(y, 400)
	yoe := y - era*400
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + (153*mp+2)/5 - 719468
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// grid cuts time into bins: bin k is start(k) ≤ t < start(k+1).
type grid struct {
	perDay, months, every, origin int64 // every and origin in ticks, unless months
}

// newGrid cuts time into bins of a length from 1970-01-01 on, whole weeks from a Monday on.
func newGrid(every string, perDay int64) (grid, error) {
	p, err := parsePeriod(every)
	if err != nil {
		return grid{}, err
	}
	g := grid{perDay: perDay, months: p.months}
	if p.months > 0 {
		last := math.MaxInt64 / perDay
		if g.firstDay(g.bin(-maxTicks-1)) < -last || g.firstDay(g.bin(maxTicks)+1) > last {
			return grid{}, fmt.Errorf("%s is too long for times in steps of %s, since a bin of it may begin or end beyond them; cast the column to a coarser unit", quote(every), fixedText(nsPerDay/perDay))
		}
		return g, nil
	}
	if g.every, err = p.ticks(perDay); err != nil {
		return grid{}, fmt.Errorf("%s: %w", quote(every), err)
	}
	if g.every > maxTicks/2 {
		return grid{}, fmt.Errorf("%s is too long; give months or years", quote(every))
	}
	if p.ns%nsPerWeek == 0 {
		g.origin = monday * perDay
	}
	return g, nil
}

func (g *grid) bin(t int64) int64 {
	if g.months == 0 {
		return floorDiv(t-g.origin, g.every)
	}
	y, m, _ := civil(floorDiv(t, g.perDay))
	return floorDiv((y-1970)*12+int64(m), g.months)
}

func (g *grid) start(k int64) int64 {
	if g.months == 0 {
		return g.origin + k*g.every
	}
	return g.firstDay(k) * g.perDay
}

// firstDay is the day on which bin k of months begins, since 1970-01-01.
func (g *grid) firstDay(k int64) int64 { return monthStart(k * g.months) }

// timeText is a time for a message.
func timeText(t, perDay int64) string {
	day := floorDiv(t, perDay)
	ns := (t - day*perDay) * (nsPerDay / perDay)
	return time.Unix(day*86400, ns).UTC().Format("2006-01-02 15:04:05.999999999")
}
