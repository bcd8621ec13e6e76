package duckdb

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/frame/frametest"
)

// panel is a random table of series: keys k0, k1, the time "t", the row's number "n".
type panel struct {
	frametest.Spec
	by     []string // the keys; none: one series
	time   frametest.Column
	number frametest.Column
	tick   string // the time's unit, as in 36h
	micros int64  // microseconds in a tick; of nanoseconds 0
}

var clocks = []struct {
	typ    arrow.DataType
	tick   string
	micros int64
}{
	{arrow.FixedWidthTypes.Date32, "d", 86400e6},
	{arrow.FixedWidthTypes.Date64, "ms", 1e3},
	{&arrow.TimestampType{Unit: arrow.Second}, "s", 1e6},
	{&arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, "ms", 1e3},
	{&arrow.TimestampType{Unit: arrow.Microsecond}, "us", 1},
	{&arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "Europe/Berlin"}, "ns", 0},
}

// randomPanel has up to rows rows; step chooses the time's, in ticks, among those given in µs (0: any few ticks).
func randomPanel(rng *rand.Rand, rows int, steps ...int64) panel {
	p := panel{Spec: frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, rows)}}
	for i := range rng.IntN(3) {
		k := frametest.RandomColumn(rng, fmt.Sprint("k", i), frametest.KeyTypes...)
		k.Distinct = min(k.Distinct, 5)
		p.Columns, p.by = append(p.Columns, k), append(p.by, k.Name)
	}
	clock := clocks[rng.IntN(len(clocks))]
	p.tick, p.micros = clock.tick, clock.micros
	p.time = frametest.RandomColumn(rng, "t", clock.typ)
	p.time.Nulls, p.time.Modest, p.time.Step = 0, true, 1+rng.Int64N(3)
	if len(steps) > 0 {
		value := max(1, p.micros)
		if clock.typ.ID() == arrow.DATE64 {
			value = dayMicros // its values are whole days, in milliseconds
		}
		p.time.Step = max(1, steps[rng.IntN(len(steps))]/value)
		if p.micros == 0 {
			p.time.Step *= 1000
		}
	}
	p.number = frametest.Column{Name: "n", Type: arrow.PrimitiveTypes.Int64, Shape: frametest.Rising, Distinct: 1}
	p.Columns = append(p.Columns, p.time, p.number)
	return p
}

// partition is the query's series: PARTITION BY …, or nothing.
func (p panel) partition() string {
	if len(p.by) == 0 {
		return ""
	}
	return "PARTITION BY " + p.keys()
}

// keys are those of the series, for a query.
func (p panel) keys() string {
	var keys []string
	for _, k := range p.by {
		keys = append(keys, `"`+k+`"`)
	}
	return strings.Join(keys, ", ")
}

// ordered is a part of a query: table t0, with its rows' numbers id, whose column o is the row's place in its series, from 1.
func (p panel) ordered() string {
	return fmt.Sprintf("(SELECT *, rowid AS id, row_number() OVER (%s ORDER BY t, rowid) AS o FROM t0) AS t0", p.partition())
}

// timestamp is the query's time of ticks x.
func (p panel) timestamp(x string) string {
	if p.micros == 0 {
		return fmt.Sprintf("make_timestamp((%s) // 1000)", x)
	}
	return fmt.Sprintf("make_timestamp((%s)::BIGINT * %d)", x, p.micros)
}

// ticks is the query's number of ticks of a timestamp.
func (p panel) ticks(ts string) string {
	if p.micros == 0 {
		return fmt.Sprintf("(epoch_us(%s) * 1000)", ts)
	}
	return fmt.Sprintf("(epoch_us(%s) // %d)", ts, p.micros)
}

// span is a length of time of n steps, and its ticks.
func (p panel) span(n int64) (text string, ticks int64) {
	ticks = n * p.time.Step
	if p.time.Type.ID() == arrow.DATE64 {
		ticks *= 86400e3
	}
	return fmt.Sprint(ticks, p.tick), ticks
}
