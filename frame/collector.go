package frame

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// collector is n cells of 8 bytes, all missing at first.
type collector[T int64 | uint64 | float64] struct {
	buf, valid *memory.Buffer
	v          []T
	set        int
}

func newCollector[T int64 | uint64 | float64](m *Memory, n int) *collector[T] {
	c := &collector[T]{buf: newBuffer(m, 8*n), valid: newBuffer(m, (n+7)/8)}
	c.v = view[T](c.buf)
	return c
}

// put sets cell i, once.
func (c *collector[T]) put(i int, v T) {
	c.v[i] = v
	bitutil.SetBit(c.valid.Bytes(), i)
	c.set++
}

// array is the column, which takes over the memory of c.
func (c *collector[T]) array(dt arrow.DataType) arrow.Array {
	return newArray(dt, len(c.v), len(c.v)-c.set, c.valid, c.buf)
}

func (c *collector[T]) release() {
	c.buf.Release()
	c.valid.Release()
}
