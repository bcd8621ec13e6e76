package frame

import (
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// exprFunction is a function of the expression language.
type exprFunction struct {
	usage       string
	least, most int // arguments; most 0: any number
	bind        func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error)
}

var exprFunctions map[string]exprFunction

func init() { // a variable's value may not lead back to it through bind
	exprFunctions = map[string]exprFunction{
		"col":      {`col("name")`, 1, 1, (*binder).column},
		"is_null":  {"is_null(x)", 1, 1, (*binder).isNull},
		"coalesce": {"coalesce(a, b, …)", 1, 0, (*binder).coalesce},

		"abs":   {"abs(x)", 1, 1, rounding("abs", absInts, math.Abs)},
		"floor": {"floor(x)", 1, 1, rounding("floor", nil, math.Floor)},
		"ceil":  {"ceil(x)", 1, 1, rounding("ceil", nil, math.Ceil)},
		"round": {"round(x)", 1, 1, rounding("round", nil, math.Round)},
		"sqrt":  {"sqrt(x)", 1, 1, ofFloat("sqrt", math.Sqrt)},
		"cbrt":  {"cbrt(x)", 1, 1, ofFloat("cbrt", math.Cbrt)},
		"exp":   {"exp(x)", 1, 1, ofFloat("exp", math.Exp)},
		"log":   {"log(x)", 1, 1, ofFloat("log", math.Log)},
		"log1p": {"log1p(x)", 1, 1, ofFloat("log1p", math.Log1p)},
		"log10": {"log10(x)", 1, 1, ofFloat("log10", log10)},
		"min":   {"min(a, b, …)", 1, 0, extreme("min", extremeInts(true), extremeFloats(true))},
		"max":   {"max(a, b, …)", 1, 0, extreme("max", extremeInts(false), extremeFloats(false))},

		"lower":   {"lower(s)", 1, 1, ofText("lower", exprText, lowerTexts)},
		"upper":   {"upper(s)", 1, 1, ofText("upper", exprText, upperTexts)},
		"trim":    {"trim(s)", 1, 1, ofText("trim", exprText, trimTexts)},
		"len":     {"len(s)", 1, 1, ofText("len", exprInt, lenTexts)},
		"replace": {"replace(s, old, new)", 3, 3, ofText("replace", exprText, replaceTexts)},
		"substr":  {"substr(s, from, n), or substr(s, from)", 2, 3, (*binder).substr},

		"int":       {"int(x)", 1, 1, (*binder).toInt},
		"float":     {"float(x)", 1, 1, (*binder).toFloat},
		"str":       {"str(x)", 1, 1, (*binder).toText},
		"bool":      {"bool(x)", 1, 1, (*binder).toBool},
		"date":      {`date("2001-02-03")`, 1, 1, (*binder).toDate},
		"timestamp": {`timestamp("2001-02-03 04:05:06")`, 1, 1, (*binder).toTimestamp},

		"lag":  {"lag(x, n), or lag(x, n, id)", 2, 0, shifting("lag", 1)},
		"lead": {"lead(x, n), or lead(x, n, id)", 2, 0, shifting("lead", -1)},
	}
	for name, part := range dateParts {
		exprFunctions[name] = exprFunction{name + "(t)", 1, 1, datePart(name, part)}
	}
}

func (b *binder) call(n ast.Node, name string, nodes []ast.Node) (*exprNode, error) {
	f, ok := exprFunctions[name]
	if !ok {
		names := sortedKeys(exprFunctions)
		msg := "no function " + quote(name)
		if near, ok := Nearest(name, names); ok {
			msg += "; did you mean " + near + "?"
		}
		return nil, b.errorf(n, "%s; functions: %s", msg, list(names))
	}
	if len(nodes) < f.least || f.most > 0 && len(nodes) > f.most {
		return nil, b.errorf(n, "%s with %s: write %s", name, plural(len(nodes), "argument"), f.usage)
	}
	args, err := b.bindAll(nodes)
	if err != nil {
		return nil, err
	}
	return f.bind(b, n, args)
}

func (b *binder) column(n ast.Node, a []*exprNode) (*exprNode, error) {
	name, ok := a[0].value.(string)
	if !ok {
		return nil, b.errorf(n, `col takes a name in quotes, as in col("name")`)
	}
	if name == "null" && len(b.schema.FieldIndices(name)) == 0 { // no literal here
		return nil, b.errorf(n, "%s", noColumn(name, (&Table{schema: b.schema}).Names()))
	}
	return b.identifier(n, name)
}

func (b *binder) isNull(n ast.Node, a []*exprNode) (*exprNode, error) {
	if a[0].kind == exprList {
		return nil, b.notComputed(n, a[0])
	}
	return &exprNode{kind: exprBool, typ: kindTypes[exprBool], column: -1, lazy: func(e *evaluation, need []bool) lane {
		var l lane
		if a[0].column >= 0 { // of cells that cannot be computed with, too
			l.null = e.nulls(e.columnOf(a[0]), e.lo)
		} else {
			l = e.eval(a[0], need)
		}
		if l.null != nil {
			return lane{b: l.null}
		}
		return lane{b: fillWith(e.bools(), a[0].kind == exprMissing)}
	}}, nil
}

func (b *binder) coalesce(n ast.Node, a []*exprNode) (*exprNode, error) {
	k, typ, err := b.common(n, a)
	if err != nil || k == exprMissing {
		return literal(nil), err
	}
	for i := range a {
		a[i] = b.to(a[i], k, typ)
	}
	return &exprNode{kind: k, typ: typ, column: -1, lazy: func(e *evaluation, need []bool) lane {
		return e.coalesce(k, a, need)
	}}, nil
}

// number is a as a number; ints says whether integers stay.
func (b *binder) number(n ast.Node, name string, a *exprNode, ints bool) (*exprNode, error) {
	switch {
	case a.kind == exprInt && ints, a.kind == exprFloat:
		return a, nil
	case a.kind == exprInt || a.kind == exprMissing:
		return b.to(a, exprFloat, kindTypes[exprFloat]), nil
	}
	return nil, b.errorf(n, "%s takes a number, not %s", name, a.what())
}

// rounding is a function of floats that gives integers back, by ofInts if it is not nil.
func rounding(name string, ofInts func(e *evaluation, s scope, a []lane) lane, f func(float64) float64) func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
	return func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
		x, err := b.number(n, name, a[0], true)
		switch {
		case err != nil:
			return nil, err
		case x.kind == exprFloat:
			return strict(exprFloat, eachFloat(f), x), nil
		case ofInts != nil:
			return strict(exprInt, ofInts, x), nil
		}
		return x, nil
	}
}

func ofFloat(name string, f func(float64) float64) func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
	return func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
		x, err := b.number(n, name, a[0], false)
		if err != nil {
			return nil, err
		}
		return strict(exprFloat, eachFloat(f), x), nil
	}
}

func extreme(name string, ints, floats func(e *evaluation, s scope, a []lane) lane) func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
	return func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
		k, typ, err := b.common(n, a)
		if err != nil {
			return nil, err
		}
		run := ints
		switch k {
		case exprMissing:
			return a[0], nil
		case exprFloat:
			run = floats
		case exprInt, exprTime:
		default:
			return nil, b.errorf(n, "%s takes numbers, dates or timestamps, not %s", name, (&exprNode{kind: k, typ: typ}).what())
		}
		out := b.to(a[0], k, typ)
		for _, x := range a[1:] {
			out = &exprNode{kind: k, typ: typ, column: -1, run: run, args: []*exprNode{out, b.to(x, k, typ)}}
		}
		return out, nil
	}
}

// ofText is a function of texts.
func ofText(name string, k exprKind, run func(e *evaluation, s scope, a []lane) lane) func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
	return func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
		args := slices.Clone(a)
		for i, x := range a {
			if x.kind != exprText && x.kind != exprMissing {
				return nil, b.errorf(n, "%s takes text, not %s; str(x) makes text", name, x.what())
			}
			args[i] = b.to(x, exprText, kindTypes[exprText])
		}
		return strict(k, run, args...), nil
	}
}

func (b *binder) substr(n ast.Node, a []*exprNode) (*exprNode, error) {
	args := []*exprNode{b.to(a[0], exprText, kindTypes[exprText])}
	if args[0].kind != exprText {
		return nil, b.errorf(n, "substr takes text, not %s", a[0].what())
	}
	if len(a) == 2 {
		a = append(slices.Clone(a), literal(int64(math.MaxInt64)))
	}
	for i, x := range a[1:] {
		x = b.to(x, exprInt, kindTypes[exprInt])
		if x.kind != exprInt {
			return nil, b.errorf(n, "%s of substr is %s, not an int64", [...]string{"from", "n"}[i], a[i+1].what())
		}
		args = append(args, x)
	}
	return strict(exprText, substrTexts, args...), nil
}

// shifting is lag (sign 1) or lead (sign -1).
func shifting(name string, sign int64) func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
	return func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
		rows, ok := a[1].value.(int64)
		if !ok {
			return nil, b.errorf(n, "the number of rows of %s must be a whole number written here, not computed", name)
		}
		for i, x := range a {
			if x.kind == exprOther || x.kind == exprList {
				return nil, b.notComputed(n, x)
			}
			if x.kind == exprMissing {
				return nil, b.errorf(n, "%s of nil", name)
			}
			if i >= 2 && x.isLiteral() {
				return nil, b.errorf(n, "%s takes columns of keys, not a value", name)
			}
		}
		out := &exprNode{kind: a[0].kind, typ: a[0].typ, column: -1, shift: &exprShift{of: a[0], by: a[2:], rows: sign * rows}}
		b.shifts = append(b.shifts, out)
		return out, nil
	}
}
