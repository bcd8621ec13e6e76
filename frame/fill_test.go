package frame

import (
	"strings"
	"testing"

	"deeprc/collective"
)

func TestFill(t *testing.T) {
	rec := record("g s, t d32, x f64, y f32, i i32, fit b", `b 2020-01-02 - - 5 true; a 2020-01-05 - - - true; a 2020-01-01 - 1 1 true; a 2020-01-02 2 - - true;
		b 2020-01-01 - 3 - true; a 2020-01-03 - - - false; a 2020-01-09 6 5 9 -; a 2020-01-11 - - 9 true`)
	keys := strings.Split("a 2020-01-01;a 2020-01-02;a 2020-01-03;a 2020-01-05;a 2020-01-09;a 2020-01-11;b 2020-01-01;b 2020-01-02", ";")
	fits := strings.Fields("true true false true - true true true")
	const x, y, i = "- 2 - - 6 - - -", "1 - - - 5 - 3 -", "1 - - - 9 9 - 5"
	for _, c := range []struct {
		o       FillOptions
		x, y, i string
	}{
		{FillOptions{Columns: []string{"x", "y", "i"}, Method: "forward"}, "- 2 2 2 6 6 - -", "1 1 1 1 5 5 3 3", "1 1 1 1 9 9 - 5"},
		{FillOptions{Columns: []string{"x", "y", "i"}, Method: "forward", Limit: 1}, "- 2 2 - 6 6 - -", "1 1 - - 5 5 3 3", "1 1 - - 9 9 - 5"},
		{FillOptions{Columns: []string{"x", "i"}, Method: "backward"}, "2 2 6 6 6 - - -", y, "1 9 9 9 9 9 5 5"},
		{FillOptions{Columns: []string{"y", "i"}, Method: "backward", Limit: 2}, x, "1 - 5 5 5 - 3 -", "1 - 9 9 9 9 5 5"},
		{FillOptions{Columns: []string{"x", "y"}, Method: "linear"}, "- 2 2.571428571428571 3.7142857142857144 6 - - -", "1 1.5 2 3 5 - 3 -", i},
		{FillOptions{Columns: []string{"x", "y"}, Method: "linear", Limit: 2}, "- 2 2.571428571428571 3.7142857142857144 6 - - -", y, i},
		{FillOptions{Columns: []string{"x", "y"}, Method: "mean"}, "4 2 4 4 6 4 - -", "1 3 3 3 5 3 3 3", i},
		{FillOptions{Columns: []string{"x"}, Method: "mean", Fit: "fit"}, "2 2 2 2 6 2 - -", y, i},
	} {
		var want []string
		xs, ys, is := strings.Fields(c.x), strings.Fields(c.y), strings.Fields(c.i)
		for k := range keys {
			want = append(want, strings.Join([]string{keys[k], xs[k], ys[k], is[k], fits[k]}, " "))
		}
		wantRows(t, c.o.Method, rec, strings.Join(want, ";"), false, func(c0 collective.Comm, t *Table) (*Table, error) {
			return Fill(c0, t, []string{"g"}, "t", c.o)
		})
	}
}

// A constant fills columns of every type, and leaves rows where they are.
func TestFillConstant(t *testing.T) {
	rec := record("g s, x f64, i i32, b b", `b 1 - true; - - 3 -; a - - false`)
	for _, c := range []struct {
		columns string
		value   any
		want    string
	}{
		{"x i", int64(7), "b 1 7 true; - 7 3 -; a 7 7 false"},
		{"x", -1.5, "b 1 - true; - -1.5 3 -; a -1.5 - false"},
		{"g", "none", "b 1 - true; none - 3 -; a - - false"},
		{"b", true, "b 1 - true; - - 3 true; a - - false"},
	} {
		wantRows(t, c.columns, rec, c.want, true, func(c0 collective.Comm, t *Table) (*Table, error) {
			return Fill(c0, t, nil, "", FillOptions{Columns: strings.Fields(c.columns), Method: "constant", Value: c.value})
		})
	}
}

func TestFillErrors(t *testing.T) {
	rec := record("g s, t d32, x f64, i i32", `b 2020-01-02 1 -; a 2020-01-05 - 4`)
	x := []string{"x"}
	for _, c := range []struct {
		o    FillOptions
		want string
	}{
		{FillOptions{Columns: x, Method: "foreward"}, `frame: fill: no method "foreward"; did you mean "forward"?; methods: forward, backward, linear, constant, mean`},
		{FillOptions{Method: "forward"}, `frame: fill: no column is given`},
		{FillOptions{Columns: x, Method: "forward", Limit: -1}, `the limit -1 is below 0`},
		{FillOptions{Columns: x, Method: "mean", Limit: 1}, `a limit is for forward, backward and linear, not mean`},
		{FillOptions{Columns: x, Method: "constant"}, `a value is for constant, which needs one; the method is constant`},
		{FillOptions{Columns: x, Method: "forward", Fit: "x"}, `a fit column is for mean; the method is forward`},
		{FillOptions{Columns: x, Method: "mean", Fit: "x"}, `column "x" is float64, not bool`},
		{FillOptions{Columns: []string{"i"}, Method: "linear"}, `linear of column "i": it is int32, not float32 or float64; cast it`},
		{FillOptions{Columns: []string{"g"}, Method: "forward"}, `column "g" orders the rows; it cannot be filled`},
		{FillOptions{Columns: []string{"x", "x"}, Method: "forward"}, `column "x" is given twice`},
		{FillOptions{Columns: []string{"i"}, Method: "constant", Value: 1.5}, `column "i": it is int32, which cannot hold the value 1.5`},
		{FillOptions{Columns: []string{"i"}, Method: "constant", Value: "a"}, `column "i": it is int32, which cannot hold the value a`},
		{FillOptions{Columns: []string{"i"}, Method: "constant", Value: 1}, `column "i": the value 1 is a int; want bool, int64, float64 or string`},
	} {
		wantError(t, rec, c.want, func(c0 collective.Comm, t *Table) (*Table, error) { return Fill(c0, t, []string{"g"}, "t", c.o) })
	}
	wantError(t, rec, `forward needs a time column`, func(c collective.Comm, t *Table) (*Table, error) {
		return Fill(c, t, []string{"g"}, "", FillOptions{Columns: x, Method: "forward"})
	})
}
