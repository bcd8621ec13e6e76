package frametest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
	"deeprc/frame"
)

// everyType has a column of every type, shape and share of missing cells.
func everyType(seed uint64, rows int) Spec {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := Spec{Seed: seed, Rows: rows, Columns: []Column{{Name: "row", Type: arrow.PrimitiveTypes.Int64, Shape: Rising, Distinct: 1}}}
	for i, t := range Types {
		s.Columns = append(s.Columns, RandomColumn(rng, fmt.Sprint("c", i), t))
	}
	return s
}

// The same Spec cut over any number of ranks gathers to the same rows in the same order.
func TestPartsGatherToTheWhole(t *testing.T) {
	for seed := range uint64(40) {
		s := everyType(seed, []int{0, 1, 2, 17, 300}[seed%5])
		for _, n := range []int{1, 2, 3, 5} {
			m := Memory(t)
			err := collective.RunLocal(n, func(c collective.Comm) error {
				part, err := s.Part(m, c.Rank(), n)
				if err != nil {
					return err
				}
				defer part.Release()
				all, err := Gather(c, part)
				if err != nil {
					return err
				}
				defer all.Release()
				if c.Rank() != 0 {
					if all.NumRows() != 0 {
						return fmt.Errorf("rank %d got %d rows", c.Rank(), all.NumRows())
					}
					return nil
				}
				whole, err := frame.NewTable(m, part.Schema(), s.Record(m))
				if err != nil {
					return err
				}
				defer whole.Release()
				return Diff(all, whole, DiffOptions{Ordered: true})
			})
			if err != nil {
				t.Fatalf("%v on %d ranks: %v", s, n, err)
			}
		}
	}
}

// Each seed cuts in its own way; over some seeds all ways occur.
func TestCuts(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(200) {
		at := cuts(rand.New(rand.NewPCG(seed, 0)), 100, 5)
		empty, ones := 0, 0
		for r := range 5 {
			switch n := at[r+1] - at[r]; {
			case n < 0:
				t.Fatalf("seed %d: %v", seed, at)
			case n == 0:
				empty++
			case n == 1:
				ones++
			}
		}
		if at[0] != 0 || at[5] != 100 {
			t.Fatalf("seed %d: %v", seed, at)
		}
		seen[fmt.Sprintf("%d empty, %d of one row", empty, ones)]++
	}
	for _, want := range []string{"0 empty, 0 of one row", "4 empty, 0 of one row", "0 empty, 4 of one row"} {
		if seen[want] < 20 {
			t.Errorf("%s: %d times of 200: %v", want, seen[want], seen)
		}
	}
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		shape    Shape
		nulls    float64
		lo, hi   int // rows of the most frequent value, of 1,000
		distinct int
	}{
		{Uniform, 0, 10, 45, 50}, {Zipf, 0, 150, 500, 25}, {Heavy, 0, 450, 560, 50}, {Equal, 0, 1000, 1000, 1}, {Rising, 0, 1, 1, 1000}, {Uniform, 1, 0, 0, 0},
	} {
		s := Spec{Seed: 3, Rows: 1000, Columns: []Column{{Name: "k", Type: arrow.PrimitiveTypes.Int64, Shape: c.shape, Distinct: 50, Nulls: c.nulls}}}
		rec := s.Record(Memory(t))
		a := rec.Column(0).(*array.Int64)
		count, most := map[int64]int{}, 0
		for i := range a.Len() {
			if a.IsValid(i) {
				count[a.Value(i)]++
				most = max(most, count[a.Value(i)])
			}
		}
		if most < c.lo || most > c.hi || len(count) < c.distinct*9/10 || a.NullN() != int(1000*c.nulls) {
			t.Errorf("%v: %d values, %d of the most frequent, %d missing", c, len(count), most, a.NullN())
		}
		rec.Release()
	}
}

// Specials of each type are among few rows; keys of two tables share their values.
func TestSpecialValues(t *testing.T) {
	for _, c := range []struct {
		typ  arrow.DataType
		want []string
	}{
		{arrow.PrimitiveTypes.Int8, []string{"-128", "127", "0", "-1"}},
		{arrow.PrimitiveTypes.Int64, []string{"-9223372036854775808", "9223372036854775807"}},
		{arrow.PrimitiveTypes.Uint16, []string{"65535", "0"}},
		{arrow.PrimitiveTypes.Uint64, []string{"18446744073709551615"}},
		{arrow.PrimitiveTypes.Float32, []string{"NaN", "+Inf", "-Inf", "-0", "3.4028235e+38", "1e-45"}},
		{arrow.PrimitiveTypes.Float64, []string{"NaN", "+Inf", "-Inf", "-0", "1.7976931348623157e+308", "5e-324"}},
		{arrow.BinaryTypes.LargeString, []string{"", "a\x00", "prefix__a", "日本語"}},
		{&arrow.Decimal128Type{Precision: 9, Scale: 2}, []string{"9999999.99", "-9999999.99", "0", "-0.01"}},
		{arrow.FixedWidthTypes.Time32s, []string{"00:00:00", "23:59:59"}},
		{arrow.FixedWidthTypes.Date64, []string{"1970-01-02"}},
	} {
		s := Spec{Rows: 2000, Columns: []Column{{Name: "k", Type: c.typ, Distinct: 60}}}
		rec := s.Record(Memory(t))
		seen := map[string]bool{}
		for i := range 2000 {
			seen[rec.Column(0).ValueStr(i)] = true
		}
		for _, w := range c.want {
			if !seen[w] {
				t.Errorf("%s: %q is missing", c.typ, w)
			}
		}
		rec.Release()
		a, b := s.Columns[0], s.Columns[0]
		a.Distinct, b.Shape = 5, Heavy
		if got, want := a.values(), b.values()[:5]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: two columns of one domain: %v, %v", c.typ, got, want)
		}
	}
}

// tableOf is a table of an int64 and a float64 column.
func tableOf(t *testing.T, ints, floats string) *frame.Table {
	m := Memory(t)
	var cols []arrow.Array
	for i, typ := range []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64} {
		b := array.NewBuilder(m, typ)
		defer b.Release()
		for _, s := range strings.Fields([]string{ints, floats}[i]) {
			if s == "null" {
				b.AppendNull()
			} else if err := b.AppendValueFromString(s); err != nil {
				t.Fatal(err)
			}
		}
		cols = append(cols, b.NewArray())
		defer cols[i].Release()
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "i", Type: cols[0].DataType(), Nullable: true}, {Name: "f", Type: cols[1].DataType(), Nullable: true}}, nil)
	tab, err := frame.NewTable(m, schema, array.NewRecord(schema, cols, int64(cols[0].Len())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Release)
	return tab
}

func TestDiff(t *testing.T) {
	inexact := DiffOptions{Inexact: []string{"f"}, Tolerance: 1e-9}
	for _, c := range []struct {
		name, gi, gf, wi, wf string
		o                    DiffOptions
		err                  string
	}{
		{"equal", "1 null 3", "1 2 NaN", "1 null 3", "1 2 NaN", DiffOptions{Ordered: true}, ""},
		{"another order", "1 null 3", "1 2 NaN", "3 1 null", "NaN 1 2", DiffOptions{}, ""},
		{"another order counts", "1 2", "0 0", "2 1", "0 0", DiffOptions{Ordered: true}, "row 0 of 2 got and 2 wanted, in order, differs in column \"i\":\ngot  i=1 f=0\nwant i=2 f=0"},
		{"sorted", "5 1", "0 0", "1 6", "0 0", DiffOptions{}, "row 1 of 2 got and 2 wanted, sorted, differs in column \"i\":\ngot  i=5 f=0\nwant i=6 f=0"},
		{"null is not 0", "null", "0", "0", "0", DiffOptions{}, `differs in column "i":` + "\ngot  i=null f=0\nwant i=0 f=0"},
		{"NaN is not null", "1", "NaN", "1", "null", DiffOptions{}, `differs in column "f":` + "\ngot  i=1 f=NaN\nwant i=1 f=null"},
		{"a row less", "1", "0", "1 1", "0 0", DiffOptions{}, "row 1 of 1 got and 2 wanted, sorted:\ngot  (no row)\nwant i=1 f=0"},
		{"zeros of two signs", "1", "-0", "1", "0", DiffOptions{}, `differs in column "f"`},
		{"zeros of two signs, inexact", "1", "-0", "1", "0", inexact, ""},
		{"close", "1 2", "1 2", "1 2", "1.0000000001 2", inexact, ""},
		{"close, but exact", "1", "1", "1", "1.0000000001", DiffOptions{}, `differs in column "f"`},
		{"not close", "1", "1", "1", "1.00001", inexact, `differs in column "f"`},
		{"close enough in numbers", "1 2", "1 1e-7", "1 2", "1 -1e-7", DiffOptions{Inexact: []string{"f"}, Absolute: 1e-6}, ""},
		{"not close enough in numbers", "1", "1", "1", "1.00001", DiffOptions{Inexact: []string{"f"}, Absolute: 1e-6}, `differs in column "f"`},
		{"infinite", "1", "+Inf", "1", "1e308", inexact, `differs in column "f"`},
		{"same infinity", "1", "-Inf", "1", "-Inf", inexact, ""},
		{"what is close is sorted last", "1 2", "1 0.9999999999", "2 1", "1 1", inexact, ""},
	} {
		err := Diff(tableOf(t, c.gi, c.gf), tableOf(t, c.wi, c.wf), c.o)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v; want %q", c.name, err, c.err)
		}
	}
	m := Memory(t)
	other, err := Spec{Columns: []Column{{Name: "i", Type: arrow.PrimitiveTypes.Int32, Distinct: 1}}}.Part(m, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	err = Diff(tableOf(t, "", ""), other, DiffOptions{})
	if want := "columns differ:\ngot  i int64, f float64\nwant i int32"; err == nil || err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
}

// A rank with another schema is an error on all ranks, and leaks nothing.
func TestGatherRefusesSchemas(t *testing.T) {
	for _, n := range []int{2, 3} {
		m := Memory(t)
		err := collective.RunLocal(n, func(c collective.Comm) error {
			typ := arrow.DataType(arrow.PrimitiveTypes.Int64)
			if c.Rank() == n-1 {
				typ = arrow.BinaryTypes.LargeString
			}
			part, err := Spec{Rows: 8, Columns: []Column{{Name: "k", Type: typ, Distinct: 3}}}.Part(m, c.Rank(), n)
			if err != nil {
				return err
			}
			defer part.Release()
			_, err = Gather(c, part)
			if want := fmt.Sprintf("frametest: gather: rank %d: its schema is", n-1); err == nil || !strings.Contains(err.Error(), want) {
				return fmt.Errorf("%v; want %s", err, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// Modest numbers are whole and small, so that any order of adding them gives one sum.
func TestModest(t *testing.T) {
	for _, typ := range NumberTypes {
		s := Spec{Rows: 500, Columns: []Column{{Name: "x", Type: typ, Distinct: 100, Modest: true}}}
		tab, err := s.Part(Memory(t), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		x, err := tab.Float64s("x")
		tab.Release()
		for _, v := range x {
			if err != nil || math.Abs(v) > 1000 || v != math.Trunc(v) {
				t.Fatalf("%s: %v, %v", typ, v, err)
			}
		}
	}
}
