package frame

const (
	usPerSec = 1_000_000
	usPerDay = 86400 * usPerSec
)

// scanTime reads the time at b[p:] and returns microseconds since 1970-01-01
// 00:00 UTC, the nanoseconds beyond them (0 to 999, or -1 where there are finer digits
// than these that are not 0) and the index behind it. The forms:
//
//	2006-01   2006-01-02   2006/01/02
//	2006-01-02 15:04   2006-01-02T15:04:05   2006/01/02 15:04:05.999999
//
// each with a clock time optionally followed by Z or an offset ±hh:mm, ±hh:mm:ss, ±hhmm
// or ±hh, which is taken off. A time without a zone is taken as UTC.
func scanTime(b []byte, p int) (us, ns int64, end int, ok bool) {
	year, ok := digits4(b, p)
	if !ok || p+7 > len(b) {
		return 0, 0, p, false
	}
	sep := b[p+4]
	month, ok := digits2(b, p+5)
	if !ok || month < 1 || month > 12 || sep != '-' && sep != '/' {
		return 0, 0, p, false
	}
	i := p + 7
	if i == len(b) || b[i] != sep {
		return daysTo(year, month, 1) * usPerDay, 0, i, sep == '-'
	}
	day, ok := digits2(b, i+1)
	if !ok || day < 1 || day > daysIn(year, month) {
		return 0, 0, p, false
	}
	i += 3
	us = daysTo(year, month, day) * usPerDay
	if i == len(b) || b[i] != ' ' && b[i] != 'T' {
		return us, 0, i, true
	}
	hour, ok1 := digits2(b, i+1)
	minute, ok2 := digits2(b, i+4)
	if !ok1 || !ok2 || b[i+3] != ':' || hour > 23 || minute > 59 {
		return 0, 0, p, false
	}
	i += 6
	us += int64(hour*3600+minute*60) * usPerSec
	if i < len(b) && b[i] == ':' {
		sec, ok := digits2(b, i+1)
		if !ok || sec > 59 {
			return 0, 0, p, false
		}
		i += 3
		us += int64(sec) * usPerSec
		if i < len(b) && b[i] == '.' {
			i++
			from := i
			for unit := int64(usPerSec / 10); i < len(b) && b[i]-'0' <= 9; i++ {
				us += int64(b[i]-'0') * unit
				unit /= 10
			}
			switch {
			case i == from:
				return 0, 0, p, false
			case i > from+6:
				ns = nanoDigits(b[from+6 : i])
			}
		}
	}
	off, i, ok := scanOffset(b, i)
	return us - off, ns, i, ok
}

// nanoDigits is the digits 7 to 9 behind the point of a second; -1 where one behind them is not 0.
func nanoDigits(d []byte) (ns int64) {
	for i, unit := 0, int64(100); i < len(d); i++ {
		if unit == 0 && d[i] != '0' {
			return -1
		}
		ns += int64(d[i]-'0') * unit
		unit /= 10
	}
	return ns
}

// nanos is a time that [scanTime] read, in nanoseconds; false where they do not hold it.
func nanos(us, ns int64) (int64, bool) {
	t := us*1000 + ns // may wrap
	return t, ns >= 0 && floorDiv(t, 1000) == us
}

// scanOffset reads an optional zone, Z, ±hh:mm, ±hh:mm:ss (local mean times have seconds), ±hhmm
// or ±hh, in microseconds east of UTC.
func scanOffset(b []byte, p int) (us int64, end int, ok bool) {
	if p == len(b) || b[p] != 'Z' && b[p] != '+' && b[p] != '-' {
		return 0, p, true
	}
	if b[p] == 'Z' {
		return 0, p + 1, true
	}
	hour, ok := digits2(b, p+1)
	if !ok || hour > 23 {
		return 0, p, false
	}
	i, minute, sec := p+3, 0, 0
	if i < len(b) && b[i] == ':' {
		if minute, ok = digits2(b, i+1); !ok {
			return 0, p, false
		}
		i += 3
		if i < len(b) && b[i] == ':' {
			if sec, ok = digits2(b, i+1); !ok {
				return 0, p, false
			}
			i += 3
		}
	} else if m, ok := digits2(b, i); ok {
		minute = m
		i += 2
	}
	if minute > 59 || sec > 59 {
		return 0, p, false
	}
	us = int64(hour*3600+minute*60+sec) * usPerSec
	if b[p] == '-' {
		us = -us
	}
	return us, i, true
}

func digits2(b []byte, p int) (int, bool) {
	if p+2 > len(b) {
		return 0, false
	}
	t, u := b[p]-'0', b[p+1]-'0'
	return int(t)*10 + int(u), t <= 9 && u <= 9
}

func digits4(b []byte, p int) (int, bool) {
	hi, ok1 := digits2(b, p)
	lo, ok2 := digits2(b, p+2)
	return hi*100 + lo, ok1 && ok2
}

func daysIn(year, month int) int {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (month+month>>3)&1
}

// daysTo is the number of days from 1970-01-01 to a date of the proleptic
// Gregorian calendar. With years that begin in March, the days before month m
// (March = 0) are (153m+2)/5, and an era of 400 years has 146,097 days, of which
// 719,468 lie between 0000-03-01 and 1970-01-01.
func daysTo(year, month, day int) int64 {
	m := (month + 9) % 12
	y := year + 400
	if month <= 2 {
		y--
	}
	return int64(365*y+y/4-y/100+y/400+(153*m+2)/5+day-1) - 719468 - 146097
}
