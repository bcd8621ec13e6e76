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

// randomExpr is an expression of a kind; shifts says whether it may look at other rows, which DuckDB does not nest.
func randomExpr(rng *rand.Rand, kind byte, depth int, shifts bool) pair {
	of := func(k byte) pair { return randomExpr(rng, k, depth-1, shifts) }
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	any := func() byte { return exprKinds[rng.IntN(len(exprKinds))] }
	form := func(our, sql string, args ...pair) pair { // A, B, C are the arguments
		for i, a := range args {
			our, sql = strings.ReplaceAll(our, string(rune('A'+i)), "\x01"+fmt.Sprint(i)), strings.ReplaceAll(sql, "<"+string(rune('A'+i))+">", "\x01"+fmt.Sprint(i))
			_ = a
		}
		for i, a := range args {
			our, sql = strings.ReplaceAll(our, "\x01"+fmt.Sprint(i), a.our), strings.ReplaceAll(sql, "\x01"+fmt.Sprint(i), a.sql)
		}
		return pair{"(" + our + ")", "(" + sql + ")"}
	}
	if depth <= 0 {
		leaves := exprLeaves[kind]
		return leaves[rng.IntN(len(leaves))]
	}
	switch rng.IntN(8) {
	case 0:
		return form("A ? B : C", "CASE WHEN <A> THEN <B> ELSE <C> END", of('b'), of(kind), of(kind))
	case 1:
		return form("coalesce(A, B)", "coalesce(<A>, <B>)", of(kind), of(kind))
	case 2:
		return of(kind)
	case 3:
		if !shifts {
			return of(kind)
		}
		x := randomExpr(rng, kind, depth-1, false)
		n, name := rng.IntN(6)-1, pick("lag", "lead")
		by := [][2]string{{"", ""}, {", s", "PARTITION BY s"}, {", b, j", "PARTITION BY b, j"}, {", i", "PARTITION BY i"}, {", g", "PARTITION BY g"}}[rng.IntN(5)]
		return form(fmt.Sprintf("%s(A, %d%s)", name, n, by[0]), fmt.Sprintf("%s(<A>, %d) OVER (%s ORDER BY rowid)", name, n, by[1]), x)
	}
	number := func() pair { return of(pick("i", "f")[0]) }
	compare := func() (string, string) {
		i := rng.IntN(6)
		return []string{"==", "!=", "<", "<=", ">", ">="}[i], []string{"=", "<>", "<", "<=", ">", ">="}[i]
	}
	switch kind {
	case 'i':
		part := [][2]string{{"year", "year"}, {"month", "month"}, {"day", "day"}, {"dayofyear", "dayofyear"}, {"weekday", "isodow"}, {"week", "week"}}[rng.IntN(6)]
		clock := pick("hour", "minute", "second")
		switch rng.IntN(9) {
		case 0:
			op := pick("+", "-")
			return form("A % 9 "+op+" B % 9", "<A> % 9 "+op+" <B> % 9", of('i'), of('i'))
		case 1:
			return form("A % 100 * (B % 100)", "<A> % 100 * (<B> % 100)", of('i'), of('i'))
		case 2:
			return form("-A", "-<A>", of('i'))
		case 3:
			return form("abs(A)", "abs(<A>)", of('i'))
		case 4:
			i := rng.IntN(2)
			return form([]string{"min", "max"}[i]+"(A, B)", "CASE WHEN <A> IS NOT NULL AND <B> IS NOT NULL THEN "+[]string{"least", "greatest"}[i]+"(<A>, <B>) END", of('i'), of('i'))
		case 5:
			return form("len(A)", "length(<A>)", of('s'))
		case 6:
			return form(part[0]+"(A)", part[1]+"(<A>)", of(pick("d", "t")[0]))
		case 7:
			if rng.IntN(2) == 0 {
				return pair{"(" + part[0] + "(z))", "(" + part[1] + "(" + zoned + "))"}
			}
			return pair{"(" + clock + "(z))", "(" + clock + "(" + zoned + "))"}
		}
		return form(clock+"(A)", clock+"(<A>)", of('t'))
	case 'f':
		switch rng.IntN(7) {
		case 0, 1:
			op := pick("+", "-", "*")
			return form("A "+op+" B", "<A>::DOUBLE "+op+" <B>::DOUBLE", number(), of('f'))
		case 2:
			return form("A / (abs(B) + 1)", "<A>::DOUBLE / (abs(<B>) + 1)::DOUBLE", number(), number())
		case 3:
			f := pick("round", "floor", "ceil", "abs", "cbrt")
			return form(f+"(A)", f+"(<A>)", of('f'))
		case 4:
			f := [][2]string{{"sqrt", "sqrt"}, {"log", "ln"}, {"log10", "log10"}, {"log1p", "ln(1 +"}}[rng.IntN(4)]
			end := strings.Repeat(")", strings.Count(f[1], "(")+1)
			if strings.Contains(f[1], "(") {
				return form(f[0]+"(abs(A))", f[1]+" abs(<A>)"+end[1:], of('f'))
			}
			return form(f[0]+"(abs(A) + 1)", f[1]+"(abs(<A>) + 1)", of('f'))
		case 5:
			return form("float(A)", "<A>::DOUBLE", of('i'))
		}
		i := rng.IntN(2)
		return form([]string{"min", "max"}[i]+"(A, B)", "CASE WHEN <A> IS NOT NULL AND <B> IS NOT NULL THEN "+[]string{"least", "greatest"}[i]+"(<A>::DOUBLE, <B>::DOUBLE) END", number(), of('f'))
	case 's':
		switch rng.IntN(6) {
		case 0:
			return form("A + B", "<A> || <B>", of('s'), of('s'))
		case 1:
			f := pick("lower", "upper", "trim")
			return form(f+"(A)", f+"(<A>)", of('s'))
		case 2:
			return form("str(A)", "<A>::VARCHAR", of(pick("i", "b", "s")[0]))
		case 3:
			old := pick("a", "0", "long", "ü", "station-")
			return form("replace(A, '"+old+"', B)", "replace(<A>, '"+old+"', <B>)", of('s'), randomExpr(rng, 's', 0, false))
		case 4:
			from, n := rng.IntN(4), rng.IntN(5)
			return form(fmt.Sprintf("substr(A, %d, %d)", from, n), fmt.Sprintf("substring(<A>, %d, %d)", from+1, n), of('s'))
		}
		from := rng.IntN(4)
		return form(fmt.Sprintf("substr(A, %d)", from), fmt.Sprintf("substring(<A>, %d)", from+1), of('s'))
	case 'd':
		return form("date(A)", "<A>::DATE", of('t'))
	case 't':
		return form("timestamp(A)", "<A>::TIMESTAMP", of('d'))
	}
	return randomTest(rng, of, number, compare, form, any)
}

// randomTest is a boolean.
func randomTest(rng *rand.Rand, of func(byte) pair, number func() pair, compare func() (string, string), form func(our, sql string, args ...pair) pair, any func() byte) pair {
	switch rng.IntN(9) {
	case 0, 1:
		op := []string{"and", "or"}[rng.IntN(2)]
		return form("A "+op+" B", "<A> "+op+" <B>", of('b'), of('b'))
	case 2:
		return form("not A", "NOT <A>", of('b'))
	case 3:
		return form("is_null(A)", "<A> IS NULL", of(any()))
	case 4:
		our, sql := compare()
		return form("A "+our+" B", "<A> "+sql+" <B>", number(), number())
	case 5:
		our, sql := compare()
		k := "sdt"[rng.IntN(3)]
		return form("A "+our+" B", "<A> "+sql+" <B>", of(k), of(k))
	case 6:
		f := [][2]string{{"contains", "contains"}, {"startsWith", "starts_with"}, {"endsWith", "ends_with"}}[rng.IntN(3)]
		return form("A "+f[0]+" B", f[1]+"(<A>, <B>)", of('s'), of('s'))
	case 7:
		re := []string{"^a", "[0-9]+$", "l.n", "^(a|b)?$", "ü|日"}[rng.IntN(5)]
		return form("A matches '"+re+"'", "regexp_matches(<A>, '"+re+"')", of('s'))
	}
	not := []string{"", "not "}[rng.IntN(2)]
	if rng.IntN(2) == 0 {
		return form("A "+not+"in [1, B, 7]", "<A> "+not+"IN (1, <B>, 7)", of('i'), of('i'))
	}
	return form("A "+not+"in ['a', B]", "<A> "+not+"IN ('a', <B>)", of('s'), of('s'))
}
