package frame

import (
	"fmt"
	"slices"
	"sort"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// AsOfOptions says how [AsOf] joins. All ranks pass the same.
type AsOfOptions struct {
	By []string // key columns, in both tables; nil: any row may match
	On string   // the time column, in both tables, of one type
	// Direction is where a left row's partner lies: backward, the last right row at its time or
	// before; forward, the first at its time or after; nearest, the nearer of both, of equally near
	// ones the earlier. "" is backward. Of right rows at one time, backward takes the last, forward the first.
	Direction string
	Tolerance string // the greatest distance in time, as 36h (see [ParseDuration]); "" means any
	Suffix    string // added to names of right columns that the left table has too; "" means _right
}

// AsOf gives each left row the columns of the right row nearest in time among those with equal keys,
// or missing cells. A missing key has no partner; a missing time is an error. The result has all left
// rows, with the left columns, then the right ones but keys and time. Collective.
//
// With By, rows move to their keys' rank, and the result is ordered by keys and time on each. Without, the right table
// is replicated to all ranks, so give the smaller one there; left rows stay where they are.
func AsOf(c collective.Comm, l, r *Table, o AsOfOptions) (*Table, error) {
	j := &asOf{o: o}
	err := j.bind(l, r)
	if err := collective.Agree(c, wrap("as-of join", err)); err != nil {
		return nil, err
	}
	if len(o.By) == 0 {
		all, err := Replicate(c, r)
		if err != nil {
			return nil, err
		}
		if err := collective.Agree(c, wrap("as-of join", fitsRows(l.rows, all.rows))); err != nil {
			all.Release()
			return nil, err
		}
		right := orderSeries(all, nil, o.On)
		defer right.release()
		a, _ := l.Column(o.On)
		left := &series{t: l, start: []int{0, l.rows}, time: ticksOf(l.mem, a)}
		defer free(l.mem, left.time)
		rows := alloc[uint32](l.mem, l.rows)
		defer free(l.mem, rows)
		j.match(rows, left, 0, right, 0)
		return j.result(l, right.t, rows), nil
	}
	left, err := bySeries(c, l, "as-of join", o.By, o.On)
	if err != nil {
		return nil, err
	}
	defer left.release()
	right, err := bySeries(c, r, "as-of join", o.By, o.On)
	if err != nil {
		return nil, err
	}
	defer right.release()
	rows := alloc[uint32](l.mem, left.t.rows)
	defer free(l.mem, rows)
	j.merge(rows, left, right)
	return j.result(left.t, right.t, rows), nil
}

type asOf struct {
	o         AsOfOptions
	tolerance int64         // in ticks; -1: any
	fields    []arrow.Field // of the result
	right     []int         // right columns in it
}

func (j *asOf) bind(l, r *Table) error {
	o := &j.o
	if o.Direction == "" {
		o.Direction = "backward"
	}
	if o.Direction != "backward" && o.Direction != "forward" && o.Direction != "nearest" {
		return fmt.Errorf("the direction is backward, forward or nearest, not %s", quote(o.Direction))
	}
	if o.On == "" {
		return fmt.Errorf("no time column is given")
	}
	if err := checkSeries(l, o.By, o.On); err != nil {
		return fmt.Errorf("left: %w", err)
	}
	if err := checkSeries(r, o.By, o.On); err != nil {
		return fmt.Errorf("right: %w", err)
	}
	keys := append(slices.Clone(o.By), o.On)
	if err := sameTypes(l, keys, r, keys); err != nil {
		return err
	}
	j.tolerance = -1
	if o.Tolerance != "" {
		k, _ := l.index(o.On)
		perDay, _ := ticksPerDay(l.schema.Field(k).Type)
		p, err := parsePeriod(o.Tolerance)
		if err == nil {
			j.tolerance, err = p.ticks(perDay)
		}
		if err != nil {
			return fmt.Errorf("tolerance %s: %w", quote(o.Tolerance), err)
		}
	}
	suffix := o.Suffix
	if suffix == "" {
		suffix = "_right"
	}
	names := l.Names()
	j.fields = l.schema.Fields()
	for i, f := range r.schema.Fields() {
		if slices.Contains(keys, f.Name) {
			continue
		}
		if slices.Contains(names, f.Name) {
			f.Name += suffix
		}
		if slices.Contains(names, f.Name) {
			return twoColumns(f.Name)
		}
		names = append(names, f.Name)
		j.fields, j.right = append(j.fields, f), append(j.right, i)
	}
	return nil
}

// merge matches the series of both sides, which are in the same order.
func (j *asOf) merge(rows []uint32, l, r *series) {
	for i := range rows {
		rows[i] = noRow
	}
	var keys []SortKey
	for _, n := range j.o.By {
		keys = append(keys, SortKey{Column: n})
	}
	a, errA := sortColumns(l.t, keys)
	b, errB := sortColumns(r.t, keys)
	if errA != nil || errB != nil {
		panic("frame: as-of join: key columns") // they were looked at
	}
	for i, k := 0, 0; i < len(l.start)-1 && k < len(r.start)-1; {
		d := compareKeys(a, l.start[i], b, r.start[k])
		switch {
		case d < 0:
			i++
		case d > 0:
			k++
		default:
			missing := false
			for c := range a {
				missing = missing || a[c].isNull(l.start[i])
			}
			if !missing {
				j.match(rows, l, i, r, k)
			}
			i, k = i+1, k+1
		}
	}
}

// match gives the left rows of series i their partners in the right series k. It looks first where the
// last partner was, so that ordered left rows cost O(1).
func (j *asOf) match(rows []uint32, l *series, i int, r *series, k int) {
	times := []int64(nil)
	base := 0
	if k < len(r.start)-1 {
		base = r.start[k]
		times = r.time[base:r.start[k+1]]
	}
	n := len(times)
	lo, hi := 0, 0 // the first right row at t or after; the first after t
	for row := l.start[i]; row < l.start[i+1]; row++ {
		t := l.time[row]
		lo = seek(times, lo, t)
		hi = max(hi, lo)
		if hi > lo && times[hi-1] > t {
			hi = lo
		}
		for hi < n && times[hi] <= t {
			hi++
		}
		before, after := hi-1, lo
		if after < n && times[after] == t && j.o.Direction == "nearest" {
			after = n // that one is before, too
		}
		best := -1
		switch {
		case j.o.Direction == "backward":
			best = before
		case j.o.Direction == "forward":
			best = after
		case before < 0 || after < n && times[after]-t < t-times[before]:
			best = after
		default:
			best = before
		}
		rows[row] = noRow
		if best >= 0 && best < n {
			if d := times[best] - t; j.tolerance < 0 || max(d, -d) <= j.tolerance {
				rows[row] = uint32(base + best)
			}
		}
	}
}

// seek is the first of sorted times not below t; from is a guess that is right or a little low in ordered search.
func seek(times []int64, from int, t int64) int {
	if from > 0 && times[from-1] >= t {
		return sort.Search(from, func(i int) bool { return times[i] >= t })
	}
	step := 1
	for from+step <= len(times) && times[from+step-1] < t {
		from += step
		step *= 2
	}
	end := min(from+step, len(times))
	return from + sort.Search(end-from, func(i int) bool { return times[from+i] >= t })
}

// result is the left table and the right cells of the given rows.
func (j *asOf) result(l, r *Table, rows []uint32) *Table {
	arrays := slices.Clone(l.Record().Columns())
	for _, a := range arrays {
		a.Retain()
	}
	for _, k := range j.right {
		arrays = append(arrays, take(l.mem, r.Record().Column(k), rows))
	}
	return newTable(l.mem, j.fields, arrays, l.rows)
}
