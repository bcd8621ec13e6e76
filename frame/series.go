package frame

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// series are whole series of a table, ordered by their keys and, if there is one, time.
type series struct {
	t      *Table
	start  []int   // the first row of each, then the number of rows
	time   []int64 // in ticks; nil without a time column
	perDay int64   // ticks a day
}

// bySeries brings the rows of each series, those with equal cells in by, to one rank and
// orders them by by, then by time if it is not ""; rows with equal ones keep their order.
// The caller releases the result; errors begin with op. Collective.
func bySeries(c collective.Comm, t *Table, op string, by []string, time string) (*series, error) {
	if err := collective.Agree(c, wrap(op, checkSeries(t, by, time))); err != nil {
		return nil, err
	}
	mine, err := PartitionBy(c, t, by...)
	if err != nil {
		return nil, err
	}
	if err := collective.Agree(c, wrap(op, fitsRows(mine.rows))); err != nil {
		mine.Release()
		return nil, err
	}
	return orderSeries(mine, by, time), nil
}

// checkSeries looks at the key columns and the times of this rank's rows.
func checkSeries(t *Table, by []string, time string) error {
	for _, n := range by {
		if _, err := t.index(n); err != nil {
			return err
		}
	}
	if time == "" {
		return nil
	}
	i, err := t.index(time)
	if err != nil {
		return err
	}
	if _, ok := ticksPerDay(t.schema.Field(i).Type); !ok {
		return fmt.Errorf("column %s is %s, not a date or timestamp", quote(time), t.schema.Field(i).Type)
	}
	a := t.Record().Column(i)
	if err := missingCells(time, a, "a time"); err != nil {
		return err
	}
	c := see(a)
	if c.width == 8 {
		for r, v := range values[int64](&c) {
			if v > maxTicks || v < -maxTicks {
				return fmt.Errorf("column %s: the time %d in row %d of this rank (from 0) is out of range", quote(time), v, r)
			}
		}
	}
	return nil
}

// missingCells is an error if a cell of a is missing.
func missingCells(name string, a arrow.Array, what string) error {
	if a.NullN() == 0 {
		return nil
	}
	i := 0
	for a.IsValid(i) {
		i++
	}
	return fmt.Errorf("column %s lacks %s in %s of this rank, the first in row %d (from 0)", quote(name), what, plural(a.NullN(), "row"), i)
}

// orderSeries orders t, which it takes over and whose columns were looked at.
func orderSeries(t *Table, by []string, time string) *series {
	var keys []SortKey
	for _, n := range by {
		keys = append(keys, SortKey{Column: n})
	}
	if time != "" {
		keys = append(keys, SortKey{Column: time})
	}
	if len(keys) > 0 {
		cols, err := sortColumns(t, keys)
		if err != nil {
			panic(err) // they were looked at
		}
		sorted := sortLocal(t, cols)
		t.Release()
		t = sorted
	}
	cols, err := keyColumns(t, by)
	if err != nil {
		panic(err)
	}
	s := &series{t: t, start: runs(t.mem, cols, t.rows)}
	if time != "" {
		a, _ := t.Column(time)
		s.perDay, _ = ticksPerDay(a.DataType())
		s.time = ticksOf(t.mem, a)
	}
	return s
}

func (s *series) release() {
	free(s.t.mem, s.time)
	s.t.Release()
}

// ticksOf are the times of a column in its unit; the caller frees them.
func ticksOf(m *Memory, a arrow.Array) []int64 {
	c := see(a)
	t := alloc[int64](m, c.n)
	if c.width == 8 {
		copy(t, values[int64](&c))
	} else {
		for i, v := range values[int32](&c) {
			t[i] = int64(v)
		}
	}
	return t
}

// runs are the first rows of the runs of equal cells in cols, then the number of rows.
// Without columns all rows are one run; no rows have none.
func runs(m *Memory, cols []column, n int) []int {
	if n == 0 {
		return []int{0}
	}
	a, b := alloc[uint32](m, n), alloc[uint32](m, n)
	defer free(m, a)
	defer free(m, b)
	for i := range n - 1 {
		a[i], b[i] = uint32(i), uint32(i+1)
	}
	same := alloc[bool](m, n)
	defer free(m, same)
	equalKeys(same[:n-1], cols, a, cols, b)
	start := []int{0}
	for i, eq := range same[:n-1] {
		if !eq {
			start = append(start, i+1)
		}
	}
	return append(start, n)
}

// extend is t with more columns, which of gives for each of its records. It shares the others.
func (t *Table) extend(fields []arrow.Field, of func(r arrow.Record) []arrow.Array) *Table {
	out := &Table{mem: t.mem, schema: arrow.NewSchema(append(t.schema.Fields(), fields...), nil), rows: t.rows}
	for _, r := range t.chunks {
		more := of(r)
		out.chunks = append(out.chunks, array.NewRecord(out.schema, append(slices.Clone(r.Columns()), more...), r.NumRows()))
		for _, a := range more {
			a.Release()
		}
	}
	return out
}

// newNames is an error unless the names are no columns of t, and differ.
func (t *Table) newNames(names ...string) error {
	seen := map[string]bool{}
	for _, n := range t.Names() {
		seen[n] = true
	}
	for _, n := range names {
		if seen[n] {
			return twoColumns(n)
		}
		seen[n] = true
	}
	return nil
}

// groupRuns are the runs of rows start[i] ≤ row < start[i+1] as groups; a run may be empty.
func groupRuns(m *Memory, start []int) *grouping {
	n := len(start) - 1
	g := &grouping{m: m, id: alloc[uint32](m, start[n]), space: alloc[uint32](m, n)}
	g.first = g.space
	for i := range n {
		g.first[i] = uint32(start[i])
		for r := start[i]; r < start[i+1]; r++ {
			g.id[r] = uint32(i)
		}
	}
	return g
}

func isFloat(dt arrow.DataType) bool { return dt.ID() == arrow.FLOAT32 || dt.ID() == arrow.FLOAT64 }

// isNumeric reports whether [floats] reads the type.
func isNumeric(dt arrow.DataType) bool {
	return isFloat(dt) || arrow.IsInteger(dt.ID()) || dt.ID() == arrow.BOOL
}
