package frame

import (
	"fmt"
	"strings"
	"testing"

	"deeprc/collective"
)

func TestPivot(t *testing.T) {
	rec := record("g s, t d32, x f64, k i32, n s", `b 2020-01-02 1 10 tmax; a 2020-01-05 2 9 tmin; a 2020-01-05 4 9 tmin; - 2020-01-01 8 -3 q; b 2020-01-02 - 9 q; a 2020-01-01 3 10 q`)
	for _, c := range []struct {
		o     PivotOptions
		names string
		want  string
	}{
		{PivotOptions{Index: []string{"g"}, Columns: "n", Values: "x"}, "g q tmax tmin", "a 3 - 2; b - 1 -; - 8 - -"},
		{PivotOptions{Index: []string{"g"}, Columns: "n", Values: "x", Func: "sum"}, "g q tmax tmin", "a 3 - 6; b - 1 -; - 8 - -"},
		{PivotOptions{Index: []string{"g"}, Columns: "n", Values: "x", Func: "count"}, "g q tmax tmin", "a 1 - 2; b 0 1 -; - 1 - -"},
		{PivotOptions{Index: []string{"g", "t"}, Columns: "k", Values: "n", Func: "last"}, "g t -3 9 10", "a 2020-01-01 - - q; a 2020-01-05 - tmin -; b 2020-01-02 - q tmax; - 2020-01-01 q - -"},
		{PivotOptions{Index: []string{"n"}, Columns: "t", Values: "k", Func: "max"}, "n 2020-01-01 2020-01-02 2020-01-05", "q 10 9 -; tmax - 10 -; tmin - - 9"},
	} {
		wantRows(t, c.names, rec, c.want, false, func(c0 collective.Comm, tab *Table) (*Table, error) {
			out, err := Pivot(c0, tab, c.o)
			if err == nil && strings.Join(out.Names(), " ") != c.names {
				t.Errorf("columns %v, want %s", out.Names(), c.names)
			}
			return out, err
		})
	}
	for _, c := range []struct {
		o    PivotOptions
		want string
	}{
		{PivotOptions{Columns: "n", Values: "x"}, "frame: pivot: no index column is given"},
		{PivotOptions{Index: []string{"n"}, Columns: "n", Values: "x"}, `frame: pivot: column "n" is given twice`},
		{PivotOptions{Index: []string{"n"}, Columns: "g", Values: "x"}, `frame: pivot: column "g" lacks a name in 1 row of this rank, the first in row`},
		{PivotOptions{Index: []string{"g"}, Columns: "n", Values: "n", Func: "mean"}, `frame: pivot: column "n" is large_utf8, which has no mean`},
		{PivotOptions{Index: []string{"g"}, Columns: "n", Values: "y"}, `frame: pivot: no column "y"`},
	} {
		wantError(t, rec, c.want, func(c0 collective.Comm, t *Table) (*Table, error) { return Pivot(c0, t, c.o) })
	}
	clash := record("q i64, n s", "1 q; 2 r")
	wantError(t, clash, `two columns of the result would be named "q"`, func(c collective.Comm, t *Table) (*Table, error) {
		return Pivot(c, t, PivotOptions{Index: []string{"q"}, Columns: "n", Values: "q"})
	})
	var rows []string
	for i := range maxPivot + 1 {
		rows = append(rows, fmt.Sprintf("1 %d", i))
	}
	wantError(t, record("g i64, n i64", strings.Join(rows, ";")), `column "n" has more than 10000 different cells, too many for columns`, func(c collective.Comm, t *Table) (*Table, error) {
		return Pivot(c, t, PivotOptions{Index: []string{"g"}, Columns: "n", Values: "n"})
	})
}

func TestMelt(t *testing.T) {
	rec := record("g s, x f64, y f64, k i32", `b 1 - 10; - 2 4 -; a - 5 3`)
	for _, c := range []struct {
		o    MeltOptions
		want string
	}{
		{MeltOptions{ID: []string{"g", "k"}}, "b 10 x 1; b 10 y -; - - x 2; - - y 4; a 3 x -; a 3 y 5"},
		{MeltOptions{Values: []string{"y", "x"}}, "y -; x 1; y 4; x 2; y 5; x -"},
		{MeltOptions{ID: []string{"k"}, Values: []string{"g"}}, "10 g b; - g -; 3 g a"},
	} {
		wantRows(t, fmt.Sprintf("%+v", c.o), rec, c.want, true, func(c0 collective.Comm, t *Table) (*Table, error) { return Melt(c0, t, c.o) })
	}
	for _, c := range []struct {
		o    MeltOptions
		want string
	}{
		{MeltOptions{ID: []string{"g"}}, `frame: melt: column "x" is float64, column "k" int32: value columns have one type; cast one, or name the columns`},
		{MeltOptions{ID: []string{"g", "x", "y", "k"}}, `frame: melt: no value column is given`},
		{MeltOptions{ID: []string{"g"}, Values: []string{"x"}, Value: "g"}, `two columns of the result would be named "g"`},
		{MeltOptions{ID: []string{"h"}, Values: []string{"x"}}, `no column "h"`},
	} {
		wantError(t, rec, c.want, func(c0 collective.Comm, t *Table) (*Table, error) { return Melt(c0, t, c.o) })
	}
}
