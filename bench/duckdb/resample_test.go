package duckdb

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

const (
	minuteMicros int64 = 60e6
	dayMicros    int64 = 86400e6
)

// intervals are lengths of bins, ours and the query's; short ones are no multiples of a date's unit.
var intervals = []struct {
	every, sql string
	short      bool
}{
	{"15m", "15 minutes", true}, {"1h", "1 hour", true}, {"36h", "36 hours", true}, {"1d", "1 day", false}, {"7d", "7 days", false},
	{"10d", "10 days", false}, {"2w", "14 days", false}, {"1mo", "1 month", false}, {"5mo", "5 months", false}, {"1y", "12 months", false}, {"3y", "36 months", false},
}

func TestResample(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		p := randomPanel(rng, 300, 7*minuteMicros, 100*minuteMicros, dayMicros, 3*dayMicros)
		every := intervals[rng.IntN(len(intervals))]
		for every.short && p.tick == "d" {
			every = intervals[rng.IntN(len(intervals))]
		}
		o := frame.ResampleOptions{Every: every.every, Closed: []string{"", "left", "right"}[rng.IntN(3)], Label: []string{"", "left", "right"}[rng.IntN(3)]}
		// Bins of minutes and years of days apart are too many to fill.
		o.Gaps = rng.IntN(2) == 0 && (!every.short || p.time.Step*p.micros <= 100*minuteMicros && p.time.Step < 1e6)
		months := strings.HasSuffix(every.sql, "months") || strings.HasSuffix(every.sql, "month")
		origin := "TIMESTAMP '1970-01-01'"
		if strings.HasSuffix(every.sql, " days") && (every.every == "7d" || every.every == "2w") {
			origin = "TIMESTAMP '1970-01-05'"
		}
		if !months {
			switch rng.IntN(4) {
			case 0:
				o.Origin, origin = "start", fmt.Sprintf("min(%s) OVER (%s)", p.timestamp("t"), p.partition())
			case 1:
				o.Origin = []string{"2001-02-03", "1969-12-30"}[rng.IntN(2)]
				origin = "TIMESTAMP '" + o.Origin + "'"
			}
		}
		at := "t"
		if o.Closed == "right" {
			at = "t - 1"
		}
		begin := p.timestamp(at)
		if p.micros == 0 { // DuckDB counts microseconds: of 1000 ns less one it is the same bin
			begin = fmt.Sprintf("make_timestamp(CASE WHEN (%s) %% 1000 < 0 THEN (%s) // 1000 - 1 ELSE (%s) // 1000 END)", at, at, at)
		}
		label := "bin"
		if o.Label == "right" {
			label = "bin + INTERVAL " + every.sql
			label = strings.Replace(label, every.sql, "'"+every.sql+"'", 1)
		}
		var cols, filled []string
		for range 1 + rng.IntN(4) {
			a, sql := p.aggregateOf(rng)
			o.Aggs, cols = append(o.Aggs, a), append(cols, fmt.Sprintf("%s AS a%d", sql, len(cols)))
			cell := fmt.Sprintf("a%d", len(filled))
			if strings.HasPrefix(a.Func, "count") {
				cell = "coalesce(" + cell + ", 0)"
			}
			filled = append(filled, cell)
		}
		keys, same := "", "true"
		for _, k := range p.by {
			keys += `"` + k + `", `
			same += fmt.Sprintf(" AND %s IS NOT DISTINCT FROM %s", as("g", k), as("b", k))
		}
		query := fmt.Sprintf(`WITH s AS (SELECT t0.*, time_bucket(INTERVAL '%s', %s, %s) AS bin FROM %s),
b AS (SELECT %s bin, %s FROM s AS t0 GROUP BY %s bin)
`, every.sql, begin, origin, p.ordered(), keys, strings.Join(cols, ", "), keys)
		if o.Gaps {
			group := ""
			if keys != "" {
				group = " GROUP BY " + p.keys()
			}
			query += fmt.Sprintf(`, g AS (SELECT %s unnest(generate_series(min(bin), max(bin), INTERVAL '%s')) AS bin FROM b%s)
SELECT %s %s, %s FROM g LEFT JOIN b ON g.bin = b.bin AND %s`,
				keys, every.sql, group, qualified("g", p.by), p.ticks(strings.Replace(label, "bin", "g.bin", 1)), strings.Join(filled, ", "), same)
		} else {
			query += fmt.Sprintf("SELECT %s %s, %s FROM b", keys, p.ticks(label), strings.Join(filled, ", "))
		}
		inexact := append([]string(nil), p.by...) // 0 and −0 are one key
		for _, a := range o.Aggs {
			inexact = append(inexact, a.As)
		}
		return question{
			tables: []frametest.Spec{p.Spec},
			text:   fmt.Sprintf("resample by %q: %+v", p.by, o),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return inSeries(c, func() (*frame.Table, error) { return frame.Resample(c, in[0], p.by, "t", o) }, p.by)
			},
			sql:  query,
			diff: frametest.DiffOptions{Inexact: inexact, Tolerance: 1e-9},
		}
	})
}

// qualified are columns of a table, each with a comma behind it.
func qualified(table string, columns []string) (text string) {
	for _, c := range columns {
		text += as(table, c) + ", "
	}
	return text
}
