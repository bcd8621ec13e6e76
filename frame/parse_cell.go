package frame

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
)

// Cells as text, and back; spaces round a text do not count.

func parseIntCell(b []byte) (int64, error) {
	t := bytes.TrimSpace(b)
	v, n, ok := scanInt(t, 0)
	if !ok || n != len(t) {
		return 0, fmt.Errorf("%s is not a whole number of 64 bits", quote(string(b)))
	}
	return v, nil
}

// parseFloatCell also reads NaN and the infinities, in any case.
func parseFloatCell(b []byte) (float64, error) {
	t := bytes.TrimSpace(b)
	v, n, ok := scanFloat(t, 0)
	switch {
	case ok && n == len(t):
		return v, nil
	case len(t) == 3 && strings.EqualFold(string(t), "nan"):
		return math.NaN(), nil
	case isInfinite(t) && t[0] == '-':
		return math.Inf(-1), nil
	case isInfinite(t):
		return math.Inf(1), nil
	}
	return 0, fmt.Errorf("%s is not a number", quote(string(b)))
}

func parseBoolCell(b []byte) (bool, error) {
	t := string(bytes.TrimSpace(b))
	switch {
	case strings.EqualFold(t, "true"):
		return true, nil
	case strings.EqualFold(t, "false"):
		return false, nil
	}
	return false, fmt.Errorf("%s is not true or false", quote(string(b)))
}

// parseTimeCell is a time in the unit of a date or timestamp, which must hold it exactly.
func parseTimeCell(b []byte, dt arrow.DataType) (int64, error) {
	perDay, _ := ticksPerDay(dt)
	t := bytes.TrimSpace(b)
	if dt.ID() != arrow.DATE64 {
		return parseTicks(string(t), perDay)
	}
	day, err := parseTicks(string(t), 1) // a date64 counts milliseconds, but holds dates
	return day * perDay, err
}

// zoneOf is the zone of a timestamp; nil is UTC, which dates and timestamps without a zone are read in.
func zoneOf(dt arrow.DataType) (*time.Location, error) {
	ts, ok := dt.(*arrow.TimestampType)
	if !ok {
		return nil, nil
	}
	zone, err := ts.GetZone()
	if err != nil {
		return nil, fmt.Errorf("the time zone %s is not known; is the tzdata package installed?", quote(ts.TimeZone))
	}
	if zone == time.UTC {
		return nil, nil
	}
	return zone, nil
}

// textForm appends times of a type as text: 2006-01-02, 2006-01-02 15:04:05.999999, with the offset
// from UTC behind it where the type has a zone. [parseTimeCell] reads it.
type textForm struct {
	perDay int64
	zone   *time.Location // nil without offsets
	layout string
}

func newTextForm(dt arrow.DataType) (*textForm, error) {
	f := &textForm{layout: "2006-01-02"}
	f.perDay, _ = ticksPerDay(dt)
	if ts, ok := dt.(*arrow.TimestampType); ok {
		zone, err := zoneOf(dt)
		if err != nil {
			return nil, err
		}
		f.layout = "2006-01-02 15:04:05.999999999"
		if f.zone = zone; zone == nil && ts.TimeZone != "" {
			f.zone = time.UTC
		}
	}
	return f, nil
}

func (f *textForm) append(to []byte, t int64) []byte {
	day := floorDiv(t, f.perDay)
	ns := (t - day*f.perDay) * (nsPerDay / f.perDay)
	at := time.Unix(day*86400, ns).UTC()
	if f.zone == nil {
		return at.AppendFormat(to, f.layout)
	}
	at = at.In(f.zone)
	to = at.AppendFormat(to, f.layout)
	if _, east := at.Zone(); east%60 != 0 { // a local mean time
		return at.AppendFormat(to, "Z07:00:00")
	}
	return at.AppendFormat(to, "Z07:00")
}

func appendFloat(to []byte, v float64, bits int) []byte {
	return strconv.AppendFloat(to, v, 'g', -1, bits)
}

func parseUintCell(b []byte) (uint64, error) {
	t := bytes.TrimSpace(b)
	if v, n, ok := scanInt(t, 0); ok && n == len(t) && v >= 0 {
		return uint64(v), nil
	}
	v, err := strconv.ParseUint(string(t), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a whole number from 0 to 2^64-1", quote(string(b)))
	}
	return v, nil
}
