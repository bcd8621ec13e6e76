package frame

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

func TestConcat(t *testing.T) {
	ints, floats := arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Float32
	m := checked(t)
	a, b, s := cellsOf(t, m, ints, "1", "null", "3"), cellsOf(t, m, floats, "0.5", "2"), cellsOf(t, m, arrow.BinaryTypes.LargeString, "q")
	defer a.Release()
	defer b.Release()
	defer s.Release()
	for _, n := range ranksOfTest {
		err := collective.RunLocal(n, func(c collective.Comm) error {
			ta, tb := cut(c, m, a, 1), cut(c, m, b, 2)
			defer ta.Release()
			defer tb.Release()
			out, err := Concat(c, ConcatOptions{}, ta, tb, ta)
			if err != nil {
				return err
			}
			defer out.Release()
			var want []string
			for _, rows := range [][]string{rowsOf(ta.Record()), rowsOf(tb.Record()), rowsOf(ta.Record())} {
				want = append(want, rows...)
			}
			if got := rowsOf(out.Record()); fmt.Sprint(got) != fmt.Sprint(want) || out.Schema().Field(0).Type.ID() != arrow.FLOAT64 {
				return fmt.Errorf("%v, want %v", got, want)
			}
			ts := cut(c, m, s, 3)
			defer ts.Release()
			other, err := Rename(ts, map[string]string{"x": "y"})
			if err != nil {
				return err
			}
			defer other.Release()
			filled, err := Concat(c, ConcatOptions{Fill: true}, ta, other)
			if err != nil {
				return err
			}
			defer filled.Release()
			want = nil
			for _, r := range rowsOf(ta.Record()) {
				want = append(want, r+" | (null)")
			}
			for _, r := range rowsOf(other.Record()) {
				want = append(want, "(null) | "+r)
			}
			if got := rowsOf(filled.Record()); fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("%v, want %v", got, want)
			}
			for _, e := range []struct {
				tables []*Table
				err    string
			}{
				{nil, "no table is given"},
				{[]*Table{ta, ts}, `column "x" is large_utf8 in table 2, int8 before; cast one of them`},
				{[]*Table{ta, other}, `the first table lacks column "y" of table 2; drop it, or set fill`},
			} {
				if _, err := Concat(c, ConcatOptions{}, e.tables...); err == nil || !strings.HasSuffix(err.Error(), "frame: concat: "+e.err) {
					return fmt.Errorf("%v, want %s", err, e.err)
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%d ranks: %v", n, err)
		}
	}
}

// A column that the first table alone has, and whole numbers that float64 does not hold.
func TestConcatErrors(t *testing.T) {
	m := checked(t)
	a, b := cellsOf(t, m, arrow.PrimitiveTypes.Int64, "9007199254740993"), cellsOf(t, m, arrow.PrimitiveTypes.Float64, "0.5")
	defer a.Release()
	defer b.Release()
	rec := exprRecord(t, m)
	defer rec.Release()
	err := collective.RunLocal(1, func(c collective.Comm) error {
		ta, tb, all := cut(c, m, a, 1), cut(c, m, b, 2), cut(c, m, rec, 3)
		defer ta.Release()
		defer tb.Release()
		defer all.Release()
		ij, err := Select(all, "i", "j")
		if err != nil {
			return err
		}
		defer ij.Release()
		i, err := Select(all, "i")
		if err != nil {
			return err
		}
		defer i.Release()
		for _, e := range []struct {
			tables []*Table
			err    string
		}{
			{[]*Table{ta, tb}, `frame: concat: table 1: column "x": "9007199254740993" does not fit float64`},
			{[]*Table{ij, i}, `frame: concat: table 2 has no column "j", which the first table has; set fill to make its cells missing`},
		} {
			if _, err := Concat(c, ConcatOptions{}, e.tables...); fmt.Sprint(err) != e.err {
				return fmt.Errorf("%v, want %s", err, e.err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWiderType(t *testing.T) {
	for _, c := range [][3]string{
		{"int8", "int32", "int32"}, {"uint8", "uint16", "uint16"}, {"uint8", "int8", "int16"}, {"int16", "uint8", "int16"}, {"uint32", "int32", "int64"},
		{"uint16", "int64", "int64"}, {"uint64", "int8", "none"}, {"float32", "float64", "float64"}, {"float32", "int8", "float64"}, {"int64", "string", "none"}, {"date", "timestamp", "none"},
	} {
		for _, swap := range []bool{false, true} {
			a, b := plainTypes[c[0]], plainTypes[c[1]]
			if swap {
				a, b = b, a
			}
			got := "none"
			if dt := widerType(a, b); dt != nil {
				got = dt.String()
			}
			if got != c[2] {
				t.Errorf("%s and %s: %s, want %s", a, b, got, c[2])
			}
		}
	}
}
