package frame

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/expr-lang/expr/ast"
)

// exprKind is how the values of a part of an expression are computed.
type exprKind uint8

const (
	exprMissing exprKind = iota // the literal nil
	exprBool
	exprInt
	exprFloat
	exprText
	exprTime // int64 ticks of a date or timestamp
	exprList // [a, b], to the right of in
	exprOther
)

// kindOf is the kind of a column's cells.
func kindOf(dt arrow.DataType) exprKind {
	switch id := dt.ID(); {
	case id == arrow.BOOL:
		return exprBool
	case arrow.IsInteger(id):
		return exprInt
	case isFloat(dt):
		return exprFloat
	case id == arrow.LARGE_STRING:
		return exprText
	}
	if _, ok := ticksPerDay(dt); ok {
		return exprTime
	}
	return exprOther
}

// kindTypes are the types of results, those of times apart.
var kindTypes = map[exprKind]arrow.DataType{
	exprMissing: arrow.Null, exprBool: arrow.FixedWidthTypes.Boolean, exprInt: arrow.PrimitiveTypes.Int64,
	exprFloat: arrow.PrimitiveTypes.Float64, exprText: arrow.BinaryTypes.LargeString, exprList: arrow.Null, exprOther: arrow.Null,
}

// exprNode is a part of an expression.
type exprNode struct {
	kind exprKind
	typ  arrow.DataType
	args []*exprNode
	// run computes rows from the arguments' rows. Those where an argument is missing are missing; run
	// may leave anything in them.
	run func(e *evaluation, s scope, a []lane) lane
	// lazy computes rows without that rule, and evaluates its arguments itself.
	lazy   func(e *evaluation, need []bool) lane
	value  any // of a literal: bool, int64, float64, string
	column int // of a column, else -1
	shift  *exprShift
	shared bool // it stands in several places
}

// binder makes nodes of a parsed expression.
type binder struct {
	schema *arrow.Schema
	shifts []*exprNode
	bound  map[ast.Node]*exprNode // comparisons in a chain share one
}

func (b *binder) errorf(at ast.Node, format string, args ...any) error {
	for { // the parser puts a condition behind its end
		c, ok := at.(*ast.ConditionalNode)
		if !ok {
			break
		}
		at = c.Cond
	}
	return &exprError{at.Location().From, fmt.Sprintf(format, args...)}
}

func (b *binder) bind(n ast.Node) (*exprNode, error) {
	if done := b.bound[n]; done != nil {
		done.shared = true
		return done, nil
	}
	out, err := b.bindNew(n)
	if err == nil {
		b.bound[n] = out
	}
	return out, err
}

func (b *binder) bindNew(n ast.Node) (*exprNode, error) {
	switch n := n.(type) {
	case *ast.NilNode:
		return literal(nil), nil
	case *ast.BoolNode:
		return literal(n.Value), nil
	case *ast.IntegerNode:
		return literal(int64(n.Value)), nil
	case *ast.FloatNode:
		return literal(n.Value), nil
	case *ast.StringNode:
		return literal(n.Value), nil
	case *ast.IdentifierNode:
		return b.identifier(n, n.Value)
	case *ast.UnaryNode:
		return b.unary(n)
	case *ast.BinaryNode:
		return b.binary(n)
	case *ast.ConditionalNode:
		return b.conditional(n)
	case *ast.ArrayNode:
		args, err := b.bindAll(n.Nodes)
		return &exprNode{kind: exprList, typ: arrow.Null, args: args, column: -1}, err
	case *ast.CallNode:
		if f, ok := n.Callee.(*ast.IdentifierNode); ok {
			return b.call(n, f.Value, n.Arguments)
		}
	case *ast.BuiltinNode:
		return b.call(n, n.Name, n.Arguments)
	}
	return nil, b.errorf(n, "this is not supported; there are columns, numbers, text, operators and functions")
}

func (b *binder) bindAll(nodes []ast.Node) ([]*exprNode, error) {
	out := make([]*exprNode, len(nodes))
	for i, n := range nodes {
		var err error
		if out[i], err = b.bind(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *binder) identifier(n ast.Node, name string) (*exprNode, error) {
	if at := b.schema.FieldIndices(name); len(at) > 0 {
		f := b.schema.Field(at[0])
		k := kindOf(f.Type)
		typ := f.Type
		if k != exprTime && k != exprOther {
			typ = kindTypes[k]
		}
		return &exprNode{kind: k, typ: typ, column: at[0]}, nil
	}
	if name == "null" {
		return literal(nil), nil
	}
	return nil, b.errorf(n, "%s", noColumn(name, fieldNames(b.schema)))
}

// strict is a node that is missing where an argument is.
func strict(k exprKind, run func(e *evaluation, s scope, a []lane) lane, args ...*exprNode) *exprNode {
	return &exprNode{kind: k, typ: kindTypes[k], args: args, run: run, column: -1}
}

func literal(v any) *exprNode {
	n := &exprNode{value: v, column: -1}
	switch v.(type) {
	case bool:
		n.kind = exprBool
	case int64:
		n.kind = exprInt
	case float64:
		n.kind = exprFloat
	case string:
		n.kind = exprText
	}
	n.typ = kindTypes[n.kind]
	n.lazy = func(e *evaluation, _ []bool) lane { return e.repeat(n) }
	return n
}

// isLiteral reports whether n is a value that does not depend on the row.
func (n *exprNode) isLiteral() bool { return n.value != nil || n.kind == exprMissing }

// to makes n a node of a kind that [binder.common] gave.
func (b *binder) to(n *exprNode, k exprKind, typ arrow.DataType) *exprNode {
	switch {
	case n.kind == exprMissing:
		l := &exprNode{kind: k, typ: typ, column: -1}
		l.lazy = func(e *evaluation, _ []bool) lane { return e.repeat(l) }
		return l
	case n.kind == exprInt && k == exprFloat:
		if v, ok := n.value.(int64); ok {
			return literal(float64(v))
		}
		if n.column >= 0 && b.schema.Field(n.column).Type.ID() == arrow.UINT64 {
			return uintsToFloats(n)
		}
		return strict(exprFloat, intsToFloats, n)
	}
	return n
}

// common is the kind and type that values of all nodes fit.
func (b *binder) common(at ast.Node, nodes []*exprNode) (exprKind, arrow.DataType, error) {
	first := &exprNode{kind: exprMissing, typ: arrow.Null}
	for _, n := range nodes {
		switch {
		case n.kind == exprOther || n.kind == exprList:
			return 0, nil, b.notComputed(at, n)
		case n.kind == exprMissing:
		case first.kind == exprMissing, first.kind == exprInt && n.kind == exprFloat:
			first = n
		case first.kind == exprFloat && n.kind == exprInt:
		case first.kind != n.kind || first.kind == exprTime && !arrow.TypeEqual(first.typ, n.typ):
			return 0, nil, b.errorf(at, "the values have different types, %s and %s; convert one, as with int(x), float(x), str(x), date(x) or timestamp(x)", first.what(), n.what())
		}
	}
	return first.kind, first.typ, nil
}

// what is a node's type for a message.
func (n *exprNode) what() string {
	switch n.kind {
	case exprMissing:
		return "nil"
	case exprText:
		return "text"
	case exprList:
		return "a list"
	}
	return n.typ.String()
}

func (b *binder) notComputed(at ast.Node, n *exprNode) error {
	if n.kind == exprList {
		return b.errorf(at, "a list can stand only to the right of in")
	}
	return b.errorf(at, "a column of type %s cannot be computed with; only is_null(x) takes it; cast the column first", n.typ)
}

func (b *binder) conditional(n *ast.ConditionalNode) (*exprNode, error) {
	args, err := b.bindAll([]ast.Node{n.Cond, n.Exp1, n.Exp2})
	if err != nil {
		return nil, err
	}
	if k := args[0].kind; k != exprBool && k != exprMissing {
		return nil, b.errorf(n.Cond, "the condition is %s, not a bool", args[0].what())
	}
	k, typ, err := b.common(n, args[1:])
	if err != nil {
		return nil, err
	}
	if k == exprMissing {
		return args[1], nil
	}
	cond := b.to(args[0], exprBool, kindTypes[exprBool])
	yes, no := b.to(args[1], k, typ), b.to(args[2], k, typ)
	return &exprNode{kind: k, typ: typ, column: -1, lazy: func(e *evaluation, need []bool) lane {
		return e.choose(k, e.eval(cond, need), yes, no, need)
	}}, nil
}
