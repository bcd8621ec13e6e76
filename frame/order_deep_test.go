package frame

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// TestSortLongTexts: texts with a long common beginning, or equal ones, need no stack of their length.
func TestSortLongTexts(t *testing.T) {
	long := strings.Repeat("x", 16<<20)
	for _, c := range []struct {
		cells []string
		desc  bool
		want  string
	}{
		{[]string{long, long}, false, "[0 1]"},
		{[]string{long + "b", long, long + "a", long[1:]}, false, "[3 1 2 0]"},
		{[]string{long + "b", long, long + "a", long}, true, "[0 2 1 3]"},
	} {
		err := collective.RunLocal(1, func(comm collective.Comm) error {
			m := checked(t)
			b := array.NewLargeStringBuilder(m)
			defer b.Release()
			row := make([]int64, len(c.cells))
			for i, s := range c.cells {
				b.Append(s)
				row[i] = int64(i)
			}
			fields := []arrow.Field{{Name: "s", Type: arrow.BinaryTypes.LargeString, Nullable: true}, {Name: "row", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}
			tab := newTable(m, fields, []arrow.Array{b.NewArray(), arrayOf(m, arrow.PrimitiveTypes.Int64, row, nil)}, len(row))
			defer tab.Release()
			out, err := Sort(comm, tab, SortKey{Column: "s", Desc: c.desc})
			if err != nil {
				return err
			}
			defer out.Release()
			if got, _ := out.Int64s("row"); fmt.Sprint(got) != c.want {
				t.Errorf("order %v, want %s", got, c.want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
