package frame

import (
	"math"
	"math/bits"

	"github.com/expr-lang/expr/ast"
)

// arithmetic are the operators of numbers; + also joins texts.
var arithmetic = map[string]bool{"+": true, "-": true, "*": true, "/": true, "%": true, "**": true}

func (b *binder) arithmetic(n ast.Node, op string, args []*exprNode) (*exprNode, error) {
	for _, a := range args {
		if a.kind == exprOther || a.kind == exprList {
			return nil, b.notComputed(n, a)
		}
	}
	k, typ, err := b.common(n, args)
	switch {
	case err == nil && k == exprMissing:
		return args[0], nil
	case err == nil && k == exprText && op == "+":
		return strict(exprText, joinTexts, b.to(args[0], k, typ), b.to(args[1], k, typ)), nil
	case err != nil || k != exprInt && k != exprFloat:
		return nil, b.errorf(n, "%s takes numbers, not %s and %s", op, args[0].what(), args[1].what())
	case op == "/":
		k, typ = exprFloat, kindTypes[exprFloat]
	}
	x, y := b.to(args[0], k, typ), b.to(args[1], k, typ)
	if k == exprFloat {
		return strict(k, floatArithmetic(op), x, y), nil
	}
	return strict(k, intArithmetic(op), x, y), nil
}

func floatArithmetic(op string) func(e *evaluation, s scope, a []lane) lane {
	return func(e *evaluation, s scope, a []lane) lane {
		out := e.floats()
		x, y := a[0].f[:len(out)], a[1].f[:len(out)]
		switch op {
		case "+":
			for i := range out {
				out[i] = x[i] + y[i]
			}
		case "-":
			for i := range out {
				out[i] = x[i] - y[i]
			}
		case "*":
			for i := range out {
				out[i] = x[i] * y[i]
			}
		case "/":
			for i := range out {
				out[i] = x[i] / y[i]
			}
		case "%":
			for i := range out {
				out[i] = math.Mod(x[i], y[i])
			}
		case "**":
			for i := range out {
				out[i] = math.Pow(x[i], y[i])
			}
		}
		return lane{f: out}
	}
}

// intArithmetic finds whether any row overflows, and which only then.
func intArithmetic(op string) func(e *evaluation, s scope, a []lane) lane {
	return func(e *evaluation, s scope, a []lane) lane {
		out := e.ints()
		x, y := a[0].i[:len(out)], a[1].i[:len(out)]
		var over int64 // negative: some row overflows
		switch op {
		case "+":
			for i := range out {
				out[i] = x[i] + y[i]
				over |= (out[i] ^ x[i]) & (out[i] ^ y[i])
			}
		case "-":
			for i := range out {
				out[i] = x[i] - y[i]
				over |= (x[i] ^ y[i]) & (out[i] ^ x[i])
			}
		case "*":
			for i := range out {
				p, ok := mulInts(x[i], y[i])
				out[i] = p
				if !ok {
					over = -1
				}
			}
		case "%":
			for i := range out {
				if y[i] == 0 {
					out[i] = 0
					e.fails(s, i, "%d %% 0 has no value", x[i])
				} else {
					out[i] = x[i] % y[i]
				}
			}
		case "**":
			for i := range out {
				p, ok := powInts(x[i], y[i])
				out[i] = p
				if !ok && y[i] < 0 {
					e.fails(s, i, "%d ** %d is no whole number; write float(…) for one of them", x[i], y[i])
				} else if !ok {
					over = -1
				}
			}
		}
		if over < 0 {
			for i := range out {
				if !intFits(op, x[i], y[i], out[i]) {
					e.fails(s, i, "%d %s %d overflows int64; write float(…) for one of them", x[i], op, y[i])
				}
			}
		}
		return lane{i: out}
	}
}

func intFits(op string, x, y, z int64) bool {
	ok := true
	switch op {
	case "+":
		return (z^x)&(z^y) >= 0
	case "-":
		return (x^y)&(z^x) >= 0
	case "*":
		_, ok = mulInts(x, y)
	case "**":
		_, ok = powInts(x, y)
	}
	return ok
}

// mulInts is a·b and whether it fits.
func mulInts(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	high := int64(hi) - a>>63&b - b>>63&a // of the signed product
	return int64(lo), high == int64(lo)>>63
}

// powInts is a^b by squaring, and whether it is a whole number that fits.
func powInts(a, b int64) (int64, bool) {
	switch {
	case a == 1 || a == -1:
		if a == 1 || b&1 == 0 {
			return 1, true
		}
		return -1, true
	case b < 0:
		return 0, false
	case a == 0 && b > 0:
		return 0, true
	case b > 63:
		return 0, false
	}
	p, ok := int64(1), true
	for fits := true; b > 0; b >>= 1 {
		if b&1 == 1 {
			var o bool
			p, o = mulInts(p, a)
			ok = ok && o && fits
		}
		if b > 1 {
			var o bool
			a, o = mulInts(a, a)
			fits = fits && o
		}
	}
	return p, ok
}

func intsToFloats(e *evaluation, _ scope, a []lane) lane {
	return lane{f: convertTo(e.floats(), a[0].i)}
}

// uintsToFloats is a column of uint64, whose cells may fit no int64, as floats, rounded.
func uintsToFloats(n *exprNode) *exprNode {
	return &exprNode{kind: exprFloat, typ: kindTypes[exprFloat], column: -1, lazy: func(e *evaluation, _ []bool) lane {
		c := e.columnOf(n)
		return lane{f: convertTo(e.floats(), values[uint64](c)[e.lo:e.lo+e.n]), null: e.nulls(c, e.lo)}
	}}
}

func negateInts(e *evaluation, s scope, a []lane) lane {
	out := e.ints()
	for i, v := range a[0].i[:len(out)] {
		out[i] = -v
		if v == math.MinInt64 {
			e.fails(s, i, "-(%d) overflows int64", v)
		}
	}
	return lane{i: out}
}

func negateFloats(e *evaluation, _ scope, a []lane) lane {
	out := e.floats()
	for i := range out {
		out[i] = -a[0].f[i]
	}
	return lane{f: out}
}

func absInts(e *evaluation, s scope, a []lane) lane {
	out := e.ints()
	for i, v := range a[0].i[:len(out)] {
		if v < 0 {
			v = -v
		}
		if out[i] = v; v < 0 {
			e.fails(s, i, "abs(%d) overflows int64", v)
		}
	}
	return lane{i: out}
}

// eachFloat is f of every row.
func eachFloat(f func(float64) float64) func(e *evaluation, s scope, a []lane) lane {
	return func(e *evaluation, _ scope, a []lane) lane {
		out := e.floats()
		for i, v := range a[0].f[:len(out)] {
			out[i] = f(v)
		}
		return lane{f: out}
	}
}

func extremeInts(least bool) func(e *evaluation, s scope, a []lane) lane {
	return func(e *evaluation, _ scope, a []lane) lane {
		return lane{i: extremes(e.ints(), a[0].i, a[1].i, least)}
	}
}

func extremeFloats(least bool) func(e *evaluation, s scope, a []lane) lane {
	return func(e *evaluation, _ scope, a []lane) lane {
		return lane{f: extremes(e.floats(), a[0].f, a[1].f, least)}
	}
}

// extremes are the lesser or the greater of two numbers, row by row.
func extremes[T int64 | float64](out, x, y []T, least bool) []T {
	x, y = x[:len(out)], y[:len(out)]
	if least {
		for i := range out {
			out[i] = min(x[i], y[i])
		}
		return out
	}
	for i := range out {
		out[i] = max(x[i], y[i])
	}
	return out
}

// log10 is n for 10^n, which [math.Log10] is not; Sun's fdlibm, e_log10.c.
func log10(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log10(x)
	}
	const (
		perLn = 4.34294481903251816668e-01 // 1/ln 10
		twoHi = 3.01029995663611771306e-01 // log10 2, in two parts
		twoLo = 3.69423907715893078616e-13
	)
	f, exp := math.Frexp(x) // 0.5 ≤ f < 1
	if exp > 0 {
		f, exp = 2*f, exp-1
	}
	k := float64(exp)
	return k*twoLo + perLn*math.Log(f) + k*twoHi
}
