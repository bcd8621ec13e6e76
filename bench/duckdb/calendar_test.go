package duckdb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

func TestFourier(t *testing.T) {
	lengths := map[string]string{"day": "INTERVAL 1 DAY", "week": "INTERVAL 7 DAY", "year": "INTERVAL 1 YEAR"}
	short := map[string]string{"day": "tod", "week": "dow", "year": "doy"}
	holds(t, func(rng *rand.Rand) question {
		p := randomPanel(rng, 200, minuteMicros, 100*minuteMicros, dayMicros, 3*dayMicros)
		p.Columns[len(p.by)].Nulls = []float64{0, 0.1, 1}[rng.IntN(3)]
		var cycles []frame.Cycle
		var cols, names []string
		for _, i := range rng.Perm(3)[:1+rng.IntN(3)] {
			y := frame.Cycle{Period: []string{"day", "week", "year"}[i], Harmonics: 1 + rng.IntN(4), Float32: rng.IntN(2) == 0}
			if y.Period == "day" && p.tick == "d" {
				y.Period = "week" // dates have no time of day
			}
			if slices.ContainsFunc(cycles, func(c frame.Cycle) bool { return c.Period == y.Period }) {
				continue
			}
			ts := p.timestamp("t")
			begin := fmt.Sprintf("date_trunc('%s', %s)", y.Period, ts)
			phase := fmt.Sprintf("(epoch_us(%s) - epoch_us(%s))::DOUBLE / (epoch_us(%s + %s) - epoch_us(%s))", ts, begin, begin, lengths[y.Period], begin)
			for k := 1; k <= y.Harmonics; k++ {
				for _, f := range []string{"sin", "cos"} {
					names = append(names, fmt.Sprintf("%s_%s%d", short[y.Period], f, k))
					cols = append(cols, fmt.Sprintf("%s(2 * pi() * %d * (%s))", f, k, phase))
				}
			}
			cycles = append(cycles, y)
		}
		return question{
			tables: []frametest.Spec{p.Spec},
			text:   fmt.Sprintf("fourier %+v", cycles),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return frame.Fourier(c, in[0], "t", cycles...)
			},
			sql:  fmt.Sprintf("SELECT *, %s FROM t0 ORDER BY rowid", strings.Join(cols, ", ")),
			diff: frametest.DiffOptions{Ordered: true, Inexact: names, Absolute: 1e-6},
		}
	})
}

func TestSplit(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		p := randomPanel(rng, 300, minuteMicros, 100*minuteMicros, dayMicros, 3*dayMicros)
		var o frame.SplitOptions
		// place is what ends are compared with: the row's time, or the number of its time in the series.
		place, ends := "dense_rank() OVER ("+p.partition()+" ORDER BY t) - 1", []string{}
		switch rng.IntN(3) {
		case 0:
			o.Dates = [][]string{{"1969-12-20", "1970-01-03"}, {"1970-01-01", "1970-03-01", "1971-05-06"}, {"1960-01-01", "1969-06-01", "1970-01-01"}}[rng.IntN(3)]
			place = p.timestamp("t")
			for _, d := range o.Dates {
				ends = append(ends, "TIMESTAMP '"+d+"'")
			}
			if len(ends) == 2 {
				ends = append(ends, "TIMESTAMP '9999-01-01'")
			}
		case 1:
			o.Fractions = [][]float64{{0.6, 0.2, 0.2}, {0.5, 0.25, 0.25}, {0.7, 0, 0.3}, {0.3, 0.3, 0.1}, {0, 0, 1}}[rng.IntN(5)]
			f := func(i int) string { return fmt.Sprintf("floor(%v * times + 1e-9)", o.Fractions[i]) }
			ends = []string{f(0), f(0) + " + " + f(1), f(0) + " + " + f(1) + " + " + f(2)}
			if o.Fractions[0]+o.Fractions[1]+o.Fractions[2] > 0.99 {
				ends[1], ends[2] = "times - "+f(2), "times"
			}
		default:
			o.Steps = []int{rng.IntN(20), rng.IntN(10), rng.IntN(10)}
			ends = []string{fmt.Sprint(o.Steps[0]), fmt.Sprint(o.Steps[0] + o.Steps[1]), fmt.Sprint(o.Steps[0] + o.Steps[1] + o.Steps[2])}
		}
		if rng.IntN(3) == 0 {
			o.As = "part of"
		}
		part := fmt.Sprintf("CASE WHEN place < %s THEN 'train' WHEN place < %s THEN 'val' WHEN place < %s THEN 'test' END", ends[0], ends[1], ends[2])
		if o.Flags = rng.IntN(3) == 0; o.Flags {
			part = fmt.Sprintf("coalesce(%s = 'train', false), coalesce(%s = 'val', false), coalesce(%s = 'test', false)", part, part, part)
		}
		return question{
			tables: []frametest.Spec{p.Spec},
			text:   fmt.Sprintf("split by %q: %+v", p.by, o),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				split := func() (*frame.Table, error) { return frame.Split(c, in[0], p.by, "t", o) }
				if o.Dates != nil {
					return split()
				}
				return inSeries(c, split, p.by)
			},
			sql: fmt.Sprintf("SELECT * EXCLUDE (place, times), %s FROM (SELECT *, %s AS place, count(DISTINCT t) OVER (%s) AS times FROM t0)",
				part, place, p.partition()),
			diff: frametest.DiffOptions{Inexact: slices.Clone(p.by)},
		}
	})
}
