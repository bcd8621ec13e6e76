package frame

import (
	"math"
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// toInt cuts off fractions.
func (b *binder) toInt(n ast.Node, a []*exprNode) (*exprNode, error) {
	x := a[0]
	switch x.kind {
	case exprMissing, exprInt:
		return b.to(x, exprInt, kindTypes[exprInt]), nil
	case exprBool:
		return strict(exprInt, func(e *evaluation, _ scope, a []lane) lane {
			out := e.ints()
			for i := range out {
				out[i] = 0
				if a[0].b[i] {
					out[i] = 1
				}
			}
			return lane{i: out}
		}, x), nil
	case exprFloat:
		return strict(exprInt, func(e *evaluation, s scope, a []lane) lane {
			out := e.ints()
			for i, v := range a[0].f[:len(out)] {
				if v >= -(1<<63) && v < 1<<63 {
					out[i] = int64(v)
				} else {
					out[i] = 0
					e.fails(s, i, "%v does not fit an int64", v)
				}
			}
			return lane{i: out}
		}, x), nil
	case exprText:
		return strict(exprInt, func(e *evaluation, s scope, a []lane) lane {
			out := e.ints()
			for i := range out {
				out[i] = 0
				if s.null != nil && s.null[i] {
					continue
				}
				var err error
				if out[i], err = parseIntCell(a[0].str(i)); err != nil {
					e.fails(s, i, "%v", err)
				}
			}
			return lane{i: out}
		}, x), nil
	}
	return nil, b.errorf(n, "int takes a number, text or a bool, not %s", x.what())
}

func (b *binder) toFloat(n ast.Node, a []*exprNode) (*exprNode, error) {
	x := a[0]
	switch x.kind {
	case exprMissing, exprInt, exprFloat:
		return b.to(x, exprFloat, kindTypes[exprFloat]), nil
	case exprBool:
		i, err := b.toInt(n, a)
		return strict(exprFloat, intsToFloats, i), err
	case exprText:
		return strict(exprFloat, func(e *evaluation, s scope, a []lane) lane {
			out := e.floats()
			for i := range out {
				out[i] = 0
				if s.null != nil && s.null[i] {
					continue
				}
				var err error
				if out[i], err = parseFloatCell(a[0].str(i)); err != nil {
					e.fails(s, i, "%v", err)
				}
			}
			return lane{f: out}
		}, x), nil
	}
	return nil, b.errorf(n, "float takes a number, text or a bool, not %s", x.what())
}

// toBool is x != 0 of numbers.
func (b *binder) toBool(n ast.Node, a []*exprNode) (*exprNode, error) {
	x := a[0]
	switch x.kind {
	case exprMissing, exprBool:
		return b.to(x, exprBool, kindTypes[exprBool]), nil
	case exprInt:
		return strict(exprBool, compareLanes("!=", exprInt), x, literal(int64(0))), nil
	case exprFloat:
		return strict(exprBool, func(e *evaluation, s scope, a []lane) lane {
			out := e.bools()
			for i, v := range a[0].f[:len(out)] {
				if out[i] = v != 0; math.IsNaN(v) {
					e.fails(s, i, "NaN is neither true nor false")
				}
			}
			return lane{b: out}
		}, x), nil
	case exprText:
		return strict(exprBool, func(e *evaluation, s scope, a []lane) lane {
			out := e.bools()
			for i := range out {
				out[i] = false
				if s.null != nil && s.null[i] {
					continue
				}
				var err error
				if out[i], err = parseBoolCell(a[0].str(i)); err != nil {
					e.fails(s, i, "%v", err)
				}
			}
			return lane{b: out}
		}, x), nil
	}
	return nil, b.errorf(n, "bool takes a number or text, not %s", x.what())
}

func (b *binder) toText(n ast.Node, a []*exprNode) (*exprNode, error) {
	x := a[0]
	var put func(to []byte, l *lane, i int) []byte
	switch x.kind {
	case exprMissing, exprText:
		return b.to(x, exprText, kindTypes[exprText]), nil
	case exprBool:
		put = func(to []byte, l *lane, i int) []byte { return strconv.AppendBool(to, l.b[i]) }
	case exprInt:
		put = func(to []byte, l *lane, i int) []byte { return strconv.AppendInt(to, l.i[i], 10) }
	case exprFloat:
		put = func(to []byte, l *lane, i int) []byte { return appendFloat(to, l.f[i], 64) }
	case exprTime:
		form, err := newTextForm(x.typ)
		if err != nil {
			return nil, b.errorf(n, "%v", err)
		}
		put = func(to []byte, l *lane, i int) []byte { return form.append(to, l.i[i]) }
	default:
		return nil, b.notComputed(n, x)
	}
	return strict(exprText, func(e *evaluation, s scope, a []lane) lane {
		return e.eachText(s, func(to []byte, i int) []byte { return put(to, &a[0], i) })
	}, x), nil
}
