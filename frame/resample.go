package frame

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// ResampleOptions says how [Resample] cuts time into bins. All ranks pass the same.
type ResampleOptions struct {
	// Every is the length of a bin: 15m, 1h, 36h, 7d, 2w, 1mo, 1y. Days, weeks, months and
	// years are those of UTC; weeks begin on Monday.
	Every string
	Aggs  []Agg
	// Origin is where a bin begins, for lengths up to weeks: "" is 1970-01-01 (a Monday,
	// 1970-01-05, for whole weeks), "start" the first time of each series, else a time as in
	// 2006-01-02 15:04:05.
	Origin string
	// Closed is the side of a bin that belongs to it, Label the side whose time its row
	// gets: "left" or "right"; "" is left.
	Closed, Label string
	// Gaps also gives a row for each bin without rows between the first and last one of a series,
	// with missing aggregates and counts of 0. So a series gets more rows where Every is finer than its steps.
	Gaps bool
}

// usualGap is a number of bins without rows that is filled whatever the memory limit is.
const usualGap = 1 << 20

// Resample replaces the rows of each series by a row for each bin of time: the series' keys,
// the bin's time, and the aggregates of its rows. first and last are meant in time; rows of one time
// keep their order. The result's rows are ordered by series and time on each rank; a series
// is whole on one, without by all rows are one series. A missing time is an error. Collective.
func Resample(c collective.Comm, t *Table, by []string, time string, o ResampleOptions) (*Table, error) {
	r := &resampler{o: o, by: by, time: time}
	if err := collective.Agree(c, wrap("resample", r.bind(t))); err != nil {
		return nil, err
	}
	s, err := bySeries(c, t, "resample", by, time)
	if err != nil {
		return nil, err
	}
	defer s.release()
	out, err := r.local(s)
	if err := collective.Agree(c, wrap("resample", err)); err != nil {
		if out != nil {
			out.Release()
		}
		return nil, err
	}
	return out, nil
}

type resampler struct {
	o      ResampleOptions
	by     []string
	time   string
	grid   grid
	fields []arrow.Field
	keys   []int // key columns
	timeAt int   // the time column
}

func (r *resampler) bind(t *Table) error {
	o := &r.o
	if len(o.Aggs) == 0 {
		return fmt.Errorf("no aggregate is given")
	}
	for _, side := range []*string{&o.Closed, &o.Label} {
		if *side == "" {
			*side = "left"
		}
		if *side != "left" && *side != "right" {
			return fmt.Errorf("closed and label are left or right, not %s", quote(*side))
		}
	}
	if err := checkSeries(t, r.by, r.time); err != nil {
		return err
	}
	names := map[string]bool{}
	add := func(f arrow.Field) error {
		if names[f.Name] {
			return twoColumns(f.Name)
		}
		names[f.Name] = true
		r.fields = append(r.fields, f)
		return nil
	}
	for _, n := range r.by {
		k, _ := t.index(n)
		r.keys = append(r.keys, k)
		if err := add(t.schema.Field(k)); err != nil {
			return err
		}
	}
	var err error
	if r.timeAt, err = t.index(r.time); err != nil {
		return err
	}
	f := t.schema.Field(r.timeAt)
	if err := add(f); err != nil {
		return err
	}
	perDay, _ := ticksPerDay(f.Type)
	if r.grid, err = newGrid(o.Every, perDay); err != nil {
		return err
	}
	if o.Origin != "" && r.grid.months > 0 {
		return fmt.Errorf("months and years begin on their first day; leave out the origin %s", quote(o.Origin))
	}
	if o.Origin != "" && o.Origin != "start" {
		if r.grid.origin, err = parseTicks(o.Origin, perDay); err != nil {
			return fmt.Errorf("origin: %w", err)
		}
		r.grid.origin -= r.grid.every * (r.grid.origin / r.grid.every)
	}
	for i := range o.Aggs {
		f, err := o.Aggs[i].bind(t)
		if err == nil {
			err = add(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// local resamples the series of this rank.
func (r *resampler) local(s *series) (*Table, error) {
	m := s.t.mem
	start, label, err := r.bins(s)
	if err != nil {
		return nil, err
	}
	n := len(label)
	rows := alloc[uint32](m, n) // a row of the bin's series
	defer free(m, rows)
	for i := range rows {
		rows[i] = uint32(max(0, start[i+1]-1)) // of an empty bin, the row before it
	}
	var arrays []arrow.Array
	rec := s.t.Record()
	for _, k := range r.keys {
		arrays = append(arrays, take(m, rec.Column(k), rows))
	}
	arrays = append(arrays, ticksArray(m, rec.Column(r.timeAt).DataType(), label))
	groups := groupRuns(m, start)
	defer groups.free()
	parts := &state{g: groups, t: s.t}
	defer parts.free()
	for _, g := range r.o.Aggs {
		out, err := parts.result(g, r.fields[len(arrays)].Type)
		if err != nil {
			for _, a := range arrays {
				a.Release()
			}
			return nil, err
		}
		arrays = append(arrays, out)
	}
	return newTable(m, r.fields, arrays, n), nil
}

// bins are the rows where the bins begin, then the number of rows, and the bins' labels.
func (r *resampler) bins(s *series) (start []int, label []int64, err error) {
	g := r.grid
	shift, next := int64(0), int64(0)
	if r.o.Closed == "right" {
		shift = 1
	}
	if r.o.Label == "right" {
		next = 1
	}
	for i := range len(s.start) - 1 {
		lo, hi := s.start[i], s.start[i+1]
		if r.o.Origin == "start" {
			g.origin = s.time[lo]
		}
		end, bin := int64(math.MinInt64), int64(0)
		for row := lo; row < hi; row++ {
			t := s.time[row] - shift
			if row > lo && t < end {
				continue
			}
			k := g.bin(t)
			if row > lo && r.o.Gaps {
				if gap := k - bin; gap+int64(len(label)) >= int64(noRow) || gap > usualGap && !s.t.mem.room(16*gap) {
					return nil, nil, fmt.Errorf("with gaps filled, a series from %s on has %d bins of %s in one gap; look for wrong times, or choose longer bins",
						timeText(s.time[lo], s.perDay), gap, quote(r.o.Every))
				}
				for bin++; bin < k; bin++ {
					start, label = append(start, row), append(label, g.start(bin+next))
				}
			}
			bin, end = k, g.start(k+1)
			start, label = append(start, row), append(label, g.start(k+next))
		}
	}
	return append(start, s.t.rows), label, fitsRows(len(label))
}

// ticksArray is a column of times in its unit.
func ticksArray(m *Memory, dt arrow.DataType, t []int64) arrow.Array {
	if layout, width := layoutOf(dt); layout == fixedCells && width == 4 {
		b := newBuffer(m, 4*len(t))
		for i, v := range t {
			view[int32](b)[i] = int32(v)
		}
		return newArray(dt, len(t), 0, nil, b)
	}
	b := newBuffer(m, 8*len(t))
	copy(view[int64](b), t)
	return newArray(dt, len(t), 0, nil, b)
}
