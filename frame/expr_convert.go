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
	case missingKind, intKind:
		return b.to(x, intKind, kindTypes[intKind]), nil
	case boolKind:
		return strict(intKind, func(e *evaluation, _ scope, a []lane) lane {
			out := e.ints()
			for i := range out {
				out[i] = 0
				if a[0].b[i] {
					out[i] = 1
				}
			}
			return lane{i: out}
		}, x), nil
	case floatKind:
		return strict(intKind, func(e *evaluation, s scope, a []lane) lane {
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
	case textKind:
		return strict(intKind, func(e *evaluation, s scope, a []lane) lane {
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
	case missingKind, intKind, floatKind:
		return b.to(x, floatKind, kindTypes[floatKind]), nil
	case boolKind:
		i, err := b.toInt(n, a)
		return strict(floatKind, intsToFloats, i), err
	case textKind:
		return strict(floatKind, func(e *evaluation, s scope, a []lane) lane {
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
	case missingKind, boolKind:
		return b.to(x, boolKind, kindTypes[boolKind]), nil
	case intKind:
		return strict(boolKind, compareLanes("!=", intKind), x, literal(int64(0))), nil
	case floatKind:
		return strict(boolKind, func(e *evaluation, s scope, a []lane) lane {
			out := e.bools()
			for i, v := range a[0].f[:len(out)] {
				if out[i] = v != 0; math.IsNaN(v) {
					e.fails(s, i, "NaN is neither true nor false")
				}
			}
			return lane{b: out}
		}, x), nil
	case textKind:
		return strict(boolKind, func(e *evaluation, s scope, a []lane) lane {
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
	case missingKind, textKind:
		return b.to(x, textKind, kindTypes[textKind]), nil
	case boolKind:
		put = func(to []byte, l *lane, i int) []byte { return strconv.AppendBool(to, l.b[i]) }
	case intKind:
		put = func(to []byte, l *lane, i int) []byte { return strconv.AppendInt(to, l.i[i], 10) }
	case floatKind:
		put = func(to []byte, l *lane, i int) []byte { return appendFloat(to, l.f[i], 64) }
	case timeKind:
		form, err := newTextForm(x.typ)
		if err != nil {
			return nil, b.errorf(n, "%v", err)
		}
		put = func(to []byte, l *lane, i int) []byte { return form.append(to, l.i[i]) }
	default:
		return nil, b.notComputed(n, x)
	}
	return strict(textKind, func(e *evaluation, s scope, a []lane) lane {
		return e.eachText(s, func(to []byte, i int) []byte { return put(to, &a[0], i) })
	}, x), nil
}
