package frame

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	exprparser "github.com/expr-lang/expr/parser"
)

// scalarRecord is n random rows of the columns that [randomExpr] names, with extremes.
func scalarRecord(m *Memory, rng *rand.Rand, n int) arrow.Record {
	fields := []arrow.Field{
		{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "j", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, {Name: "g", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}, {Name: "s", Type: arrow.BinaryTypes.LargeString, Nullable: true},
		{Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true}, {Name: "t", Type: &arrow.TimestampType{Unit: arrow.Microsecond}, Nullable: true},
		{Name: "z", Type: vienna(arrow.Second), Nullable: true},
	}
	b := array.NewRecordBuilder(m, arrow.NewSchema(fields, nil))
	defer b.Release()
	for range n {
		for k := range fields {
			if rng.IntN(6) == 0 {
				b.Field(k).AppendNull()
				continue
			}
			switch b := b.Field(k).(type) {
			case *array.Int64Builder:
				b.Append([]int64{rng.Int64N(7) - 3, rng.Int64N(7) - 3, math.MinInt64, math.MaxInt64 - rng.Int64N(2), 1 << 40}[min(rng.IntN(60), 4)%5*rng.IntN(2)])
			case *array.Int8Builder:
				b.Append(int8(rng.IntN(9) - 4))
			case *array.Float64Builder:
				b.Append([]float64{0, math.Copysign(0, -1), 1.5, -2.25, math.NaN(), math.Inf(1), 1e300, 3}[rng.IntN(8)])
			case *array.Float32Builder:
				b.Append(float32(rng.IntN(9)-4) / 4)
			case *array.BooleanBuilder:
				b.Append(rng.IntN(2) == 0)
			case *array.LargeStringBuilder:
				b.Append([]string{"", "a", "ab", " Ab ", "ÄÖ€", "abab"}[rng.IntN(6)])
			case *array.Date32Builder:
				b.Append(arrow.Date32(rng.IntN(60000) - 30000))
			case *array.TimestampBuilder:
				sec := rng.Int64N(4e9) - 2e9
				if fields[k].Name == "t" {
					sec = sec*1e6 + rng.Int64N(2)*999999
				}
				b.Append(arrow.Timestamp(sec))
			}
		}
	}
	return b.NewRecord()
}

// randomExpr is an expression of a kind, as [scalar] names it.
func randomExpr(rng *rand.Rand, kind string, depth int) string {
	e := func(k string) string { return randomExpr(rng, k, depth-1) }
	of := func(s ...string) string { return s[rng.IntN(len(s))] }
	any := func() string { return e(of("i", "f", "b", "s", "t")) }
	if depth <= 0 {
		return map[string]func() string{
			"i": func() string { return of("i", "j", "j", "2", "0", "7", "9223372036854775807") },
			"f": func() string { return of("f", "g", "0.5", "1e10") },
			"b": func() string { return of("b", "b", "true", "false") },
			"s": func() string { return of("s", "s", "'a'", "''", "'€'") },
			"t": func() string { return of("d", `date("2001-02-03")`) },
		}[kind]()
	}
	shift := func() string {
		by := ""
		if rng.IntN(2) == 0 {
			by = ", " + of("b", "s", "j", "g", "b, j")
		}
		return fmt.Sprintf("%s(%s, %s%s)", of("lag", "lead"), e(kind), of("0", "1", "2", "3", "-1", "100"), by)
	}
	switch rng.IntN(8) {
	case 0:
		return fmt.Sprintf("(%s ? %s : %s)", e("b"), e(kind), of(e(kind), "nil"))
	case 1:
		return fmt.Sprintf("coalesce(%s, %s)", e(kind), e(kind))
	case 2:
		return shift()
	}
	switch kind {
	case "i":
		return of(
			fmt.Sprintf("(%s %s %s)", e("i"), of("+", "-", "*", "%"), e("i")), fmt.Sprintf("-%s", e("i")), fmt.Sprintf("abs(%s)", e("i")),
			fmt.Sprintf("%s(%s, %s, j)", of("min", "max"), e("i"), e("i")), fmt.Sprintf("len(%s)", e("s")), fmt.Sprintf("int(%s)", e(of("f", "b", "i"))),
			fmt.Sprintf("%s(%s)", of("year", "month", "day", "dayofyear", "weekday", "week"), of(e("t"), "z", "date(z)")),
			fmt.Sprintf("%s(%s)", of("hour", "minute", "second"), of("t", "z")), fmt.Sprintf("(j ** %s)", of("0", "1", "2", "3", "j")),
		)
	case "f":
		return of(
			fmt.Sprintf("(%s %s %s)", e("f"), of("+", "-", "*", "%", "/", "**"), e(of("f", "i"))), fmt.Sprintf("(%s / %s)", e("i"), e("i")),
			fmt.Sprintf("%s(%s)", of("abs", "round", "floor", "ceil", "sqrt", "exp", "log", "float"), e("f")),
			fmt.Sprintf("%s(%s, %s)", of("min", "max"), e("f"), e(of("i", "f"))), fmt.Sprintf("float(%s)", e(of("i", "b"))),
		)
	case "s":
		return of(
			fmt.Sprintf("(%s + %s)", e("s"), e("s")), fmt.Sprintf("%s(%s)", of("lower", "upper", "trim"), e("s")), fmt.Sprintf("str(%s)", e(of("i", "f", "b", "s"))),
			fmt.Sprintf("replace(%s, %s, %s)", e("s"), of("'a'", "'b'", e("s")), e("s")), fmt.Sprintf("substr(%s, %s)", e("s"), of("0", "1", "j")),
			fmt.Sprintf("substr(%s, %s, %s)", e("s"), of("0", "1"), of("0", "2", "len(s)")),
		)
	case "t": // dates: two of them may stand in ?:
		return of("date(t)", "date(z)", "d", fmt.Sprintf("max(%s, %s)", e("t"), e("t")))
	}
	number := func() string { return e(of("i", "f")) }
	return of(
		fmt.Sprintf("(%s %s %s)", e("b"), of("and", "or", "&&", "||"), e("b")), fmt.Sprintf("(not %s)", e("b")), fmt.Sprintf("is_null(%s)", any()),
		fmt.Sprintf("(%s %s %s)", number(), of("==", "!=", "<", "<=", ">", ">="), number()), fmt.Sprintf("(%s <= %s < %s)", e("i"), number(), e("f")),
		fmt.Sprintf("(%s %s %s)", e("s"), of("==", "<", ">=", "contains", "startsWith", "endsWith"), e("s")), fmt.Sprintf("(%s matches '^a?b')", e("s")),
		fmt.Sprintf("(%s %s %s)", of("d", "t"), of("==", "!=", "<", "<=", ">", ">="), of("d", "t", `timestamp("1999-12-31 23:59:59")`, e("t"))),
		fmt.Sprintf("(%s %s [%s, 2, %s])", e("i"), of("in", "not in"), e("i"), of("nil", "0.5", e("f"))), fmt.Sprintf("(%s in ['a', ''])", e("s")),
		fmt.Sprintf("(%s in [1, 0, 7])", e("i")), fmt.Sprintf("bool(%s)", e(of("i", "f", "b"))), fmt.Sprintf("(b ==  %s)", e("b")),
	)
}

// agrees compares an expression on n ranks with the slow interpreter.
func agrees(t *testing.T, n int, rec arrow.Record, text string) error {
	t.Helper()
	tree, err := exprparser.Parse(text)
	if err != nil {
		return err
	}
	want, bad, err := (&scalar{rec}).all(tree.Node)
	if err != nil {
		return err
	}
	got, dt, err := computed(t, n, rec, text)
	if bad != -2 {
		if err == nil || bad >= 0 && !strings.Contains(err.Error(), fmt.Sprintf("row %d of the table", bad)) {
			return fmt.Errorf("%v; want an error of row %d", err, bad)
		}
		return nil
	}
	if err != nil {
		return err
	}
	for i, v := range want {
		if w := scalarText(v, dt); got[i] != w {
			return fmt.Errorf("row %d is %q, want %q (%s)", i, got[i], w, dt)
		}
	}
	return nil
}

// scalarText prints a value as Arrow does.
func scalarText(v any, dt arrow.DataType) string {
	switch v := v.(type) {
	case nil:
		return array.NullValueStr
	case float64:
		return fmt.Sprint(v)
	case time.Time:
		b := array.NewBuilder(small, dt)
		defer b.Release()
		switch b := b.(type) {
		case *array.Date32Builder:
			b.Append(arrow.Date32FromTime(v))
		case *array.TimestampBuilder:
			b.AppendTime(v)
		}
		a := b.NewArray()
		defer a.Release()
		return a.ValueStr(0)
	}
	return fmt.Sprint(v)
}

func TestExprRandom(t *testing.T) {
	faults := 0
	for seed := range uint64(600) {
		rng := rand.New(rand.NewPCG(seed, 9))
		rec := scalarRecord(checked(t), rng, 1+rng.IntN(40))
		text := randomExpr(rng, []string{"i", "f", "b", "s"}[seed%4], 1+int(seed/4)%4)
		n := ranksOfTest[rng.IntN(len(ranksOfTest))]
		if err := agrees(t, n, rec, text); err != nil {
			t.Errorf("seed %d, %d ranks, %d rows: %s: %v", seed, n, rec.NumRows(), text, err)
			faults++
		}
		rec.Release()
		if faults > 5 {
			t.FailNow()
		}
	}
}

// Many blocks, chunks that end inside them, and series over several ranks.
func TestExprBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	rec := scalarRecord(checked(t), rng, 3*blockRows+17)
	defer rec.Release()
	for _, text := range []string{"j * 3 + len(s)", "b ? upper(s) : s + '!'", "lag(j, 3000)", "coalesce(lead(s, 5), 'end')", "f > 1 or d < t"} {
		for _, n := range []int{1, 3} {
			if err := agrees(t, n, rec, text); err != nil {
				t.Errorf("%s, %d ranks: %v", text, n, err)
			}
		}
	}
}

func FuzzExpr(f *testing.F) {
	for _, s := range []string{"i + j", "b ? 1 : f", "s + 'a' == 'ab'", "lag(j, 1, s)", "j in [1, nil]", "1 < j < 3", "-2 ** 2", "not b or is_null(i)",
		"year(z) % 4", "date(\"2001-02-03\") < t", "if b { i } else { nil }", "a.b[1]", "((((", "let x = 1; x", "i | abs()", "filter(i, #)", "\"\\u00e9\" + s", "b ?: b", "f ?? 1"} {
		f.Add(s)
	}
	for seed := range uint64(40) {
		f.Add(randomExpr(rand.New(rand.NewPCG(seed, 3)), []string{"i", "f", "b", "s"}[seed%4], 3))
	}
	f.Fuzz(func(t *testing.T, text string) {
		rec := scalarRecord(checked(t), rand.New(rand.NewPCG(uint64(len(text)), 0)), 12)
		defer rec.Release()
		x, err := Compile(text, rec.Schema())
		if err != nil {
			if !strings.HasPrefix(err.Error(), "frame: expression: ") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if len(text) > 500 || strings.Count(text, "replace") > 3 || strings.Contains(text, "matches") {
			return // the slow interpreter is too slow
		}
		if err := agrees(t, 1, rec, text); err != nil && !errors.Is(err, errNotScalar) {
			t.Errorf("%s (%s): %v", text, x.Type(), err)
		}
	})
}
