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

// TestAsOf: DuckDB's ASOF JOIN leaves open which of several rows at one time it takes, and has no nearest; the
// query finds the last right row before (b) and the first after (f), of rows numbered by time.
func TestAsOf(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		l := randomPanel(rng, 150)
		r := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 150)}
		o := frame.AsOfOptions{By: l.by, On: "t", Direction: []string{"", "backward", "forward", "nearest", "nearest"}[rng.IntN(5)]}
		tolerance := int64(1) << 62
		if rng.IntN(2) == 0 {
			o.Tolerance, tolerance = l.span(1 + rng.Int64N(100))
		}
		if rng.IntN(3) == 0 {
			o.Suffix = "_of right"
		}
		same := "true"
		for _, k := range l.Columns {
			if k.Name == "n" {
				continue
			}
			k2 := frametest.RandomColumn(rng, k.Name, k.Type)
			k2.Domain, k2.Modest, k2.Step = k.Domain, k.Modest, k.Step
			if k.Name == "t" {
				k2.Nulls = 0
			} else {
				k2.Distinct = min(k2.Distinct, 5)
				same += fmt.Sprintf(" AND %s = %s", as("t0", k.Name), as("r", k.Name))
			}
			r.Columns = append(r.Columns, k2)
		}
		var cols []string
		for i := range rng.IntN(4) {
			v := frametest.RandomColumn(rng, fmt.Sprint("v", i), frametest.Types...)
			if r.Columns = append(r.Columns, v); rng.IntN(2) == 0 {
				l.Columns = append(l.Columns, frametest.RandomColumn(rng, v.Name, frametest.Types...))
			}
		}
		rng.Shuffle(len(r.Columns), func(i, j int) { r.Columns[i], r.Columns[j] = r.Columns[j], r.Columns[i] })
		for _, c := range r.Columns {
			if c.Name != "t" && !slices.Contains(l.by, c.Name) {
				cols = append(cols, ", "+as("m", c.Name))
			}
		}
		take := map[string]string{"forward": "f", "nearest": "CASE WHEN b IS NULL OR ft - t < t - bt THEN f ELSE b END"}[o.Direction]
		if take == "" {
			take = "b"
		}
		return question{
			tables: []frametest.Spec{l.Spec, r},
			text:   fmt.Sprintf("as-of join %+v", o),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				if len(o.By) == 0 {
					return frame.AsOf(c, in[0], in[1], o)
				}
				return inSeries(c, func() (*frame.Table, error) { return frame.AsOf(c, in[0], in[1], o) }, o.By)
			},
			sql: fmt.Sprintf(`WITH r AS (SELECT *, row_number() OVER (ORDER BY t, rowid) AS o FROM t1),
p AS (SELECT t0.rowid AS id, any_value(t0.t) AS t, max(r.o) FILTER (r.t <= t0.t) AS b, max(r.t) FILTER (r.t <= t0.t) AS bt,
	min(r.o) FILTER (r.t >= t0.t) AS f, min(r.t) FILTER (r.t >= t0.t) AS ft FROM t0 LEFT JOIN r ON %s GROUP BY t0.rowid),
q AS (SELECT id, %s AS o FROM p)
SELECT t0.*%s FROM t0 JOIN q ON q.id = t0.rowid LEFT JOIN r AS m ON m.o = q.o AND abs(m.t - t0.t) <= %d`, same, take, strings.Join(cols, ""), tolerance),
		}
	})
}
