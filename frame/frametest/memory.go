package frametest

import (
	"os"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/frame"
)

// TB is what Memory needs of a [testing.TB].
type TB interface {
	Errorf(format string, args ...any)
	Helper()
	Cleanup(func())
	TempDir() string
}

// Memory is memory without a limit that must all be given back when the test ends.
func Memory(t TB) *frame.Memory { return Limited(t, 0) }

// Limited is memory with a limit in bytes beyond which operators work from files; when the
// test ends all must be given back, and no file be left.
func Limited(t TB, limit int64) *frame.Memory {
	under, scratch := memory.NewCheckedAllocator(memory.NewGoAllocator()), t.TempDir()
	t.Cleanup(func() {
		under.AssertSize(t, 0)
		if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
			t.Errorf("left in the scratch folder: %v, %v", left, err)
		}
	})
	return frame.NewMemory(frame.MemoryOptions{Limit: limit, Scratch: scratch, Under: under})
}
