package duckdb

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/frame/frametest"
)

// pair is an expression, and the query's.
type pair struct{ our, sql string }

// exprKinds are what expressions give: integers, floats, booleans, text, dates and times.
const exprKinds = "ifbsdt"

// exprColumns are columns of every kind, of numbers so small that no expression overflows.
func exprColumns(rng *rand.Rand) (columns []frametest.Column) {
	for _, c := range []struct {
		name string
		typ  arrow.DataType
		step int64
	}{
		{"i", arrow.PrimitiveTypes.Int64, 1}, {"j", arrow.PrimitiveTypes.Int8, 1}, {"k", arrow.PrimitiveTypes.Uint32, 1},
		{"f", arrow.PrimitiveTypes.Float64, 1}, {"g", arrow.PrimitiveTypes.Float32, 1},
		{"b", arrow.FixedWidthTypes.Boolean, 1}, {"c", arrow.FixedWidthTypes.Boolean, 1},
		{"s", arrow.BinaryTypes.LargeString, 1}, {"u", arrow.BinaryTypes.LargeString, 1},
		{"d", arrow.FixedWidthTypes.Date32, 1 + rng.Int64N(40)}, {"t", &arrow.TimestampType{Unit: arrow.Microsecond}, 1 + rng.Int64N(1e12)},
		{"w", &arrow.TimestampType{Unit: arrow.Second}, 1 + rng.Int64N(1e6)}, {"z", &arrow.TimestampType{Unit: arrow.Second, TimeZone: "Europe/Berlin"}, 1 + rng.Int64N(1e6)},
	} {
		col := frametest.RandomColumn(rng, c.name, c.typ)
		col.Modest, col.Step = true, c.step
		columns = append(columns, col)
	}
	return columns
}

// exprLeaves are the columns and some constants, by kind. Dates and times lie as integers in the query's tables.
var exprLeaves = map[byte][]pair{
	'i': {{"i", "i"}, {"j", "j::BIGINT"}, {"k", "k::BIGINT"}, {"7", "7::BIGINT"}, {"0", "0::BIGINT"}},
	'f': {{"f", "f"}, {"g", "g::DOUBLE"}, {"0.5", "0.5::DOUBLE"}, {"1e3", "1e3::DOUBLE"}},
	'b': {{"b", "b"}, {"c", "c"}, {"b", "b"}, {"true", "true"}, {"false", "false"}},
	's': {{"s", "s"}, {"u", "u"}, {"'a'", "'a'"}, {"'station-'", "'station-'"}, {"''", "''"}},
	'd': {{"d", "(DATE '1970-01-01' + d)"}, {`date("1969-03-01")`, "DATE '1969-03-01'"}},
	't': {{"t", "make_timestamp(t)"}, {"timestamp(w)", "make_timestamp(w * 1000000)"}, {`timestamp("1971-02-03 04:05:06")`, "TIMESTAMP '1971-02-03 04:05:06'"}},
}

// zoned is the time column z on a clock in its zone.
const zoned = "((make_timestamp(z * 1000000) AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Berlin')"

// randomExprs are expressions of some depth; shifts says whether they may look at other rows, which DuckDB does not nest.
type randomExprs struct {
	rng    *rand.Rand
	depth  int
	shifts bool
}

// form puts arguments in place of A, B, C in an expression, of <A>, <B>, <C> in the query's.
func form(our, sql string, args ...pair) pair {
	var ours, sqls []string
	for i, a := range args {
		letter := string(rune('A' + i))
		ours, sqls = append(ours, letter, a.our), append(sqls, "<"+letter+">", a.sql)
	}
	return pair{"(" + strings.NewReplacer(ours...).Replace(our) + ")", "(" + strings.NewReplacer(sqls...).Replace(sql) + ")"}
}

func (e randomExprs) pick(s ...string) string { return s[e.rng.IntN(len(s))] }

// number is an expression of integers or floats, one less deep.
func (e randomExprs) number() pair { return e.of("if"[e.rng.IntN(2)]) }

// compare is a comparison, and the query's.
func (e randomExprs) compare() (our, sql string) {
	i := e.rng.IntN(6)
	return []string{"==", "!=", "<", "<=", ">", ">="}[i], []string{"=", "<>", "<", "<=", ">", ">="}[i]
}

// of is an expression of a kind, one less deep.
func (e randomExprs) of(kind byte) pair {
	e.depth--
	return e.random(kind)
}

// random is an expression of a kind.
func (e randomExprs) random(kind byte) pair {
	rng := e.rng
	if e.depth <= 0 {
		leaves := exprLeaves[kind]
		return leaves[rng.IntN(len(leaves))]
	}
	switch rng.IntN(8) {
	case 0:
		return form("A ? B : C", "CASE WHEN <A> THEN <B> ELSE <C> END", e.of('b'), e.of(kind), e.of(kind))
	case 1:
		return form("coalesce(A, B)", "coalesce(<A>, <B>)", e.of(kind), e.of(kind))
	case 2:
		return e.of(kind)
	case 3:
		if !e.shifts {
			return e.of(kind)
		}
		e.shifts = false
		n, name := rng.IntN(6)-1, e.pick("lag", "lead")
		by := [][2]string{{"", ""}, {", s", "PARTITION BY s"}, {", b, j", "PARTITION BY b, j"}, {", i", "PARTITION BY i"}, {", g", "PARTITION BY g"}}[rng.IntN(5)]
		return form(fmt.Sprintf("%s(A, %d%s)", name, n, by[0]), fmt.Sprintf("%s(<A>, %d) OVER (%s ORDER BY rowid)", name, n, by[1]), e.of(kind))
	}
	switch kind {
	case 'i':
		part := [][2]string{{"year", "year"}, {"month", "month"}, {"day", "day"}, {"dayofyear", "dayofyear"}, {"weekday", "isodow"}, {"week", "week"}}[rng.IntN(6)]
		clock := e.pick("hour", "minute", "second")
		switch rng.IntN(9) {
		case 0:
			op := e.pick("+", "-")
			return form("A % 9 "+op+" B % 9", "<A> % 9 "+op+" <B> % 9", e.of('i'), e.of('i'))
		case 1:
			return form("A % 100 * (B % 100)", "<A> % 100 * (<B> % 100)", e.of('i'), e.of('i'))
		case 2:
			return form("-A", "-<A>", e.of('i'))
		case 3:
			return form("abs(A)", "abs(<A>)", e.of('i'))
		case 4:
			i := rng.IntN(2)
			return form([]string{"min", "max"}[i]+"(A, B)", "CASE WHEN <A> IS NOT NULL AND <B> IS NOT NULL THEN "+[]string{"least", "greatest"}[i]+"(<A>, <B>) END", e.of('i'), e.of('i'))
		case 5:
			return form("len(A)", "length(<A>)", e.of('s'))
		case 6:
			return form(part[0]+"(A)", part[1]+"(<A>)", e.of(e.pick("d", "t")[0]))
		case 7:
			if rng.IntN(2) == 0 {
				return pair{"(" + part[0] + "(z))", "(" + part[1] + "(" + zoned + "))"}
			}
			return pair{"(" + clock + "(z))", "(" + clock + "(" + zoned + "))"}
		}
		return form(clock+"(A)", clock+"(<A>)", e.of('t'))
	case 'f':
		switch rng.IntN(7) {
		case 0, 1:
			op := e.pick("+", "-", "*")
			return form("A "+op+" B", "<A>::DOUBLE "+op+" <B>::DOUBLE", e.number(), e.of('f'))
		case 2:
			return form("A / (abs(B) + 1)", "<A>::DOUBLE / (abs(<B>) + 1)::DOUBLE", e.number(), e.number())
		case 3:
			f := e.pick("round", "floor", "ceil", "abs", "cbrt")
			return form(f+"(A)", f+"(<A>)", e.of('f'))
		case 4:
			f := [][2]string{{"sqrt(abs(A))", "sqrt(abs(<A>))"}, {"log(abs(A) + 1)", "ln(abs(<A>) + 1)"}, {"log10(abs(A) + 1)", "log10(abs(<A>) + 1)"},
				{"log1p(abs(A))", "ln(1 + abs(<A>))"}}[rng.IntN(4)]
			return form(f[0], f[1], e.of('f'))
		case 5:
			return form("float(A)", "<A>::DOUBLE", e.of('i'))
		}
		i := rng.IntN(2)
		return form([]string{"min", "max"}[i]+"(A, B)", "CASE WHEN <A> IS NOT NULL AND <B> IS NOT NULL THEN "+[]string{"least", "greatest"}[i]+"(<A>::DOUBLE, <B>::DOUBLE) END", e.number(), e.of('f'))
	case 's':
		switch rng.IntN(6) {
		case 0:
			return form("A + B", "<A> || <B>", e.of('s'), e.of('s'))
		case 1:
			f := e.pick("lower", "upper", "trim")
			return form(f+"(A)", f+"(<A>)", e.of('s'))
		case 2:
			return form("str(A)", "<A>::VARCHAR", e.of(e.pick("i", "b", "s")[0]))
		case 3:
			old := e.pick("a", "0", "long", "ü", "station-")
			return form("replace(A, '"+old+"', B)", "replace(<A>, '"+old+"', <B>)", e.of('s'), randomExprs{rng: rng}.random('s'))
		case 4:
			from, n := rng.IntN(4), rng.IntN(5)
			return form(fmt.Sprintf("substr(A, %d, %d)", from, n), fmt.Sprintf("substring(<A>, %d, %d)", from+1, n), e.of('s'))
		}
		from := rng.IntN(4)
		return form(fmt.Sprintf("substr(A, %d)", from), fmt.Sprintf("substring(<A>, %d)", from+1), e.of('s'))
	case 'd':
		return form("date(A)", "<A>::DATE", e.of('t'))
	case 't':
		return form("timestamp(A)", "<A>::TIMESTAMP", e.of('d'))
	}
	return e.test()
}

// test is a boolean.
func (e randomExprs) test() pair {
	rng := e.rng
	switch rng.IntN(9) {
	case 0, 1:
		op := []string{"and", "or"}[rng.IntN(2)]
		return form("A "+op+" B", "<A> "+op+" <B>", e.of('b'), e.of('b'))
	case 2:
		return form("not A", "NOT <A>", e.of('b'))
	case 3:
		return form("is_null(A)", "<A> IS NULL", e.of(exprKinds[rng.IntN(len(exprKinds))]))
	case 4:
		our, sql := e.compare()
		return form("A "+our+" B", "<A> "+sql+" <B>", e.number(), e.number())
	case 5:
		our, sql := e.compare()
		k := "sdt"[rng.IntN(3)]
		return form("A "+our+" B", "<A> "+sql+" <B>", e.of(k), e.of(k))
	case 6:
		f := [][2]string{{"contains", "contains"}, {"startsWith", "starts_with"}, {"endsWith", "ends_with"}}[rng.IntN(3)]
		return form("A "+f[0]+" B", f[1]+"(<A>, <B>)", e.of('s'), e.of('s'))
	case 7:
		re := []string{"^a", "[0-9]+$", "l.n", "^(a|b)?$", "ü|日"}[rng.IntN(5)]
		return form("A matches '"+re+"'", "regexp_matches(<A>, '"+re+"')", e.of('s'))
	}
	not := []string{"", "not "}[rng.IntN(2)]
	if rng.IntN(2) == 0 {
		return form("A "+not+"in [1, B, 7]", "<A> "+not+"IN (1, <B>, 7)", e.of('i'), e.of('i'))
	}
	return form("A "+not+"in ['a', B]", "<A> "+not+"IN ('a', <B>)", e.of('s'), e.of('s'))
}
