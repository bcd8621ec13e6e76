package frame

import (
	"bytes"
	"cmp"
)

func notBools(e *evaluation, _ scope, a []lane) lane {
	out := e.bools()
	for i := range out {
		out[i] = !a[0].b[i]
	}
	return lane{b: out}
}

// logic is x and y, or x or y, of three values. Y is computed where x does not decide.
func (e *evaluation) logic(and bool, x, y *exprNode, need []bool) lane {
	a := e.eval(x, need)
	open := e.bools()
	for i := range open {
		open[i] = (need == nil || need[i]) && (a.b[i] == and || a.isNull(i))
	}
	b := e.eval(y, open)
	out := lane{b: e.bools()}
	if and {
		for i := range out.b {
			out.b[i] = a.b[i] && b.b[i]
		}
	} else {
		for i := range out.b {
			out.b[i] = a.b[i] || b.b[i]
		}
	}
	if a.null == nil && b.null == nil {
		return out
	}
	out.null = e.bools()
	for i := range out.null {
		an, bn := a.isNull(i), b.isNull(i)
		decided := !an && a.b[i] != and || !bn && b.b[i] != and
		out.null[i] = (an || bn) && !decided
		if decided {
			out.b[i] = !and
		}
	}
	return out
}

// choose is yes in the rows where cond is true, no in the others.
func (e *evaluation) choose(k exprKind, cond lane, yes, no *exprNode, need []bool) lane {
	first, second := e.bools(), e.bools()
	pick := e.bools()
	for i := range pick {
		pick[i] = cond.b[i] && !cond.isNull(i)
		wanted := need == nil || need[i]
		first[i], second[i] = wanted && pick[i], wanted && !pick[i]
	}
	a, b := e.eval(yes, first), e.eval(no, second)
	return e.merge(k, pick, a, b)
}

// coalesce is the first of args that is not missing.
func (e *evaluation) coalesce(k exprKind, args []*exprNode, need []bool) lane {
	a := e.eval(args[0], need)
	for _, n := range args[1:] {
		if a.null == nil {
			break
		}
		pick, open := e.bools(), e.bools()
		for i := range pick {
			pick[i] = !a.null[i]
			open[i] = a.null[i] && (need == nil || need[i])
		}
		a = e.merge(k, pick, a, e.eval(n, open))
	}
	return a
}

// merge is a where pick is true, else b.
func (e *evaluation) merge(k exprKind, pick []bool, a, b lane) lane {
	var out lane
	switch k {
	case exprBool:
		out.b = mergeCells(e.bools(), pick, a.b, b.b)
	case exprFloat:
		out.f = mergeCells(e.floats(), pick, a.f, b.f)
	case exprText:
		out.lo, out.hi = e.ints(), e.ints()
		text := e.buffer()
		for i, first := range pick {
			out.lo[i] = int64(len(text))
			if l := &b; first {
				text = append(text, a.str(i)...)
			} else if !l.isNull(i) {
				text = append(text, l.str(i)...)
			}
			out.hi[i] = int64(len(text))
		}
		out.text = e.keep(text)
	default:
		out.i = mergeCells(e.ints(), pick, a.i, b.i)
	}
	if a.null != nil || b.null != nil {
		out.null = e.bools()
		for i, first := range pick {
			out.null[i] = first && a.isNull(i) || !first && b.isNull(i)
		}
	}
	return out
}

func mergeCells[T any](to []T, pick []bool, a, b []T) []T {
	for i, first := range pick {
		if to[i] = b[i]; first {
			to[i] = a[i]
		}
	}
	return to
}

// compareLanes compares values of one kind.
func compareLanes(op string, k exprKind) func(e *evaluation, s scope, a []lane) lane {
	return func(e *evaluation, s scope, a []lane) lane {
		out := e.bools()
		x, y := &a[0], &a[1]
		switch k {
		case exprBool:
			for i := range out {
				out[i] = (x.b[i] == y.b[i]) == (op == "==")
			}
		case exprInt:
			compareCellsBy(op, out, x.i, y.i)
		case exprFloat:
			compareCellsBy(op, out, x.f, y.f)
		case exprText:
			for i := range out {
				out[i] = holds(op, bytes.Compare(x.str(i), y.str(i)))
			}
		}
		return lane{b: out}
	}
}

func compareCellsBy[T cmp.Ordered](op string, out []bool, x, y []T) {
	x, y = x[:len(out)], y[:len(out)]
	switch op {
	case "==":
		for i := range out {
			out[i] = x[i] == y[i]
		}
	case "!=":
		for i := range out {
			out[i] = x[i] != y[i]
		}
	case "<":
		for i := range out {
			out[i] = x[i] < y[i]
		}
	case "<=":
		for i := range out {
			out[i] = x[i] <= y[i]
		}
	case ">":
		for i := range out {
			out[i] = x[i] > y[i]
		}
	case ">=":
		for i := range out {
			out[i] = x[i] >= y[i]
		}
	}
}

// holds reports whether values that compare as c does satisfy op.
func holds(op string, c int) bool {
	switch op {
	case "==":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// compareTimes compares times in units of which a day has px and py. No unit is converted
// into a finer one, which could overflow.
func compareTimes(op string, px, py int64) func(e *evaluation, s scope, a []lane) lane {
	return func(e *evaluation, s scope, a []lane) lane {
		out := e.bools()
		x, y := a[0].i, a[1].i
		switch {
		case px == py:
			compareCellsBy(op, out, x, y)
		case px > py:
			for i := range out {
				out[i] = holds(op, compareUnits(x[i], y[i], px/py))
			}
		default:
			for i := range out {
				out[i] = holds(op, -compareUnits(y[i], x[i], py/px))
			}
		}
		return lane{b: out}
	}
}

// compareUnits compares fine with coarse·ratio.
func compareUnits(fine, coarse, ratio int64) int {
	q := floorDiv(fine, ratio)
	if q != coarse {
		return cmp.Compare(q, coarse)
	}
	return cmp.Compare(fine-q*ratio, 0)
}
