package frame

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

func TestScanFloatIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	check := func(s string) {
		t.Helper()
		want, err := strconv.ParseFloat(s, 64)
		got, n, ok := scanFloat([]byte(s), 0)
		if ok != (err == nil) || ok && (n != len(s) || math.Float64bits(got) != math.Float64bits(want)) {
			t.Fatalf("%s: %v to %d, %v; strconv has %v, %v", s, got, n, ok, want, err)
		}
	}
	for _, s := range []string{"0", "-0", "+1", "1.", ".5", "-.5e-3", "9007199254740993", "9007199254740993.0", "1e22", "1e23", "0.1", "1e-400", "1e400",
		"18446744073709551615", "18446744073709551616", "1844674407370955161.6", "0000000000000000000000001", "0.00000000000000000000000000001",
		"2.2250738585072011e-308", "179769313486231580793728971405301e277", "1e99999999999999999999"} {
		check(s)
	}
	for range 400_000 {
		check(strconv.FormatFloat(math.Float64frombits(r.Uint64()&^(1<<62)), 'g', -1, 64))
		check(strconv.FormatFloat(r.NormFloat64(), 'f', 1+r.IntN(20), 64))
		check(strconv.FormatUint(r.Uint64()>>r.IntN(64), 10) + "." + strconv.Itoa(r.IntN(100000)) + "e" + strconv.Itoa(r.IntN(60)-30))
		// halfway cases of 53 bits
		check(strconv.FormatFloat(float64(1<<52+r.Uint64N(1<<52)), 'f', 0, 64) + ".5")
	}
}

func TestScanFloatRejects(t *testing.T) {
	for _, s := range []string{"", "-", ".", "e5", "1e", "1e+", "inf", "nan", "abc", "-.e1"} {
		if v, _, ok := scanFloat([]byte(s), 0); ok {
			t.Errorf("%q is read as %v", s, v)
		}
	}
	for s, end := range map[string]int{"0x1p3": 1, "1_000": 1, "1,5": 1, "1 ": 1, "1.5.2": 3} {
		if _, n, ok := scanFloat([]byte(s), 0); !ok || n != end {
			t.Errorf("%q is read to %d, %v; want %d", s, n, ok, end)
		}
	}
	if n := testing.AllocsPerRun(100, func() { scanFloat([]byte("1.234567890123456789012e-5"), 0) }); n != 0 {
		t.Errorf("scanFloat allocates %v times", n)
	}
}

func TestScanInt(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "-5": -5, "+7": 7, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64} {
		if v, n, ok := scanInt([]byte(s), 0); !ok || v != want || n != len(s) {
			t.Errorf("%s: %d to %d, %v", s, v, n, ok)
		}
	}
	for _, s := range []string{"", "-", "9223372036854775808", "-9223372036854775809", "99999999999999999999", "1.5", "1e3", "x"} {
		if v, _, ok := scanInt([]byte(s), 0); ok {
			t.Errorf("%q is read as %d", s, v)
		}
	}
}

func TestIsInfinite(t *testing.T) {
	for s, want := range map[string]bool{"inf": true, "-Inf": true, "+INFINITY": true, "infi": false, "in": false, "": false, "-": false, "nan": false} {
		if isInfinite([]byte(s)) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func TestScanTime(t *testing.T) {
	for s, want := range map[string]string{
		"2016-07":                        "2016-07-01T00:00:00Z",
		"2016-07-01":                     "2016-07-01T00:00:00Z",
		"2016/02/29":                     "2016-02-29T00:00:00Z",
		"1900-02-28 23:59":               "1900-02-28T23:59:00Z",
		"2016-07-01T00:00:07":            "2016-07-01T00:00:07Z",
		"2016/07/01 01:02:03.5":          "2016-07-01T01:02:03.5Z",
		"2016-07-01 01:02:03.123456789Z": "2016-07-01T01:02:03.123456789Z",
		"2016-07-01 01:02:03.0000001000": "2016-07-01T01:02:03.0000001Z",
		"1895-01-01 00:53:28+00:53:28":   "1895-01-01T00:00:00Z",
		"1895-01-01 00:00:00-00:25:21":   "1895-01-01T00:25:21Z",
		"2016-07-01T01:02+02:00":         "2016-06-30T23:02:00Z",
		"2016-07-01 01:02:03-0530":       "2016-07-01T06:32:03Z",
		"2016-07-01 01:02:03+01":         "2016-07-01T00:02:03Z",
		"0001-01-01":                     "0001-01-01T00:00:00Z",
		"9999-12-31 23:59:59.999999":     "9999-12-31T23:59:59.999999Z",
	} {
		us, ns, n, ok := scanTime([]byte(s), 0)
		if got := time.UnixMicro(us).Add(time.Duration(ns)).UTC().Format(time.RFC3339Nano); !ok || n != len(s) || got != want {
			t.Errorf("%s: %s to %d, %v; want %s", s, got, n, ok, want)
		}
	}
	for _, s := range []string{"", "2016", "2016-", "2016-13", "2016-00", "2016/07", "2016-02-30", "1900-02-29", "2016-07-00", "2016-07/01x", "2016-07-01 24:00",
		"2016-07-01 1:00", "2016-07-01 12", "2016-07-01 12:60", "2016-07-01 12:00:60", "2016-07-01 12:00:00.", "2016-07-01 12:00:00+", "2016-07-01 12:00:00+24", "2016-07-01 12:00:00+01:00:60", "2016-07-01 12:00:00+01:00:1", "201a-07-01"} {
		if us, _, n, ok := scanTime([]byte(s), 0); ok && n == len(s) {
			t.Errorf("%q is read as %v", s, time.UnixMicro(us).UTC())
		}
	}
}

func TestScanTimeFinerThanNanoseconds(t *testing.T) {
	if _, ns, _, ok := scanTime([]byte("2016-07-01 12:00:00.1234567891"), 0); !ok || ns != -1 {
		t.Errorf("%d ns, %v", ns, ok)
	}
}

func TestScanTimeEveryDay(t *testing.T) {
	for d := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 10000; d = d.AddDate(0, 0, 1) {
		if us, _, _, ok := scanTime([]byte(d.Format("2006-01-02")), 0); !ok || us != d.UnixMicro() {
			t.Fatalf("%v: %d, %v", d, us, ok)
		}
	}
}
