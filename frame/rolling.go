package frame

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// RollingAgg is an aggregate over a window that moves along a series, row by row.
type RollingAgg struct {
	Agg // as named there; "" for As means column_func
	// Rows is the length of the window: the row and the Rows-1 before it. Span is its
	// length in time instead, as 36h or 7d (see [ParseDuration]): for a row at time t, the rows after t - Span and
	// up to t, all rows at t included. With neither the window expands: it has all rows of the
	// series up to this one.
	Rows int
	Span string
	// Center puts the row in the middle: of Rows, (Rows-1)/2 (rounded down) follow it;
	// of Span, it is the rows after t - Span/2 and up to t + Span/2.
	Center bool
	// MinPeriods is the number of cells that are not missing that a window needs, else the
	// result is missing; 0 means 1. A count needs none.
	MinPeriods int
}

// Rolling adds a column for each aggregate over windows of each series. Missing cells are
// skipped; windows are cut at the ends of the series. The result's rows are ordered by series and
// time on each rank, rows of equal time as they were; a series is whole on one rank, without
// by all rows are one series. A missing time is an error. Collective.
//
// Each row costs O(1) amortised, median and quantile O(log n) of the series' rows n. Sums
// and moments are merged from partial ones, never subtracted from, so that a great
// value leaves no trace when it leaves the window. count_distinct is not supported.
func Rolling(c collective.Comm, t *Table, by []string, time string, aggs ...RollingAgg) (*Table, error) {
	r := &roller{aggs: aggs}
	if err := collective.Agree(c, wrap("rolling", r.bind(t, by, time))); err != nil {
		return nil, err
	}
	s, err := bySeries(c, t, "rolling", by, time)
	if err != nil {
		return nil, err
	}
	defer s.release()
	out, err := r.local(s)
	if err := collective.Agree(c, wrap("rolling", err)); err != nil {
		if out != nil {
			out.Release()
		}
		return nil, err
	}
	return out, nil
}

type roller struct {
	aggs    []RollingAgg
	columns []int
	spans   []int64 // in ticks; 0: none
	fields  []arrow.Field
}

func (r *roller) bind(t *Table, by []string, time string) error {
	if len(r.aggs) == 0 {
		return fmt.Errorf("no aggregate is given")
	}
	if time == "" {
		return fmt.Errorf("no time column is given")
	}
	if err := checkSeries(t, by, time); err != nil {
		return err
	}
	var names []string
	for i := range r.aggs {
		g := &r.aggs[i]
		f, err := g.bind(t)
		if err != nil {
			return err
		}
		k, _ := t.index(g.Column)
		at, _ := t.index(time)
		perDay, _ := ticksPerDay(t.schema.Field(at).Type)
		span := int64(0)
		switch {
		case g.Func == "count_distinct":
			return fmt.Errorf("count_distinct of a window is not supported")
		case g.Rows < 0 || g.MinPeriods < 0:
			return fmt.Errorf("column %s: a window of %d rows, at least %d of them: want no number below 0", quote(f.Name), g.Rows, g.MinPeriods)
		case g.Rows > 0 && g.Span != "":
			return fmt.Errorf("column %s: give the window either in rows or as a span of time", quote(f.Name))
		case g.Rows == 0 && g.Span == "" && g.Center:
			return fmt.Errorf("column %s: an expanding window has no centre; give rows or a span", quote(f.Name))
		case g.Rows > 0 && g.MinPeriods > g.Rows:
			return fmt.Errorf("column %s: a window of %d rows never has %d cells", quote(f.Name), g.Rows, g.MinPeriods)
		case g.Span != "":
			p, err := parsePeriod(g.Span)
			if err == nil {
				span, err = p.ticks(perDay)
			}
			if err != nil {
				return fmt.Errorf("column %s: span %s: %w", quote(f.Name), quote(g.Span), err)
			}
		}
		names = append(names, f.Name)
		r.columns, r.spans, r.fields = append(r.columns, k), append(r.spans, span), append(r.fields, f)
	}
	return t.newNames(names...)
}

func (r *roller) local(s *series) (*Table, error) {
	m := s.t.mem
	var arrays []arrow.Array
	if s.t.rows == 0 {
		return s.t.extend(r.fields, nil), nil // there is no chunk to extend
	}
	for i := range r.aggs {
		lo, hi := alloc[uint32](m, s.t.rows), alloc[uint32](m, s.t.rows)
		windows(s, &r.aggs[i], r.spans[i], lo, hi)
		out, err := roll(m, s.t.Record().Column(r.columns[i]), &r.aggs[i], s.start, lo, hi)
		free(m, lo)
		free(m, hi)
		if err != nil {
			for _, a := range arrays {
				a.Release()
			}
			return nil, err
		}
		arrays = append(arrays, out)
	}
	s.t.Record() // one chunk
	return s.t.extend(r.fields, func(arrow.Record) []arrow.Array { return arrays }), nil
}

// windows are the rows lo[i] ≤ row < hi[i] of row i's window. Neither ever falls.
func windows(s *series, g *RollingAgg, span int64, lo, hi []uint32) {
	for k := range len(s.start) - 1 {
		first, end := s.start[k], s.start[k+1]
		switch {
		case span > 0:
			before, after := span, int64(0)
			if g.Center {
				before, after = span-span/2, span/2
			}
			a, b := first, first
			for i := first; i < end; i++ {
				t := s.time[i]
				for s.time[a] <= t-before {
					a++
				}
				for b < end && s.time[b] <= t+after {
					b++
				}
				lo[i], hi[i] = uint32(a), uint32(b)
			}
		case g.Rows > 0:
			after := 0
			if g.Center {
				after = (g.Rows - 1) / 2
			}
			for i := first; i < end; i++ {
				last := i + after + 1 - g.Rows
				lo[i], hi[i] = uint32(max(first, last)), uint32(min(end, i+after+1))
			}
		default:
			for i := first; i < end; i++ {
				lo[i], hi[i] = uint32(first), uint32(i+1)
			}
		}
	}
}
