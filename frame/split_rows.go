package frame

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// SplitOptions says where train, validation and test end. All ranks pass the same. One of
// Dates, Fractions and Steps is given.
type SplitOptions struct {
	// Dates are times at which train, val and test end, not included, in order: two, so that
	// test runs to the end, or three. As in 2006-01-02 or 2006-01-02 15:04:05, in UTC.
	Dates []string
	// Fractions of the different times of each series, in order: train and test get int(f·n) of n, val
	// the rest where they sum to 1, else int(f·n) too.
	Fractions []float64
	// Steps are numbers of different times of each series, in order.
	Steps []int
	As    string // the new column; "" means split
	Flags bool   // three columns of booleans named As_train, As_val and As_test instead
}

var splitParts = []string{"train", "val", "test"}

// Split adds a column that tells which part a row belongs to: train, val or test, as text, missing behind
// the last one's end. In each series the parts follow each other in time, and rows of one time are in
// one part, so that nothing of a later part is seen by an earlier one. A missing time is an error. Collective.
//
// By dates no row moves, and by is not looked at. Otherwise the rows are ordered by series and time on
// each rank; without by all rows are one series, and a series without times enough for a part has none in it.
func Split(c collective.Comm, t *Table, by []string, time string, o SplitOptions) (*Table, error) {
	fields, ends, err := o.bind(t, by, time)
	if err := collective.Agree(c, wrap("split", err)); err != nil {
		return nil, err
	}
	names := textColumn(t.mem, splitParts)
	defer names.Release()
	at, _ := t.index(time)
	if o.Dates != nil {
		return t.extend(fields, func(r arrow.Record) []arrow.Array {
			times := ticksOf(t.mem, r.Column(at))
			defer free(t.mem, times)
			part := alloc[uint32](t.mem, len(times))
			defer free(t.mem, part)
			for i, x := range times {
				part[i] = partOf(x, ends)
			}
			return o.columns(t.mem, names, part)
		}), nil
	}
	s, err := bySeries(c, t, "split", by, time)
	if err != nil {
		return nil, err
	}
	defer s.release()
	part := alloc[uint32](t.mem, s.t.rows)
	defer free(t.mem, part)
	for i := range len(s.start) - 1 {
		lo, hi := s.start[i], s.start[i+1]
		n := int64(1) // different times
		for r := lo + 1; r < hi; r++ {
			if s.time[r] != s.time[r-1] {
				n++
			}
		}
		ends, step := o.ends(n), int64(0)
		for r := lo; r < hi; r++ {
			if r > lo && s.time[r] != s.time[r-1] {
				step++
			}
			part[r] = partOf(step, ends)
		}
	}
	s.t.Record() // one chunk
	return s.t.extend(fields, func(arrow.Record) []arrow.Array { return o.columns(t.mem, names, part) }), nil
}

// partOf is the first part that ends behind x, or noRow.
func partOf(x int64, ends []int64) uint32 {
	for i, e := range ends {
		if x < e {
			return uint32(i)
		}
	}
	return noRow
}

// columns are the new ones for rows of the given parts.
func (o *SplitOptions) columns(m *Memory, names arrow.Array, part []uint32) []arrow.Array {
	if !o.Flags {
		return []arrow.Array{take(m, names, part)}
	}
	var out []arrow.Array
	for p := range splitParts {
		b := newBuffer(m, (len(part)+7)/8)
		bits := b.Bytes()
		for i, x := range part {
			if x == uint32(p) {
				bits[i/8] |= 1 << (i % 8)
			}
		}
		out = append(out, newArray(arrow.FixedWidthTypes.Boolean, len(part), 0, nil, b))
	}
	return out
}

// bind is the fields of the new columns, and the times at which the parts end, if they are given.
func (o *SplitOptions) bind(t *Table, by []string, time string) (fields []arrow.Field, ends []int64, err error) {
	given := 0
	for _, n := range []int{len(o.Dates), len(o.Fractions), len(o.Steps)} {
		if n > 0 {
			given++
		}
		if n > 3 || n == 1 || n == 2 && len(o.Dates) != 2 {
			given = 2
		}
	}
	if given != 1 {
		return nil, nil, fmt.Errorf("give three fractions, three numbers of steps, or two or three dates")
	}
	sum := 0.
	for _, f := range o.Fractions {
		if !(f >= 0) {
			return nil, nil, fmt.Errorf("the fraction %g is below 0", f)
		}
		sum += f
	}
	if sum > 1+1e-9 {
		return nil, nil, fmt.Errorf("the fractions sum to %g: more than 1", sum)
	}
	for _, n := range o.Steps {
		if n < 0 {
			return nil, nil, fmt.Errorf("the number of steps %d is below 0", n)
		}
	}
	if time == "" {
		return nil, nil, fmt.Errorf("no time column is given")
	}
	if err := checkSeries(t, by, time); err != nil {
		return nil, nil, err
	}
	at, _ := t.index(time)
	perDay, _ := ticksPerDay(t.schema.Field(at).Type)
	for i, d := range o.Dates {
		e, err := parseTicks(d, perDay)
		if err != nil {
			return nil, nil, err
		}
		if i > 0 && e <= ends[i-1] {
			return nil, nil, fmt.Errorf("%s is not after %s", quote(d), quote(o.Dates[i-1]))
		}
		ends = append(ends, e)
	}
	if len(ends) == 2 {
		ends = append(ends, math.MaxInt64)
	}
	name, dt := o.As, arrow.DataType(arrow.BinaryTypes.LargeString)
	if name == "" {
		name = "split"
	}
	names := []string{name}
	if o.Flags {
		dt, names = arrow.FixedWidthTypes.Boolean, nil
		for _, p := range splitParts {
			names = append(names, name+"_"+p)
		}
	}
	for _, n := range names {
		fields = append(fields, arrow.Field{Name: n, Type: dt, Nullable: true})
	}
	return fields, ends, t.newNames(names...)
}

// ends are the steps, of n, at which the parts end.
func (o *SplitOptions) ends(n int64) []int64 {
	if o.Steps != nil {
		a, b, c := int64(o.Steps[0]), int64(o.Steps[1]), int64(o.Steps[2])
		a = min(a, n)
		b = a + min(b, n-a)
		return []int64{a, b, b + min(c, n-b)}
	}
	part := func(i int) int64 { return int64(o.Fractions[i]*float64(n) + 1e-9) }
	a := part(0)
	b := a + part(1)
	if math.Abs(o.Fractions[0]+o.Fractions[1]+o.Fractions[2]-1) < 1e-9 {
		b = max(a, n-part(2))
		return []int64{a, b, n}
	}
	return []int64{a, b, min(b+part(2), n)}
}
