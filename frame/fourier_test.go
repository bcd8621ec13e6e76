package frame

import (
	"math"
	"testing"

	"deeprc/collective"
)

func TestFourier(t *testing.T) {
	rec := record("t us", `2024-01-01T00:00:00; 2024-07-02T00:00:00; 2023-12-31T12:00:00; 1969-12-29T00:00:00; -; 2024-02-29T18:00:00`)
	phase := map[string][]float64{ // 2024 has 366 days; 1969-12-29 was a Monday
		"doy": {0, 183. / 366, 364.5 / 365, 362. / 365, math.NaN(), 59.75 / 366},
		"dow": {0, 1. / 7, 6.5 / 7, 0, math.NaN(), 3.75 / 7},
		"tod": {0, 0, 0.5, 0, math.NaN(), 0.75},
	}
	one := onlyRank(t)
	tab := cut(one, checked(t), rec, 3)
	defer tab.Release()
	out, err := Fourier(one, tab, "t", Cycle{Period: "year", Harmonics: 3}, Cycle{Period: "week", Harmonics: 3}, Cycle{Period: "day", Harmonics: 3, Float32: true})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	for name, p := range phase {
		for k, digit := range []string{"1", "2", "3"} {
			for fn, f := range map[string]func(float64) float64{"sin": math.Sin, "cos": math.Cos} {
				got, err := out.Float64s(name + "_" + fn + digit)
				if err != nil {
					t.Fatal(err)
				}
				for i, x := range p {
					if want := f(2 * math.Pi * float64(k+1) * x); math.Abs(got[i]-want) > 1e-6 || (got[i] != got[i]) != (want != want) {
						t.Errorf("%s_%s%s of row %d is %v, want %v", name, fn, digit, i, got[i], want)
					}
				}
			}
		}
	}
	days := record("t d32, doy_sin1 f64", "2020-01-01 1")
	for want, y := range map[string]Cycle{
		`frame: fourier: the period is day, week or year, not "month"`:        {Period: "month", Harmonics: 1},
		`frame: fourier: 0 harmonics of a year: want 1 to 1000`:               {Period: "year"},
		`frame: fourier: column "t" holds dates, which have no time of day`:   {Period: "day", Harmonics: 1},
		`frame: fourier: two columns of the result would be named "doy_sin1"`: {Period: "year", Harmonics: 1},
	} {
		wantError(t, days, want, func(c collective.Comm, t *Table) (*Table, error) { return Fourier(c, t, "t", y) })
	}
	wantError(t, days, `column "doy_sin1" is float64, not a date or timestamp`, func(c collective.Comm, t *Table) (*Table, error) {
		return Fourier(c, t, "doy_sin1", Cycle{Period: "year", Harmonics: 1})
	})
	wantRows(t, "weeks", record("t d32", "1970-01-05; 1970-01-12; -"), "1970-01-05 0 1; 1970-01-12 0 1; - - -", true, func(c collective.Comm, t *Table) (*Table, error) {
		return Fourier(c, t, "t", Cycle{Period: "week", Harmonics: 1})
	})
}
