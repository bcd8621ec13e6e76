package frame

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// blockRows is the number of rows that a part of an expression is computed for at a time, so
// that what it gives to the next stays in cache. Boncz, Zukowski and Nes, CIDR 2005, §5.1.1.
const blockRows = 2048

// evaluation computes expressions over this rank's rows of a table.
type evaluation struct {
	t     *Table
	first int64 // the number of the rank's first row in the whole table
	chunk arrow.Record
	lo, n int // rows of the present block in the chunk
	base  int // rows of the rank before the chunk
	cols  map[int]column
	// moved are the columns of lag and lead, of all the rank's rows.
	moved map[*exprNode]arrow.Array
	memo  map[*exprNode]lane
	words pool[int64]
	flags pool[bool]
	bytes [][]byte // of texts; used ones come first
	used  int
	fault *rowFault
}

// rowFault is what is wrong with a row, by its number on this rank.
type rowFault struct {
	row int
	msg string
}

// pool hands out pieces of blockRows cells, all of which are free again in the next block.
type pool[T any] struct {
	pieces [][]T
	used   int
}

func (p *pool[T]) get(m *Memory, n int) []T {
	if p.used == len(p.pieces) {
		p.pieces = append(p.pieces, alloc[T](m, blockRows))
	}
	p.used++
	return p.pieces[p.used-1][:n]
}

func (p *pool[T]) free(m *Memory) {
	for _, s := range p.pieces {
		free(m, s)
	}
}

// lane is the values of a block's rows; one of i, f, b and (lo, hi, text) is set. It is not
// written to once it is made, so that others may share its parts.
type lane struct {
	i      []int64 // integers; ticks
	f      []float64
	b      []bool
	lo, hi []int64 // where each row's text is
	text   []byte
	null   []bool // nil: no row is missing
}

// scope is the rows that a kernel computes: those that are missing or not needed have any values.
type scope struct {
	n    int
	null []bool
	need []bool // nil: all
}

func (l *lane) str(i int) []byte { return l.text[l.lo[i]:l.hi[i]] }

// isNull reports whether row i is missing.
func (l *lane) isNull(i int) bool { return l.null != nil && l.null[i] }

func (e *evaluation) ints() []int64 { return e.words.get(e.t.mem, e.n) }
func (e *evaluation) bools() []bool { return e.flags.get(e.t.mem, e.n) }
func (e *evaluation) floats() []float64 {
	w := e.ints()
	return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(w))), len(w))
}

// buffer is an empty piece of memory for texts of this block; give what became of it to keep.
func (e *evaluation) buffer() []byte {
	if e.used == len(e.bytes) {
		e.bytes = append(e.bytes, nil)
	}
	e.used++
	return e.bytes[e.used-1][:0]
}

// keep remembers how far the last buffer has grown.
func (e *evaluation) keep(b []byte) []byte {
	e.bytes[e.used-1] = b
	return b
}

// fails notes that a row of s cannot be computed. Of several the first row counts.
func (e *evaluation) fails(s scope, i int, format string, args ...any) {
	row := e.base + e.lo + i
	if s.null != nil && s.null[i] || s.need != nil && !s.need[i] || e.fault != nil && e.fault.row <= row {
		return
	}
	e.fault = &rowFault{row, fmt.Sprintf(format, args...)}
}

// eval computes n in the rows of the present block that are needed; the others get any values.
func (e *evaluation) eval(n *exprNode, need []bool) lane {
	if n.shared {
		if l, ok := e.memo[n]; ok {
			return l
		}
	}
	l := e.compute(n, need)
	if n.shared {
		e.memo[n] = l
	}
	return l
}

func (e *evaluation) compute(n *exprNode, need []bool) lane {
	switch {
	case n.shift != nil:
		c := see(e.moved[n])
		return e.cells(&c, e.base+e.lo, need)
	case n.column >= 0:
		return e.cells(e.columnOf(n), e.lo, need)
	case n.lazy != nil:
		return n.lazy(e, need)
	}
	var few [4]lane
	args := few[:0]
	s := scope{n: e.n, need: need}
	for _, a := range n.args {
		l := e.eval(a, need)
		s.null = e.either(s.null, l.null)
		args = append(args, l)
	}
	l := n.run(e, s, args)
	l.null = s.null
	return l
}

// either is the rows that are in a or in b.
func (e *evaluation) either(a, b []bool) []bool {
	if a == nil || b == nil || &a[0] == &b[0] {
		if a == nil {
			return b
		}
		return a
	}
	out := e.bools()
	for i, x := range a {
		out[i] = x || b[i]
	}
	return out
}

// columnOf is the column that n is, of the present chunk.
func (e *evaluation) columnOf(n *exprNode) *column {
	c, ok := e.cols[n.column]
	if !ok {
		c = see(e.chunk.Column(n.column))
		e.cols[n.column] = c
	}
	return &c
}

// nulls is which rows lo … of a column are missing; nil: none.
func (e *evaluation) nulls(c *column, lo int) []bool {
	if c.valid == nil {
		return nil
	}
	out := e.bools()
	for i := range out {
		out[i] = c.isNull(lo + i)
	}
	return out
}

// cells are rows lo … of a column.
func (e *evaluation) cells(c *column, lo int, need []bool) lane {
	var l lane
	n := e.n
	l.null = e.nulls(c, lo)
	switch c.typ.ID() {
	case arrow.BOOL:
		l.b = e.bools()
		for i := range l.b {
			l.b[i] = c.bit(lo + i)
		}
	case arrow.INT64, arrow.DATE64, arrow.TIMESTAMP:
		l.i = values[int64](c)[lo : lo+n]
	case arrow.INT8:
		l.i = convertTo(e.ints(), values[int8](c)[lo:])
	case arrow.INT16:
		l.i = convertTo(e.ints(), values[int16](c)[lo:])
	case arrow.INT32, arrow.DATE32:
		l.i = convertTo(e.ints(), values[int32](c)[lo:])
	case arrow.UINT8:
		l.i = convertTo(e.ints(), values[uint8](c)[lo:])
	case arrow.UINT16:
		l.i = convertTo(e.ints(), values[uint16](c)[lo:])
	case arrow.UINT32:
		l.i = convertTo(e.ints(), values[uint32](c)[lo:])
	case arrow.UINT64:
		u := values[uint64](c)[lo : lo+n]
		l.i = convertTo(e.ints(), u)
		for i, v := range l.i {
			if v < 0 {
				e.fails(scope{null: l.null, need: need}, i, "%d does not fit an int64, in which expressions compute; write float(x) for the column x, which rounds it", u[i])
			}
		}
	case arrow.FLOAT32:
		l.f = convertTo(e.floats(), values[float32](c)[lo:])
	case arrow.FLOAT64:
		l.f = values[float64](c)[lo : lo+n]
	case arrow.LARGE_STRING:
		l.lo, l.hi, l.text = c.off[lo:lo+n], c.off[lo+1:lo+n+1], c.text
	}
	return l
}

func convertTo[D, S number](to []D, from []S) []D {
	for i := range to {
		to[i] = D(from[i])
	}
	return to
}

// repeat is a literal in every row.
func (e *evaluation) repeat(n *exprNode) lane {
	var l lane
	switch n.kind {
	case exprBool:
		v, _ := n.value.(bool)
		l.b = fillWith(e.bools(), v)
	case exprInt, exprTime:
		v, _ := n.value.(int64)
		l.i = fillWith(e.ints(), v)
	case exprFloat:
		v, _ := n.value.(float64)
		l.f = fillWith(e.floats(), v)
	case exprText:
		v, _ := n.value.(string)
		l.text = e.keep(append(e.buffer(), v...))
		l.lo, l.hi = fillWith(e.ints(), 0), fillWith(e.ints(), int64(len(v)))
	}
	if n.value == nil {
		l.null = fillWith(e.bools(), true)
	}
	return l
}

func fillWith[T any](s []T, v T) []T {
	for i := range s {
		s[i] = v
	}
	return s
}

// arrays computes a node for each of the rank's chunks; the caller releases them, also after
// an error, which names the first row that cannot be computed.
func (e *evaluation) arrays(n *exprNode) ([]arrow.Array, error) {
	var out []arrow.Array
	e.base = 0
	for _, r := range e.t.chunks {
		e.chunk = r
		clear(e.cols)
		rows := int(r.NumRows())
		w := newCellWriter(e.t.mem, n.typ, rows)
		for e.lo = 0; e.lo < rows && e.fault == nil; e.lo += e.n {
			e.n = min(blockRows, rows-e.lo)
			e.words.used, e.flags.used, e.used = 0, 0, 0
			clear(e.memo)
			l := e.eval(n, nil)
			w.put(&l, e.n)
		}
		out = append(out, w.finish())
		if f := e.fault; f != nil {
			e.fault = nil
			return out, fmt.Errorf("row %d of the table (from 0): %s", e.first+int64(f.row), f.msg)
		}
		e.base += rows
	}
	return out, nil
}

// eval computes x for each of the rank's chunks; the caller releases them. Errors begin with op. Collective.
func (x *Expr) eval(c collective.Comm, t *Table, op string) ([]arrow.Array, error) {
	first, err := collective.ExclusiveScan(c, int64(t.rows))
	if err != nil {
		return nil, wrap(op, err)
	}
	e := &evaluation{t: t, first: first, cols: map[int]column{}, moved: map[*exprNode]arrow.Array{}, memo: map[*exprNode]lane{}}
	defer e.free()
	for _, n := range x.shifts {
		if e.moved[n], err = e.move(c, n, op); err != nil {
			delete(e.moved, n)
			return nil, err
		}
	}
	out, err := e.arrays(x.root)
	if err := collective.Agree(c, wrap(op, err)); err != nil {
		releaseArrays(out)
		return nil, err
	}
	return out, nil
}

func (e *evaluation) free() {
	e.words.free(e.t.mem)
	e.flags.free(e.t.mem)
	for _, a := range e.moved {
		a.Release()
	}
}

func releaseArrays(arrays []arrow.Array) {
	for _, a := range arrays {
		a.Release()
	}
}
