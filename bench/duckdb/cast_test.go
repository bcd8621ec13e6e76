package duckdb

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// timestampOf is a type of timestamps in UTC, without a zone or with one.
func timestampOf(rng *rand.Rand, u arrow.TimeUnit, zones ...string) arrow.DataType {
	return &arrow.TimestampType{Unit: u, TimeZone: zones[rng.IntN(len(zones))]}
}

var perSecond = map[arrow.TimeUnit]int64{arrow.Second: 1, arrow.Millisecond: 1e3, arrow.Microsecond: 1e6, arrow.Nanosecond: 1e9}

// randomCast is a cast that loses nothing: a column x, its new type, and the query's cell.
func randomCast(rng *rand.Rand) (c frametest.Column, to arrow.DataType, sql string) {
	units := []arrow.TimeUnit{arrow.Second, arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond}
	text := arrow.DataType(arrow.BinaryTypes.LargeString)
	c = frametest.RandomColumn(rng, "x", frametest.NumberTypes...)
	c.Modest = true
	signed := !arrow.IsUnsignedInteger(c.Type.ID())
	width := c.Type.(arrow.FixedWidthDataType).BitWidth()
	switch rng.IntN(9) {
	case 0: // numbers to numbers: the modest ones have up to 1000, of 8 bits 100
		for to = frametest.NumberTypes[rng.IntN(len(frametest.NumberTypes))]; signed && arrow.IsUnsignedInteger(to.ID()) || to.(arrow.FixedWidthDataType).BitWidth() == 8 && width > 8; {
			to = frametest.NumberTypes[rng.IntN(len(frametest.NumberTypes))]
		}
		return c, to, "x"
	case 1: // whole numbers, of any size, to text
		for c.Type.ID() == arrow.FLOAT32 || c.Type.ID() == arrow.FLOAT64 {
			c = frametest.RandomColumn(rng, "x", frametest.NumberTypes...)
		}
		c.Modest = false
		return c, text, "x::VARCHAR"
	case 2: // booleans
		c.Type = arrow.FixedWidthTypes.Boolean
		if rng.IntN(2) == 0 {
			return c, text, "x::VARCHAR"
		}
		return c, frametest.NumberTypes[rng.IntN(len(frametest.NumberTypes))], "x::INT"
	case 3: // dates to text
		c.Type, c.Step = arrow.FixedWidthTypes.Date32, 1+rng.Int64N(50)
		return c, text, "strftime(DATE '1970-01-01' + x, '%Y-%m-%d')"
	case 4: // dates to times
		u := units[rng.IntN(4)]
		c.Type, c.Step = arrow.FixedWidthTypes.Date32, 1+rng.Int64N(50)
		return c, timestampOf(rng, u, ""), fmt.Sprintf("x::BIGINT * %d", 86400*perSecond[u])
	case 5: // midnights to dates; another time of the day would be lost
		u := units[rng.IntN(4)]
		c.Type, c.Step = timestampOf(rng, u, "", "UTC"), 86400*perSecond[u]
		return c, arrow.FixedWidthTypes.Date32, fmt.Sprintf("x // %d", 86400*perSecond[u])
	case 6: // times of one unit to another; a zone changes no moment
		u, v := units[rng.IntN(4)], units[rng.IntN(4)]
		c.Type, c.Step = timestampOf(rng, u, "UTC"), perSecond[u]*rng.Int64N(5000)+perSecond[u]
		return c, timestampOf(rng, v, "UTC", "Europe/Berlin"), fmt.Sprintf("x // %d * %d", perSecond[u], perSecond[v])
	case 7: // whole seconds as text
		u := units[rng.IntN(4)]
		c.Type, c.Step = timestampOf(rng, u, ""), perSecond[u]*rng.Int64N(5000)+perSecond[u]
		return c, text, fmt.Sprintf("strftime(make_timestamp(x // %d * 1000000), '%%Y-%%m-%%d %%H:%%M:%%S')", perSecond[u])
	}
	c.Type = arrow.FixedWidthTypes.Date32 // to milliseconds
	return c, arrow.FixedWidthTypes.Date64, "x::BIGINT * 86400000"
}

func TestCast(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		c, to, sql := randomCast(rng)
		s := randomTable(rng, 300)
		s.Columns = append(s.Columns, c)
		back := rng.IntN(2) == 0
		if back {
			sql = "x"
		}
		return question{
			tables: []frametest.Spec{s},
			text:   fmt.Sprintf("cast x from %s to %s, and back: %t", c.Type, to, back),
			op: func(comm collective.Comm, in []*frame.Table) (*frame.Table, error) {
				out, err := frame.Cast(comm, in[0], "x", to)
				if err != nil || !back {
					return out, err
				}
				defer out.Release()
				return frame.Cast(comm, out, "x", c.Type)
			},
			sql:  fmt.Sprintf("SELECT * REPLACE (%s AS x) FROM t0 ORDER BY rowid", sql),
			diff: frametest.DiffOptions{Ordered: true},
		}
	})
}
