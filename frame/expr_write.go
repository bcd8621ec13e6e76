package frame

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// cellWriter makes an array of lanes.
type cellWriter struct {
	typ         arrow.DataType
	n, nulls    int
	valid, data *memory.Buffer
	off         *memory.Buffer // of text
	text        int            // bytes of text in data
}

// newCellWriter makes room for at most rows cells of the type of a result.
func newCellWriter(m *Memory, dt arrow.DataType, rows int) *cellWriter {
	w := &cellWriter{typ: dt, valid: newBuffer(m, (rows+7)/8)}
	switch l, width := layoutOf(dt); l {
	case bitCells:
		w.data = newBuffer(m, (rows+7)/8)
	case fixedCells:
		w.data = newBuffer(m, rows*width)
	case textCells:
		w.data, w.off = newBuffer(m, 0), newBuffer(m, (rows+1)*8)
	}
	return w
}

// put appends n rows.
func (w *cellWriter) put(l *lane, n int) {
	for i := range n {
		if l.isNull(i) {
			w.nulls++
		} else {
			bitutil.SetBit(w.valid.Bytes(), w.n+i)
		}
	}
	switch {
	case w.off != nil:
		w.putText(l, n)
	case l.b != nil:
		for i, v := range l.b[:n] {
			if v {
				bitutil.SetBit(w.data.Bytes(), w.n+i)
			}
		}
	case l.f != nil:
		copy(view[float64](w.data)[w.n:], l.f[:n])
	case w.typ.ID() == arrow.DATE32:
		convertTo(view[int32](w.data)[w.n:w.n+n], l.i)
	default:
		copy(view[int64](w.data)[w.n:], l.i[:n])
	}
	w.n += n
}

func (w *cellWriter) putText(l *lane, n int) {
	more := 0
	for i := range n {
		if !l.isNull(i) {
			more += int(l.hi[i] - l.lo[i])
		}
	}
	if w.text+more > w.data.Cap() {
		w.data.Reserve(max(w.text+more, 2*w.data.Cap()))
	}
	w.data.ResizeNoShrink(w.text + more)
	off, to := view[int64](w.off)[w.n:], w.data.Bytes()
	for i := range n {
		if !l.isNull(i) {
			w.text += copy(to[w.text:], l.str(i))
		}
		off[i+1] = int64(w.text)
	}
}

// finish is the array of what was put; w must not be used after it.
func (w *cellWriter) finish() arrow.Array {
	if w.off == nil {
		return newArray(w.typ, w.n, w.nulls, w.valid, w.data)
	}
	return newArray(w.typ, w.n, w.nulls, w.valid, w.off, w.data)
}
