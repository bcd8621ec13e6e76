package frametest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/frame"
)

// DiffOptions says when two tables are equal.
type DiffOptions struct {
	// Ordered makes the rows' order count; else both tables are sorted first.
	Ordered bool
	// Inexact are columns of which floats are equal also if they differ by no more than
	// Tolerance times the larger magnitude, or than Absolute, or are zeros of different sign. Cells of
	// the other columns are equal bit for bit, but for the bits of a NaN.
	Inexact             []string
	Tolerance, Absolute float64
}

// Diff compares the rows of this process's two tables. It is nil if they are equal, else an
// error that shows the first difference with both rows.
func Diff(got, want *frame.Table, o DiffOptions) error {
	g, w := got.Record(), want.Record()
	if err := sameColumns(g.Schema(), w.Schema()); err != nil {
		return err
	}
	cols := make([]pair, g.NumCols())
	for i := range cols {
		cols[i] = pair{name: g.ColumnName(i), got: g.Column(i), want: w.Column(i)}
		if id := cols[i].got.DataType().ID(); arrow.IsFloating(id) && slices.Contains(o.Inexact, cols[i].name) {
			cols[i].inexact = &o
		}
	}
	gr, wr := numbers(int(g.NumRows())), numbers(int(w.NumRows()))
	order := "in order"
	if !o.Ordered {
		order = "sorted"
		sortRows(cols, gr, func(p pair) arrow.Array { return p.got })
		sortRows(cols, wr, func(p pair) arrow.Array { return p.want })
	}
	for i := range max(len(gr), len(wr)) {
		if i >= len(gr) || i >= len(wr) {
			return fmt.Errorf("row %d of %d got and %d wanted, %s:\ngot  %s\nwant %s", i, len(gr), len(wr), order, rowText(g, gr, i), rowText(w, wr, i))
		}
		for _, p := range cols {
			if !p.equal(gr[i], wr[i]) {
				return fmt.Errorf("row %d of %d got and %d wanted, %s, differs in column %q:\ngot  %s\nwant %s", i, len(gr), len(wr), order, p.name, rowText(g, gr, i), rowText(w, wr, i))
			}
		}
	}
	return nil
}

func sameColumns(got, want *arrow.Schema) error {
	same := got.NumFields() == want.NumFields()
	for i := 0; same && i < got.NumFields(); i++ {
		g, w := got.Field(i), want.Field(i)
		same = g.Name == w.Name && arrow.TypeEqual(g.Type, w.Type)
	}
	if same {
		return nil
	}
	return fmt.Errorf("columns differ:\ngot  %s\nwant %s", columnsText(got), columnsText(want))
}

func columnsText(s *arrow.Schema) string {
	var names []string
	for _, f := range s.Fields() {
		names = append(names, f.Name+" "+f.Type.String())
	}
	return strings.Join(names, ", ")
}

// pair is a column of both tables.
type pair struct {
	name      string
	got, want arrow.Array
	inexact   *DiffOptions // nil where cells are equal bit for bit
}

func (p pair) equal(g, w int) bool {
	if p.got.IsNull(g) || p.want.IsNull(w) {
		return p.got.IsNull(g) && p.want.IsNull(w)
	}
	if p.inexact == nil {
		return bytes.Equal(cell(p.got, g), cell(p.want, w))
	}
	a, b := float(p.got, g), float(p.want, w)
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return !math.IsInf(a, 0) && !math.IsInf(b, 0) && math.Abs(a-b) <= max(p.inexact.Absolute, p.inexact.Tolerance*max(math.Abs(a), math.Abs(b)))
}

// sortRows sorts by the exact columns first, so that small differences of the others move no row
// away from its like.
func sortRows(cols []pair, rows []int, side func(pair) arrow.Array) {
	slices.SortFunc(rows, func(i, j int) int {
		for _, exact := range []bool{true, false} {
			for _, p := range cols {
				if (p.inexact == nil) != exact {
					continue
				}
				if c := compare(side(p), i, j, exact); c != 0 {
					return c
				}
			}
		}
		return 0
	})
}

// compare is any order of the cells in which equal ones are neighbours; missing ones come first.
func compare(a arrow.Array, i, j int, exact bool) int {
	switch ni, nj := a.IsNull(i), a.IsNull(j); {
	case ni && nj:
		return 0
	case ni:
		return -1
	case nj:
		return 1
	case exact:
		return bytes.Compare(cell(a, i), cell(a, j))
	}
	return cmp.Compare(float(a, i), float(a, j))
}

// cell is the bytes of row i of a; all NaNs are one.
func cell(a arrow.Array, i int) []byte {
	switch a := a.(type) {
	case *array.Boolean:
		if a.Value(i) {
			return []byte{1}
		}
		return []byte{0}
	case *array.LargeString:
		return []byte(a.Value(i))
	case *array.LargeBinary:
		return a.Value(i)
	case *array.Float32, *array.Float64:
		if math.IsNaN(float(a, i)) {
			return []byte("NaN")
		}
	}
	width := a.DataType().(arrow.FixedWidthDataType).BitWidth() / 8
	i += a.Data().Offset()
	return a.Data().Buffers()[1].Bytes()[i*width : (i+1)*width]
}

func float(a arrow.Array, i int) float64 {
	i += a.Data().Offset()
	b := a.Data().Buffers()[1].Bytes()
	if a.DataType().ID() == arrow.FLOAT32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
}

func numbers(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// rowText is a row with its columns' names.
func rowText(rec arrow.Record, rows []int, i int) string {
	if i >= len(rows) {
		return "(no row)"
	}
	var cells []string
	for c, a := range rec.Columns() {
		text := "null"
		if r := rows[i]; a.IsValid(r) {
			text = fmt.Sprintf("%.60q", a.ValueStr(r))
			if _, ok := a.(*array.LargeString); !ok {
				text = strings.Trim(text, `"`)
			}
		}
		cells = append(cells, rec.ColumnName(c)+"="+text)
	}
	return strings.Join(cells, " ")
}
