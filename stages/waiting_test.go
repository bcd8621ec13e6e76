package stages

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
	"deeprc/frame"
)

// waitingSteps read two tables, of which the first waits while the second is worked on.
const waitingSteps = `
[[preprocess]]
op = "read_csv"
paths = ["DIR/flow.csv"]
text = ["id"]
as = "flow"
[[preprocess]]
op = "read_csv"
paths = ["DIR/flow.csv"]
text = ["id"]
as = "again"
[[preprocess]]
op = "head"
rows = 100
[[preprocess]]
op = "join"
from = "flow"
with = "again"
kind = "semi"
on = ["id", "day"]
[[preprocess]]
op = "concat"
with = ["flow"]
[[preprocess]]
op = "sort"
by = ["id", "day"]
`

// TestWaitingTablesGoToFiles: a table that a later step needs takes no memory where the limit is small, and the result is the same.
func TestWaitingTablesGoToFiles(t *testing.T) {
	cfg, err := parseConfig("t.toml", strings.ReplaceAll(waitingSteps, "DIR", basins(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := sameRows(t, cfg)
	for _, n := range []int{1, 3} {
		limited := *cfg
		limited.Run.Memory = "30kB"
		if got, _, err := stepRows(t, n, &limited, ""); err != nil || !slices.Equal(got, want) {
			t.Errorf("%d ranks, with a limit: %d rows, %v; without: %d", n, len(got), err, len(want))
		}
	}
	used := map[int64][]int64{} // by limit: bytes in use before each step's tables are released
	for _, limit := range []int64{0, 30_000} {
		err = collective.RunLocal(1, func(c collective.Comm) error {
			under := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer under.AssertSize(t, 0)
			m := frame.NewMemory(frame.MemoryOptions{Limit: limit, Under: under, Scratch: t.TempDir()})
			tab, _, err := preprocess(c, m, "", cfg.Steps, "", func(int, *frame.Table, stepReport) { used[limit] = append(used[limit], m.Used()) })
			if err == nil {
				tab.Release()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if all, some := used[0], used[30_000]; all[0] < 10_000 || all[0] != some[0] || all[1] != 2*all[0] || some[1] > all[0]+1000 {
		t.Errorf("in use without a limit %v, with one %v", all, some)
	}
}

// TestScratchFolder: a scratch folder that cannot be used is named, with the step that needed it.
func TestScratchFolder(t *testing.T) {
	cfg, err := parseConfig("t.toml", strings.ReplaceAll(waitingSteps, "DIR", basins(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Run.Memory, cfg.Run.Scratch = "1kB", filepath.Join(t.TempDir(), "gone")
	for _, n := range []int{1, 3} {
		_, _, err := stepRows(t, n, cfg, "")
		if err == nil || !strings.Contains(err.Error(), "t.toml:7: preprocess 1 (read_csv): move tables that wait to files: frame: spill: ") || !strings.Contains(err.Error(), "scratch folder "+cfg.Run.Scratch) {
			t.Errorf("%d ranks: %v", n, err)
		}
		if _, err := os.Stat(cfg.Run.Scratch); err == nil {
			t.Error("the folder was made")
		}
	}
}
