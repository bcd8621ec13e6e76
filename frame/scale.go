package frame

import (
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// Scale applies the parameters of [FitScaler] to their columns: float32 stays float32, other
// numbers become float64. Rows stay where they are. Cells of a series whose parameters are missing become
// missing; rows of a series without parameters are an error. Collective, but no rows move.
func Scale(c collective.Comm, t, params *Table) (*Table, error) {
	return applyScaler(c, t, params, "scale")
}

// Unscale is the inverse of [Scale], for the columns of t that params names; at least one is there. Collective,
// but no rows move.
func Unscale(c collective.Comm, t, params *Table) (*Table, error) {
	return applyScaler(c, t, params, "unscale")
}

func applyScaler(c collective.Comm, t, params *Table, op string) (*Table, error) {
	out, err := scaleLocal(t, params, op == "unscale")
	if err := collective.Agree(c, wrap(op, err)); err != nil {
		if out != nil {
			out.Release()
		}
		return nil, err
	}
	return out, nil
}

func scaleLocal(t, params *Table, inverse bool) (*Table, error) {
	by, err := scalerKeys(params)
	if err != nil {
		return nil, err
	}
	if err := sameTypes(t, by, params, by); err != nil {
		return nil, err
	}
	names, _ := params.Strings(scaleColumn)
	methods, _ := params.Strings(scaleMethod)
	place, err := paramRows(t, params, by)
	if err != nil {
		return nil, err
	}
	defer place.free()
	center := see(params.Record().Column(len(by) + 2))
	scale := see(params.Record().Column(len(by) + 3))
	fields, cols := t.schema.Fields(), slices.Clone(t.Record().Columns())
	var fresh []arrow.Array
	defer func() {
		for _, a := range fresh {
			a.Release()
		}
	}()
	distinctNames := slices.Compact(slices.Sorted(slices.Values(names)))
	for _, n := range distinctNames {
		k, err := t.index(n)
		if err != nil && inverse {
			continue
		}
		if err != nil {
			return nil, err
		}
		if dt := fields[k].Type; !isNumeric(dt) || dt.ID() == arrow.BOOL {
			return nil, fmt.Errorf("column %s is %s, not a number", quote(n), dt)
		}
		a, err := place.apply(t.mem, t.Record().Column(k), n, names, methods, &center, &scale, inverse)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, a)
		cols[k], fields[k].Type = a, a.DataType()
	}
	if len(fresh) == 0 && len(distinctNames) > 0 {
		return nil, fmt.Errorf("none of the scaled columns %s is in the table; columns: %s", list(distinctNames), list(t.Names()))
	}
	out := &Table{mem: t.mem, schema: arrow.NewSchema(fields, nil), rows: t.rows}
	if t.rows > 0 {
		out.chunks = []arrow.Record{array.NewRecord(out.schema, cols, int64(t.rows))}
	}
	return out, nil
}

// scalerKeys are the key columns of a table of parameters, which may have come from a file.
func scalerKeys(params *Table) ([]string, error) {
	n := params.Names()
	k := len(n) - 4
	f64 := arrow.PrimitiveTypes.Float64
	if k < 0 || !slices.Equal(n[k:], []string{scaleColumn, scaleMethod, scaleCenter, scaleScale}) ||
		params.schema.Field(k).Type.ID() != arrow.LARGE_STRING || params.schema.Field(k+1).Type.ID() != arrow.LARGE_STRING ||
		!arrow.TypeEqual(params.schema.Field(k+2).Type, f64) || !arrow.TypeEqual(params.schema.Field(k+3).Type, f64) {
		return nil, fmt.Errorf("a table of parameters ends in the columns column and method (text), center and scale (float64); this one has %s", list(n))
	}
	methods, err := params.Strings(scaleMethod)
	if err != nil {
		return nil, err
	}
	for i, m := range methods {
		if !slices.Contains(scalers, m) {
			return nil, fmt.Errorf("row %d of the parameters has no scaler %s; scalers: %s", i, quote(m), list(scalers))
		}
	}
	return n[:k], nil
}

// paramPlaces are the rows of parameters by group of equal keys, and each row's group.
type paramPlaces struct {
	m     *Memory
	group []uint32 // of each row of the table
	of    [][]int  // rows of the parameters
}

func (p *paramPlaces) free() { free(p.m, p.group) }

// paramRows matches the rows of t with parameters of the same keys; missing keys equal each other.
func paramRows(t, params *Table, by []string) (*paramPlaces, error) {
	m := t.mem
	p := &paramPlaces{m: m, group: alloc[uint32](m, t.rows)}
	if len(by) == 0 {
		p.of = [][]int{make([]int, params.rows)}
		for i := range p.of[0] {
			p.of[0][i] = i
		}
		return p, nil
	}
	if err := fitsRows(t.rows + params.rows); err != nil {
		p.free()
		return nil, err
	}
	var cols []column
	for _, n := range by {
		a, _ := params.Column(n)
		b, _ := t.Column(n)
		both := concatenate(m, a.DataType(), []arrow.Array{a, b})
		defer both.Release()
		cols = append(cols, see(both))
	}
	g := groupRows(m, cols)
	defer g.free()
	p.of = make([][]int, len(g.first))
	for i, id := range g.id {
		if r := int(g.rowAt(i)); r < params.rows {
			p.of[id] = append(p.of[id], r)
		} else {
			p.group[r-params.rows] = id
		}
	}
	for r, id := range p.group {
		if len(p.of[id]) == 0 {
			var key []string
			for _, n := range by {
				a, _ := t.Column(n)
				key = append(key, n+" "+quote(a.ValueStr(r)))
			}
			p.free()
			return nil, fmt.Errorf("the series of %s, in row %d of this rank (from 0), has no parameters; fit the scaler on all series, or leave these rows out", list(key), r)
		}
	}
	return p, nil
}

// apply is column a of name n, scaled.
func (p *paramPlaces) apply(m *Memory, a arrow.Array, n string, names, methods []string, center, scale *column, inverse bool) (arrow.Array, error) {
	row := make([]int, len(p.of)) // of the parameters, by group; -1: none
	for g, rows := range p.of {
		row[g] = -1
		for _, r := range rows {
			if names[r] == n && row[g] >= 0 {
				return nil, fmt.Errorf("rows %d and %d of the parameters are of column %s of one series", row[g], r, quote(n))
			}
			if names[r] == n {
				row[g] = r
			}
		}
	}
	c := see(a)
	x, done := floats(m, &c)
	defer done()
	out := newCollector[float64](m, c.n)
	centers, scales := values[float64](center), values[float64](scale)
	curves := make([]curve, len(methods))
	for r, m := range methods {
		curves[r] = map[string]curve{"cbrt": cubeRoot, "log1p": logarithm}[m]
	}
	for i, g := range p.group {
		r := row[g]
		if r < 0 {
			out.release()
			return nil, fmt.Errorf("the series of row %d of this rank (from 0) has no parameters for column %s", i, quote(n))
		}
		if c.isNull(i) || center.isNull(r) || scale.isNull(r) {
			continue
		}
		if v := x[i]; inverse {
			out.put(i, curves[r].inverse(v*scales[r]+centers[r]))
		} else {
			out.put(i, (curves[r].of(v)-centers[r])/scales[r])
		}
	}
	if c.typ.ID() == arrow.FLOAT32 {
		return floatColumn(m, c.typ, out), nil
	}
	return out.array(arrow.PrimitiveTypes.Float64), nil
}

// curve is what a scaler does to a cell before its centre is taken off.
type curve uint8

const (
	straight  curve = iota // nothing
	cubeRoot               // of x
	logarithm              // of 1 + x
)

func (c curve) of(x float64) float64 {
	switch c {
	case cubeRoot:
		return math.Cbrt(x)
	case logarithm:
		return math.Log1p(x)
	}
	return x
}

func (c curve) inverse(x float64) float64 {
	switch c {
	case cubeRoot:
		return x * x * x
	case logarithm:
		return math.Expm1(x)
	}
	return x
}
