package frame

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

func vienna(u arrow.TimeUnit) arrow.DataType {
	return &arrow.TimestampType{Unit: u, TimeZone: "Europe/Vienna"}
}

// exprFields are the columns of [exprRecord].
var exprFields = []arrow.Field{
	{Name: "i", Type: arrow.PrimitiveTypes.Int64},
	{Name: "j", Type: arrow.PrimitiveTypes.Int8},
	{Name: "u", Type: arrow.PrimitiveTypes.Uint64},
	{Name: "f", Type: arrow.PrimitiveTypes.Float64},
	{Name: "g", Type: arrow.PrimitiveTypes.Float32},
	{Name: "b", Type: arrow.FixedWidthTypes.Boolean},
	{Name: "s", Type: arrow.BinaryTypes.LargeString},
	{Name: "d", Type: arrow.FixedWidthTypes.Date32},
	{Name: "t", Type: &arrow.TimestampType{Unit: arrow.Second}},
	{Name: "z", Type: vienna(arrow.Millisecond)},
	{Name: "two words", Type: arrow.PrimitiveTypes.Int32},
	{Name: "dec", Type: &arrow.Decimal128Type{Precision: 9, Scale: 2}},
}

// exprRecord has five rows.
func exprRecord(t testing.TB, m *Memory) arrow.Record {
	t.Helper()
	cells := []string{
		`[1, null, -3, 7, "9223372036854775807"]`,
		`[2, 5, null, -128, 0]`,
		`[1, 2, 3, null, "18446744073709551615"]`,
		`[1.5, null, -2.5, 0, 1e300]`,
		`[0.25, 2, null, -1, 0]`,
		`[true, false, null, true, false]`,
		`["abc", "", null, "Ünï ", "a.b"]`,
		`["2001-02-03", "1969-12-31", null, "2000-02-29", "2024-12-30"]`,
		`["2001-02-03 04:05:06", "1969-12-31 23:59:59", null, "2000-02-29 00:00:00", "2024-12-30 12:00:00"]`,
		`["2024-03-31T00:59:59.999Z", "2024-03-31T01:00:00Z", null, "1999-12-31T23:30:00Z", "2024-10-27T01:30:00Z"]`,
		`[10, 20, 30, null, 50]`,
		`["1.25", "2.50", null, "0.00", "-3.75"]`,
	}
	fields := make([]arrow.Field, len(exprFields))
	cols := make([]arrow.Array, len(exprFields))
	for k, f := range exprFields {
		f.Nullable = true
		fields[k] = f
		b := array.NewBuilder(m, f.Type)
		if err := b.UnmarshalJSON([]byte(cells[k])); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		cols[k] = b.NewArray()
		b.Release()
		defer cols[k].Release()
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), cols, 5)
}

// computed are the cells of an expression over rec, on n ranks, as text.
func computed(t testing.TB, n int, rec arrow.Record, expression string) (cells []string, dt arrow.DataType, err error) {
	t.Helper()
	parts := make([][]string, n)
	err = collective.RunLocal(n, func(c collective.Comm) error {
		tab := cut(c, checked(t), rec, uint64(n))
		defer tab.Release()
		out, err := Compute(c, tab, "x", expression)
		if err != nil {
			return err
		}
		defer out.Release()
		a, err := out.Column("x")
		if err != nil {
			return err
		}
		if c.Rank() == 0 {
			dt = a.DataType()
		}
		for i := range a.Len() {
			parts[c.Rank()] = append(parts[c.Rank()], a.ValueStr(i))
		}
		return nil
	})
	for _, p := range parts {
		cells = append(cells, p...)
	}
	return cells, dt, err
}

func TestExpr(t *testing.T) {
	rec := exprRecord(t, checked(t))
	defer rec.Release()
	for _, c := range []struct{ expr, typ, want string }{
		{"i", "int64", "1 (null) -3 7 9223372036854775807"},
		{"j + 1", "int64", "3 6 (null) -127 1"},
		{"1 - j * 2", "int64", "-3 -9 (null) 257 1"},
		{"j / 4", "float64", "0.5 1.25 (null) -32 0"},
		{"j % 4", "int64", "2 1 (null) 0 0"},
		{"-j % 3", "int64", "-2 -2 (null) 2 0"},
		{"-j ** 2", "int64", "-4 -25 (null) -16384 0"},
		{"2 ** 3 ** 2 + j", "int64", "514 517 (null) 384 512"},
		{"j + 0.5", "float64", "2.5 5.5 (null) -127.5 0.5"},
		{"g * 2", "float64", "0.5 4 (null) -2 0"},
		{"f % 2", "float64", "1.5 (null) -0.5 0 0"},
		{"1 / g", "float64", "4 0.5 (null) -1 +Inf"},
		{"j + nil", "int64", "(null) (null) (null) (null) (null)"},
		{"nil", "float64", "(null) (null) (null) (null) (null)"},
		{`col("two words") + 1`, "int64", "11 21 31 (null) 51"},
		{"j > 1", "bool", "true true (null) false false"},
		{"0 <= j < 3", "bool", "true false (null) false true"},
		{"i == 1.0", "bool", "true (null) false false false"},
		{"b == true", "bool", "true false (null) true false"},
		{"s < 'b'", "bool", "true true (null) false true"},
		{"b and j > 1", "bool", "true false (null) false false"},
		{"b or j > 1", "bool", "true true (null) true false"},
		{"b and nil", "bool", "(null) false (null) (null) false"},
		{"b or null", "bool", "true (null) (null) true (null)"},
		{"is_null(i) or i > 0", "bool", "true true false true true"},
		{"not b", "bool", "false true (null) false true"},
		{"is_null(dec)", "bool", "false false true false false"},
		{"is_null(u)", "bool", "false false false true false"},
		{"is_null(nil)", "bool", "true true true true true"},
		{"j in [2, 0]", "bool", "true false (null) false true"},
		{"j not in [2, 0]", "bool", "false true (null) true false"},
		{"j in [2, nil]", "bool", "true (null) (null) (null) (null)"},
		{"j in [2, i, 0.5 - 0.5]", "bool", "true (null) (null) false true"},
		{"f in [1.5, 0]", "bool", "true (null) false true false"},
		{"j in []", "bool", "false false (null) false false"},
		{"s in ['abc', '']", "bool", "true true (null) false false"},
		{`d in [date("2000-02-29")]`, "bool", "false false (null) true false"},
		{"b ? i : j", "int64", "1 5 (null) 7 0"},
		{"b ? 1 : 0.5", "float64", "1 0.5 0.5 1 0.5"},
		{"b ? s : nil", "large_utf8", "abc (null) (null) Ünï  (null)"},
		{"j == 0 ? nil : 100 % j", "int64", "0 0 (null) 100 (null)"}, // no fault in a row of the other branch
		{"j != 0 and 100 % j == 0", "bool", "true true (null) false false"},
		{"coalesce(i, j, 9)", "int64", "1 5 -3 7 9223372036854775807"},
		{"coalesce(s, 'none')", "large_utf8", "abc  none Ünï  a.b"},
		{"abs(j)", "int64", "2 5 (null) 128 0"},
		{"round(f)", "float64", "2 (null) -3 0 1e+300"},
		{"floor(f) + ceil(f)", "float64", "3 (null) -5 0 2e+300"},
		{"floor(j)", "int64", "2 5 (null) -128 0"},
		{"sqrt(j)", "float64", "1.4142135623730951 2.23606797749979 (null) NaN 0"},
		{"cbrt(j - 10)", "float64", "-2 -1.709975946676697 (null) -5.167649252363623 -2.154434690031884"},
		{"exp(g)", "float64", "1.2840254166877414 7.38905609893065 (null) 0.36787944117144233 1"},
		{"log(g)", "float64", "-1.3862943611198906 0.6931471805599453 (null) NaN -Inf"},
		{"log10(abs(j) * 8 - 15)", "float64", "0 1.3979400086720377 (null) 3.0038911662369108 NaN"},
		{"log10(1000.0 ** j)", "float64", "6 15 (null) -Inf 0"},
		{"log1p(g)", "float64", "0.22314355131420976 1.0986122886681096 (null) -Inf 0"},
		{"min(j, 1, 0.5)", "float64", "0.5 0.5 (null) -128 0"},
		{"max(j, 1)", "int64", "2 5 (null) 1 1"},
		{"s contains 'b'", "bool", "true false (null) false true"},
		{"s startsWith 'a' and not (s endsWith 'b')", "bool", "true false (null) false false"},
		{"s matches '^a.b$'", "bool", "false false (null) false true"},
		{"upper(s) + '!' + lower(s)", "large_utf8", "ABC!abc ! (null) ÜNÏ !ünï  A.B!a.b"},
		{"'<' + trim(s) + '>'", "large_utf8", "<abc> <> (null) <Ünï> <a.b>"},
		{"len(s)", "int64", "3 0 (null) 4 3"},
		{"substr(s, 1, 2)", "large_utf8", "bc  (null) nï .b"},
		{"substr(s, 2)", "large_utf8", "c  (null) ï  b"},
		{"replace(s, 'b', 'xx')", "large_utf8", "axxc  (null) Ünï  a.xx"},
		{"year(d) * 10000 + month(d) * 100 + day(d)", "int64", "20010203 19691231 (null) 20000229 20241230"},
		{"dayofyear(d)", "int64", "34 365 (null) 60 365"},
		{"weekday(d)", "int64", "6 3 (null) 2 1"},
		{"week(d)", "int64", "5 1 (null) 9 1"},
		{"hour(t) * 10000 + minute(t) * 100 + second(t)", "int64", "40506 235959 (null) 0 120000"},
		{"hour(z)", "int64", "1 3 (null) 0 2"},
		{"year(z)", "int64", "2024 2024 (null) 2000 2024"},
		{"date(z)", "date32", "2024-03-31 2024-03-31 (null) 2000-01-01 2024-10-27"},
		{`d >= date("2000-02-29")`, "bool", "true false (null) true true"},
		{`t == d`, "bool", "false false (null) true false"},
		{`t > timestamp("2001-02-03 04:05:05.999999")`, "bool", "true false (null) false true"},
		{`z < timestamp("2024-03-31 01:00:00+00:00")`, "bool", "true false (null) true false"},
		{"timestamp(t)", "timestamp[us]", "2001-02-03 04:05:06Z 1969-12-31 23:59:59Z (null) 2000-02-29 00:00:00Z 2024-12-30 12:00:00Z"},
		{"timestamp(z)", "timestamp[us, tz=Europe/Vienna]", "2024-03-31 01:59:59.999+0100 2024-03-31 03:00:00+0200 (null) 2000-01-01 00:30:00+0100 2024-10-27 02:30:00+0100"},
		{"b ? timestamp(t) : timestamp(d)", "timestamp[us]", "2001-02-03 04:05:06Z 1969-12-31 00:00:00Z (null) 2000-02-29 00:00:00Z 2024-12-30 00:00:00Z"},
		{"timestamp(d) == d", "bool", "true true (null) true true"},
		{"max(d, date('2001-02-03'))", "date32", "2001-02-03 2001-02-03 (null) 2001-02-03 2024-12-30"},
		{"str(t)", "large_utf8", "2001-02-03 04:05:06 1969-12-31 23:59:59 (null) 2000-02-29 00:00:00 2024-12-30 12:00:00"},
		{"str(z)", "large_utf8", "2024-03-31 01:59:59.999+01:00 2024-03-31 03:00:00+02:00 (null) 2000-01-01 00:30:00+01:00 2024-10-27 02:30:00+01:00"},
		{"date(str(d)) == d and timestamp(str(t)) == t", "bool", "true true (null) true true"},
		{"str(f) + ',' + str(j) + ',' + str(b)", "large_utf8", "1.5,2,true (null) (null) 0,-128,true 1e+300,0,false"},
		{"int(b) + int(str(j)) + int(-g)", "int64", "3 3 (null) -126 0"},
		{"float(str(f)) == f", "bool", "true (null) true true true"},
		{"bool(j)", "bool", "true true (null) true false"},
		{"bool(str(b)) == b", "bool", "true true (null) true true"},
		{"lag(j, 1)", "int64", "(null) 2 5 (null) -128"},
		{"lead(j, 2)", "int64", "(null) -128 0 (null) (null)"},
		{"lag(j, 0)", "int64", "2 5 (null) -128 0"},
		{"lag(j, -1)", "int64", "5 (null) -128 0 (null)"},
		{"lag(j, 7)", "int64", "(null) (null) (null) (null) (null)"},
		{"lag(s, 1, b)", "large_utf8", "(null) (null) (null) abc "},
		{"lead(d, 1, b)", "date32", "2000-02-29 2024-12-30 (null) (null) (null)"},
		{"coalesce(lag(lag(j, 1) + 1, 1), 0)", "int64", "0 0 3 6 0"},
		{"if b { 1 } else { 2 }", "int64", "1 2 2 1 2"},
	} {
		for _, n := range ranksOfTest {
			got, dt, err := computed(t, n, rec, c.expr)
			if err != nil {
				t.Errorf("%s, %d ranks: %v", c.expr, n, err)
				break
			}
			if s := strings.Join(got, " "); s != c.want || dt.String() != c.typ {
				t.Errorf("%s, %d ranks: %s %s\nwant %s %s", c.expr, n, dt, s, c.typ, c.want)
				break
			}
		}
	}
	for n := -300; n <= 300; n++ {
		x, err := strconv.ParseFloat(fmt.Sprintf("1e%d", n), 64)
		if got := log10(x); err != nil || got != float64(n) {
			t.Errorf("log10(1e%d) = %v", n, got)
		}
	}
}

func TestExprErrors(t *testing.T) {
	schema := arrow.NewSchema(exprFields, nil)
	for _, c := range []struct{ expr, err string }{
		{"", "it is empty"},
		{"i + \xff", `"i + \xff" is not UTF-8 text`},
		{"i +", "something must follow here\n  i +\n     ^"},
		{"i + jj", "no column \"jj\"; did you mean \"j\"?; columns: i, j, u, f, g, b, s, d, t, z, \"two words\", dec\n  i + jj\n      ^"},
		{`1 + col("two wrds")`, "no column \"two wrds\"; did you mean \"two words\"?; columns: i, j, u, f, g, b, s, d, t, z, \"two words\", dec\n  1 + col(\"two wrds\")\n      ^"},
		{"i * sqr(j)", "no function \"sqr\"; did you mean sqrt?; functions: abs, bool, cbrt, ceil, coalesce, col, date, day, dayofyear, exp, float, floor, hour, int, is_null, lag, lead, len, log, log10, … (38 in all)\n  i * sqr(j)\n      ^"},
		{"abs(i, j)", "abs with 2 arguments: write abs(x)\n  abs(i, j)\n  ^"},
		{"i + s", "+ takes numbers, not int64 and text\n  i + s\n    ^"},
		{"i + dec", "a column of type decimal(9, 2) cannot be computed with; only is_null(x) takes it; cast the column first\n  i + dec\n    ^"},
		{"i == s", "== compares values of one type, not int64 with text\n  i == s\n    ^"},
		{"d > '2001-01-01'", "> compares values of one type, not date32 with text; write a time as date(\"2001-02-03\") or timestamp(\"2001-02-03 04:05:06\")\n  d > '2001-01-01'\n    ^"},
		{"i == nil", "== with nil is never true; write is_null(x) or not is_null(x)\n  i == nil\n    ^"},
		{"not i == 1", "not of int64: it takes a bool; not binds closer than comparisons, so write not (a < b)\n  not i == 1\n  ^"},
		{"i and b", "the left side is int64, not a bool\n  i and b\n    ^"},
		{"i ? 1 : 2", "the condition is int64, not a bool\n  i ? 1 : 2\n  ^"},
		{"b ? 1 : 'a'", "the values have different types, int64 and text; convert one, as with int(x), float(x), str(x), date(x) or timestamp(x)\n  b ? 1 : 'a'\n  ^"},
		{"i ^ 2", "^ is not supported; a power is written **\n  i ^ 2\n    ^"},
		{"i in 3", "in takes a list, as in x in [1, 2], not int64\n  i in 3\n    ^"},
		{"[1, 2]", "a list is no value of a cell; write x in […]\n  [1, 2]\n  ^"},
		{"s matches s", "the regular expression must be written here, as \"^a.*z$\", not computed\n  s matches s\n            ^"},
		{"s matches '('", "error parsing regexp: missing closing ): `(`\n  s matches '('\n            ^"},
		{"hour(d)", "hour of date32: a date has no time of day\n  hour(d)\n  ^"},
		{"year(i)", "year takes a date or timestamp, not int64\n  year(i)\n  ^"},
		{`date("2001-02-30")`, "\"2001-02-30\" is not a time; want it as in 2006-01-02 or 2006-01-02 15:04:05\n  date(\"2001-02-30\")\n  ^"},
		{`date("2001-02-03 10:00")`, "\"2001-02-03 10:00\" is finer than the time column, which counts in steps of 1d\n  date(\"2001-02-03 10:00\")\n  ^"},
		{"z > d", "a date has no time zone, but timestamp[ms, tz=Europe/Vienna] has one; compare with date(x), or write timestamp(\"2001-02-03 00:00:00+01:00\")\n  z > d\n    ^"},
		{"lag(i, j)", "the number of rows of lag must be a whole number written here, not computed\n  lag(i, j)\n  ^"},
		{"lag(i)", "lag with 1 argument: write lag(x, n), or lag(x, n, id)\n  lag(i)\n  ^"},
		{"i.j", "this is not supported; there are columns, numbers, text, operators and functions\n  i.j\n    ^"},
		{"1 +\n i + jj +\n 2", "no column \"jj\"; did you mean \"j\"?; columns: i, j, u, f, g, b, s, d, t, z, \"two words\", dec\n   i + jj +\n       ^"},
		{"max(s, s)", "max takes numbers, dates or timestamps, not text\n  max(s, s)\n  ^"},
		{strings.Repeat("(", 60000), "something must follow here\n  …" + strings.Repeat("(", 60) + "\n  " + strings.Repeat(" ", 61) + "^"},
		{strings.Repeat("(", 70000), "it has 70000 bytes; at most 65536 are allowed"},
		{"b < b", "< is not for bools; they can be compared with == and !=\n  b < b\n    ^"},
	} {
		_, err := Compile(c.expr, schema)
		if want := "frame: expression: " + c.err; fmt.Sprint(err) != want {
			t.Errorf("%q: %v\nwant %s", c.expr, err, want)
		}
	}
}

// A uint64 that fits no int64 is a float, rounded, wherever a float is wanted.
func TestExprGreatUint64(t *testing.T) {
	rec := exprRecord(t, checked(t))
	defer rec.Release()
	for expr, want := range map[string]string{
		"float(u)":              "[1 2 3 (null) 1.8446744073709552e+19]",
		"u * 1.0":               "[1 2 3 (null) 1.8446744073709552e+19]",
		"u / 2":                 "[0.5 1 1.5 (null) 9.223372036854776e+18]",
		"u > 2.5":               "[false false true (null) true]",
		"sqrt(u) < 2":           "[true true true (null) false]",
		"coalesce(float(u), 7)": "[1 2 3 7 1.8446744073709552e+19]",
		"lag(float(u), 4)":      "[(null) (null) (null) (null) 1]",
	} {
		for _, n := range ranksOfTest {
			if got, _, err := computed(t, n, rec, expr); err != nil || fmt.Sprint(got) != want {
				t.Errorf("%s, %d ranks: %v, %v; want %s", expr, n, got, err, want)
			}
		}
	}
}

// A row that cannot be computed is named by its number in the whole table, whatever the number of ranks.
func TestExprFaults(t *testing.T) {
	rec := exprRecord(t, checked(t))
	defer rec.Release()
	for _, c := range []struct{ expr, err string }{
		{"i + 1", "row 4 of the table (from 0): 9223372036854775807 + 1 overflows int64; write float(…) for one of them"},
		{"-2 - i", "row 4 of the table (from 0): -2 - 9223372036854775807 overflows int64; write float(…) for one of them"},
		{"i * 3", "row 4 of the table (from 0): 9223372036854775807 * 3 overflows int64; write float(…) for one of them"},
		{"(j - 1) ** 40", "row 1 of the table (from 0): 4 ** 40 overflows int64; write float(…) for one of them"},
		{"2 ** j", "row 3 of the table (from 0): 2 ** -128 is no whole number; write float(…) for one of them"},
		{"i % j", "row 4 of the table (from 0): 9223372036854775807 % 0 has no value"},
		{"u + 0", "row 4 of the table (from 0): 18446744073709551615 does not fit an int64, in which expressions compute; write float(x) for the column x, which rounds it"},
		{"int(f)", "row 4 of the table (from 0): 1e+300 does not fit an int64"},
		{"int(s)", `row 0 of the table (from 0): "abc" is not a whole number of 64 bits`},
		{"float(s)", `row 0 of the table (from 0): "abc" is not a number`},
		{"bool(s)", `row 0 of the table (from 0): "abc" is not true or false`},
		{"date(s)", `row 0 of the table (from 0): "abc" is not a time; want it as in 2006-01-02 or 2006-01-02 15:04:05`},
		{"substr(s, j)", `row 3 of the table (from 0): substr from -128, 9223372036854775807 characters: want numbers from 0`},
		{"lag(i + 1, 1)", "row 4 of the table (from 0): 9223372036854775807 + 1 overflows int64; write float(…) for one of them"},
		{"i % j + int(s)", `row 0 of the table (from 0): "abc" is not a whole number of 64 bits`},
	} {
		for _, n := range ranksOfTest {
			_, _, err := computed(t, n, rec, c.expr)
			if want := "frame: compute: " + c.err; err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%s, %d ranks: %v\nwant %s", c.expr, n, err, want)
			}
		}
	}
}
