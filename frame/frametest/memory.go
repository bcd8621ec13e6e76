package frametest

import (
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
func Memory(t TB) *frame.Memory {
	under := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { under.AssertSize(t, 0) })
	return frame.NewMemory(frame.MemoryOptions{Under: under, Scratch: t.TempDir()})
}
