package frame

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// Agg is one column of a [GroupBy]: an aggregate of the cells, missing ones left out, of each group.
type Agg struct {
	Column string
	// Func is
	//   - count, the number of cells;
	//   - count_distinct, of different ones (NaN is one);
	//   - sum, exact for whole numbers, of which it is an error if it leaves 64 bits;
	//   - mean, var and std, as float64; var and std divide by n−1, and are missing for fewer than two cells;
	//   - min and max, also of text, times and decimals; NaN is above all numbers;
	//   - first and last in the order of the whole table;
	//   - median, quantile: between two cells by linear interpolation.
	//
	// A group without cells has count 0; its other aggregates are missing.
	Func string
	// As is the name of the result; "" means Column_Func.
	As string
	// Q is the quantile's share, 0 to 1.
	Q float64
}

var aggFuncs = []string{"count", "count_distinct", "sum", "mean", "var", "std", "min", "max", "first", "last", "median", "quantile"}

func (a *Agg) name() string {
	if a.As != "" {
		return a.As
	}
	return a.Column + "_" + a.Func
}

// GroupBy makes one row of all rows with equal cells in the key columns: the key columns, then the aggregates. A
// missing key is a key like others. The rows of the result have no particular order; each key is on one rank. Collective.
//
// Where there are far fewer keys than rows and the aggregates allow it (all but count_distinct, median
// and quantile do), each rank aggregates its own rows first and only those results move. Beyond the memory limit rows
// are partitioned to files, as far as the aggregates allow it aggregated slice by slice before, and the result is in a file. All rows
// of one group must fit in memory for count_distinct, median and quantile.
func GroupBy(c collective.Comm, t *Table, keys []string, aggs ...Agg) (*Table, error) {
	defer t.mem.reuse()()
	p, err := planGroupBy(t, keys, aggs)
	if err := collective.Agree(c, wrap("groupby", err)); err != nil {
		return nil, err
	}
	if err := sameSchema(c, t); err != nil {
		return nil, err
	}
	rows := t.sub(p.needed)
	defer func() { rows.Release() }()
	buckets, err := spillBuckets(c, t.mem, groupFactor, rows.Bytes())
	if err != nil {
		return nil, err
	}
	if buckets > 0 {
		return p.spilled(c, rows, buckets)
	}
	if c.Size() == 1 {
		out, err := p.aggregate(rows, false)
		return out, wrap("groupby", err)
	}
	twice, err := p.worthwhile(c, rows)
	if err != nil {
		return nil, err
	}
	if twice {
		parts, err := p.partial(rows)
		if parts, err = agreed(c, parts, wrap("groupby", err)); err != nil {
			return nil, err
		}
		rows.Release()
		rows = parts
	}
	mine, err := PartitionBy(c, rows, p.keyNames...)
	if err != nil {
		return nil, err
	}
	defer mine.Release()
	out, err := p.aggregate(mine, twice)
	return agreed(c, out, wrap("groupby", err))
}

// groupPlan is what a GroupBy computes: some parts, from which its aggregates follow.
type groupPlan struct {
	keyNames []string
	needed   []string // columns of the table
	aggs     []Agg
	fields   []arrow.Field // of the result
	parts    []aggPart
	holistic bool // some aggregate needs all rows of a group at once
}

// aggPart is an aggregate of rows that follows from those of parts of the rows.
type aggPart struct {
	column, fn string // fn: count, sum, squares, min, max, first, last
}

func (p aggPart) name() string { return "\x00" + p.fn + " " + p.column }

func planGroupBy(t *Table, keys []string, aggs []Agg) (*groupPlan, error) {
	p := &groupPlan{keyNames: keys, aggs: aggs, needed: slices.Clone(keys)}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no key column is given")
	}
	names := map[string]bool{}
	for _, k := range keys {
		i, err := t.index(k)
		if err != nil {
			return nil, err
		}
		if names[k] {
			return nil, fmt.Errorf("key column %s is given twice", quote(k))
		}
		names[k] = true
		p.fields = append(p.fields, t.schema.Field(i))
	}
	for _, a := range aggs {
		i, err := t.index(a.Column)
		if err != nil {
			return nil, err
		}
		typ := t.schema.Field(i).Type
		out, err := aggType(a, typ)
		if err != nil {
			return nil, err
		}
		if names[a.name()] {
			return nil, fmt.Errorf("two columns of the result would be named %s; name one with As", quote(a.name()))
		}
		names[a.name()] = true
		if !slices.Contains(p.needed, a.Column) {
			p.needed = append(p.needed, a.Column)
		}
		p.fields = append(p.fields, arrow.Field{Name: a.name(), Type: out, Nullable: true})
		p.add(a)
	}
	return p, nil
}

// add notes the parts that a is made of.
func (p *groupPlan) add(a Agg) {
	need := map[string][]string{"count": {"count"}, "sum": {"sum", "count"}, "mean": {"sum", "count"}, "var": {"sum", "count", "squares"},
		"std": {"sum", "count", "squares"}, "min": {"min"}, "max": {"max"}, "first": {"first"}, "last": {"last"}}[a.Func]
	if need == nil {
		p.holistic = true
	}
	for _, fn := range need {
		if q := (aggPart{a.Column, fn}); !slices.Contains(p.parts, q) {
			p.parts = append(p.parts, q)
		}
	}
}

// aggType is the type of an aggregate of cells of type dt.
func aggType(a Agg, dt arrow.DataType) (arrow.DataType, error) {
	if !slices.Contains(aggFuncs, a.Func) {
		if n, ok := Nearest(a.Func, aggFuncs); ok {
			return nil, fmt.Errorf("there is no aggregate %s; did you mean %s?", quote(a.Func), n)
		}
		return nil, fmt.Errorf("there is no aggregate %s; there are %s", quote(a.Func), strings.Join(aggFuncs, ", "))
	}
	number := arrow.IsInteger(dt.ID()) || arrow.IsFloating(dt.ID()) || dt.ID() == arrow.BOOL
	switch a.Func {
	case "count", "count_distinct":
		return arrow.PrimitiveTypes.Int64, nil
	case "min", "max", "first", "last":
		return dt, nil
	case "quantile":
		if !(a.Q >= 0 && a.Q <= 1) {
			return nil, fmt.Errorf("quantile %v of column %s: want 0 to 1", a.Q, quote(a.Column))
		}
	}
	if !number {
		return nil, fmt.Errorf("column %s is %s, which has no %s", quote(a.Column), dt, a.Func)
	}
	if a.Func == "sum" && !arrow.IsFloating(dt.ID()) {
		if dt.ID() == arrow.UINT64 {
			return dt, nil
		}
		return arrow.PrimitiveTypes.Int64, nil
	}
	return arrow.PrimitiveTypes.Float64, nil
}

// worthwhile reports, on all ranks alike, whether to aggregate before rows move: where that
// leaves less than a third of them, or where one key, as often the missing one, has so many that its rank would get far more than its
// share. Collective.
func (p *groupPlan) worthwhile(c collective.Comm, t *Table) (bool, error) {
	if p.holistic {
		return false, nil
	}
	cols, err := keyColumns(t, p.keyNames)
	if err != nil {
		return false, err
	}
	h := hashes(t.mem, cols, t.rows)
	defer free(t.mem, h)
	n := []int64{int64(t.rows), int64(distinct(h))}
	if err := collective.AllReduce(c, n, collective.Sum); err != nil || n[1]*3 < n[0] {
		return true, wrap("groupby", err)
	}
	often, err := frequent(c, h, func(int) bool { return true })
	return len(often) > 0, wrap("groupby", err)
}

// sub is the named columns of t.
func (t *Table) sub(names []string) *Table {
	s := &Table{mem: t.mem, rows: t.rows}
	var fields []arrow.Field
	var at []int
	for _, n := range names {
		i, err := t.index(n)
		if err != nil {
			panic(err)
		}
		at, fields = append(at, i), append(fields, t.schema.Field(i))
	}
	s.schema = arrow.NewSchema(fields, nil)
	for _, r := range t.chunks {
		s.chunks = append(s.chunks, project(s.schema, r, at))
	}
	return s
}

// partial is the key columns and the parts of each group of this rank's rows.
func (p *groupPlan) partial(t *Table) (*Table, error) {
	g, arrays, fields, err := p.keysOf(t)
	if err != nil {
		return nil, err
	}
	defer g.free()
	s := &state{g: g, t: t}
	defer s.free()
	for _, q := range p.parts {
		a, err := s.array(q)
		if err != nil {
			for _, a := range arrays {
				a.Release()
			}
			return nil, err
		}
		arrays, fields = append(arrays, a), append(fields, arrow.Field{Name: q.name(), Type: a.DataType(), Nullable: true})
	}
	return newTable(t.mem, fields, arrays, len(g.first)), nil
}

// keysOf groups t's rows by the keys; arrays are the keys of the groups.
func (p *groupPlan) keysOf(t *Table) (g *grouping, arrays []arrow.Array, fields []arrow.Field, err error) {
	if err := fitsRows(t.rows); err != nil {
		return nil, nil, nil, err
	}
	cols, err := keyColumns(t, p.keyNames)
	if err != nil {
		return nil, nil, nil, err
	}
	g = groupRows(t.mem, cols)
	for i := range cols {
		at, _ := t.index(p.keyNames[i])
		arrays = append(arrays, take(t.mem, t.Record().Column(at), g.first))
		fields = append(fields, p.fields[i])
	}
	return g, arrays, fields, nil
}

// aggregate is the result for t, whose rows are the table's or, if merged, partial ones.
func (p *groupPlan) aggregate(t *Table, merged bool) (*Table, error) {
	g, arrays, _, err := p.keysOf(t)
	if err != nil {
		return nil, err
	}
	defer g.free()
	s := &state{g: g, t: t, merged: merged}
	defer s.free()
	for i, a := range p.aggs {
		out, err := s.result(a, p.fields[len(p.keyNames)+i].Type)
		if err != nil {
			for _, a := range arrays {
				a.Release()
			}
			return nil, err
		}
		arrays = append(arrays, out)
	}
	return newTable(t.mem, p.fields, arrays, len(g.first)), nil
}
