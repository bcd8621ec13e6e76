package frame

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
)

// Where a rank fails, no folder of a key stays, so that the next write can go there.
func TestWritePartitionedFails(t *testing.T) {
	for _, n := range ranksOfTest {
		dir := filepath.Join(t.TempDir(), "out")
		err := collective.RunLocal(n, func(c collective.Comm) error {
			for _, bad := range []string{`"NaN"`, "1"} {
				schema := arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "j", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil)
				rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(fmt.Sprintf(`[{"k": 1, "j": %d, "x": 1}, {"k": %d, "j": 2, "x": 1}, {"k": 3, "j": 3, "x": %s}]`, c.Rank(), c.Rank(), bad)))
				if err != nil {
					return err
				}
				tab, err := NewTable(checked(t), schema, rec)
				if err != nil {
					return err
				}
				err = WriteJSONL(c, tab, dir, JSONLWriteOptions{PartitionBy: []string{"k", "j"}})
				tab.Release()
				if bad == "1" {
					return err
				}
				if err == nil {
					t.Error("NaN is written")
				}
				if err := c.Barrier(); err != nil {
					return err
				}
				if list, err := os.ReadDir(dir); len(list) > 0 || err != nil {
					t.Errorf("%d ranks: %v is left, %v", n, list, err)
				}
				if err := c.Barrier(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%d ranks: %v", n, err)
		}
	}
}
