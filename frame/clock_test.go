package frame

import (
	"cmp"
	"fmt"
	"math"
	"testing"
	"time"
)

func TestCivil(t *testing.T) {
	for day := int64(-800_000); day < 800_000; day += 13 {
		d := time.Unix(day*86400, 0).UTC()
		y, m, first := civil(day)
		if y != int64(d.Year()) || m != int(d.Month())-1 || first != day-int64(d.Day())+1 || monthStart((y-1970)*12+int64(m)) != first {
			t.Fatalf("day %d: %d-%d from %d; want %v", day, y, m+1, first, d)
		}
	}
}

func TestGrid(t *testing.T) {
	for _, every := range []string{"1ns", "7m", "1h", "36h", "5d", "1w", "2w", "1mo", "5mo", "1y", "4y"} {
		for _, perDay := range []int64{86400e9, 86400e6, 86400, 1} {
			g, err := newGrid(every, perDay)
			if err != nil {
				continue
			}
			for _, x := range []int64{0, -1, 1, 12345, -98765, 1e6, -1e6} {
				if k := g.bin(x); g.start(k) > x || g.start(k+1) <= x {
					t.Errorf("%s, %d ticks a day: %d is in bin %d, from %d to %d", every, perDay, x, k, g.start(k), g.start(k+1))
				}
			}
		}
	}
}

func TestParseDuration(t *testing.T) {
	const kinds = "; want a number above 0 and a unit, ns, us, ms, s, m (minutes), h, d or w, or a whole number of mo (months) or y, as in 15m, 1.5h or 1mo"
	for _, c := range []struct {
		text string
		want time.Duration
		err  string
	}{
		{"15m", 15 * time.Minute, ""},
		{"1.5h", 90 * time.Minute, ""},
		{"0.50s", 500 * time.Millisecond, ""},
		{"1w", 7 * 24 * time.Hour, ""},
		{"0.001us", 1, ""},
		{"9223372036854775807ns", math.MaxInt64, ""},
		{"0.0001us", 0, `"0.0001us" is not a length of time` + kinds},
		{"0.0h", 0, `"0.0h" is not a length of time` + kinds},
		{"1.h", 0, `"1.h" is not a length of time` + kinds},
		{"1h30m", 0, `"1h30m" is not a length of time` + kinds},
		{"1.5y", 0, `"1.5y" is not a length of time` + kinds},
		{"1mo", 0, `"1mo": months and years differ in length; give days`},
		{"10001y", 0, `"10001y" is too long a time; want at most 292 years, or 10000y in months and years`},
		{"9223372036854775807.5us", 0, `"9223372036854775807.5us" is too long a time; want at most 292 years, or 10000y in months and years`},
	} {
		if got, err := ParseDuration(c.text); got != c.want || fmt.Sprint(err) != cmp.Or(c.err, "<nil>") {
			t.Errorf("%s: %d, %v; want %d, %s", c.text, got, err, c.want, c.err)
		}
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{"15m", "1h", "36h", "7d", "1mo", "1y", "2w", "1µs", "99999999999999999999d", "200000d", "-1d", "", "d", "0s", "1.5h", "0.5ns", "10001y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePeriod(s)
		if (err == nil) != (p.months > 0 && p.ns == 0 && p.months <= 12e4 || p.months == 0 && p.ns > 0) {
			t.Errorf("%q: %+v, %v", s, p, err)
		}
		if err == nil && p.ns > 0 {
			if q, err := parsePeriod(fixedText(p.ns)); err != nil || q != p {
				t.Errorf("%q: %+v prints as %s, %+v, %v", s, p, fixedText(p.ns), q, err)
			}
		}
	})
}

func TestParseTicks(t *testing.T) {
	const ns, us = 86400e9, 86400e6
	for _, c := range []struct {
		text   string
		perDay int64
		want   int64
		err    string
	}{
		{"1970-01-01 00:00:00.123456789", ns, 123456789, ""},
		{"1969-12-31 23:59:59.999999999", ns, -1, ""},
		{"1970-01-01 00:00:00.1234567890", ns, 123456789, ""},
		{"1677-09-21 00:12:43.145224192", ns, math.MinInt64, ""},
		{"2262-04-11 23:47:16.854775807", ns, math.MaxInt64, ""},
		{"1677-09-21 00:12:43.145224191", ns, 0, `"1677-09-21 00:12:43.145224191" is out of the range of a time in nanoseconds, 1677-09-21 to 2262-04-11`},
		{"2262-04-11 23:47:16.854775808", ns, 0, `"2262-04-11 23:47:16.854775808" is out of the range of a time in nanoseconds, 1677-09-21 to 2262-04-11`},
		{"1970-01-01 00:00:00.1234567891", ns, 0, `"1970-01-01 00:00:00.1234567891" is finer than a nanosecond`},
		{"1970-01-01 00:00:00.123456000", us, 123456, ""},
		{"1970-01-01 00:00:00.1234567", us, 0, `"1970-01-01 00:00:00.1234567" is finer than the time column, which counts in steps of 1us`},
		{"1970-01-02 00:00:00.0000001", 1, 0, `"1970-01-02 00:00:00.0000001" is finer than the time column, which counts in steps of 1d`},
	} {
		if got, err := parseTicks(c.text, c.perDay); err == nil && got != c.want || fmt.Sprint(err) != cmp.Or(c.err, "<nil>") {
			t.Errorf("%s: %d, %v; want %d, %s", c.text, got, err, c.want, c.err)
		}
	}
}

func FuzzParseTicks(f *testing.F) {
	for _, s := range []string{"2020-01-01", "2020-01-01 05:00", "1677-09-21 00:12:43.145224192", "2262-04-11 23:47:16.854775807", "9999-12-31T23:59:59Z", "0001-01", "2020-13-01", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, perDay := range []int64{1, 86400, 86400e3, 86400e6, 86400e9} {
			x, err := parseTicks(s, perDay)
			if err != nil {
				continue
			}
			if y, err := parseTicks(timeText(x, perDay), perDay); err != nil && x >= daysTo(0, 1, 1)*perDay && x < daysTo(10000, 1, 1)*perDay || err == nil && y != x {
				t.Errorf("%q is %d, which prints as %s, %d, %v", s, x, timeText(x, perDay), y, err)
			}
		}
	})
}
