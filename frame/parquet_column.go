package frame

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
)

// chunkReader decodes column chunks, one after another, into an array of exactly their rows.
type chunkReader struct {
	mem   *Memory
	unp   *unpacker
	col   pqColumn
	codec compress.Compression // of the present chunk
	rows  int                  // of all chunks
	at    int                  // of them, read so far

	owned []*memory.Buffer // given back at the end
	dict  []byte           // the dictionary: fixed cells
	texts []span           // or where its texts lie in dict

	valid *memory.Buffer // nil where the file says that no cell is missing
	nulls int
	data  *memory.Buffer // fixed cells as stored, or bits
	off   *memory.Buffer // of text
	text  *memory.Buffer
}

// newChunkReader makes a reader of chunks that have the given number of rows together, which is
// believed. The caller ends it with close.
func newChunkReader(m *Memory, u *unpacker, col pqColumn, rows int) *chunkReader {
	d := &chunkReader{mem: m, unp: u, col: col, rows: rows}
	if col.optional {
		d.valid = d.own(newBuffer(m, (rows+7)/8))
	}
	switch {
	case col.physical == parquet.Types.Boolean:
		d.data = d.own(newBuffer(m, (rows+7)/8))
	case col.physical == parquet.Types.ByteArray:
		d.off = d.own(newBuffer(m, (rows+1)*8))
		d.text = d.own(memory.NewResizableBuffer(m))
	default:
		d.data = d.own(newBuffer(m, rows*col.width))
	}
	return d
}

// read decodes rows lo…hi of the bytes of the next chunk, which has the given number of rows.
func (d *chunkReader) read(codec compress.Compression, b []byte, rows, lo, hi int) {
	d.codec, d.dict, d.texts = codec, nil, d.texts[:0]
	first := 0 // row of the next page
	for _, p := range pages(b, codec, rows) {
		if p.kind == pageDictionary {
			d.readDictionary(p)
			continue
		}
		from, to := max(lo-first, 0), min(hi-first, p.values) // of the page
		first += p.values
		switch {
		case from >= to:
			continue
		case to-from == p.values:
			d.readPage(p, d.at)
		default:
			d.readRows(p, from, to)
		}
		d.at += to - from
	}
}

// close gives back what the array does not hold.
func (d *chunkReader) close() {
	for _, o := range d.owned {
		o.Release()
	}
}

func (d *chunkReader) own(b *memory.Buffer) *memory.Buffer {
	d.owned = append(d.owned, b)
	return b
}

// readDictionary keeps the dictionary of the chunk.
func (d *chunkReader) readDictionary(p page) {
	if p.encoding != encPlain && p.encoding != encPlainDict {
		panic(corrupt("a dictionary has an unknown encoding"))
	}
	d.dict = d.unp.unpack(p, d.codec, dictionaryPage)
	if d.col.physical == parquet.Types.ByteArray {
		need(d.dict, 0, 4*p.values)
		d.texts = slices.Grow(d.texts[:0], p.values)[:p.values]
		at := 0
		for i := range d.texts {
			n := u32At(d.dict, at)
			need(d.dict, at+4, n)
			d.texts[i] = span{at + 4, n}
			at += 4 + n
		}
		return
	}
	if d.col.physical == parquet.Types.Boolean {
		panic(corrupt("booleans have a dictionary"))
	}
	need(d.dict, 0, p.values*d.col.width)
	d.dict = d.dict[:p.values*d.col.width]
}

// readPage decodes the cells of rows at… .
func (d *chunkReader) readPage(p page, at int) {
	b := d.unp.unpack(p, d.codec, cellsPage)
	have := p.values
	switch {
	case p.kind == pageData2:
		levels := b[:p.levels]
		b = b[p.levels:]
		if d.valid != nil {
			have = newHybrid(levels, 1).readBits(d.valid.Bytes(), at, p.values)
		}
	case d.valid != nil:
		n := u32At(b, 0)
		need(b, 4, n)
		have = newHybrid(b[4:4+n], 1).readBits(d.valid.Bytes(), at, p.values)
		b = b[4+n:]
	}
	d.nulls += p.values - have
	var valid []byte
	if have < p.values {
		valid = d.valid.Bytes()
	}
	switch {
	case d.col.physical == parquet.Types.Boolean:
		d.readBools(p, b, valid, at, have)
	case d.col.physical == parquet.Types.ByteArray:
		d.readTexts(p, b, at, have)
		if valid != nil {
			spreadOffsets(view[int64](d.off)[at:at+p.values+1], valid, at, have)
		}
	default:
		w := d.col.width
		cells := d.data.Bytes()[at*w : (at+p.values)*w]
		d.readFixed(p, b, cells[:have*w])
		if valid != nil {
			d.spreadFixed(cells, valid, at, have)
		}
	}
}

func (d *chunkReader) wrongEncoding(p page) unsupported {
	return unsupported(fmt.Sprintf("encoding number %d of %s", p.encoding, d.col.physical))
}

// indices reads the numbers of dictionary entries.
func (d *chunkReader) indices(p page, b []byte) *hybrid {
	if d.dict == nil {
		panic(corrupt("a page refers to a dictionary that is missing"))
	}
	need(b, 0, 1)
	return newHybrid(b[1:], int(b[0]))
}

func (d *chunkReader) readBools(p page, b, valid []byte, at, have int) {
	dense, first := d.data.Bytes(), at
	if valid != nil {
		tmp := newBuffer(d.mem, (have+7)/8)
		defer tmp.Release()
		dense, first = tmp.Bytes(), 0
	}
	switch p.encoding {
	case encPlain:
		need(b, 0, (have+7)/8)
		bitutil.CopyBitmap(b, 0, have, dense, first)
	case encRLE:
		n := u32At(b, 0)
		need(b, 4, n)
		newHybrid(b[4:4+n], 1).readBits(dense, first, have)
	default:
		panic(d.wrongEncoding(p))
	}
	if valid == nil {
		return
	}
	k := 0
	for i := at; i < at+p.values; i++ {
		if bitutil.BitIsSet(valid, i) {
			if bitutil.BitIsSet(dense, k) {
				bitutil.SetBit(d.data.Bytes(), i)
			}
			k++
		}
	}
}

// readFixed decodes cells of the column's width.
func (d *chunkReader) readFixed(p page, b, cells []byte) {
	w := d.col.width
	switch p.encoding {
	case encPlain:
		need(b, 0, len(cells))
		copy(cells, b)
	case encPlainDict, encRLEDict:
		if len(cells) == 0 {
			return
		}
		h := d.indices(p, b)
		switch w {
		case 4:
			lookUp(asSlice[uint32](cells), asSlice[uint32](aligned(d.dict)), h)
		case 8:
			lookUp(asSlice[uint64](cells), asSlice[uint64](aligned(d.dict)), h)
		default:
			var ix [1024]uint32
			for k := len(cells) / w; k > 0; {
				n := min(k, len(ix))
				h.read(ix[:n])
				for _, i := range ix[:n] {
					need(d.dict, int(i)*w, w)
					copy(cells[:w], d.dict[int(i)*w:])
					cells = cells[w:]
				}
				k -= n
			}
		}
	case encDelta:
		if d.col.physical != parquet.Types.Int32 && d.col.physical != parquet.Types.Int64 {
			panic(d.wrongEncoding(p))
		}
		d.readDelta(b, cells)
	case encSplit:
		d.readSplit(b, cells)
	default:
		panic(d.wrongEncoding(p))
	}
}

// lookUp fills cells with entries of a dictionary.
func lookUp[T any](cells, dict []T, h *hybrid) {
	var ix [1024]uint32
	for len(cells) > 0 {
		n := min(len(cells), len(ix))
		h.read(ix[:n])
		for i, k := range ix[:n] {
			cells[i] = dict[k]
		}
		cells = cells[n:]
	}
}

// asSlice is bytes as cells.
func asSlice[T any](b []byte) []T {
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(z)))
}

// aligned is b where cells of eight bytes may lie, a copy if need be.
func aligned(b []byte) []byte {
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 == 0 {
		return b
	}
	c := make([]uint64, (len(b)+7)/8)
	a := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(c))), len(b))
	copy(a, b)
	return a
}

func (d *chunkReader) spreadFixed(cells, valid []byte, at, have int) {
	switch w := d.col.width; w {
	case 4:
		spread(asSlice[uint32](cells), valid, at, have)
	case 8:
		spread(asSlice[uint64](cells), valid, at, have)
	default:
		for i := len(cells)/w - 1; have <= i && i >= 0; i-- {
			if cell := cells[i*w : (i+1)*w]; bitutil.BitIsSet(valid, at+i) {
				have--
				copy(cell, cells[have*w:])
			} else {
				clear(cell)
			}
		}
	}
}

// readTexts appends have texts, and their ends to the offsets behind row at's.
func (d *chunkReader) readTexts(p page, b []byte, at, have int) {
	off := view[int64](d.off)[at : at+have+1]
	end := d.text.Len()
	off[0] = int64(end)
	switch p.encoding {
	case encPlain:
		need(b, 0, 4*have)
		d.grow(len(b) - 4*have) // what the texts take, if nothing is behind them
		out := d.text.Bytes()
		for i := range have {
			if len(b) < 4 {
				panic(corrupt("a text lies outside of its page"))
			}
			n := int(binary.LittleEndian.Uint32(b))
			if n > len(b)-4 || n > len(out)-end {
				panic(corrupt("a text lies outside of its page"))
			}
			copyText(out[end:], b[4:], n)
			end += n
			off[i+1] = int64(end)
			b = b[4+n:]
		}
		d.text.ResizeNoShrink(end)
	case encPlainDict, encRLEDict:
		if have == 0 {
			return
		}
		h := d.indices(p, b)
		var ix [1024]uint32
		for i := 0; i < have; {
			n := min(have-i, len(ix))
			h.read(ix[:n])
			size := 0
			for k, j := range ix[:n] {
				size += d.texts[j].n
				off[i+k+1] = int64(end + size)
			}
			out := d.grow(size)
			for _, j := range ix[:n] {
				s := d.texts[j]
				copyText(out, d.dict[s.at:], s.n)
				out = out[s.n:]
			}
			end += size
			i += n
		}
	case encDeltaLengths:
		d.readLengths(b, off)
	case encDeltaPrefixes:
		d.readPrefixes(b, off)
	default:
		panic(d.wrongEncoding(p))
	}
}

// copyText copies n bytes, short ones as sixteen, where both sides have them: what is
// written behind the end is written again, or cut off.
func copyText(dst, src []byte, n int) {
	if n <= 16 && len(dst) >= 16 && len(src) >= 16 {
		*(*[16]byte)(dst) = *(*[16]byte)(src)
		return
	}
	copy(dst, src[:n])
}

// array is the decoded cells with the column's type.
func (d *chunkReader) array() arrow.Array {
	keep := func(b *memory.Buffer) *memory.Buffer {
		if b != nil {
			b.Retain()
		}
		return b
	}
	if d.off != nil {
		if d.rows == 0 {
			view[int64](d.off)[0] = 0
		}
		if d.text.Len() < d.text.Cap()/2 {
			d.text.Resize(d.text.Len())
		}
		return newArray(d.col.typ, d.rows, d.nulls, keep(d.valid), keep(d.off), keep(d.text))
	}
	if d.col.convert != nil {
		return newArray(d.col.typ, d.rows, d.nulls, keep(d.valid), d.col.convert(d.mem, d.data, d.rows, d.col.width))
	}
	return newArray(d.col.typ, d.rows, d.nulls, keep(d.valid), keep(d.data))
}
