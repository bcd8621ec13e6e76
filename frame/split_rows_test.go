package frame

import (
	"testing"

	"deeprc/collective"
)

func TestSplit(t *testing.T) {
	rec := record("g s, t d32", `b 2020-01-05; a 2020-01-01; a 2020-01-03; a 2020-01-02; a 2020-01-02; a 2020-01-04; a 2020-01-05; b 2020-01-01; a 2020-01-06`)

	for _, c := range []struct {
		what  string
		o     SplitOptions
		want  string
		still bool
	}{
		{"dates", SplitOptions{Dates: []string{"2020-01-03", "2020-01-05"}},
			`b 2020-01-05 test; a 2020-01-01 train; a 2020-01-03 val; a 2020-01-02 train; a 2020-01-02 train; a 2020-01-04 val; a 2020-01-05 test; b 2020-01-01 train; a 2020-01-06 test`, true},
		{"three dates", SplitOptions{Dates: []string{"2020-01-03", "2020-01-05", "2020-01-06"}},
			`b 2020-01-05 test; a 2020-01-01 train; a 2020-01-03 val; a 2020-01-02 train; a 2020-01-02 train; a 2020-01-04 val; a 2020-01-05 test; b 2020-01-01 train; a 2020-01-06 -`, true},
		{"fractions", SplitOptions{Fractions: []float64{0.5, 0.25, 0.25}}, // 6 times of a: 3, 2, 1; 2 of b: 1, 1, 0
			`a 2020-01-01 train; a 2020-01-02 train; a 2020-01-02 train; a 2020-01-03 train; a 2020-01-04 val; a 2020-01-05 val; a 2020-01-06 test; b 2020-01-01 train; b 2020-01-05 val`, false},
		{"less than 1", SplitOptions{Fractions: []float64{0.34, 0.2, 0.2}},
			`a 2020-01-01 train; a 2020-01-02 train; a 2020-01-02 train; a 2020-01-03 val; a 2020-01-04 test; a 2020-01-05 -; a 2020-01-06 -; b 2020-01-01 -; b 2020-01-05 -`, false},
		{"steps", SplitOptions{Steps: []int{2, 1, 2}},
			`a 2020-01-01 train; a 2020-01-02 train; a 2020-01-02 train; a 2020-01-03 val; a 2020-01-04 test; a 2020-01-05 test; a 2020-01-06 -; b 2020-01-01 train; b 2020-01-05 train`, false},
		{"flags", SplitOptions{Steps: []int{1, 1, 1}, Flags: true},
			`a 2020-01-01 true false false; a 2020-01-02 false true false; a 2020-01-02 false true false; a 2020-01-03 false false true; a 2020-01-04 false false false; a 2020-01-05 false false false;
			 a 2020-01-06 false false false; b 2020-01-01 true false false; b 2020-01-05 false true false`, false},
	} {
		wantRows(t, c.what, rec, c.want, c.still, func(c0 collective.Comm, t *Table) (*Table, error) { return Split(c0, t, []string{"g"}, "t", c.o) })
	}
	const kinds = "frame: split: give three fractions, three numbers of steps, or two or three dates"
	for _, c := range []struct {
		o    SplitOptions
		want string
	}{
		{SplitOptions{}, kinds},
		{SplitOptions{Steps: []int{1, 2}}, kinds},
		{SplitOptions{Steps: []int{1, 2, 3}, Fractions: []float64{0.1, 0.2, 0.3}}, kinds},
		{SplitOptions{Fractions: []float64{0.5, 0.5, 0.5}}, "frame: split: the fractions sum to 1.5: more than 1"},
		{SplitOptions{Fractions: []float64{0.5, -0.5, 0.5}}, "the fraction -0.5 is below 0"},
		{SplitOptions{Steps: []int{1, -2, 3}}, "the number of steps -2 is below 0"},
		{SplitOptions{Dates: []string{"2020-01-05", "2020-01-03"}}, `"2020-01-03" is not after "2020-01-05"`},
		{SplitOptions{Dates: []string{"2020-01-05", "2020-13-03"}}, `"2020-13-03" is not a time; want it as in 2006-01-02`},
		{SplitOptions{Steps: []int{1, 2, 3}, As: "g"}, `two columns of the result would be named "g"`},
	} {
		wantError(t, rec, c.want, func(c0 collective.Comm, t *Table) (*Table, error) { return Split(c0, t, []string{"g"}, "t", c.o) })
	}
}
