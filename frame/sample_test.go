package frame

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// The same rows on any number of ranks, in order; other seeds give other rows.
func TestSample(t *testing.T) {
	rec := someTable(checked(t), rand.New(rand.NewPCG(4, 4)), 2000, 5)
	defer rec.Release()
	all := rowsOf(rec)
	seen := map[string]bool{}
	for _, o := range []SampleOptions{{Rows: 1}, {Rows: 300}, {Rows: 300, Seed: 1}, {Rows: 2000}, {Rows: 3000}, {Fraction: 0.25}, {Fraction: 0.25, Seed: 7}, {Fraction: 1}, {Fraction: 1e-300}} {
		got := onRanks(t, o.Seed, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) { return Sample(c, tabs[0], o) })
		one := got[1]
		for n, rows := range got {
			if !slices.Equal(rows, one) {
				t.Errorf("%+v: %d ranks have other rows than one", o, n)
			}
		}
		want, near := min(int(o.Rows), 2000), 0
		if o.Rows == 0 {
			want, near = int(2000*o.Fraction), 80 // 4 deviations, √(2000·0.25·0.75) ≈ 19
		}
		if d := len(one) - want; d < -near || d > near {
			t.Errorf("%+v: %d rows, want %d ± %d", o, len(one), want, near)
		}
		at := 0
		for _, r := range one { // row numbers make rows differ
			for at < len(all) && all[at] != r {
				at++
			}
			if at == len(all) {
				t.Errorf("%+v: %s is no row, or not in order", o, r)
				break
			}
		}
		if key := fmt.Sprint(one); len(one) > 1 && len(one) < 2000 {
			if seen[key] {
				t.Errorf("%+v: the same rows as before", o)
			}
			seen[key] = true
		}
	}
	for _, c := range []struct {
		o   SampleOptions
		err string
	}{
		{SampleOptions{}, "frame: sample: want a number of rows or a fraction, one of them"},
		{SampleOptions{Rows: 1, Fraction: 0.5}, "frame: sample: want a number of rows or a fraction, one of them"},
		{SampleOptions{Rows: -1}, "frame: sample: -1 rows: want 0 or more"},
		{SampleOptions{Fraction: 1.5}, "frame: sample: the fraction is 1.5: want more than 0, at most 1"},
	} {
		wantOpError(t, rec, c.err, func(cm collective.Comm, tab *Table) (*Table, error) { return Sample(cm, tab, c.o) })
	}
}
