package frame

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// maxPivot bounds the columns that a pivot makes.
const maxPivot = 10_000

// PivotOptions says how [Pivot] turns rows into columns. All ranks pass the same.
type PivotOptions struct {
	Index   []string // columns whose different cells, together, are the rows of the result
	Columns string   // the column whose different cells name the new columns
	Values  string   // the column that fills them
	Func    string   // the aggregate of several cells of one place, as in [Agg]; "" means first
	Q       float64  // of quantile
}

// Pivot makes a row of all rows with equal cells in the index columns, and a column of each different cell
// in Columns, in the order of the cells and named as they print, on all ranks alike. A cell is
// missing where there was no row; so is a count there. A missing cell in Columns is an error, and
// so are more than 10,000 columns. The result's rows are ordered by the index columns on each rank. Collective.
func Pivot(c collective.Comm, t *Table, o PivotOptions) (*Table, error) {
	if o.Func == "" {
		o.Func = "first"
	}
	value, err := o.bind(t)
	if err := collective.Agree(c, wrap("pivot", err)); err != nil {
		return nil, err
	}
	names, err := o.names(c, t)
	if err != nil {
		return nil, err
	}
	defer names.Release()
	all, err := bySeries(c, t, "pivot", o.Index, "")
	if err != nil {
		return nil, err
	}
	defer all.release()
	out, err := o.local(all, names, value)
	if err := collective.Agree(c, wrap("pivot", err)); err != nil {
		if out != nil {
			out.Release()
		}
		return nil, err
	}
	return out, nil
}

func (o *PivotOptions) agg() Agg { return Agg{Column: o.Values, Func: o.Func, Q: o.Q} }

// bind is the field of the new columns.
func (o *PivotOptions) bind(t *Table) (arrow.Field, error) {
	if len(o.Index) == 0 {
		return arrow.Field{}, fmt.Errorf("no index column is given")
	}
	if err := checkSeries(t, o.Index, ""); err != nil {
		return arrow.Field{}, err
	}
	for i, n := range o.Index {
		if n == o.Columns || slices.Contains(o.Index[:i], n) {
			return arrow.Field{}, fmt.Errorf("column %s is given twice", quote(n))
		}
	}
	k, err := t.index(o.Columns)
	if err != nil {
		return arrow.Field{}, err
	}
	if err := missingCells(o.Columns, t.Record().Column(k), "a name"); err != nil {
		return arrow.Field{}, fmt.Errorf("%w; filter these rows out, or fill them", err)
	}
	g := o.agg()
	return g.bind(t)
}

// names are the different cells of Columns on all ranks, sorted, as a table of one column. Collective.
func (o *PivotOptions) names(c collective.Comm, t *Table) (*Table, error) {
	k, _ := t.index(o.Columns)
	one := func(t *Table, k int) (*Table, error) { // with the different cells, if they are not too many
		a := t.Record().Column(k)
		rows := distinctRows(t.mem, a)
		defer free(t.mem, rows)
		if len(rows) > maxPivot {
			return nil, fmt.Errorf("column %s has more than %d different cells, too many for columns", quote(o.Columns), maxPivot)
		}
		return newTable(t.mem, []arrow.Field{t.schema.Field(k)}, []arrow.Array{take(t.mem, a, rows)}, len(rows)), nil
	}
	mine, err := one(t, k)
	if err := collective.Agree(c, wrap("pivot", err)); err != nil {
		if mine != nil {
			mine.Release()
		}
		return nil, err
	}
	defer mine.Release()
	all, err := Replicate(c, mine)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	if all, err = one(all, 0); err != nil { // on all ranks
		return nil, wrap("pivot", err)
	}
	defer all.Release()
	cols, err := sortColumns(all, []SortKey{{Column: o.Columns}})
	if err != nil {
		return nil, err
	}
	sorted := sortLocal(all, cols)
	texts := map[string]bool{}
	for _, n := range o.Index {
		texts[n] = true
	}
	a := sorted.Record().Column(0)
	for i := range sorted.rows {
		if n := a.ValueStr(i); texts[n] {
			sorted.Release()
			return nil, wrap("pivot", twoColumns(n))
		}
		texts[a.ValueStr(i)] = true
	}
	return sorted, nil
}

// local pivots this rank's rows, which are ordered by index.
func (o *PivotOptions) local(s *series, names *Table, value arrow.Field) (*Table, error) {
	m, rec := s.t.mem, s.t.Record()
	k, _ := s.t.index(o.Columns)
	group := alloc[uint32](m, s.t.rows) // the row of the result
	defer free(m, group)
	for i := range len(s.start) - 1 {
		for r := s.start[i]; r < s.start[i+1]; r++ {
			group[r] = uint32(i)
		}
	}
	ids := arrayOf(m, arrow.PrimitiveTypes.Uint32, group, nil)
	defer ids.Release()
	places := groupRows(m, []column{see(ids), see(rec.Column(k))})
	defer places.free()
	parts := &state{g: places, t: s.t}
	defer parts.free()
	cells, err := parts.result(o.agg(), value.Type)
	if err != nil {
		return nil, err
	}
	defer cells.Release()
	name := nameOf(m, rec.Column(k), names.Record().Column(0), places.first)
	defer free(m, name)

	rows := len(s.start) - 1
	first := alloc[uint32](m, rows)
	defer free(m, first)
	for i := range first {
		first[i] = uint32(s.start[i])
	}
	var fields []arrow.Field
	var arrays []arrow.Array
	for _, n := range o.Index {
		k, _ := s.t.index(n)
		fields, arrays = append(fields, s.t.schema.Field(k)), append(arrays, take(m, rec.Column(k), first))
	}
	byName := make([][]uint32, names.rows) // places
	for p, n := range name {
		byName[n] = append(byName[n], uint32(p))
	}
	from := alloc[uint32](m, rows)
	defer free(m, from)
	for n, ps := range byName {
		for i := range from {
			from[i] = noRow
		}
		for _, p := range ps {
			from[group[places.first[p]]] = p
		}
		fields = append(fields, arrow.Field{Name: names.Record().Column(0).ValueStr(n), Type: value.Type, Nullable: true})
		arrays = append(arrays, take(m, cells, from))
	}
	return newTable(m, fields, arrays, rows), nil
}

// nameOf is the place among names, which differ, of a's cell in each of some rows. The caller frees it.
func nameOf(m *Memory, a, names arrow.Array, rows []uint32) []uint32 {
	cells := take(m, a, rows)
	defer cells.Release()
	both := concatenate(m, a.DataType(), []arrow.Array{names, cells})
	defer both.Release()
	g := groupRows(m, []column{see(both)})
	defer g.free()
	n := names.Len()
	group, name := alloc[uint32](m, both.Len()), alloc[uint32](m, len(g.first)) // of a row; of a group
	defer free(m, group)
	defer free(m, name)
	for i, id := range g.id {
		r := g.rowAt(i)
		group[r] = id
		if int(r) < n {
			name[id] = r
		}
	}
	out := alloc[uint32](m, len(rows))
	for i := range out {
		out[i] = name[group[n+i]]
	}
	return out
}
