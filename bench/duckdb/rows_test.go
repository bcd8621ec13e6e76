package duckdb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

func TestSlices(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 300)
		n, from := rng.Int64N(400), rng.Int64N(350)
		if rng.IntN(4) == 0 {
			n = []int64{0, 1, int64(s.Rows), 1 << 62}[rng.IntN(4)]
		}
		q := question{tables: []frametest.Spec{s}, diff: frametest.DiffOptions{Ordered: true}}
		switch rng.IntN(3) {
		case 0:
			q.text = fmt.Sprintf("head %d", n)
			q.sql = fmt.Sprintf("SELECT * FROM t0 WHERE rowid < %d ORDER BY rowid", n)
			q.op = func(c collective.Comm, in []*frame.Table) (*frame.Table, error) { return frame.Head(c, in[0], n) }
		case 1:
			q.text = fmt.Sprintf("tail %d", n)
			q.sql = fmt.Sprintf("SELECT * FROM t0 WHERE rowid >= (SELECT count(*) FROM t0) - %d ORDER BY rowid", n)
			q.op = func(c collective.Comm, in []*frame.Table) (*frame.Table, error) { return frame.Tail(c, in[0], n) }
		default:
			q.text = fmt.Sprintf("slice %d from %d", n, from)
			q.sql = fmt.Sprintf("SELECT * FROM t0 WHERE rowid >= %d AND rowid - %d < %d ORDER BY rowid", from, from, n)
			q.op = func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return frame.Slice(c, in[0], from, n)
			}
		}
		return q
	})
}

// TestSample: the rows that are left, and those that are not, together are the table, and there are as many as asked for.
func TestSample(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 300)
		s.Columns = append(s.Columns, frametest.Column{Name: "n", Type: arrow.PrimitiveTypes.Int64, Shape: frametest.Rising, Distinct: 1})
		o := frame.SampleOptions{Seed: rng.Uint64()}
		if rng.IntN(2) == 0 {
			o.Rows = 1 + rng.Int64N(300)
		} else {
			o.Fraction = []float64{1, 1e-9, rng.Float64() + 1e-3}[rng.IntN(3)]
			o.Fraction = min(o.Fraction, 1)
		}
		q := question{tables: []frametest.Spec{s}, text: fmt.Sprintf("sample %+v", o)}
		sample := func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
			out, err := frame.Sample(c, in[0], o)
			if err != nil {
				return nil, err
			}
			n, err := collective.AllReduceOne(c, int64(out.NumRows()), collective.Sum)
			if want := min(o.Rows, int64(s.Rows)); err == nil && (o.Rows > 0 && n != want || o.Fraction == 1 && n != int64(s.Rows)) {
				err = fmt.Errorf("%d rows", n)
			}
			if err != nil {
				out.Release()
				return nil, err
			}
			return out, nil
		}
		if rng.IntN(2) == 0 { // the same rows, in order, on any number of ranks
			q.op, q.diff.Ordered = sample, true
			return q
		}
		q.sql = "SELECT * FROM t0"
		q.op = func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
			some, err := sample(c, in)
			if err != nil {
				return nil, err
			}
			defer some.Release()
			rest, err := frame.Join(c, in[0], some, frame.JoinOptions{Kind: frame.Anti, On: []string{"n"}})
			if err != nil {
				return nil, err
			}
			defer rest.Release()
			return frame.Concat(c, frame.ConcatOptions{}, some, rest)
		}
		return q
	})
}

// TestColumns: select, drop and rename.
func TestColumns(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 100)
		some := names(s)
		rng.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		renamed := map[string]string{}
		for i, n := range some { // each takes the next one's name
			renamed[n] = some[(i+1)%len(some)]
		}
		some = some[:1+rng.IntN(len(some))]
		q := question{tables: []frametest.Spec{s}, diff: frametest.DiffOptions{Ordered: true}}
		switch rng.IntN(3) {
		case 0:
			q.text, q.sql = fmt.Sprintf("select %q", some), "SELECT "+strings.Join(some, ", ")+" FROM t0 ORDER BY rowid"
			q.op = func(_ collective.Comm, in []*frame.Table) (*frame.Table, error) { return frame.Select(in[0], some...) }
		case 1:
			if some = some[1:]; len(some) == 0 {
				some = nil
			}
			q.text, q.sql = fmt.Sprintf("drop %q", some), "SELECT * FROM t0 ORDER BY rowid"
			if len(some) > 0 {
				q.sql = "SELECT * EXCLUDE (" + strings.Join(some, ", ") + ") FROM t0 ORDER BY rowid"
			}
			q.op = func(_ collective.Comm, in []*frame.Table) (*frame.Table, error) { return frame.Drop(in[0], some...) }
		default:
			q.text, q.sql = fmt.Sprintf("rename %q, and select by the new names", renamed), "SELECT "
			var to []string
			for i, c := range s.Columns {
				if i > 0 {
					q.sql += ", "
				}
				q.sql += c.Name
				to = append(to, renamed[c.Name])
			}
			q.sql += " FROM t0 ORDER BY rowid"
			q.op = func(_ collective.Comm, in []*frame.Table) (*frame.Table, error) {
				out, err := frame.Rename(in[0], renamed)
				if err != nil {
					return nil, err
				}
				defer out.Release()
				return frame.Select(out, to...)
			}
		}
		return q
	})
}

// TestConcat: columns by name, of the wider type, missing where a table has none.
func TestConcat(t *testing.T) {
	mixed := [][]arrow.DataType{
		{arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32},
		{arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64},
		frametest.NumberTypes[8:], // floats
	}
	holds(t, func(rng *rand.Rand) question {
		o := frame.ConcatOptions{Fill: rng.IntN(2) == 0}
		var specs []frametest.Spec
		type shared struct {
			name  string
			types []arrow.DataType
		}
		var columns []shared
		for i := range 1 + rng.IntN(5) {
			c := shared{fmt.Sprint("c", i), []arrow.DataType{frametest.Types[rng.IntN(len(frametest.Types))]}}
			if rng.IntN(2) == 0 {
				c.types = mixed[rng.IntN(len(mixed))]
			}
			columns = append(columns, c)
		}
		for k := range 1 + rng.IntN(3) {
			s := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 100)}
			for i, c := range columns {
				if o.Fill && rng.IntN(4) == 0 && i > 0 {
					continue
				}
				s.Columns = append(s.Columns, frametest.RandomColumn(rng, c.name, c.types...))
			}
			if k > 0 {
				rng.Shuffle(len(s.Columns), func(i, j int) { s.Columns[i], s.Columns[j] = s.Columns[j], s.Columns[i] })
			}
			specs = append(specs, s)
		}
		var all []string // in the order of the first table, then of the others
		var parts []string
		for i, s := range specs {
			for _, c := range s.Columns {
				if !slices.Contains(all, c.Name) {
					all = append(all, c.Name)
				}
			}
			parts = append(parts, fmt.Sprint("SELECT * FROM t", i))
		}
		return question{
			tables: specs,
			text:   fmt.Sprintf("concat %+v", o),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return frame.Concat(c, o, in...)
			},
			sql: fmt.Sprintf("SELECT %s FROM (%s)", strings.Join(all, ", "), strings.Join(parts, " UNION ALL BY NAME ")),
		}
	})
}
