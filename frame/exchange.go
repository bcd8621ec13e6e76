package frame

/*
#include "gather.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
)

// exchangeBuffer bounds, in bytes, what a rank has on the way to the others at once;
// text is counted at its mean length.
const exchangeBuffer = 16 << 20

// exchange is the only way of rows from rank to rank: it sends counts[r] rows of t to
// each rank r, those that order lists, rank after rank; a row may go to several. Rows
// arrive ordered by the rank they come from, then as that rank listed them. Collective.
//
// What is to come is counted first, so that the columns have their final size from the
// start; rows then move in rounds of bounded size. A rank's rows for itself are copied
// into place. Counts and sizes are 64-bit throughout.
func exchange(c collective.Comm, t *Table, order []uint32, counts []int) (*Table, error) {
	if err := sameSchema(c, t); err != nil {
		return nil, err
	}
	x := &exchanger{c: c, m: t.mem, order: order, counts: counts}
	if err := x.prepare(t); err != nil {
		return nil, fmt.Errorf("frame: exchange: %w", err)
	}
	for i := range x.cols {
		x.cols[i].own(x)
	}
	err := x.rounds()
	arrays := make([]arrow.Array, len(x.cols))
	for i := range x.cols {
		arrays[i] = x.cols[i].finish(x)
	}
	out := newTable(t.mem, t.schema.Fields(), arrays, x.total)
	if err != nil {
		out.Release()
		return nil, fmt.Errorf("frame: exchange: %w", err)
	}
	return out, nil
}

// exchanger is one rank's part of an exchange.
type exchanger struct {
	c      collective.Comm
	m      *Memory
	order  []uint32
	counts []int // rows to each rank
	from   []int // where a rank's rows begin in order
	got    []int // rows from each rank
	at     []int // where a rank's rows begin in the result
	total  int
	round  int // rows to one rank in a round
	times  int // number of rounds, on all ranks
	cols   []incoming
}

// incoming is a column on its way: what this rank has and what it will have.
type incoming struct {
	column
	missing bool           // some rank has missing cells
	cells   *memory.Buffer // fixed cells; bits, a byte each; text: offsets, which are lengths until finish
	known   []uint8        // validity, a byte each
	chars   *memory.Buffer
	charAt  []int64 // text: where the next bytes from each rank go
}

// sums are the beginnings of consecutive runs of the given lengths, and their end.
func sums(counts []int) (at []int, total int) {
	at = make([]int, len(counts))
	for i, n := range counts {
		at[i] = total
		total += n
	}
	return at, total
}

func (x *exchanger) prepare(t *Table) error {
	p := x.c.Size()
	x.cols = make([]incoming, t.schema.NumFields())
	flags := make([]uint8, len(x.cols))
	texts := []int{}
	bytes := 1.0 // of a row
	for i := range x.cols {
		x.cols[i].column = see(t.Record().Column(i))
		col := &x.cols[i]
		if col.nulls > 0 {
			flags[i] = 1
		}
		bytes += float64(max(col.width, 1))
		if col.layout == textCells {
			texts = append(texts, i)
			bytes += 8 + float64(col.off[col.n]-col.off[0])/float64(max(1, col.n))
		}
	}
	if err := collective.AllReduce(x.c, flags, collective.Max); err != nil {
		return err
	}
	x.from, _ = sums(x.counts)
	// for each rank: rows, then bytes of each text column
	k := 1 + len(texts)
	out, in := make([]int64, p*k), make([]int64, p*k)
	for r := range p {
		rows := x.order[x.from[r] : x.from[r]+x.counts[r]]
		out[r*k] = int64(len(rows))
		for j, i := range texts {
			off := x.cols[i].off
			for _, row := range rows {
				out[r*k+1+j] += off[row+1] - off[row]
			}
		}
	}
	each := make([]int, p)
	for r := range each {
		each[r] = k
	}
	if err := x.c.AllToAll(collective.Of(in), each, collective.Of(out), each); err != nil {
		return err
	}
	x.got = make([]int, p)
	for r := range x.got {
		x.got[r] = int(in[r*k])
	}
	x.at, x.total = sums(x.got)
	if err := collective.Agree(x.c, fitsRows(t.rows, x.total)); err != nil {
		return err
	}
	x.round = max(1, int(float64(x.m.share(exchangeBuffer, sliceShare))/bytes)/p)
	most := 0
	for r, n := range x.counts {
		if r != x.c.Rank() {
			most = max(most, n)
		}
	}
	shape := []int64{int64(most), int64(x.round)}
	if err := collective.AllReduce(x.c, shape[:1], collective.Max); err != nil {
		return err
	}
	if err := collective.AllReduce(x.c, shape[1:], collective.Min); err != nil {
		return err
	}
	x.round = int(shape[1])
	x.times = int((shape[0] + shape[1] - 1) / shape[1])
	for i := range x.cols {
		x.cols[i].missing = flags[i] == 1
	}
	for j, i := range texts {
		x.cols[i].charAt = make([]int64, p+1)
		for r := range p {
			x.cols[i].charAt[r+1] = x.cols[i].charAt[r] + in[r*k+1+j]
		}
	}
	for i := range x.cols {
		x.cols[i].room(x)
	}
	return nil
}

// room makes the memory of the rows to come.
func (col *incoming) room(x *exchanger) {
	switch col.layout {
	case bitCells:
		col.cells = newBuffer(x.m, x.total)
	case fixedCells:
		col.cells = newBuffer(x.m, x.total*col.width)
	case textCells:
		col.cells = newBuffer(x.m, (x.total+1)*8)
		col.chars = newBuffer(x.m, int(col.charAt[len(col.charAt)-1]))
	}
	if col.missing {
		col.known = alloc[uint8](x.m, x.total)
	}
}

// pick writes the cells of rows to to: fixed cells, bits as bytes, lengths of text.
func (col *incoming) pick(to []byte, rows []uint32) {
	row, n := (*C.uint32_t)(unsafe.SliceData(rows)), C.int64_t(len(rows))
	switch col.layout {
	case bitCells:
		C.gather_bytes(p8(to), p8(col.data), C.int64_t(col.bit0), row, n)
	case fixedCells:
		C.gather(unsafe.Pointer(p8(to)), unsafe.Pointer(p8(col.data)), row, n, C.int(col.width))
	case textCells:
		C.gather_lengths((*C.int64_t)(unsafe.Pointer(p8(to))), p64(col.off), row, n)
	}
}

// wide is the bytes of a cell as it travels, without the text.
func (col *incoming) wide() int {
	switch col.layout {
	case bitCells:
		return 1
	case textCells:
		return 8
	}
	return col.width
}

// place is the bytes of rows n…n+k of the result, from the cells on.
func (col *incoming) place(n, k int) []byte {
	w := col.wide()
	if col.layout == textCells {
		n++ // offset 0 is 0
	}
	return col.cells.Bytes()[n*w : (n+k)*w]
}

// pickValid writes the validity of rows, a byte each.
func (col *incoming) pickValid(to []uint8, rows []uint32) {
	if col.valid == nil {
		for i := range rows {
			to[i] = 1
		}
		return
	}
	C.gather_bytes(p8(to), p8(col.valid), C.int64_t(col.bit0), (*C.uint32_t)(unsafe.SliceData(rows)), C.int64_t(len(rows)))
}

func (col *incoming) pickText(to []byte, rows []uint32) {
	C.gather_text(p8(to), p64(col.off), p8(col.text), (*C.uint32_t)(unsafe.SliceData(rows)), C.int64_t(len(rows)))
}

// own puts the rank's rows for itself in their place.
func (col *incoming) own(x *exchanger) {
	me := x.c.Rank()
	rows := x.order[x.from[me] : x.from[me]+x.counts[me]]
	at := x.at[me]
	col.pick(col.place(at, len(rows)), rows)
	if col.missing {
		col.pickValid(col.known[at:at+len(rows)], rows)
	}
	if col.layout == textCells {
		col.pickText(col.chars.Bytes()[col.charAt[me]:], rows)
	}
}

// rounds moves the rows between different ranks.
func (x *exchanger) rounds() error {
	p := x.c.Size()
	if x.times == 0 {
		return nil
	}
	out, in := make([]int, p), make([]int, p) // rows of a round
	most := 0                                 // rows in one round
	for r, n := range x.counts {
		if r != x.c.Rank() {
			most += min(x.round, n)
		}
	}
	rows := alloc[uint32](x.m, most)
	defer free(x.m, rows)
	for k := range x.times {
		picked := rows[:0]
		nin := 0
		for r := range p {
			out[r], in[r] = 0, 0
			if r == x.c.Rank() {
				continue
			}
			lo := k * x.round
			out[r] = max(0, min(x.round, x.counts[r]-lo))
			in[r] = max(0, min(x.round, x.got[r]-lo))
			nin += in[r]
			if out[r] > 0 {
				picked = append(picked, x.order[x.from[r]+lo:x.from[r]+lo+out[r]]...)
			}
		}
		for i := range x.cols {
			if err := x.cols[i].move(x, k*x.round, picked, out, in, nin); err != nil {
				return err
			}
		}
	}
	return nil
}

// move sends the picked rows' cells of one column, out[r] of them to rank r, and puts
// the nin that come, in[r] from rank r, to their place behind those of earlier rounds.
func (col *incoming) move(x *exchanger, before int, picked []uint32, out, in []int, nin int) error {
	w := col.wide()
	send, recv := alloc[byte](x.m, len(picked)*w), alloc[byte](x.m, nin*w)
	defer free(x.m, send)
	defer free(x.m, recv)
	col.pick(send, picked)
	if err := toAll(x.c, recv, in, send, out, w); err != nil {
		return err
	}
	n := 0
	for r, k := range in {
		if k > 0 {
			copy(col.place(x.at[r]+before, k), recv[n*w:])
			n += k
		}
	}
	if col.missing {
		col.pickValid(send[:len(picked)], picked)
		if err := toAll(x.c, recv[:nin], in, send[:len(picked)], out, 1); err != nil {
			return err
		}
		n = 0
		for r, k := range in {
			if k > 0 {
				copy(col.known[x.at[r]+before:x.at[r]+before+k], recv[n:])
				n += k
			}
		}
	}
	if col.layout != textCells {
		return nil
	}
	return col.moveText(x, before, picked, out, in)
}

// moveText sends the bytes of the picked rows, whose lengths have been sent.
func (col *incoming) moveText(x *exchanger, before int, picked []uint32, out, in []int) error {
	outBytes, inBytes := make([]int, len(out)), make([]int, len(in))
	sent, came, n := 0, 0, 0
	for r, k := range out {
		for _, row := range picked[n : n+k] {
			outBytes[r] += int(col.off[row+1] - col.off[row])
		}
		n += k
		sent += outBytes[r]
		if in[r] > 0 {
			at := x.at[r] + before
			for _, length := range view[int64](col.cells)[at+1 : at+1+in[r]] {
				inBytes[r] += int(length)
			}
		}
		came += inBytes[r]
	}
	send, recv := alloc[byte](x.m, sent), alloc[byte](x.m, came)
	defer free(x.m, send)
	defer free(x.m, recv)
	col.pickText(send, picked)
	if err := toAll(x.c, recv, inBytes, send, outBytes, 1); err != nil {
		return err
	}
	n = 0
	for r, k := range inBytes {
		if k > 0 {
			copy(col.chars.Bytes()[col.charAt[r]:], recv[n:n+k])
			col.charAt[r] += int64(k)
			n += k
		}
	}
	return nil
}

// toAll is AllToAll of cells of width bytes.
func toAll(c collective.Comm, recv []byte, in []int, send []byte, out []int, width int) error {
	if width > 1 {
		i, o := make([]int, len(in)), make([]int, len(out))
		for r := range in {
			i[r], o[r] = in[r]*width, out[r]*width
		}
		in, out = i, o
	}
	return c.AllToAll(collective.Of(recv), in, collective.Of(send), out)
}

// finish makes the column's array.
func (col *incoming) finish(x *exchanger) arrow.Array {
	var valid *memory.Buffer
	nulls := 0
	if col.missing {
		valid = newBuffer(x.m, int(bitutil.BytesForBits(int64(x.total))))
		nulls = int(C.pack_bits(p8(valid.Bytes()), 0, p8(col.known), C.int64_t(x.total)))
		free(x.m, col.known)
	}
	switch col.layout {
	case bitCells:
		b := newBuffer(x.m, int(bitutil.BytesForBits(int64(x.total))))
		C.pack_bits(p8(b.Bytes()), 0, p8(col.cells.Bytes()), C.int64_t(x.total))
		col.cells.Release()
		return newArray(col.typ, x.total, nulls, valid, b)
	case fixedCells:
		return newArray(col.typ, x.total, nulls, valid, col.cells)
	}
	off := view[int64](col.cells)
	for i := 1; i < len(off); i++ {
		off[i] += off[i-1]
	}
	return newArray(col.typ, x.total, nulls, valid, col.cells, col.chars)
}
