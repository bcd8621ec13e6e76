package frame

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// cellsOf is a record of one column x.
func cellsOf(t testing.TB, m *Memory, dt arrow.DataType, cells ...string) arrow.Record {
	t.Helper()
	b := array.NewBuilder(m, dt)
	defer b.Release()
	for _, s := range cells {
		if s == "null" {
			b.AppendNull()
		} else if err := b.AppendValueFromString(s); err != nil {
			t.Fatalf("%s: %v", dt, err)
		}
	}
	a := b.NewArray()
	defer a.Release()
	return array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "x", Type: dt, Nullable: true}}, nil), []arrow.Array{a}, int64(len(cells)))
}

func TestCast(t *testing.T) {
	us := &arrow.TimestampType{Unit: arrow.Microsecond}
	for _, c := range []struct {
		from  arrow.DataType
		cells string // separated by |
		to    string
		want  string // cells, or an error
	}{
		{arrow.PrimitiveTypes.Int64, "1|null|-128|127", "int8", "1|(null)|-128|127"},
		{arrow.PrimitiveTypes.Int64, "1|null|128", "int8", `column "x", row 2 of the table (from 0): "128" does not fit int8`},
		{arrow.PrimitiveTypes.Int8, "-1|3", "uint64", `column "x", row 0 of the table (from 0): "-1" does not fit uint64`},
		{arrow.PrimitiveTypes.Uint64, "18446744073709551615|3", "int64", `column "x", row 0 of the table (from 0): "18446744073709551615" does not fit int64`},
		{arrow.PrimitiveTypes.Uint64, "3|9223372036854775807", "int64", "3|9223372036854775807"},
		{arrow.PrimitiveTypes.Int64, "9007199254740992|-9007199254740994", "float64", "9.007199254740992e+15|-9.007199254740994e+15"},
		{arrow.PrimitiveTypes.Int64, "1|9007199254740993", "float64", `column "x", row 1 of the table (from 0): "9007199254740993" does not fit float64`},
		{arrow.PrimitiveTypes.Int64, "9223372036854775807", "float64", `column "x", row 0 of the table (from 0): "9223372036854775807" does not fit float64`},
		{arrow.PrimitiveTypes.Int32, "16777216|16777217", "float32", `column "x", row 1 of the table (from 0): "16777217" does not fit float32`},
		{arrow.PrimitiveTypes.Float64, "1|null|-3", "int32", "1|(null)|-3"},
		{arrow.PrimitiveTypes.Float64, "1|1.5", "int32", `column "x", row 1 of the table (from 0): "1.5" does not fit int32`},
		{arrow.PrimitiveTypes.Float64, "NaN", "int32", `column "x", row 0 of the table (from 0): "NaN" does not fit int32`},
		{arrow.PrimitiveTypes.Float64, "9223372036854775808", "int64", `column "x", row 0 of the table (from 0): "9.223372036854776e+18" does not fit int64`},
		{arrow.PrimitiveTypes.Float64, "9223372036854775808", "uint64", "9223372036854775808"},
		{arrow.PrimitiveTypes.Float64, "0.1|NaN|+Inf", "float32", "0.1|NaN|+Inf"},
		{arrow.BinaryTypes.LargeString, "3.4028235e+38|-3.4028235e+38", "float32", "3.4028235e+38|-3.4028235e+38"},
		{arrow.PrimitiveTypes.Float64, "1e39", "float32", `column "x", row 0 of the table (from 0): "1e+39" does not fit float32`},
		{arrow.PrimitiveTypes.Int16, "0|1|null", "bool", "false|true|(null)"},
		{arrow.PrimitiveTypes.Float32, "0|2", "bool", `column "x", row 1 of the table (from 0): "2" does not fit bool`},
		{arrow.FixedWidthTypes.Boolean, "true|null|false", "uint8", "1|(null)|0"},
		{arrow.FixedWidthTypes.Boolean, "true|null|false", "string", "true|(null)|false"},
		{arrow.PrimitiveTypes.Float32, "0.1|NaN|-Inf", "string", "0.1|NaN|-Inf"},
		{arrow.PrimitiveTypes.Uint64, "18446744073709551615", "string", "18446744073709551615"},
		{arrow.BinaryTypes.LargeString, " 12 |null|-3", "int16", "12|(null)|-3"},
		{arrow.BinaryTypes.LargeString, "1|40000", "int16", `column "x", row 1 of the table (from 0): "40000" does not fit int16`},
		{arrow.BinaryTypes.LargeString, "1|", "int16", `column "x", row 1 of the table (from 0): "" is not a whole number of 64 bits`},
		{arrow.BinaryTypes.LargeString, "1|1.0", "int16", `column "x", row 1 of the table (from 0): "1.0" is not a whole number of 64 bits`},
		{arrow.BinaryTypes.LargeString, "18446744073709551615", "uint64", "18446744073709551615"},
		{arrow.BinaryTypes.LargeString, "-1", "uint64", `column "x", row 0 of the table (from 0): "-1" is not a whole number from 0 to 2^64-1`},
		{arrow.BinaryTypes.LargeString, "1e3|nan|-Infinity|inf", "float64", "1000|NaN|-Inf|+Inf"},
		{arrow.BinaryTypes.LargeString, "x", "float64", `column "x", row 0 of the table (from 0): "x" is not a number`},
		{arrow.BinaryTypes.LargeString, "TRUE|false", "bool", "true|false"},
		{arrow.BinaryTypes.LargeString, "yes", "bool", `column "x", row 0 of the table (from 0): "yes" is not true or false`},
		{arrow.BinaryTypes.LargeString, "2001-02-03|null|1969/12/31", "date", "2001-02-03|(null)|1969-12-31"},
		{arrow.BinaryTypes.LargeString, "2001-02-03 12:00", "date", `column "x", row 0 of the table (from 0): "2001-02-03 12:00" is finer than the time column, which counts in steps of 1d`},
		{arrow.BinaryTypes.LargeString, "2001-02-03T04:05:06.5+01:00", "timestamp[ms]", "2001-02-03 03:05:06.5Z"},
		{us, "2001-02-03 04:05:06|null", "string", "2001-02-03 04:05:06|(null)"},
		{us, "2001-02-03 04:05:06|null", "timestamp[ns, UTC]", "2001-02-03 04:05:06Z|(null)"},
		{us, "2001-02-03 04:05:06.000001", "timestamp[ms]", `column "x", row 0 of the table (from 0): "2001-02-03 04:05:06.000001Z" does not fit timestamp[ms]`},
		{us, "9999-12-31", "timestamp[ns]", `column "x", row 0 of the table (from 0): "9999-12-31 00:00:00Z" does not fit timestamp[ns]`},
		{us, "2001-02-03|1969-12-31", "date", "2001-02-03|1969-12-31"},
		{us, "2001-02-03 01:00:00", "date", `column "x", row 0 of the table (from 0): "2001-02-03 01:00:00Z" does not fit date32`},
		{vienna(arrow.Second), "2024-07-01 22:00:00Z", "date", "2024-07-02"},
		{vienna(arrow.Second), "2024-07-01 22:00:00Z", "string", "2024-07-02 00:00:00+02:00"},
		{arrow.FixedWidthTypes.Date32, "2001-02-03", "timestamp[s]", "2001-02-03 00:00:00Z"},
		{arrow.FixedWidthTypes.Date32, "2001-02-03", "timestamp[s, Europe/Vienna]", `column "x": no cast from date32 to timestamp[s, tz=Europe/Vienna]: a date has no zone; cast it to timestamp[us, UTC] first, its midnight there`},
		{arrow.FixedWidthTypes.Date32, "2001-02-03", "int64", `column "x": no cast from date32 to int64`},
		{us, "2001-02-03 01:00:00", "time64[us]", `column "x": no cast from timestamp[us] to time64[us]`},
		{&arrow.Decimal128Type{Precision: 9, Scale: 2}, "1.25|null", "float64", "1.25|(null)"},
	} {
		m := checked(t)
		rec := cellsOf(t, m, c.from, strings.Split(c.cells, "|")...)
		to, err := ParseType(c.to)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range ranksOfTest {
			parts := make([][]string, n)
			err := collective.RunLocal(n, func(cm collective.Comm) error {
				tab := cut(cm, m, rec, 2)
				defer tab.Release()
				out, err := Cast(cm, tab, "x", to)
				if err != nil {
					return err
				}
				defer out.Release()
				if !arrow.TypeEqual(out.Schema().Field(0).Type, to) {
					return fmt.Errorf("the type is %s", out.Schema().Field(0).Type)
				}
				parts[cm.Rank()] = rowsOf(out.Record())
				return nil
			})
			var rows []string
			for _, p := range parts {
				rows = append(rows, p...)
			}
			got := strings.Join(rows, "|")
			if err != nil {
				got = err.Error()
			}
			if want := c.want; got != want && (err == nil || !strings.HasSuffix(got, "frame: cast: "+want)) {
				t.Errorf("%s to %s, %d ranks: %s\nwant %s", c.from, c.to, n, got, want)
				break
			}
		}
		rec.Release()
	}
}

// Every two types: a cast that succeeds can be undone, one that does not says why; nothing leaks.
func TestCastAll(t *testing.T) {
	rec := exprRecord(t, checked(t))
	defer rec.Release()
	m := checked(t)
	for _, f := range exprFields {
		for _, name := range append(sortedKeys(plainTypes), "timestamp[ns, Europe/Vienna]", "decimal128(20, 3)") {
			to, err := ParseType(name)
			if err != nil {
				t.Fatal(err)
			}
			err = collective.RunLocal(1, func(c collective.Comm) error {
				tab := cut(c, m, rec, 2)
				defer tab.Release()
				there, err := Cast(c, tab, f.Name, to)
				if err != nil {
					if !strings.HasPrefix(err.Error(), "frame: cast: column ") {
						return err
					}
					return nil
				}
				defer there.Release()
				if f.Type.ID() == arrow.FLOAT64 && to.ID() == arrow.FLOAT32 || f.Type.ID() == arrow.TIMESTAMP && to.ID() == arrow.DATE32 {
					return nil
				}
				back, err := Cast(c, there, f.Name, f.Type)
				if err != nil {
					return err
				}
				defer back.Release()
				a, b := tab.Record().Column(tab.Schema().FieldIndices(f.Name)[0]), back.Record().Column(tab.Schema().FieldIndices(f.Name)[0])
				if !array.Equal(a, b) {
					return fmt.Errorf("%v became %v", a, b)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s, %s to %s: %v", f.Name, f.Type, name, err)
			}
		}
	}
}

func TestCastErrors(t *testing.T) {
	rec := exprRecord(t, checked(t))
	defer rec.Release()
	for _, c := range []struct {
		column string
		to     arrow.DataType
		err    string
	}{
		{"ii", arrow.PrimitiveTypes.Int8, `frame: cast: no column "ii"; did you mean "i"?; columns: i, j, u, f, g, b, s, d, t, z, "two words", dec`},
		{"i", arrow.BinaryTypes.String, "frame: cast: no column has type utf8"},
	} {
		wantOpError(t, rec, c.err, func(cm collective.Comm, tab *Table) (*Table, error) { return Cast(cm, tab, c.column, c.to) })
	}
}
