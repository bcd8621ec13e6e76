package frame

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

func TestCompute(t *testing.T) {
	rec := exprRecord(t, checked(t))
	defer rec.Release()
	m := checked(t)
	err := collective.RunLocal(1, func(c collective.Comm) error {
		tab := cut(c, m, rec, 1)
		defer tab.Release()
		replaced, err := Compute(c, tab, "j", "j * 1000")
		if err != nil {
			return err
		}
		defer replaced.Release()
		more, err := Compute(c, replaced, "k", "j + 1")
		if err != nil {
			return err
		}
		defer more.Release()
		if want := strings.Join(tab.Names(), " ") + " k"; strings.Join(more.Names(), " ") != want {
			return fmt.Errorf("columns %v, want %s", more.Names(), want)
		}
		a, err := more.Column("k")
		if err != nil {
			return err
		}
		if want := "[2001 5001 (null) -127999 1]"; fmt.Sprint(a) != want {
			return fmt.Errorf("%v, want %s", a, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Tables without rows, and ranks without rows, have the new column too.
func TestComputeNoRows(t *testing.T) {
	rec := someTable(checked(t), rand.New(rand.NewPCG(1, 1)), 0, 3)
	defer rec.Release()
	for _, x := range []string{"k + 1", "lag(s, 1)", "lead(f, 2, k)", "b ? s : 'x'"} {
		got := onRanks(t, 1, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) { return Compute(c, tabs[0], "x", x) })
		for n, rows := range got {
			if len(rows) != 0 {
				t.Errorf("%s, %d ranks: %v", x, n, rows)
			}
		}
	}
}

// Nanoseconds are rounded down to the microseconds of timestamp(x).
func TestComputeTimestamp(t *testing.T) {
	rec := record("t ns", `1970-01-01T00:00:00.000001999; 1969-12-31T23:59:59.999999999; -`)
	wantRows(t, "timestamp", rec, `1970-01-01T01:00:00.000001+0100; 1970-01-01T00:59:59.999999+0100; -`, true, func(c collective.Comm, t *Table) (*Table, error) {
		return Compute(c, t, "t", "timestamp(t)")
	})
}

func TestComputeErrors(t *testing.T) {
	rec := exprRecord(t, checked(t))
	defer rec.Release()
	for _, c := range []struct{ name, expr, err string }{
		{"", "i", "frame: compute: the new column has no name"},
		{"x", "lag(i + 1, 1, s)", "frame: compute: row 4 of the table (from 0): 9223372036854775807 + 1 overflows int64; write float(…) for one of them"},
		{"x", "sqrt(s)", "frame: expression: sqrt takes a number, not text\n  sqrt(s)\n  ^"},
	} {
		wantOpError(t, rec, c.err, func(cm collective.Comm, tab *Table) (*Table, error) { return Compute(cm, tab, c.name, c.expr) })
	}
}
