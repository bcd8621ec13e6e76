package frame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

func TestFitScaler(t *testing.T) {
	rec := record("g s, x f64, y i32, fit b", `b 1 10 true; a 2 20 true; b 3 - true; a 8 5 false; - 7 7 true; a 6 21 true; b - 7 -; c - 4 false`)
	xy := []string{"x", "y"}
	for _, c := range []struct {
		o    ScalerOptions
		want string
	}{
		{ScalerOptions{Columns: xy, Method: "minmax"}, "x minmax 1 7; y minmax 4 17"},
		{ScalerOptions{Columns: xy, Method: "minmax", Fit: "fit"}, "x minmax 1 6; y minmax 7 14"},
		{ScalerOptions{Columns: xy, Method: "standard", Fit: "fit"}, "x standard 3.8 2.3151673805580453; y standard 14.5 6.103277807866851"},
		{ScalerOptions{Columns: xy, Method: "robust"}, "x robust 4.5 4.5; y robust 7 9"},
		{ScalerOptions{Columns: xy, Method: "log1p"}, "x log1p 0 1; y log1p 0 1"},
		{ScalerOptions{Columns: xy, Method: "minmax", By: []string{"g"}}, "a x minmax 2 6; a y minmax 5 16; b x minmax 1 2; b y minmax 7 3; c x minmax - -; c y minmax 4 1; - x minmax 7 1; - y minmax 7 1"},
		{ScalerOptions{Columns: xy, Method: "standard", By: []string{"g"}, Fit: "fit"}, "a x standard 4 2; a y standard 20.5 0.5; b x standard 2 1; b y standard 10 1; c x standard - -; c y standard - -; - x standard 7 1; - y standard 7 1"},
		{ScalerOptions{Columns: xy[:1], Method: "robust", By: []string{"g"}}, "a x robust 6 3; b x robust 2 1; c x robust - -; - x robust 7 1"},
		{ScalerOptions{Columns: xy[:1], Method: "cbrt", By: []string{"g"}}, "a x cbrt 0 1; b x cbrt 0 1; c x cbrt 0 1; - x cbrt 0 1"},
	} {
		got := replicated(t, rec, func(c0 collective.Comm, t *Table) (*Table, error) { return FitScaler(c0, t, c.o) })
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%+v:\n%s\nwant\n%s", c.o, strings.Join(got, "; "), c.want)
		}
	}
	wantRows(t, "scale", rec, `b 0 1 true; a 0 0.9375 true; b 1 - true; a 1 0 false; - 0 0 true; a 0.6666666666666666 1 true; b - 0 -; c - 0 false`, true,
		func(c collective.Comm, t *Table) (*Table, error) {
			p, err := FitScaler(c, t, ScalerOptions{Columns: xy, Method: "minmax", By: []string{"g"}})
			if err != nil {
				return nil, err
			}
			defer p.Release()
			return Scale(c, t, p)
		})
}

// Unscale undoes Scale, for every method, float32 too.
func TestScaleInverse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	var rows []string
	for range 200 {
		rows = append(rows, fmt.Sprintf("%d %v %v", rng.IntN(4), rng.ExpFloat64()*100, float32(rng.ExpFloat64())))
	}
	rec := record("g i64, x f64, y f32", strings.Join(rows, ";"))
	for _, method := range scalers {
		for _, by := range [][]string{nil, {"g"}} {
			for _, n := range ranksOfTest {
				if err := collective.RunLocal(n, func(c collective.Comm) error {
					tab := cut(c, checked(t), rec, 3)
					defer tab.Release()
					p, err := FitScaler(c, tab, ScalerOptions{Columns: []string{"x", "y"}, Method: method, By: by})
					if err != nil {
						return err
					}
					defer p.Release()
					s, err := Scale(c, tab, p)
					if err != nil {
						return err
					}
					defer s.Release()
					u, err := Unscale(c, s, p)
					if err != nil {
						return err
					}
					defer u.Release()
					for name, eps := range map[string]float64{"x": 1e-12, "y": 1e-5} {
						want, _ := tab.Float64s(name)
						mid, _ := s.Float64s(name)
						got, _ := u.Float64s(name)
						for i := range want {
							if math.Abs(got[i]-want[i]) > eps*(1+want[i]) {
								t.Errorf("%s %v: %v becomes %v and %v", method, by, want[i], mid[i], got[i])
							}
						}
						if len(want) > 5 && slices.Equal(want, mid) {
							t.Errorf("%s leaves %s as it is", method, name)
						}
					}
					if dt := u.Schema().Field(2).Type; dt.ID() != arrow.FLOAT32 {
						t.Errorf("float32 becomes %s", dt)
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestScalerErrors(t *testing.T) {
	rec := record("g s, x f64, y f64, fit b", `b 1 - true; a 2 - true; b 3 - true`)
	x := []string{"x"}
	for _, c := range []struct {
		o    ScalerOptions
		want string
	}{
		{ScalerOptions{Columns: x, Method: "standart"}, `frame: fit scaler: no scaler "standart"; did you mean "standard"?; scalers: standard, minmax, robust, cbrt, log1p`},
		{ScalerOptions{Method: "minmax"}, `frame: fit scaler: no column is given`},
		{ScalerOptions{Columns: []string{"g"}, Method: "minmax"}, `column "g" is large_utf8, not a number`},
		{ScalerOptions{Columns: x, Method: "minmax", Fit: "x"}, `column "x" is float64, not bool`},
		{ScalerOptions{Columns: []string{"x", "x"}, Method: "minmax"}, `column "x" is given twice`},
		{ScalerOptions{Columns: []string{"y"}, Method: "minmax"}, `frame: fit scaler: column "y" has no cell in the rows to fit`},
	} {
		wantError(t, rec, c.want, func(c0 collective.Comm, t *Table) (*Table, error) { return FitScaler(c0, t, c.o) })
	}
	for params, want := range map[string]string{
		"g s, center f64| a 1": `frame: scale: a table of parameters ends in the columns column and method (text), center and scale (float64); this one has g, center`,
		"g s, column s, method s, center f64, scale f64| a x minmax 0 1":                `frame: scale: the series of "g \"b\"", in row 0 of this rank (from 0), has no parameters`,
		"g s, column s, method s, center f64, scale f64| a x maxmin 0 1":                `row 0 of the parameters has no scaler "maxmin"`,
		"g s, column s, method s, center f64, scale f64| a x cbrt 0 1;a x cbrt 0 1":     `rows 0 and 1 of the parameters are of column "x" of one series`,
		"g s, column s, method s, center f64, scale f64| a x minmax 0 1;b y minmax 0 1": `has no parameters for column`,
		"column s, method s, center f64, scale f64| z minmax 0 1":                       `no column "z"`,
		"g i64, column s, method s, center f64, scale f64| 1 x minmax 0 1":              `column "g" of the left table is large_utf8, column "g" of the right one int64; cast one of them`,
	} {
		columns, rows, _ := strings.Cut(params, "|")
		whole := rec
		if strings.Contains(want, "rows 0 and 1") {
			whole = rec.NewSlice(1, 2)
		}
		wantError(t, whole, want, func(c collective.Comm, t *Table) (*Table, error) {
			p, err := NewTable(t.Memory(), record(columns, rows).Schema(), record(columns, rows))
			if err != nil {
				return nil, err
			}
			defer p.Release()
			return Scale(c, t, p)
		})
	}
}
