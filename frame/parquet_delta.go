package frame

import "encoding/binary"

// The encodings are
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC and below it.

// maxDeltaBlock is the number of values of a block that is believed; writers use 128.
const maxDeltaBlock = 1 << 20

// deltaInts decodes DELTA_BINARY_PACKED integers, exactly len(dst), and returns what is behind them.
func deltaInts(dst []int64, b []byte) []byte {
	r := &compact{b: b} // numbers are written as in Thrift
	block, minis, total, value := int(r.uvarint()), int(r.uvarint()), int(r.uvarint()), int64(r.int())
	if total != len(dst) || block <= 0 || block > maxDeltaBlock || minis <= 0 || block%minis != 0 || block/minis%8 != 0 {
		panic(corrupt("a page of differences has a wrong head"))
	}
	if len(dst) > 0 {
		dst[0] = value
	}
	for i := 1; i < len(dst); {
		least := int64(r.int())
		need(b, r.at, minis)
		widths := b[r.at : r.at+minis]
		r.at += minis
		for _, width := range widths {
			if i == len(dst) {
				break
			}
			if width > 64 {
				panic(corrupt("an impossible number of bits"))
			}
			n := block / minis
			size := n / 8 * int(width)
			need(b, r.at, size)
			packed := b[r.at : r.at+size]
			r.at += size
			for k := range min(n, len(dst)-i) {
				value += least + int64(wideBits(packed, k*int(width), int(width)))
				dst[i] = value
				i++
			}
		}
	}
	return b[r.at:]
}

// wideBits is the number of width bits, up to 64, from bit at of b on.
func wideBits(b []byte, at, width int) uint64 {
	if width == 0 {
		return 0
	}
	first, shift := at>>3, at&7
	if first+9 > len(b) {
		var last [9]byte
		copy(last[:], b[first:])
		b, first = last[:], 0
	}
	v := binary.LittleEndian.Uint64(b[first:]) >> shift
	if shift > 0 {
		v |= uint64(b[first+8]) << (64 - shift)
	}
	return v & (1<<width - 1)
}

// readDelta decodes DELTA_BINARY_PACKED cells.
func (d *chunkReader) readDelta(b, cells []byte) {
	if d.col.width == 8 {
		deltaInts(asSlice[int64](cells), b)
		return
	}
	to := asSlice[int32](cells)
	wide := alloc[int64](d.mem, len(to))
	defer free(d.mem, wide)
	deltaInts(wide, b)
	for i, v := range wide {
		to[i] = int32(v)
	}
}

// readSplit decodes BYTE_STREAM_SPLIT cells: first the first bytes of all, then the second ones.
func (d *chunkReader) readSplit(b, cells []byte) {
	w := d.col.width
	n := len(cells) / w
	need(b, 0, len(cells))
	for k := range w {
		for i, v := range b[k*n : (k+1)*n] {
			cells[i*w+k] = v
		}
	}
}

// readLengths decodes DELTA_LENGTH_BYTE_ARRAY texts: all lengths, then all bytes.
func (d *chunkReader) readLengths(b []byte, off []int64) {
	lens := alloc[int64](d.mem, len(off)-1)
	defer free(d.mem, lens)
	b = deltaInts(lens, b)
	end := off[0]
	for i, n := range lens {
		if n < 0 || n > int64(len(b)) || end+n-off[0] > int64(len(b)) {
			panic(corrupt("a text lies outside of its page"))
		}
		end += n
		off[i+1] = end
	}
	copy(d.grow(int(end-off[0])), b)
}

// readPrefixes decodes DELTA_BYTE_ARRAY texts: how many bytes each shares with the one before
// it, and the others.
func (d *chunkReader) readPrefixes(b []byte, off []int64) {
	n := len(off) - 1
	lens := alloc[int64](d.mem, 2*n)
	defer free(d.mem, lens)
	shared, own := lens[:n], lens[n:]
	size := len(b)
	b = deltaInts(own, deltaInts(shared, b))
	end, last, used := off[0], int64(0), int64(0)
	for i := range shared {
		if shared[i] < 0 || own[i] < 0 || shared[i] > last || own[i] > int64(len(b))-used {
			panic(corrupt("a text lies outside of its page"))
		}
		last = shared[i] + own[i]
		used += own[i]
		end += last
		off[i+1] = end
		if end-off[0] > int64(expansion*size) {
			panic(corrupt("a page has an impossible size"))
		}
	}
	out := d.grow(int(end - off[0]))
	var before []byte
	for i := range shared {
		text := out[:shared[i]+own[i]]
		copy(text, before[:shared[i]])
		copy(text[shared[i]:], b[:own[i]])
		before, out, b = text, out[len(text):], b[own[i]:]
	}
}

// grow makes n more bytes of text.
func (d *chunkReader) grow(n int) []byte {
	d.reserve(n)
	end := d.text.Len()
	d.text.ResizeNoShrink(end + n)
	return d.text.Bytes()[end:]
}

// reserve makes room for n more bytes of text.
func (d *chunkReader) reserve(n int) {
	if end := d.text.Len() + n; end > d.text.Cap() {
		d.text.Reserve(max(end, 2*d.text.Cap()))
	}
}
