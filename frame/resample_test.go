package frame

import (
	"testing"

	"deeprc/collective"
)

func TestResample(t *testing.T) {
	daily := record("g s, t d32, x f64, i i32", `b 2020-01-31 1 1; a 2020-03-01 2 2; a 2020-01-01 - 3; b 2020-01-05 4 -; a 2020-01-31 8 5; b 2020-01-06 0 7`)
	hourly := record("t us, x f64", `1970-01-01T23:59:59 1; 1970-01-02T00:00:00 2; 1970-01-02T06:00:00 4; 1970-01-02T06:30:00 8; 1969-12-31T23:00:00 16`)
	all := []Agg{{Column: "t", Func: "count"}, {Column: "x", Func: "count"}, {Column: "x", Func: "sum"}, {Column: "x", Func: "mean"}, {Column: "i", Func: "max"}, {Column: "i", Func: "first"},
		{Column: "i", Func: "last"}, {Column: "i", Func: "sum"}, {Column: "x", Func: "std"}, {Column: "x", Func: "median"}, {Column: "t", Func: "min"}}
	sum := []Agg{{Column: "x", Func: "sum"}}
	for _, c := range []struct {
		what string
		o    ResampleOptions
		want string
	}{
		{"months", ResampleOptions{Every: "1mo", Aggs: all}, `a 2020-01-01 2 1 8 8 5 3 5 8 - 8 2020-01-01; a 2020-03-01 1 1 2 2 2 2 2 2 - 2 2020-03-01;
			b 2020-01-01 3 3 5 1.6666666666666667 7 7 1 8 2.0816659994661326 1 2020-01-05`},
		{"gaps", ResampleOptions{Every: "1mo", Aggs: all[:4], Gaps: true}, `a 2020-01-01 2 1 8 8; a 2020-02-01 0 0 - -; a 2020-03-01 1 1 2 2; b 2020-01-01 3 3 5 1.6666666666666667`},
		{"years", ResampleOptions{Every: "1y", Aggs: sum, Label: "right"}, `a 2021-01-01 10; b 2021-01-01 5`},
		{"weeks", ResampleOptions{Every: "1w", Aggs: sum}, `a 2019-12-30 -; a 2020-01-27 8; a 2020-02-24 2; b 2019-12-30 4; b 2020-01-06 0; b 2020-01-27 1`},
		{"from the start", ResampleOptions{Every: "30d", Aggs: sum, Origin: "start"}, `a 2020-01-01 -; a 2020-01-31 8; a 2020-03-01 2; b 2020-01-05 5`},
		{"right", ResampleOptions{Every: "30d", Aggs: sum, Origin: "2020-01-01", Closed: "right", Label: "right"}, `a 2020-01-01 -; a 2020-01-31 8; a 2020-03-01 2; b 2020-01-31 5`},
	} {
		wantRows(t, c.what, daily, c.want, false, func(c0 collective.Comm, t *Table) (*Table, error) { return Resample(c0, t, []string{"g"}, "t", c.o) })
	}
	for _, c := range []struct {
		what string
		o    ResampleOptions
		want string
	}{
		{"days", ResampleOptions{Every: "1d", Aggs: sum}, `1969-12-31T00:00:00Z 16; 1970-01-01T00:00:00Z 1; 1970-01-02T00:00:00Z 14`},
		{"6 h", ResampleOptions{Every: "6h", Aggs: sum}, `1969-12-31T18:00:00Z 16; 1970-01-01T18:00:00Z 1; 1970-01-02T00:00:00Z 2; 1970-01-02T06:00:00Z 12`},
		{"6 h right", ResampleOptions{Every: "6h", Aggs: sum, Closed: "right", Label: "right"}, `1970-01-01T00:00:00Z 16; 1970-01-02T00:00:00Z 3; 1970-01-02T06:00:00Z 4; 1970-01-02T12:00:00Z 8`},
		{"6 h from 1", ResampleOptions{Every: "6h", Aggs: sum, Origin: "2024-02-29 01:00"}, `1969-12-31T19:00:00Z 16; 1970-01-01T19:00:00Z 3; 1970-01-02T01:00:00Z 12`},
	} {
		wantRows(t, c.what, hourly, c.want, true, func(c0 collective.Comm, t *Table) (*Table, error) { return Resample(c0, t, nil, "t", c.o) })
	}
	wantRows(t, "no rows", record("t us, x f64", "").NewSlice(0, 0), "", true, func(c collective.Comm, t *Table) (*Table, error) {
		return Resample(c, t, nil, "t", ResampleOptions{Every: "1d", Aggs: sum, Gaps: true})
	})
}

// A table that is beyond the memory limit may have gaps.
func TestResampleGapsBeyondLimit(t *testing.T) {
	m := checked(t)
	rec := record("t d32, x f64", `2020-01-01 1; 2020-01-04 2`)
	tab, err := NewTable(NewMemory(MemoryOptions{Limit: 1, Under: m, Scratch: t.TempDir()}), rec.Schema(), rec.NewSlice(0, 2))
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Release()
	out, err := Resample(collective.Local(1)[0], tab, nil, "t", ResampleOptions{Every: "1d", Aggs: []Agg{{Column: "x", Func: "count"}}, Gaps: true})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	if out.NumRows() != 4 {
		t.Errorf("%d rows, want 4", out.NumRows())
	}
}

func TestResampleErrors(t *testing.T) {
	rec := record("g s, t d32, x f64, i i64", `b 2020-01-31 1 9223372036854775807; a - 2 2; b 2020-01-31 4 5`)
	whole := rec.NewSlice(0, 1)
	sum := []Agg{{Column: "x", Func: "sum"}}
	for _, c := range []struct {
		time string
		o    ResampleOptions
		want string
	}{
		{"t", ResampleOptions{Every: "1mo"}, "frame: resample: no aggregate is given"},
		{"t", ResampleOptions{Every: "1h", Aggs: sum}, `frame: resample: "1h": the time column counts in steps of 1d, of which this is no multiple; cast the column to a finer unit`},
		{"t", ResampleOptions{Every: "0d", Aggs: sum}, `frame: resample: "0d" is not a length of time; want a whole number above 0 and a unit`},
		{"t", ResampleOptions{Every: "1mo", Aggs: sum, Origin: "start"}, `months and years begin on their first day; leave out the origin "start"`},
		{"t", ResampleOptions{Every: "1d", Aggs: sum, Origin: "2020-01-01 05:00"}, `origin: "2020-01-01 05:00" is finer than the time column`},
		{"t", ResampleOptions{Every: "1d", Aggs: sum, Closed: "both"}, `closed and label are left or right, not "both"`},
		{"t", ResampleOptions{Every: "1d", Aggs: []Agg{{Column: "x", Func: "man"}}}, `there is no aggregate "man"; did you mean `},
		{"t", ResampleOptions{Every: "1d", Aggs: []Agg{{Column: "g", Func: "sum"}}}, `column "g" is large_utf8, which has no sum`},
		{"t", ResampleOptions{Every: "1d", Aggs: []Agg{{Column: "y", Func: "sum"}}}, `no column "y"; did you mean "g"?; columns: g, t, x, i`},
		{"t", ResampleOptions{Every: "1d", Aggs: []Agg{{Column: "x", Func: "sum", As: "t"}}}, `two columns of the result would be named "t"`},
		{"x", ResampleOptions{Every: "1d", Aggs: sum}, `column "x" is float64, not a date or timestamp`},
	} {
		wantError(t, whole, c.want, func(c0 collective.Comm, t *Table) (*Table, error) { return Resample(c0, t, []string{"g"}, c.time, c.o) })
	}
	wantError(t, rec, `column "t" lacks a time in 1 row of this rank`, func(c collective.Comm, t *Table) (*Table, error) {
		return Resample(c, t, nil, "t", ResampleOptions{Every: "1d", Aggs: sum})
	})
	over := record("t d32, i i64", `2020-01-31 9223372036854775807; 2020-01-31 1`)
	wantError(t, over, `the sum of column "i" does not fit 64 bits; cast it to float64`, func(c collective.Comm, t *Table) (*Table, error) {
		return Resample(c, t, nil, "t", ResampleOptions{Every: "1d", Aggs: []Agg{{Column: "i", Func: "sum"}}})
	})
	far := record("t ns, i i64", `1900-01-01 1; 2100-01-01 1`)
	wantError(t, far, `with gaps filled, a series from 1900-01-01 00:00:00 on has 6311433600000 bins of "1ms" in one gap; look for wrong times, or choose longer bins`, func(c collective.Comm, t *Table) (*Table, error) {
		return Resample(c, t, nil, "t", ResampleOptions{Every: "1ms", Gaps: true, Aggs: []Agg{{Column: "i", Func: "sum"}}})
	})
}
