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

var joinSQL = map[frame.JoinKind]string{
	frame.Inner: "JOIN", frame.Left: "LEFT JOIN", frame.Right: "RIGHT JOIN", frame.Full: "FULL JOIN", frame.Semi: "SEMI JOIN", frame.Anti: "ANTI JOIN",
}

func TestJoin(t *testing.T) { holds(t, randomJoin) }

func randomJoin(rng *rand.Rand) question {
	o := frame.JoinOptions{Kind: frame.JoinKind(rng.IntN(len(joinSQL)))}
	for o.Plan = frame.JoinPlan(rng.IntN(3)); o.Plan == frame.Broadcast && o.Kind == frame.Full; o.Plan = frame.JoinPlan(rng.IntN(3)) {
	}
	if rng.IntN(3) == 0 {
		o.Algorithm, o.Plan = frame.Merge, frame.Auto
	}
	l := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 150)}
	r := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 150)}
	skewed := rng.IntN(6) == 0 // so many rows of one key that they do not go to one rank
	many, few := &l, &r
	if rng.IntN(2) == 0 {
		many, few = few, many
	}
	if skewed {
		many.Rows, few.Rows = 300+rng.IntN(500), rng.IntN(6)
		if o.Algorithm == frame.Hash {
			o.Plan = frame.Shuffle
		}
	}
	var on []string
	for i := range 1 + rng.IntN(3) {
		k := frametest.RandomColumn(rng, fmt.Sprint("k", i), frametest.KeyTypes...)
		k2 := frametest.RandomColumn(rng, k.Name, k.Type) // of another shape, with other missing cells
		k2.Domain = k.Domain
		if skewed {
			heavy, light := &k, &k2
			if many == &r {
				heavy, light = light, heavy
			}
			heavy.Shape, heavy.Nulls = frametest.Heavy, min(heavy.Nulls, 0.1)
			light.Distinct, light.Nulls = min(light.Distinct, 4), min(light.Nulls, 0.1)
		}
		if rng.IntN(3) == 0 {
			k2.Name = fmt.Sprint("right_k", i)
		}
		l.Columns, r.Columns = append(l.Columns, k), append(r.Columns, k2)
		o.LeftOn, o.RightOn = append(o.LeftOn, k.Name), append(o.RightOn, k2.Name)
		on = append(on, as("t0", k.Name)+" = "+as("t1", k2.Name))
	}
	if slices.Equal(o.LeftOn, o.RightOn) && rng.IntN(2) == 0 {
		o.On, o.LeftOn, o.RightOn = o.LeftOn, nil, nil
	}
	for i := range rng.IntN(4) {
		l.Columns = append(l.Columns, frametest.RandomColumn(rng, fmt.Sprint("v", i), frametest.Types...))
	}
	for i := range rng.IntN(4) {
		r.Columns = append(r.Columns, frametest.RandomColumn(rng, fmt.Sprint("v", i), frametest.Types...))
	}
	if rng.IntN(3) == 0 {
		o.Suffix = "_of right"
	}
	rng.Shuffle(len(l.Columns), func(i, j int) { l.Columns[i], l.Columns[j] = l.Columns[j], l.Columns[i] })
	rng.Shuffle(len(r.Columns), func(i, j int) { r.Columns[i], r.Columns[j] = r.Columns[j], r.Columns[i] })
	leftOn, rightOn := slices.Concat(o.On, o.LeftOn), slices.Concat(o.On, o.RightOn)
	var cols []string
	for _, c := range l.Columns {
		at := as("t0", c.Name)
		if k := slices.Index(leftOn, c.Name); k >= 0 && (o.Kind == frame.Right || o.Kind == frame.Full) {
			at = fmt.Sprintf("CASE WHEN t0.rowid IS NULL THEN %s ELSE %s END", as("t1", rightOn[k]), at)
		}
		cols = append(cols, at)
	}
	for _, c := range r.Columns {
		if o.Kind != frame.Semi && o.Kind != frame.Anti && !slices.Contains(rightOn, c.Name) {
			cols = append(cols, as("t1", c.Name))
		}
	}
	var diff frametest.DiffOptions
	sql := fmt.Sprintf("SELECT %s FROM t0 %s t1 ON %s", strings.Join(cols, ", "), joinSQL[o.Kind], strings.Join(on, " AND "))
	if o.Algorithm == frame.Merge {
		sql += " ORDER BY " + mergeOrder(o.Kind, leftOn, rightOn)
		diff = frametest.DiffOptions{Ordered: true, Inexact: leftOn} // of −0 in a key DuckDB's sort makes 0
	}
	return question{
		tables: []frametest.Spec{l, r},
		text:   fmt.Sprintf("join %+v", o),

		op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
			return frame.Join(c, in[0], in[1], o)
		},
		sql:  sql,
		diff: diff,
	}
}

// mergeOrder is the order of a merge join's rows.
func mergeOrder(kind frame.JoinKind, leftOn, rightOn []string) string {
	var by []string
	for k := range leftOn {
		key := as("t0", leftOn[k])
		if kind == frame.Right || kind == frame.Full {
			key = fmt.Sprintf("CASE WHEN t0.rowid IS NULL THEN %s ELSE %s END", as("t1", rightOn[k]), key)
		}
		by = append(by, key+" NULLS LAST")
	}
	by = append(by, "t0.rowid NULLS LAST")
	if kind != frame.Semi && kind != frame.Anti {
		by = append(by, "t1.rowid NULLS LAST")
	}
	return strings.Join(by, ", ")
}
