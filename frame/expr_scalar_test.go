package frame

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/expr-lang/expr/ast"
)

// scalar computes expressions row by row: slow, and with nothing of what it checks. Values are nil,
// bool, int64, float64, string and [time.Time].
type scalar struct{ rec arrow.Record }

var errNotScalar = errors.New("the slow interpreter does not know this")

// kind is b, i, f, s, t (a time) or n (nil).
func (x *scalar) kind(n ast.Node) string {
	switch n := n.(type) {
	case *ast.NilNode:
		return "n"
	case *ast.BoolNode:
		return "b"
	case *ast.IntegerNode:
		return "i"
	case *ast.FloatNode:
		return "f"
	case *ast.StringNode:
		return "s"
	case *ast.IdentifierNode:
		if n.Value == "null" {
			return "n"
		}
		switch id := x.column(n.Value).DataType().ID(); id {
		case arrow.BOOL:
			return "b"
		case arrow.FLOAT32, arrow.FLOAT64:
			return "f"
		case arrow.LARGE_STRING:
			return "s"
		case arrow.DATE32, arrow.TIMESTAMP:
			return "t"
		}
		return "i"
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return "b"
		}
		return x.kind(n.Node)
	case *ast.BinaryNode:
		switch n.Operator {
		case "/":
			return x.common(x.kind(n.Left), x.kind(n.Right), "f")
		case "+", "-", "*", "%", "**":
			return x.common(x.kind(n.Left), x.kind(n.Right))
		}
		return "b"
	case *ast.ConditionalNode:
		return x.common(x.kind(n.Exp1), x.kind(n.Exp2))
	}
	name, args := callOf(n)
	switch name {
	case "coalesce", "min", "max":
		var kinds []string
		for _, a := range args {
			kinds = append(kinds, x.kind(a))
		}
		return x.common(kinds...)
	case "abs", "round", "floor", "ceil":
		return x.common(x.kind(args[0]))
	case "lag", "lead":
		return x.kind(args[0])
	case "sqrt", "exp", "log", "float":
		return "f"
	case "lower", "upper", "trim", "replace", "substr", "str":
		return "s"
	case "is_null", "bool":
		return "b"
	case "date", "timestamp":
		return "t"
	case "len", "int", "year", "month", "day", "hour", "minute", "second", "dayofyear", "weekday", "week":
		return "i"
	}
	panic(errNotScalar)
}

func callOf(n ast.Node) (string, []ast.Node) {
	switch n := n.(type) {
	case *ast.CallNode:
		return n.Callee.(*ast.IdentifierNode).Value, n.Arguments
	case *ast.BuiltinNode:
		return n.Name, n.Arguments
	}
	panic(errNotScalar)
}

func (x *scalar) common(kinds ...string) string {
	out := "n"
	for _, k := range kinds {
		if out == "n" || out == "i" && k == "f" {
			out = k
		}
	}
	return out
}

func (x *scalar) column(name string) arrow.Array {
	return x.rec.Column(x.rec.Schema().FieldIndices(name)[0])
}

func (x *scalar) cell(name string, row int) any {
	a := x.column(name)
	if a.IsNull(row) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(row)
	case *array.Int64:
		return a.Value(row)
	case *array.Int8:
		return int64(a.Value(row))
	case *array.Float64:
		return a.Value(row)
	case *array.Float32:
		return float64(a.Value(row))
	case *array.LargeString:
		return a.Value(row)
	case *array.Date32:
		return a.Value(row).ToTime()
	case *array.Timestamp:
		zone, err := a.DataType().(*arrow.TimestampType).GetZone()
		if err != nil {
			panic(err)
		}
		return a.Value(row).ToTime(a.DataType().(*arrow.TimestampType).Unit).In(zone)
	}
	panic(errNotScalar)
}

func as(k string, v any) any {
	if i, ok := v.(int64); ok && k == "f" {
		return float64(i)
	}
	return v
}

var errRow = errors.New("this row has no value")

// eval is n in a row; it panics with errRow where there is none.
func (x *scalar) eval(n ast.Node, row int) any {
	switch n := n.(type) {
	case *ast.NilNode:
		return nil
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		return int64(n.Value)
	case *ast.FloatNode:
		return n.Value
	case *ast.StringNode:
		return n.Value
	case *ast.IdentifierNode:
		if n.Value == "null" {
			return nil
		}
		return x.cell(n.Value, row)
	case *ast.UnaryNode:
		switch v := x.eval(n.Node, row).(type) {
		case bool:
			return !v
		case int64:
			if n.Operator == "+" {
				return v
			}
			return fits(new(big.Int).Neg(big.NewInt(v)))
		case float64:
			if n.Operator == "+" {
				return v
			}
			return -v
		}
		return nil
	case *ast.ConditionalNode:
		k := x.kind(n)
		if c, _ := x.eval(n.Cond, row).(bool); c {
			return as(k, x.eval(n.Exp1, row))
		}
		return as(k, x.eval(n.Exp2, row))
	case *ast.BinaryNode:
		return x.binary(n, row)
	}
	name, args := callOf(n)
	return x.call(n, name, args, row)
}

func (x *scalar) binary(n *ast.BinaryNode, row int) any {
	a := x.eval(n.Left, row)
	switch op := n.Operator; op {
	case "and", "&&", "or", "||":
		decides := op == "or" || op == "||"
		if a == decides {
			return decides
		}
		b := x.eval(n.Right, row)
		switch {
		case b == decides:
			return decides
		case a == nil || b == nil:
			return nil
		}
		return !decides
	case "in":
		if a == nil && len(n.Right.(*ast.ArrayNode).Nodes) == 0 {
			return nil
		}
		var out any = false
		for _, e := range n.Right.(*ast.ArrayNode).Nodes {
			b := x.eval(e, row)
			if a == nil || b == nil {
				out = nil
			} else if k := x.common(x.kind(n.Left), x.kind(e)); scalarCompare("==", as(k, a), as(k, b)) {
				return true
			}
		}
		return out
	}
	b := x.eval(n.Right, row)
	if a == nil || b == nil {
		return nil
	}
	k := x.common(x.kind(n.Left), x.kind(n.Right))
	a, b = as(k, a), as(k, b)
	switch op := n.Operator; op {
	case "==", "!=", "<", "<=", ">", ">=":
		return scalarCompare(op, a, b)
	case "contains":
		return strings.Contains(a.(string), b.(string))
	case "startsWith":
		return strings.HasPrefix(a.(string), b.(string))
	case "endsWith":
		return strings.HasSuffix(a.(string), b.(string))
	case "matches":
		return regexp.MustCompile(b.(string)).MatchString(a.(string))
	}
	if s, ok := a.(string); ok {
		return s + b.(string)
	}
	if n.Operator == "/" {
		return as("f", a).(float64) / as("f", b).(float64)
	}
	if v, ok := a.(float64); ok {
		w := b.(float64)
		return map[string]func() float64{"+": func() float64 { return v + w }, "-": func() float64 { return v - w }, "*": func() float64 { return v * w },
			"%": func() float64 { return math.Mod(v, w) }, "**": func() float64 { return math.Pow(v, w) }}[n.Operator]()
	}
	v, w := big.NewInt(a.(int64)), big.NewInt(b.(int64))
	switch n.Operator {
	case "+":
		return fits(v.Add(v, w))
	case "-":
		return fits(v.Sub(v, w))
	case "*":
		return fits(v.Mul(v, w))
	case "%":
		if w.Sign() == 0 {
			panic(errRow)
		}
		return fits(v.Rem(v, w))
	}
	one := v.IsInt64() && (v.Int64() == 1 || v.Int64() == -1)
	switch {
	case w.Sign() < 0 && !one:
		panic(errRow)
	case one:
		if v.Sign() < 0 && w.Bit(0) == 1 {
			return int64(-1)
		}
		return int64(1)
	case v.Sign() == 0 && w.Sign() > 0:
		return int64(0)
	case w.Int64() > 100:
		panic(errRow)
	}
	return fits(v.Exp(v, w, nil))
}

func fits(v *big.Int) any {
	if !v.IsInt64() {
		panic(errRow)
	}
	return v.Int64()
}

func scalarCompare(op string, a, b any) bool {
	var less, equal bool
	switch a := a.(type) {
	case bool:
		equal = a == b.(bool)
	case int64:
		less, equal = a < b.(int64), a == b.(int64)
	case float64:
		less, equal = a < b.(float64), a == b.(float64)
		if math.IsNaN(a) || math.IsNaN(b.(float64)) {
			return op == "!="
		}
	case string:
		less, equal = a < b.(string), a == b.(string)
	case time.Time:
		less, equal = a.Before(b.(time.Time)), a.Equal(b.(time.Time))
	}
	switch op {
	case "==":
		return equal
	case "!=":
		return !equal
	case "<":
		return less
	case "<=":
		return less || equal
	case ">":
		return !less && !equal
	}
	return !less
}

// all computes n for all rows. Of an expression without a value in some row, or of an argument of lag and
// lead, that row is the error; the first one, -1 if it is not known.
func (x *scalar) all(root ast.Node) (out []any, bad int, err error) {
	defer func() {
		if r := recover(); r != nil {
			if e, ok := r.(error); !ok || e != errNotScalar {
				panic(r)
			}
			err = errNotScalar
		}
	}()
	bad = -2
	try := func(n ast.Node, row int) (v any, ok bool) {
		defer func() {
			if r := recover(); r != nil {
				if e, is := r.(error); !is || e != errRow {
					panic(r)
				}
			}
		}()
		return x.eval(n, row), true
	}
	ast.Walk(&root, visitor(func(n ast.Node) {
		switch n.(type) {
		case *ast.CallNode, *ast.BuiltinNode:
		default:
			return
		}
		if name, args := callOf(n); name == "lag" || name == "lead" {
			for _, a := range append([]ast.Node{args[0]}, args[2:]...) {
				for row := range int(x.rec.NumRows()) {
					if _, ok := try(a, row); !ok {
						bad = -1
					}
				}
			}
		}
	}))
	for row := range int(x.rec.NumRows()) {
		v, ok := try(root, row)
		if !ok && bad == -2 {
			bad = row
		}
		out = append(out, as(x.kind(root), v))
	}
	return out, bad, nil
}

type visitor func(ast.Node)

func (v visitor) Visit(n *ast.Node) { v(*n) }
