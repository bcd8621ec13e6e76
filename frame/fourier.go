package frame

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// Cycle is a period of the calendar, in UTC, and how many harmonics of it [Fourier] gives.
type Cycle struct {
	Period    string // day, week (from Monday) or year (from 1 January)
	Harmonics int    // at least 1
	Float32   bool   // the columns' type: float32, else float64
}

// The columns' names: time of day, day of week, day of year.
var cycleNames = map[string]string{"day": "tod", "week": "dow", "year": "doy"}

// maxHarmonics bounds the columns of one cycle.
const maxHarmonics = 1000

// Fourier adds the columns doy_sin1, doy_cos1, doy_sin2 … for years, dow_… for weeks, tod_… for days:
//
//	sin(2π·k·phase) and cos(2π·k·phase), k = 1 … Harmonics
//
// where phase is the part of the day, week or year that has passed at a row's time; a leap year is one
// year. A missing time gives missing cells. Collective, but no rows move.
func Fourier(c collective.Comm, t *Table, time string, cycles ...Cycle) (*Table, error) {
	at, perDay, fields, err := bindCycles(t, time, cycles)
	if err := collective.Agree(c, wrap("fourier", err)); err != nil {
		return nil, err
	}
	return t.extend(fields, func(r arrow.Record) []arrow.Array {
		a := r.Column(at)
		ticks := ticksOf(t.mem, a)
		defer free(t.mem, ticks)
		phase := alloc[float64](t.mem, len(ticks))
		defer free(t.mem, phase)
		var out []arrow.Array
		for _, y := range cycles {
			phases(phase, ticks, perDay, y.Period)
			for k := 1; k <= y.Harmonics; k++ {
				out = append(out, wave(t.mem, a, phase, k, math.Sin, y.Float32), wave(t.mem, a, phase, k, math.Cos, y.Float32))
			}
		}
		return out
	}), nil
}

func bindCycles(t *Table, time string, cycles []Cycle) (at int, perDay int64, fields []arrow.Field, err error) {
	if len(cycles) == 0 {
		return 0, 0, nil, fmt.Errorf("no cycle is given")
	}
	if at, err = t.index(time); err != nil {
		return 0, 0, nil, err
	}
	perDay, ok := ticksPerDay(t.schema.Field(at).Type)
	if !ok {
		return 0, 0, nil, fmt.Errorf("column %s is %s, not a date or timestamp", quote(time), t.schema.Field(at).Type)
	}
	var names []string
	for _, y := range cycles {
		name := cycleNames[y.Period]
		switch {
		case name == "":
			return 0, 0, nil, fmt.Errorf("the period is day, week or year, not %s", quote(y.Period))
		case y.Harmonics < 1 || y.Harmonics > maxHarmonics:
			return 0, 0, nil, fmt.Errorf("%d harmonics of a %s: want 1 to %d", y.Harmonics, y.Period, maxHarmonics)
		case y.Period == "day" && perDay == 1:
			return 0, 0, nil, fmt.Errorf("column %s holds dates, which have no time of day", quote(time))
		}
		dt := arrow.DataType(arrow.PrimitiveTypes.Float64)
		if y.Float32 {
			dt = arrow.PrimitiveTypes.Float32
		}
		for k := 1; k <= y.Harmonics; k++ {
			for _, fn := range []string{"sin", "cos"} {
				f := arrow.Field{Name: fmt.Sprintf("%s_%s%d", name, fn, k), Type: dt, Nullable: true}
				fields, names = append(fields, f), append(names, f.Name)
			}
		}
	}
	return at, perDay, fields, t.newNames(names...)
}

// phases are the parts of the period that have passed.
func phases(to []float64, ticks []int64, perDay int64, period string) {
	begin, length := int64(0), int64(0) // of the present day, week or year
	for i, t := range ticks {
		if t < begin || t-begin >= length {
			day := floorDiv(t, perDay)
			switch period {
			case "day":
				begin, length = day*perDay, perDay
			case "week":
				begin, length = (floorDiv(day-monday, 7)*7+monday)*perDay, 7*perDay
			case "year":
				y, _, _ := civil(day)
				first := monthStart((y - 1970) * 12)
				begin, length = first*perDay, (monthStart((y-1969)*12)-first)*perDay
			}
		}
		to[i] = float64(t-begin) / float64(length)
	}
}

// wave is f(2π·k·phase), missing where a is.
func wave(m *Memory, a arrow.Array, phase []float64, k int, f func(float64) float64, single bool) arrow.Array {
	valid, nulls := copyValidity(m, a), a.NullN()
	angle := func(p float64) float64 {
		p *= float64(k)
		return 2 * math.Pi * (p - math.Floor(p))
	}
	if single {
		b := newBuffer(m, 4*len(phase))
		to := view[float32](b)
		for i, p := range phase {
			to[i] = float32(f(angle(p)))
		}
		return newArray(arrow.PrimitiveTypes.Float32, len(phase), nulls, valid, b)
	}
	b := newBuffer(m, 8*len(phase))
	to := view[float64](b)
	for i, p := range phase {
		to[i] = f(angle(p))
	}
	return newArray(arrow.PrimitiveTypes.Float64, len(phase), nulls, valid, b)
}
