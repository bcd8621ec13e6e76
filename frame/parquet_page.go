package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/DataDog/zstd"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/golang/snappy"
	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"
)

// The format is https://parquet.apache.org/docs/file-format/data-pages/; the numbers of
// fields and encodings are those of parquet.thrift.

// kinds of page
const (
	pageData       = 0
	pageDictionary = 2
	pageData2      = 3
)

// encodings
const (
	encPlain         = 0
	encPlainDict     = 2
	encRLE           = 3
	encDelta         = 5
	encDeltaLengths  = 6
	encDeltaPrefixes = 7
	encRLEDict       = 8
	encSplit         = 9
)

// page is what the head of a page says, and where its bytes lie.
type page struct {
	kind, values, encoding int
	size                   int    // uncompressed
	body                   []byte // as stored
	levels                 int    // bytes of definition levels before the values, which are never compressed; of version 2
	compressed             bool
}

// compact reads Thrift's compact protocol.
type compact struct {
	b  []byte
	at int
}

func (r *compact) byte() byte {
	need(r.b, r.at, 1)
	r.at++
	return r.b[r.at-1]
}

func (r *compact) uvarint() uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		panic(corrupt("the head of a page ends early"))
	}
	r.at += n
	return v
}

func (r *compact) int() int {
	v := r.uvarint()
	return int(int64(v>>1) ^ -int64(v&1))
}

// types of the compact protocol
const (
	compactTrue   = 1
	compactFalse  = 2
	compactByte   = 3
	compactInt16  = 4
	compactInt32  = 5
	compactInt64  = 6
	compactDouble = 7
	compactBytes  = 8
	compactList   = 9
	compactSet    = 10
	compactStruct = 12
)

// fields calls read for each field of a struct; what read does not consume is skipped.
func (r *compact) fields(depth int, read func(id, typ int) bool) {
	if depth == 0 {
		panic(corrupt("the head of a page is nested too deep"))
	}
	id := 0
	for {
		b := r.byte()
		typ := int(b & 15)
		if typ == 0 {
			return
		}
		if d := int(b >> 4); d != 0 {
			id += d
		} else {
			id = r.int()
		}
		if !read(id, typ) {
			r.skip(depth, typ)
		}
	}
}

func (r *compact) skip(depth, typ int) {
	switch typ {
	case compactTrue, compactFalse:
	case compactByte:
		r.byte()
	case compactInt16, compactInt32, compactInt64:
		r.uvarint()
	case compactDouble:
		need(r.b, r.at, 8)
		r.at += 8
	case compactBytes:
		n := int(r.uvarint())
		need(r.b, r.at, n)
		r.at += n
	case compactList, compactSet:
		b := r.byte()
		n := int(b >> 4)
		if n == 15 {
			n = int(r.uvarint())
		}
		need(r.b, r.at, n) // an element takes a byte at least
		for range n {
			if t := int(b & 15); t <= compactFalse {
				r.byte()
			} else {
				r.skip(depth-1, t)
			}
		}
	case compactStruct:
		r.fields(depth-1, func(int, int) bool { return false })
	default:
		panic(corrupt("the head of a page has a field of an unknown type"))
	}
}

// maxSparse is the number of rows of a row group, in a column that is almost all missing or
// all one value, beyond which it is not believed.
const maxSparse = 1 << 28

// believe makes sure that a column chunk of the given number of bytes may have so many rows.
func believe(rows, bytes int) {
	if rows > maxSparse && rows > 8*bytes {
		panic(corrupt("a row group has more rows than its bytes can hold"))
	}
}

// expands is how many bytes one byte that a codec has compressed may stand for; Brotli is held to what Zstandard is.
func expands(codec compress.Compression) int {
	switch codec {
	case compress.Codecs.Uncompressed:
		return 1
	case compress.Codecs.Snappy:
		return snappyExpansion
	case lz4Raw:
		return lz4Expansion
	case compress.Codecs.Gzip:
		return gzipExpansion
	}
	return expansion
}

// lz4Raw is the number of the codec LZ4_RAW.
const lz4Raw compress.Compression = 7

// pages finds the pages of a column chunk of the given number of rows: a dictionary first, if any.
func pages(b []byte, codec compress.Compression, rows int) []page {
	var list []page
	seen := 0
	for at := 0; seen < rows; {
		r := &compact{b: b, at: at}
		p := page{kind: -1, compressed: true}
		stored, repeated := -1, 0
		ints := func(into map[int]*int, flag int) func(id, typ int) bool {
			return func(id, typ int) bool {
				if v, ok := into[id]; ok && typ == compactInt32 {
					*v = r.int()
					return true
				}
				if id == flag && typ == compactFalse {
					p.compressed = false
					return true
				}
				return false
			}
		}
		const depth = 16
		r.fields(depth, func(id, typ int) bool {
			switch {
			case typ == compactStruct && (id == 5 || id == 7):
				r.fields(depth-1, ints(map[int]*int{1: &p.values, 2: &p.encoding}, -1))
			case typ == compactStruct && id == 8:
				r.fields(depth-1, ints(map[int]*int{1: &p.values, 4: &p.encoding, 5: &p.levels, 6: &repeated}, 7))
			default:
				return ints(map[int]*int{1: &p.kind, 2: &p.size, 3: &stored}, -1)(id, typ)
			}
			return true
		})
		need(b, r.at, stored)
		p.body = b[r.at : r.at+stored]
		at = r.at + stored
		switch {
		case p.size < 0 || p.size > expands(codec)*stored:
			panic(corrupt("a page has an impossible size"))
		case p.values < 0 || p.levels < 0 || repeated != 0 || p.levels > stored:
			panic(corrupt("a page has an impossible number of values or levels"))
		case p.kind == pageDictionary && len(list) > 0:
			panic(corrupt("a dictionary comes after other pages"))
		case p.kind == pageDictionary:
			list = append(list, p)
		case p.kind == pageData || p.kind == pageData2:
			seen += p.values
			list = append(list, p)
		}
	}
	if seen != rows {
		panic(corrupt(fmt.Sprintf("its pages have %d values for %d rows", seen, rows)))
	}
	return list
}

// unpacker decompresses pages; it is kept while files are read, with the memory that it works in.
type unpacker struct {
	mem   *Memory
	zstd  zstd.Ctx          // nil until a page needs it
	pages [2]*memory.Buffer // the last one of cells, and the last dictionary
}

// places in unpacker.pages
const (
	cellsPage = iota
	dictionaryPage
)

// unpack is the bytes of a page: levels and values. It is valid until a page is unpacked at the same place.
func (u *unpacker) unpack(p page, codec compress.Compression, place int) []byte {
	if codec == compress.Codecs.Uncompressed || !p.compressed {
		if len(p.body) != p.size {
			panic(corrupt("an uncompressed page has two sizes"))
		}
		return p.body
	}
	if u.pages[place] == nil {
		u.pages[place] = memory.NewResizableBuffer(u.mem)
	}
	u.pages[place].ResizeNoShrink(p.size)
	out := u.pages[place].Bytes()
	if p.kind == pageData2 {
		if p.levels > p.size {
			panic(corrupt("a page has more levels than bytes"))
		}
		copy(out, p.body[:p.levels])
	}
	dst, src := out[p.levels:], p.body[p.levels:]
	if len(dst) == 0 {
		return out
	}
	wrong := func(n int, err error) {
		if err != nil {
			panic(fmt.Errorf("decompress a page: %w", err))
		}
		if n != len(dst) {
			panic(corrupt("a page has another size than its head says"))
		}
	}
	stream := func(r io.Reader, err error) {
		n := 0
		if err == nil {
			n, err = io.ReadFull(r, dst)
		}
		wrong(n, err)
	}
	switch codec {
	case compress.Codecs.Snappy:
		n, err := snappy.DecodedLen(src)
		wrong(n, err)
		_, err = snappy.Decode(dst, src)
		wrong(n, err)
	case compress.Codecs.Zstd:
		if len(src) == 0 {
			panic(corrupt("a page has no bytes"))
		}
		if u.zstd == nil {
			u.zstd = zstd.NewCtx()
		}
		wrong(u.zstd.DecompressInto(dst, src))
	case compress.Codecs.Gzip:
		stream(gzip.NewReader(bytes.NewReader(src)))
	case compress.Codecs.Brotli:
		c, err := compress.GetCodec(codec)
		if err != nil {
			panic(err)
		}
		stream(c.NewReader(bytes.NewReader(src)), nil)
	case lz4Raw:
		n, err := lz4.UncompressBlock(src, dst)
		wrong(n, err)
	default:
		panic(unsupported("its compression " + codec.String()))
	}
	return out
}

func (u *unpacker) close() {
	for _, b := range u.pages {
		if b != nil {
			b.Release()
		}
	}
}

// unsupported is what a file has that is not supported; readers panic with it.
type unsupported string

func (u unsupported) Error() string { return string(u) + " is not supported" }
