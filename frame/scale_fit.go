package frame

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// Scalers and what they make of a cell x:
//
//	standard   (x - mean) / std, the std dividing by n
//	minmax     (x - min) / (max - min)
//	robust     (x - median) / (q75 - q25)
//	cbrt       the cube root
//	log1p      log(1 + x)
var scalers = []string{"standard", "minmax", "robust", "cbrt", "log1p"}

// The columns of a table of parameters, behind those of the series' keys.
const (
	scaleColumn = "column" // text: the scaled column
	scaleMethod = "method" // text: one of scalers
	scaleCenter = "center" // float64: taken off
	scaleScale  = "scale"  // float64: divided by; above 0
)

// ScalerOptions says what [FitScaler] fits. All ranks pass the same.
type ScalerOptions struct {
	Columns []string // of numbers
	Method  string   // standard, minmax, robust, cbrt or log1p
	By      []string // key columns: each series has its own parameters; nil: they are of all rows
	Fit     string   // a column of booleans: parameters are of the rows where it is true; "": of all
}

// FitScaler computes a scaler's parameters for [Scale] and [Unscale]: a small table, the same on every rank
// and, bit for bit, for any number of ranks, with the columns of By, then column and method (text), center and
// scale (float64), ordered by series. Missing cells are left out. A constant column gets the scale 1. Without By,
// a column without cells to fit is an error; a series without gets missing parameters. Collective.
//
// Parameters of all rows are those of exact sums, and exact quantiles found where the rows lie.
func FitScaler(c collective.Comm, t *Table, o ScalerOptions) (*Table, error) {
	if err := collective.Agree(c, wrap("fit scaler", o.check(t))); err != nil {
		return nil, err
	}
	if len(o.By) == 0 {
		return o.fitAll(c, t)
	}
	return o.fitSeries(c, t)
}

func (o *ScalerOptions) check(t *Table) error {
	if !slices.Contains(scalers, o.Method) {
		msg := "no scaler " + quote(o.Method)
		if n, ok := Nearest(o.Method, scalers); ok {
			msg += "; did you mean " + quote(n) + "?"
		}
		return errors.New(msg + "; scalers: " + list(scalers))
	}
	if len(o.Columns) == 0 {
		return fmt.Errorf("no column is given")
	}
	if err := checkSeries(t, o.By, ""); err != nil {
		return err
	}
	if o.Fit != "" {
		if _, err := t.flag(o.Fit); err != nil {
			return err
		}
	}
	for i, n := range o.Columns {
		k, err := t.index(n)
		if err != nil {
			return err
		}
		if dt := t.schema.Field(k).Type; !isNumeric(dt) || dt.ID() == arrow.BOOL {
			return fmt.Errorf("column %s is %s, not a number", quote(n), dt)
		}
		if slices.Contains(o.By, n) || slices.Contains(o.Columns[:i], n) {
			return fmt.Errorf("column %s is given twice", quote(n))
		}
	}
	for _, n := range o.By {
		if slices.Contains([]string{scaleColumn, scaleMethod, scaleCenter, scaleScale}, n) {
			return fmt.Errorf("a key column cannot be named %s, which is one of the parameters' columns; rename it", quote(n))
		}
	}
	return nil
}

// fitted reports whether the method has parameters that depend on the data.
func (o *ScalerOptions) fitted() bool { return o.Method != "cbrt" && o.Method != "log1p" }

// scaleOf is a scale that can be divided by.
func scaleOf(width float64) float64 {
	if width == 0 {
		return 1
	}
	return width
}

// table is the parameters of columns by series; keys are those of the series.
func (o *ScalerOptions) table(m *Memory, keys []arrow.Array, fields []arrow.Field, n int, center, scale *collector[float64]) *Table {
	k := len(o.Columns)
	series, name, zero := alloc[uint32](m, n*k), alloc[uint32](m, n*k), alloc[uint32](m, n*k)
	defer free(m, series)
	defer free(m, name)
	defer free(m, zero)
	for i := range series {
		series[i], name[i] = uint32(i/k), uint32(i%k)
	}
	var arrays []arrow.Array
	for _, a := range keys {
		arrays = append(arrays, take(m, a, series))
	}
	names, method := textColumn(m, o.Columns), textColumn(m, []string{o.Method})
	defer names.Release()
	defer method.Release()
	f64 := arrow.PrimitiveTypes.Float64
	fields = append(slices.Clone(fields), arrow.Field{Name: scaleColumn, Type: arrow.BinaryTypes.LargeString, Nullable: true},
		arrow.Field{Name: scaleMethod, Type: arrow.BinaryTypes.LargeString, Nullable: true},
		arrow.Field{Name: scaleCenter, Type: f64, Nullable: true}, arrow.Field{Name: scaleScale, Type: f64, Nullable: true})
	arrays = append(arrays, take(m, names, name), take(m, method, zero), center.array(f64), scale.array(f64))
	return newTable(m, fields, arrays, n*k)
}

// fitAll fits each column on the rows of all ranks. Collective.
func (o *ScalerOptions) fitAll(c collective.Comm, t *Table) (*Table, error) {
	center, scale := newCollector[float64](t.mem, len(o.Columns)), newCollector[float64](t.mem, len(o.Columns))
	for i, n := range o.Columns {
		a, b, err := o.fitColumn(c, t, n)
		if err != nil {
			center.release()
			scale.release()
			return nil, err
		}
		center.put(i, a)
		scale.put(i, b)
	}
	return o.table(t.mem, nil, nil, 1, center, scale), nil
}

func (o *ScalerOptions) fitColumn(c collective.Comm, t *Table, name string) (center, scale float64, err error) {
	if !o.fitted() {
		return 0, 1, nil
	}
	k, _ := t.index(name)
	col := see(t.Record().Column(k))
	f := presentCells(t.mem, &col, t.fitted(o.Fit))
	defer free(t.mem, f)
	n, err := collective.AllReduceOne(c, int64(len(f)), collective.Sum)
	switch {
	case err != nil:
		return 0, 0, err
	case n == 0:
		return 0, 0, fmt.Errorf("frame: fit scaler: column %s has no cell in the rows to fit", quote(name))
	case o.Method == "standard":
		s, err := momentsAll(c, f, true)
		return s.mean, scaleOf(math.Sqrt(s.m2 / s.n)), err
	case o.Method == "robust":
		q, err := quantiles(c, t.mem, f, n, 0.25, 0.5, 0.75)
		if err != nil {
			return 0, 0, err
		}
		return q[1], scaleOf(q[2] - q[0]), nil
	}
	ends := []float64{math.Inf(1), math.Inf(1)} // least, -greatest
	for _, x := range f {
		ends[0], ends[1] = min(ends[0], x), min(ends[1], -x)
	}
	if err := collective.AllReduce(c, ends, collective.Min); err != nil {
		return 0, 0, err
	}
	return ends[0], scaleOf(-ends[1] - ends[0]), nil
}

// fitSeries fits each column on the rows of each series. Collective.
func (o *ScalerOptions) fitSeries(c collective.Comm, t *Table) (*Table, error) {
	needed := append(slices.Clone(o.By), o.Columns...)
	if o.Fit != "" && !slices.Contains(needed, o.Fit) {
		needed = append(needed, o.Fit)
	}
	rows := t.sub(needed)
	defer rows.Release()
	s, err := bySeries(c, rows, "fit scaler", o.By, "")
	if err != nil {
		return nil, err
	}
	defer s.release()
	m, n, k := t.mem, len(s.start)-1, len(o.Columns)
	center, scale := newCollector[float64](m, n*k), newCollector[float64](m, n*k)
	fitted := s.t.fitted(o.Fit)
	for j, name := range o.Columns {
		at, _ := s.t.index(name)
		col := see(s.t.Record().Column(at))
		f, done := floats(m, &col)
		cells := alloc[float64](m, s.t.rows)
		for i := range n {
			x := cells[:0]
			for r := s.start[i]; r < s.start[i+1]; r++ {
				if !col.isNull(r) && fitted(r) {
					x = append(x, f[r])
				}
			}
			if a, b, ok := o.fitCells(x); ok {
				center.put(i*k+j, a)
				scale.put(i*k+j, b)
			}
		}
		free(m, cells)
		done()
	}
	first := alloc[uint32](m, n)
	defer free(m, first)
	for i := range first {
		first[i] = uint32(s.start[i])
	}
	one := s.t.sub(o.By)
	keys := one.pick(first)
	one.Release()
	defer keys.Release()
	mine := o.table(m, keys.Record().Columns(), keys.schema.Fields(), n, center, scale)
	defer mine.Release()
	all, err := Replicate(c, mine)
	if err != nil {
		return nil, err
	}
	return orderSeries(all, o.By, "").t, nil
}

// fitCells fits one series' cells, which it reorders; ok is false where there is none.
func (o *ScalerOptions) fitCells(x []float64) (center, scale float64, ok bool) {
	switch {
	case !o.fitted():
		return 0, 1, true
	case len(x) == 0:
		return 0, 0, false
	case o.Method == "standard":
		var s moments
		for _, v := range x {
			s.add(v)
		}
		return s.mean, scaleOf(math.Sqrt(s.m2 / s.n)), true
	case o.Method == "minmax":
		return slices.Min(x), scaleOf(slices.Max(x) - slices.Min(x)), true
	}
	slices.SortFunc(x, func(a, b float64) int {
		switch a, b := sortable(a), sortable(b); {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	})
	q := func(q float64) float64 {
		k, part := quantileAt(len(x), q)
		if part == 0 {
			return x[k]
		}
		return between(x[k], x[k+1], part)
	}
	return q(0.5), scaleOf(q(0.75) - q(0.25)), true
}
