package frame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// recordTypes are the columns of the records of this file's tests: each kind of parsing, and one that is skipped.
var recordTypes = []Type{Int64, Float64, arrow.FixedWidthTypes.Timestamp_us, String, nil, arrow.PrimitiveTypes.Int16,
	arrow.PrimitiveTypes.Float32, arrow.FixedWidthTypes.Date32, Bool}

// recordParser is a parser of records of those types.
func recordParser(t testing.TB, text []byte, comma byte, na []string, verbatim int, comment string) *parser {
	t.Helper()
	p := &parser{na: newMissing(na), path: "t.csv", src: &textSource{}}
	m := checked(t)
	for i, typ := range recordTypes {
		p.names = append(p.names, fmt.Sprint("c", i))
		var col *cellColumn
		if typ != nil {
			col = &cellColumn{name: p.names[i], m: m, na: &p.na, verbatim: i == verbatim, declared: i > 0}
			if err := col.choose(typ); err != nil {
				t.Fatal(err)
			}
			p.cols = append(p.cols, col)
		}
		p.at = append(p.at, col)
	}
	p.scan = scanner{b: text, line: 2, comment: []byte(comment)}
	p.scan.setComma(comma)
	for _, col := range p.cols {
		col.reserve(0)
	}
	return p
}

// parsed is the parser's columns, or its error, as text.
func parsed(p *parser, err error) string {
	defer p.release()
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for _, col := range p.cols {
		a := col.array()
		fmt.Fprintf(&b, "%s %s", a.DataType(), a)
		if f, ok := a.(*array.Float64); ok {
			for i, v := range f.Float64Values() {
				if f.IsValid(i) {
					fmt.Fprintf(&b, " %x", math.Float64bits(v))
				}
			}
		}
		b.WriteByte('\n')
		a.Release()
	}
	fmt.Fprintf(&b, "line %d, at %d", p.scan.line, p.scan.pos)
	return b.String()
}

// sameRecords fails where runs of records and records one by one differ.
func sameRecords(t *testing.T, text []byte, comma byte, na []string, verbatim int, comment string) (failed bool) {
	t.Helper()
	p := recordParser(t, text, comma, na, verbatim, comment)
	p.fast = newSimpleRecords(p)
	err := p.block()
	failed = err != nil
	got := parsed(p, err)

	p = recordParser(t, text, comma, na, verbatim, comment)
	room := p.maxRows()
	for _, col := range p.cols {
		col.reserve(room)
	}
	for err = nil; err == nil && p.scan.more(); room-- {
		err = p.record(room)
	}
	if want := parsed(p, err); got != want {
		t.Fatalf("comma %q, na %q, verbatim %d, comment %q\n%q\nruns:\n%s\none by one:\n%s", comma, na, verbatim, comment, text, got, want)
	}
	return failed
}

// randomCell is a cell of a type: plain or missing, or, with rare > 0, one in rare special or wrong.
func randomCell(r *rand.Rand, typ Type, rare int) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	if r.IntN(12) == 0 {
		return pick("", "", "NA", "-", "null", "-999")
	}
	odd := rare > 0 && r.IntN(rare) == 0
	id := String.ID()
	if typ != nil {
		id = typ.ID()
	}
	switch id {
	case arrow.INT64, arrow.INT16:
		if odd {
			return pick("1.5", "+7", " 5", "6 ", `"8"`, "9223372036854775807", "-9223372036854775808", "9223372036854775808", "00000000000000000000012",
				"99999999999999999999", "40000", "x", "1e3", "-", "12\r", "1-")
		}
		return strconv.Itoa(r.IntN(60000) - 30000)
	case arrow.FLOAT64, arrow.FLOAT32:
		if odd {
			return pick("1e300", "1e-300", "-0", "0", "0e99", "1.", ".5", ".", "-.5e3", "1e", "1e+", "1e00005", "inf", "nan", " 1.5", `"2.5"`, "3.4028235e38", "3.5e38",
				"123456789012345678901234567890", "0.00000000000000000000012345", "9007199254740993", "9007199254740993.0", "-999.0", "5e22", "5e23", "-999e0")
		}
		return strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(r.IntN(30)-15)), pick("g", "f", "e")[0], []int{-1, 3, 17}[r.IntN(3)], 64)
	case arrow.TIMESTAMP, arrow.DATE32:
		if odd {
			return pick("2016-07", "2016/07/01", "2015-02-29", "2000-02-29", "1900-02-29", "2016-13-01", "2016-00-01", "2016-01-32", "2016-07-01 24:00", "2016-07-01 23:60",
				"2016-07-01 1:00", "2016-07-01 10:00:61", "2016-07-01 10:00:00.5", "2016-07-01T10:00:00Z", "2016-07-01Z", "2016-07-01 10:00+01:00", "0000-01-01", "9999-12-31", "2016-07-01 ", "1970-01-01", "201x-07-01")
		}
		day := fmt.Sprintf("%04d-%02d-%02d", r.IntN(3000), r.IntN(12)+1, r.IntN(28)+1)
		if id == arrow.TIMESTAMP {
			day += pick("", " 01:02", " 23:59:59", "T12:34:56", "T12:34:56Z")
		}
		return day
	case arrow.BOOL:
		if odd {
			return pick("yes", " true", "1")
		}
		return pick("true", "false", "True", "FALSE")
	}
	if odd {
		return pick(`"a,b"`, `"two`+"\n"+`lines"`, `say "yes"`, "K\xf6ln", "Köln", " pad ", `""`, "a\rb", "#x")
	}
	return strings.Repeat("text", r.IntN(9))
}

func TestSimpleRecordsEqualRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	good, bad := 0, 0
	for range 800 {
		comma := ",;\t"[r.IntN(3)]
		eol := []string{"\n", "\r\n"}[r.IntN(2)]
		rare := []int{0, 0, 20, 200, 1000}[r.IntN(5)]
		var b strings.Builder
		rows := r.IntN(100)
		for k := range rows {
			for i, typ := range recordTypes {
				if i > 0 {
					b.WriteByte(comma)
				}
				b.WriteString(randomCell(r, typ, rare*len(recordTypes)/4))
			}
			switch {
			case rare > 0 && r.IntN(rare*10) == 0:
				b.WriteByte(comma)
			case rare > 0 && r.IntN(rare) == 0:
				b.WriteString(eol)
			}
			if k < rows-1 || r.IntN(2) == 0 {
				b.WriteString(eol)
			}
		}
		na := [][]string{nil, {"NA", "-", "null", "-999"}, {"-999.0", "null", "-", "a mark that is long"}, {"NA", "-", "null", "-999", "1970-01-01"}}[r.IntN(4)]
		comment := []string{"", "", "#"}[r.IntN(3)]
		if sameRecords(t, []byte(b.String()), comma, na, r.IntN(2*len(recordTypes)), comment) {
			bad++
		} else {
			good++
		}
	}
	if good < 100 || bad < 100 {
		t.Errorf("%d texts without and %d with an error: too few of one", good, bad)
	}
}

// TestSimpleRecordsLong makes runs of the longest kind, and errors behind them.
func TestSimpleRecordsLong(t *testing.T) {
	good := "12,0.25,2016-07-01 10:00:00,text,,-7,1.5,2016-07-02,true\n"
	for _, n := range []int{simpleRun - 1, simpleRun, simpleRun + 1, 3 * simpleRun} {
		for _, end := range []string{"", "1,2\n", strings.Replace(good, "text", "K\xf6ln", 1), strings.Replace(good, "12", "x", 1), strings.Replace(good, "12", "1.5", 1), strings.Replace(good, "true", "yes", 1) + "x\n"} {
			sameRecords(t, []byte(strings.Repeat(good, n)+end+good), ',', nil, -1, "")
		}
	}
}

// FuzzSimpleRecords: a run of records and the same one by one give the same columns, or the same error.
func FuzzSimpleRecords(f *testing.F) {
	f.Add([]byte("12,0.25,2016-07-01 10:00:00,text,,-7,1.5,2016-07-02,true\n1,2\n"), byte(','))
	f.Add([]byte(";-1.5e-7;1999-12-31;\"a\";x;NA;-;;\r\n"), byte(';'))
	f.Fuzz(func(t *testing.T, text []byte, comma byte) {
		if isFieldByte(comma) {
			return
		}
		sameRecords(t, text, comma, []string{"NA", "-", "-999"}, 3, "")
	})
}
