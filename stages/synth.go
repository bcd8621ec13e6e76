package stages

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"
)

// A Synth is a set of synthetic hourly or monthly series for examples, tests and benchmarks.
//
// Every value is a pure function of (Seed, rows, channel, row), computed from counter-based hashes with no
// sequential state, so any rank can make any row in any order. A value is the sum of
//
//   - a level, a linear trend and a slow cycle, of a year (months: of ten),
//   - a daily cycle (months: a yearly one) with its second harmonic, each channel with its own phases,
//   - of hours, a weekly cycle with lower weekends,
//   - 3 to 6 level shifts, at rows drawn from all,
//   - a slow factor shared by all channels, with a loading a channel, so that channels correlate,
//   - noise: a moving average over 8 rows, its amplitude larger in the middle of the day (year) and at high values.
//
// Runs of 1 to 36 hours (1 to 3 months), about 1.5 % of all, are missing. Values have no unit and are rounded to 10⁻⁴, which hides the
// last-bit differences of sine and fused multiply-add between processors: the same Synth gives the same bytes anywhere,
// but for the about one in 10⁹ values that lies on the edge of rounding.
type Synth struct {
	Series int // channels, at least 1
	Hours  int // rows, at least 1
	Months int // rows, of months instead of hours; 0: hours
	Seed   uint64
}

// A cadence is what the spacing of rows decides, in rows.
type cadence struct {
	start                time.Time // of row 0
	season               int       // a day, or a year of months
	slow                 float64   // of the slow cycle, and the time to which the trend's slope refers
	weeks                bool
	gapBlock, longestGap int // every second block, by chance, has one gap
}

var (
	ofHours  = cadence{start: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), season: 24, slow: 8766, weeks: true, gapBlock: 600, longestGap: 36}
	ofMonths = cadence{start: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), season: 12, slow: 120, gapBlock: 60, longestGap: 3}
)

func (s Synth) cadence() *cadence {
	if s.Months > 0 {
		return &ofMonths
	}
	return &ofHours
}

// Rows is the number of rows.
func (s Synth) Rows() int {
	if s.Months > 0 {
		return s.Months
	}
	return s.Hours
}

// Uses of the hash: each draws from its own stream.
const (
	drawLevel = iota
	drawTrend
	drawYearAmp
	drawYearPhase
	drawDayAmp
	drawDayPhase
	drawHalfDayAmp
	drawHalfDayPhase
	drawWeekAmp
	drawWeekPhase
	drawWeekend
	drawLoading
	drawShifts
	drawShiftHour
	drawShiftSize
	drawNoise
	drawNoiseAmp
	drawFactor
	drawGap
	drawGapStart
	drawGapLen
)

const (
	synthShared = -1 // the channel of what all channels share
	synthKnot   = 60 // rows between knots of the shared factor
)

// hash mixes (seed, use, channel, counter) with three rounds of splitmix64 (Steele, Lea, Flood 2014, fig. 17).
func (s Synth) hash(use, channel, counter int) uint64 {
	z := s.Seed
	for _, v := range [3]int{use, channel, counter} {
		z += uint64(int64(v))*0xd1342543de82ef95 + 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
	}
	return z
}

// uniform is in [lo, hi).
func (s Synth) uniform(lo, hi float64, use, channel, counter int) float64 {
	return lo + (hi-lo)*float64(s.hash(use, channel, counter)>>11)*0x1p-53
}

// bell is nearly normal, with mean 0 and variance 1: the sum of the four 16-bit parts of one hash (Irwin–Hall, n = 4),
// exact in integers.
func (s Synth) bell(use, channel, counter int) float64 {
	h := s.hash(use, channel, counter)
	sum := h&0xffff + h>>16&0xffff + h>>32&0xffff + h>>48
	return (float64(sum)/65535 - 2) * math.Sqrt(3)
}

// Value is the value of a channel, in [0, Series), in a row, in [0, Rows()); NaN where it is missing.
func (s Synth) Value(channel, row int) float64 {
	if s.missing(channel, row) {
		return math.NaN()
	}
	signal := s.signal(channel, row)

	// Moving-average noise: weights 0.75^k, normalised to unit variance.
	noise, power, weight := 0.0, 0.0, 1.0
	for k := range 8 {
		noise += weight * s.bell(drawNoise, channel, row-k)
		power += weight * weight
		weight *= 0.75
	}
	noise /= math.Sqrt(power)
	season := s.cadence().season
	daytime := 0.5 - 0.5*math.Cos(2*math.Pi*float64(row%season)/float64(season)) // 0 at midnight, 1 at noon
	above := 1 / (1 + math.Exp(-(signal-s.uniform(20, 60, drawLevel, channel, 0))/4))
	amp := s.uniform(0.7, 1.1, drawNoiseAmp, channel, 0) * (0.6 + 0.5*daytime) * (0.7 + 0.6*above)

	return math.Round((signal+amp*noise)*1e4) / 1e4
}

// signal is Value without noise and gaps.
func (s Synth) signal(channel, row int) float64 {
	t, by := float64(row), s.cadence()
	wave := func(period float64, amp, phase int, lo, hi float64) float64 {
		a := s.uniform(lo, hi, amp, channel, 0)
		return a * math.Sin(2*math.Pi*(math.Mod(t, period)/period+s.uniform(0, 1, phase, channel, 0)))
	}
	v := s.uniform(20, 60, drawLevel, channel, 0)
	v += s.uniform(-1.5, 1.5, drawTrend, channel, 0) * t / by.slow
	v += wave(by.slow, drawYearAmp, drawYearPhase, 1, 3)
	v += wave(float64(by.season), drawDayAmp, drawDayPhase, 3, 6)
	v += wave(float64(by.season)/2, drawHalfDayAmp, drawHalfDayPhase, 0.5, 1.5)
	if by.weeks {
		v += wave(168, drawWeekAmp, drawWeekPhase, 0.8, 1.8)
		if day := (2 + row/24) % 7; day >= 5 { // 2020-01-01 is a Wednesday; 0 is Monday
			v -= s.uniform(1.5, 3.5, drawWeekend, channel, 0)
		}
	}
	for k := range 3 + int(s.hash(drawShifts, channel, 0)%4) {
		if row >= int(s.hash(drawShiftHour, channel, k)%uint64(max(s.Rows(), 1))) {
			size := s.uniform(-3, 3, drawShiftSize, channel, k)
			v += size + math.Copysign(1, size)
		}
	}
	// The shared factor: smoothstep between random knots.
	knot, f := row/synthKnot, float64(row%synthKnot)/synthKnot
	a, b := s.bell(drawFactor, synthShared, knot), s.bell(drawFactor, synthShared, knot+1)
	v += s.uniform(0.8, 1.6, drawLoading, channel, 0) * (a + (b-a)*f*f*(3-2*f))
	return v
}

// missing tells whether the row lies in a gap. A gap lies wholly within its block and leaves the block's last row.
func (s Synth) missing(channel, row int) bool {
	by := s.cadence()
	block, at := row/by.gapBlock, row%by.gapBlock
	if s.hash(drawGap, channel, block)%2 == 0 {
		return false
	}
	start := int(s.hash(drawGapStart, channel, block) % uint64(by.gapBlock-by.longestGap))
	n := 1 + int(s.hash(drawGapLen, channel, block)%uint64(by.longestGap))
	return at >= start && at < start+n
}

// Time is the time of a row: of hours 2020-01-01 00:00 UTC and on, of months 1990-01-01 and on.
func (s Synth) Time(row int) time.Time {
	if s.Months > 0 {
		return ofMonths.start.AddDate(0, row, 0)
	}
	return ofHours.start.Add(time.Duration(row) * time.Hour)
}

// Names are the channels' names, s001 and on.
func (s Synth) Names() []string {
	names := make([]string, s.Series)
	for i := range names {
		names[i] = fmt.Sprintf("s%03d", i+1)
	}
	return names
}

// WriteCSV writes all rows with a header. Layout "wide" has the columns ds and one a series, a row an hour or month; "long" has
// unique_id,ds,y, series after series. A missing value is an empty field in both.
func (s Synth) WriteCSV(w io.Writer, layout string) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("synthetic data: %w", err)
	}
	b := bufio.NewWriterSize(w, 64<<10)
	names := s.Names()
	var line []byte
	appendTime := func(row int) { line = s.Time(row).AppendFormat(line, time.DateTime) }
	appendValue := func(channel, row int) {
		line = append(line, ',')
		if v := s.Value(channel, row); !math.IsNaN(v) {
			line = strconv.AppendFloat(line, v, 'g', -1, 64)
		}
	}
	// A failed write stays in b: Flush returns it.
	switch layout {
	case "wide":
		line = append(line, "ds"...)
		for _, n := range names {
			line = append(append(line, ','), n...)
		}
		b.Write(append(line, '\n'))
		for row := range s.Rows() {
			line = line[:0]
			appendTime(row)
			for c := range names {
				appendValue(c, row)
			}
			b.Write(append(line, '\n'))
		}
	case "long":
		b.WriteString("unique_id,ds,y\n")
		for c, n := range names {
			for row := range s.Rows() {
				line = append(append(line[:0], n...), ',')
				appendTime(row)
				appendValue(c, row)
				b.Write(append(line, '\n'))
			}
		}
	default:
		return fmt.Errorf("synthetic data: layout %q is neither \"wide\" nor \"long\"", layout)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("synthetic data: %w", err)
	}
	return nil
}

func (s Synth) check() error {
	what, n, most := "hours", s.Hours, int(1e8)
	if s.Months != 0 {
		what, n, most = "months", s.Months, 12*(9999-ofMonths.start.Year()) // years of four digits
	}
	if s.Series < 1 || n < 1 || s.Series > 1e6 || n > most || s.Series*n > 1e9 {
		return fmt.Errorf("series = %d, %s = %d: want at least 1 of each, %s at most %d, and 10⁹ values at most", s.Series, what, n, what, most)
	}
	return nil
}

// WriteSynth writes the series as a CSV file, which must not exist.
func WriteSynth(path string, s Synth, layout string) error {
	if err := s.check(); err != nil {
		return configErrorf("synth: %w", err)
	}
	if layout != "wide" && layout != "long" {
		return configErrorf("synth: layout %q is neither wide nor long", layout)
	}
	if _, err := os.Lstat(path); err == nil {
		return configErrorf("%s exists already; name another file or remove it", path)
	}
	return writeAtomic(path, func(w io.Writer) error { return s.WriteCSV(w, layout) })
}
