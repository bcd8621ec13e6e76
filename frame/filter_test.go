package frame

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

func TestFilter(t *testing.T) {
	rec := exprRecord(t, checked(t))
	defer rec.Release()
	for _, c := range []struct{ expr, want string }{
		{"b", "0 3"}, // neither false nor missing
		{"not b", "1 4"},
		{"true", "0 1 2 3 4"},
		{"nil and b", ""},
		{"is_null(s) or s contains 'b'", "0 2 4"},
		{"lag(j, 1) > 0", "1 2"},
	} {
		got := onRanks(t, 5, []arrow.Record{rec}, func(c2 collective.Comm, tabs []*Table) (*Table, error) { return Filter(c2, tabs[0], c.expr) })
		var want []string
		all := rowsOf(rec)
		for _, r := range strings.Fields(c.want) {
			want = append(want, all[r[0]-'0'])
		}
		for n, rows := range got {
			if fmt.Sprint(rows) != fmt.Sprint(want) {
				t.Errorf("%s, %d ranks:\n%s\nwant\n%s", c.expr, n, strings.Join(rows, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// wantOpError runs op on all numbers of ranks, where it must fail with err, and leak nothing.
func wantOpError(t *testing.T, rec arrow.Record, err string, op func(c collective.Comm, tab *Table) (*Table, error)) {
	t.Helper()
	for _, n := range ranksOfTest {
		got := collective.RunLocal(n, func(c collective.Comm) error {
			tab := cut(c, checked(t), rec, 3)
			defer tab.Release()
			out, err := op(c, tab)
			if err == nil {
				out.Release()
			}
			return err
		})
		if got == nil || !strings.HasSuffix(got.Error(), err) {
			t.Errorf("%d ranks: %v\nwant %s", n, got, err)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	rec := exprRecord(t, checked(t))
	defer rec.Release()
	for _, c := range []struct{ expr, err string }{
		{"i", `frame: filter: "i" is int64, not a bool`},
		{"nil", `frame: filter: "nil" is float64, not a bool`},
		{"j > ", "frame: expression: something must follow here\n  j > \n      ^"},
		{"10 % j > 1", "frame: filter: row 4 of the table (from 0): 10 % 0 has no value"},
	} {
		wantOpError(t, rec, c.err, func(cm collective.Comm, tab *Table) (*Table, error) { return Filter(cm, tab, c.expr) })
	}
}
