package frame

import (
	"regexp"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/expr-lang/expr/ast"
)

func (b *binder) unary(n *ast.UnaryNode) (*exprNode, error) {
	x, err := b.bind(n.Node)
	if err != nil {
		return nil, err
	}
	switch n.Operator {
	case "not", "!":
		if x.kind != exprBool && x.kind != exprMissing {
			return nil, b.errorf(n, "%s of %s: it takes a bool; not binds closer than comparisons, so write not (a < b)", n.Operator, x.what())
		}
		return strict(exprBool, notBools, b.to(x, exprBool, kindTypes[exprBool])), nil
	}
	switch {
	case x.kind == exprMissing, n.Operator == "+" && (x.kind == exprInt || x.kind == exprFloat):
		return x, nil
	case n.Operator == "-" && x.kind == exprInt:
		if v, ok := x.value.(int64); ok { // the parser gives none that is negative
			return literal(-v), nil
		}
		return strict(exprInt, negateInts, x), nil
	case n.Operator == "-" && x.kind == exprFloat:
		if v, ok := x.value.(float64); ok {
			return literal(-v), nil
		}
		return strict(exprFloat, negateFloats, x), nil
	}
	return nil, b.errorf(n, "%s of %s: it takes a number", n.Operator, x.what())
}

// comparisons are the operators that [compareLanes] knows.
var comparisons = map[string]bool{"==": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true}

func (b *binder) binary(n *ast.BinaryNode) (*exprNode, error) {
	args, err := b.bindAll([]ast.Node{n.Left, n.Right})
	if err != nil {
		return nil, err
	}
	switch op := n.Operator; {
	case op == "and" || op == "&&" || op == "or" || op == "||":
		return b.logic(n, op == "and" || op == "&&", args)
	case op == "in":
		return b.in(n, args[0], args[1])
	case comparisons[op]:
		return b.comparison(n, op, args[0], args[1])
	case textTests[op] != nil || op == "matches":
		return b.textTest(n, op, args)
	case arithmetic[op]:
		return b.arithmetic(n, op, args)
	case op == "^":
		return nil, b.errorf(n, "^ is not supported; a power is written **")
	}
	return nil, b.errorf(n, "the operator %s is not supported", n.Operator)
}

func (b *binder) logic(n ast.Node, and bool, args []*exprNode) (*exprNode, error) {
	for i, a := range args {
		if a.kind != exprBool && a.kind != exprMissing {
			return nil, b.errorf(n, "%s is %s, not a bool", []string{"the left side", "the right side"}[i], a.what())
		}
		args[i] = b.to(a, exprBool, kindTypes[exprBool])
	}
	return &exprNode{kind: exprBool, typ: kindTypes[exprBool], column: -1, lazy: func(e *evaluation, need []bool) lane {
		return e.logic(and, args[0], args[1], need)
	}}, nil
}

// comparison compares numbers with numbers, and values of one type.
func (b *binder) comparison(n ast.Node, op string, x, y *exprNode) (*exprNode, error) {
	for _, a := range []*exprNode{x, y} {
		if a.kind == exprMissing {
			return nil, b.errorf(n, "%s with nil is never true; write is_null(x) or not is_null(x)", op)
		}
		if a.kind == exprOther || a.kind == exprList {
			return nil, b.notComputed(n, a)
		}
	}
	if x.kind == exprTime && y.kind == exprTime {
		px, _ := ticksPerDay(x.typ)
		py, _ := ticksPerDay(y.typ)
		if err := b.dateAndZone(n, x, y); err != nil {
			return nil, err
		}
		return strict(exprBool, compareTimes(op, px, py), x, y), nil
	}
	k, typ, err := b.common(n, []*exprNode{x, y})
	if err != nil {
		return nil, b.errorf(n, "%s compares values of one type, not %s with %s%s", op, x.what(), y.what(), timeHint(x, y))
	}
	if k == exprBool && op != "==" && op != "!=" {
		return nil, b.errorf(n, "%s is not for bools; they can be compared with == and !=", op)
	}
	return strict(exprBool, compareLanes(op, k), b.to(x, k, typ), b.to(y, k, typ)), nil
}

// dateAndZone is an error if a date is compared with a timestamp that has a zone other than UTC.
func (b *binder) dateAndZone(n ast.Node, x, y *exprNode) error {
	_, xStamp := x.typ.(*arrow.TimestampType)
	_, yStamp := y.typ.(*arrow.TimestampType)
	if xStamp == yStamp {
		return nil
	}
	for _, a := range []*exprNode{x, y} {
		zone, err := zoneOf(a.typ)
		if err != nil {
			return b.errorf(n, "%v", err)
		}
		if zone != nil {
			return b.errorf(n, "a date has no time zone, but %s has one; compare with date(x), or write timestamp(\"2001-02-03 00:00:00+01:00\")", a.what())
		}
	}
	return nil
}

func timeHint(x, y *exprNode) string {
	if x.kind == exprTime && y.kind == exprText || x.kind == exprText && y.kind == exprTime {
		return `; write a time as date("2001-02-03") or timestamp("2001-02-03 04:05:06")`
	}
	return ""
}

// in is x == a or x == b …; false of an empty list.
func (b *binder) in(n *ast.BinaryNode, x, list *exprNode) (*exprNode, error) {
	if list.kind != exprList {
		return nil, b.errorf(n, "in takes a list, as in x in [1, 2], not %s", list.what())
	}
	if x.kind == exprOther || x.kind == exprList {
		return nil, b.notComputed(n, x)
	}
	if x.kind == exprMissing {
		return nil, b.errorf(n, "nil in a list is never true; write is_null(x)")
	}
	if set := literalSet(x, list.args); set != nil {
		return strict(exprBool, set, x), nil
	}
	x.shared = true
	out := strict(exprBool, func(e *evaluation, _ scope, _ []lane) lane { return lane{b: fillWith(e.bools(), false)} }, x)
	for i, a := range list.args {
		one := b.to(a, exprBool, kindTypes[exprBool])
		if a.kind != exprMissing {
			var err error
			if one, err = b.comparison(n.Right.(*ast.ArrayNode).Nodes[i], "==", x, a); err != nil {
				return nil, err
			}
		}
		sides := []*exprNode{out, one}
		if i == 0 {
			out = one
			continue
		}
		out = &exprNode{kind: exprBool, typ: kindTypes[exprBool], column: -1, lazy: func(e *evaluation, need []bool) lane {
			return e.logic(false, sides[0], sides[1], need)
		}}
	}
	return out, nil
}

// literalSet looks x up among literals of its type; nil if the list has others, or none.
func literalSet(x *exprNode, list []*exprNode) func(e *evaluation, s scope, a []lane) lane {
	for _, a := range list {
		same := a.kind == x.kind && (a.kind != exprTime || arrow.TypeEqual(a.typ, x.typ)) || a.kind == exprInt && x.kind == exprFloat
		if a.value == nil || !same {
			return nil
		}
	}
	switch {
	case len(list) == 0:
	case x.kind == exprInt || x.kind == exprTime:
		set := map[int64]bool{}
		for _, a := range list {
			set[a.value.(int64)] = true
		}
		return func(e *evaluation, _ scope, a []lane) lane { return lookUpIn(e.bools(), set, a[0].i) }
	case x.kind == exprFloat:
		set := map[float64]bool{}
		for _, a := range list {
			if v, ok := a.value.(int64); ok {
				set[float64(v)] = true
			} else {
				set[a.value.(float64)] = true
			}
		}
		return func(e *evaluation, _ scope, a []lane) lane { return lookUpIn(e.bools(), set, a[0].f) }
	case x.kind == exprText:
		set := map[string]bool{}
		for _, a := range list {
			set[a.value.(string)] = true
		}
		return func(e *evaluation, _ scope, a []lane) lane {
			out := e.bools()
			for i := range out {
				out[i] = set[string(a[0].str(i))]
			}
			return lane{b: out}
		}
	}
	return nil
}

func lookUpIn[T comparable](out []bool, set map[T]bool, cells []T) lane {
	for i := range out {
		out[i] = set[cells[i]]
	}
	return lane{b: out}
}

func (b *binder) textTest(n *ast.BinaryNode, op string, args []*exprNode) (*exprNode, error) {
	for i, a := range args {
		if a.kind != exprText && a.kind != exprMissing {
			return nil, b.errorf(n, "%s takes text, not %s", op, a.what())
		}
		args[i] = b.to(a, exprText, kindTypes[exprText])
	}
	if op != "matches" {
		return strict(exprBool, textTests[op], args...), nil
	}
	pattern, ok := args[1].value.(string)
	if !ok {
		return nil, b.errorf(n.Right, "the regular expression must be written here, as \"^a.*z$\", not computed")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, b.errorf(n.Right, "%v", err)
	}
	return strict(exprBool, func(e *evaluation, s scope, a []lane) lane {
		out := e.bools()
		for i := range out {
			out[i] = !(s.null != nil && s.null[i]) && re.Match(a[0].str(i))
		}
		return lane{b: out}
	}, args[0]), nil
}
