package frame

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

func (x *scalar) call(n ast.Node, name string, nodes []ast.Node, row int) any {
	k := x.kind(n)
	switch name {
	case "is_null":
		return x.eval(nodes[0], row) == nil
	case "coalesce":
		for _, a := range nodes {
			if v := x.eval(a, row); v != nil {
				return as(k, v)
			}
		}
		return nil
	case "lag", "lead":
		return x.shift(name, nodes, row)
	}
	args := make([]any, len(nodes))
	missing := false
	for i, a := range nodes {
		if args[i] = as(k, x.eval(a, row)); name == "int" || name == "bool" || name == "str" || name == "len" {
			args[i] = x.eval(a, row)
		}
		missing = missing || args[i] == nil
	}
	if missing {
		return nil
	}
	ofFloat := func(f func(float64) float64) any {
		if v, ok := args[0].(float64); ok {
			return f(v)
		}
		return args[0]
	}
	text := func(i int) string { return args[i].(string) }
	switch name {
	case "abs":
		if v, ok := args[0].(int64); ok && v < 0 {
			return fits(new(big.Int).Neg(big.NewInt(v)))
		}
		return ofFloat(math.Abs)
	case "round":
		return ofFloat(math.Round)
	case "floor":
		return ofFloat(math.Floor)
	case "ceil":
		return ofFloat(math.Ceil)
	case "sqrt":
		return ofFloat(math.Sqrt)
	case "exp":
		return ofFloat(math.Exp)
	case "log":
		return ofFloat(math.Log)
	case "min", "max":
		out := args[0]
		for _, v := range args[1:] {
			f, isFloat := v.(float64)
			switch {
			case isFloat && (math.IsNaN(f) || math.IsNaN(out.(float64))): // math.Max(Inf, NaN) is Inf
				out = math.NaN()
			case isFloat && name == "min":
				out = math.Min(out.(float64), f)
			case isFloat:
				out = math.Max(out.(float64), f)
			case scalarCompare("<", v, out) == (name == "min"):
				out = v
			}
		}
		return out
	case "lower":
		return strings.ToLower(text(0))
	case "upper":
		return strings.ToUpper(text(0))
	case "trim":
		return strings.TrimSpace(text(0))
	case "replace":
		if text(1) == "" {
			return text(0)
		}
		return strings.ReplaceAll(text(0), text(1), text(2))
	case "substr":
		r := []rune(text(0))
		from, count := args[1].(int64), int64(len(r))
		if len(args) == 3 {
			count = args[2].(int64)
		}
		if from < 0 || count < 0 {
			panic(errRow)
		}
		from = min(from, int64(len(r)))
		return string(r[from : from+min(count, int64(len(r))-from)])
	case "len":
		return int64(utf8.RuneCountInString(text(0)))
	case "int", "float", "bool", "str":
		return x.convert(name, args[0])
	case "date", "timestamp":
		if s, ok := args[0].(string); ok {
			for _, layout := range []string{"2006-01-02", "2006-01-02 15:04:05"} {
				if t, err := time.Parse(layout, s); err == nil {
					return t
				}
			}
			panic(errNotScalar)
		}
		t := args[0].(time.Time)
		if name == "date" {
			return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		}
		return t
	}
	t := args[0].(time.Time)
	_, week := t.ISOWeek()
	return map[string]int64{"year": int64(t.Year()), "month": int64(t.Month()), "day": int64(t.Day()), "hour": int64(t.Hour()), "minute": int64(t.Minute()),
		"second": int64(t.Second()), "dayofyear": int64(t.YearDay()), "weekday": int64(t.Weekday()+6)%7 + 1, "week": int64(week)}[name]
}

func (x *scalar) convert(name string, v any) any {
	switch name {
	case "str":
		switch v := v.(type) {
		case float64:
			return strconv.FormatFloat(v, 'g', -1, 64)
		case time.Time:
			panic(errNotScalar)
		}
		return fmt.Sprint(v)
	case "bool":
		switch v := v.(type) {
		case bool:
			return v
		case int64:
			return v != 0
		case float64:
			if math.IsNaN(v) {
				panic(errRow)
			}
			return v != 0
		}
	case "int":
		switch v := v.(type) {
		case int64:
			return v
		case bool:
			return map[bool]int64{true: 1}[v]
		case float64:
			f, _ := new(big.Float).SetString("0")
			if math.IsNaN(v) || math.IsInf(v, 0) {
				panic(errRow)
			}
			i, _ := f.SetFloat64(v).Int(nil)
			return fits(i)
		}
	case "float":
		switch v := v.(type) {
		case float64:
			return v
		case bool:
			return map[bool]float64{true: 1}[v]
		}
	}
	panic(errNotScalar) // texts
}

// shift looks for the row one by one.
func (x *scalar) shift(name string, nodes []ast.Node, row int) any {
	n := int64(0)
	switch a := nodes[1].(type) {
	case *ast.IntegerNode:
		n = int64(a.Value)
	case *ast.UnaryNode:
		n = -int64(a.Node.(*ast.IntegerNode).Value)
	}
	step := -1
	if name == "lead" {
		step = 1
	}
	if n < 0 {
		n, step = -n, -step
	}
	key := func(row int) string {
		s := ""
		for _, by := range nodes[2:] {
			v := x.eval(by, row)
			if f, ok := v.(float64); ok && f == 0 {
				v = 0.0
			}
			s += fmt.Sprintf("%T %v|", v, v)
		}
		return s
	}
	at := row
	for range n {
		at += step
		for at >= 0 && at < int(x.rec.NumRows()) && key(at) != key(row) {
			at += step
		}
		if at < 0 || at >= int(x.rec.NumRows()) {
			return nil
		}
	}
	return x.eval(nodes[0], at)
}
