package frame

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

func TestAsOf(t *testing.T) {
	const l = `b 2020-01-03 1; a 2020-01-05 2; - 2020-01-05 3; a 2020-01-01 4; b 2020-01-09 5`
	const r = `a 2020-01-04 10; b 2020-01-03 20; b 2020-01-03 21; - 2020-01-05 30; a 2020-01-06 40; c 2020-01-01 50; b 2020-01-05 60`
	left, right := record("g s, t d32, x f64", l), record("g s, t d32, x f64", r)
	for _, c := range []struct {
		o    AsOfOptions
		want string
	}{
		{AsOfOptions{}, "a 2020-01-01 4 -; a 2020-01-05 2 10; b 2020-01-03 1 21; b 2020-01-09 5 60; - 2020-01-05 3 -"},
		{AsOfOptions{Direction: "forward"}, "a 2020-01-01 4 10; a 2020-01-05 2 40; b 2020-01-03 1 20; b 2020-01-09 5 -; - 2020-01-05 3 -"},
		{AsOfOptions{Direction: "nearest"}, "a 2020-01-01 4 10; a 2020-01-05 2 10; b 2020-01-03 1 21; b 2020-01-09 5 60; - 2020-01-05 3 -"},
		{AsOfOptions{Direction: "nearest", Tolerance: "2d"}, "a 2020-01-01 4 -; a 2020-01-05 2 10; b 2020-01-03 1 21; b 2020-01-09 5 -; - 2020-01-05 3 -"},
	} {
		c.o.By, c.o.On = []string{"g"}, "t"
		for n, got := range onRanks(t, 1, []arrow.Record{left, right}, func(c0 collective.Comm, tabs []*Table) (*Table, error) { return AsOf(c0, tabs[0], tabs[1], c.o) }) {
			got, want := printed(got), strings.Split(c.want, "; ")
			if n > 1 {
				slices.Sort(got)
				slices.Sort(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v on %d: %v, want %v", c.o, n, got, want)
			}
		}
	}
}

// Without keys, left rows stay where they are; compared with a look at all pairs.
func TestAsOfAll(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 0))
		days := func(n int) (rec arrow.Record, at []int) {
			var rows []string
			for i := range n {
				at = append(at, rng.IntN(60))
				rows = append(rows, fmt.Sprintf("%d %d", i, at[i]*86400))
			}
			return asTime(record("i i64, t i64", strings.Join(rows, ";"))), at
		}
		l, lt := days(rng.IntN(50))
		r, rt := days(rng.IntN(20))
		for _, direction := range []string{"backward", "forward", "nearest"} {
			var want []string
			for i, x := range lt {
				best := -1
				for k, y := range rt {
					if direction == "backward" && y > x || direction == "forward" && y < x || max(x-y, y-x) > 5 {
						continue
					}
					if best < 0 {
						best = k
						continue
					}
					d, e := max(x-y, y-x), max(x-rt[best], rt[best]-x)
					if d < e || d == e && (y < rt[best] || y == rt[best] && y <= x && direction != "forward") {
						best = k
					}
				}
				cell := "-"
				if best >= 0 {
					cell = fmt.Sprint(best)
				}
				want = append(want, fmt.Sprintf("%d %s", i, cell))
			}
			for n, got := range onRanks(t, seed, []arrow.Record{l, r}, func(c collective.Comm, tabs []*Table) (*Table, error) {
				return AsOf(c, tabs[0], tabs[1], AsOfOptions{On: "t", Direction: direction, Tolerance: "5d"})
			}) {
				for i, row := range printed(got) {
					f := strings.Fields(row)
					if f[0]+" "+f[2] != want[i] {
						t.Fatalf("seed %d, %s on %d: row %d is %s, want %s of %v in %v", seed, direction, n, i, row, want[i], lt[i], rt)
					}
				}
			}
		}
	}
}

func TestAsOfErrors(t *testing.T) {
	left := record("g s, t d32, x f64", "a 2020-01-01 1; a 2020-01-02 1")
	for _, c := range []struct {
		right, rows string
		o           AsOfOptions
		want        string
	}{
		{"g s, t d32, x f64", "a 2020-01-01 1", AsOfOptions{On: "t", Direction: "back"}, `frame: as-of join: the direction is backward, forward or nearest, not "back"`},
		{"g s, t us, x f64", "a 2020-01-01 1", AsOfOptions{On: "t"}, `frame: as-of join: column "t" of the left table is date32, column "t" of the right one timestamp[us]; cast one of them`},
		{"g s, t d32, x f64", "a - 1", AsOfOptions{On: "t"}, `frame: as-of join: right: column "t" lacks a time in 1 row`},
		{"g s, t d32, x f64", "a 2020-01-01 1", AsOfOptions{On: "t", Tolerance: "1h"}, `tolerance "1h": the time column counts in steps of 1d`},
		{"t d32, x_right f64, x f64", "2020-01-01 1 1", AsOfOptions{On: "t"}, `two columns of the result would be named "x_right"`},
		{"g s, t d32, x f64", "a 2020-01-01 1", AsOfOptions{}, `no time column is given`},
	} {
		wantError(t, left, c.want, func(c0 collective.Comm, l *Table) (*Table, error) {
			rec := record(c.right, c.rows)
			r, err := NewTable(l.Memory(), rec.Schema(), rec)
			if err != nil {
				return nil, err
			}
			defer r.Release()
			return AsOf(c0, l, r, c.o)
		})
	}
}
