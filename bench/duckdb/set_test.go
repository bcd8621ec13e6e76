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

// TestUnique: of equal rows the first one of the whole table stays.
func TestUnique(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 300)
		var columns, by []string
		for _, i := range rng.Perm(len(s.Columns))[:rng.IntN(len(s.Columns)+1)] {
			columns = append(columns, s.Columns[i].Name)
		}
		for _, c := range s.Columns {
			if len(columns) == 0 || slices.Contains(columns, c.Name) {
				by = append(by, as("t0", c.Name))
			}
		}
		return question{
			tables: []frametest.Spec{s},
			text:   fmt.Sprintf("unique %q", columns),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return frame.Unique(c, in[0], columns...)
			},
			sql: fmt.Sprintf("SELECT * FROM t0 QUALIFY row_number() OVER (PARTITION BY %s ORDER BY rowid) = 1", strings.Join(by, ", ")),
		}
	})
}

func TestSetOperations(t *testing.T) {
	operations := []struct {
		sql string
		op  func(c collective.Comm, a, b *frame.Table) (*frame.Table, error)
	}{{"UNION", frame.Union}, {"INTERSECT", frame.Intersect}, {"EXCEPT", frame.Subtract}}
	holds(t, func(rng *rand.Rand) question {
		o := operations[rng.IntN(len(operations))]
		a := randomTable(rng, 200)
		b := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 200)}
		for _, c := range a.Columns { // the same values, otherwise often
			other := frametest.RandomColumn(rng, c.Name, c.Type)
			other.Domain = c.Domain
			b.Columns = append(b.Columns, other)
		}
		return question{
			tables: []frametest.Spec{a, b},
			text:   o.sql,
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return o.op(c, in[0], in[1])
			},
			sql:  fmt.Sprintf("SELECT * FROM t0 %s SELECT * FROM t1", o.sql),
			diff: frametest.DiffOptions{Inexact: names(a)}, // 0 and −0 are one value
		}
	})
}

func names(s frametest.Spec) (names []string) {
	for _, c := range s.Columns {
		names = append(names, c.Name)
	}
	return names
}
