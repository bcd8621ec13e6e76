package frame

import (
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/parquet"
)

// readRows decodes rows from…to of a page, whose other rows lie outside of what is read, into rows at… of the array.
func (d *chunkReader) readRows(p page, from, to int) {
	whole := newChunkReader(d.mem, d.unp, d.col, p.values)
	defer whole.close()
	whole.codec, whole.dict, whole.texts = d.codec, d.dict, d.texts
	whole.readPage(p, 0)
	n := to - from
	if d.valid != nil {
		bitutil.CopyBitmap(whole.valid.Bytes(), from, n, d.valid.Bytes(), d.at)
		d.nulls += n - bitutil.CountSetBits(d.valid.Bytes(), d.at, n)
	}
	switch {
	case d.off != nil:
		src, dst := view[int64](whole.off)[from:to+1], view[int64](d.off)[d.at:]
		end := int64(d.text.Len())
		copy(d.grow(int(src[n]-src[0])), whole.text.Bytes()[src[0]:src[n]])
		for i, x := range src {
			dst[i] = end + x - src[0]
		}
	case d.col.physical == parquet.Types.Boolean:
		bitutil.CopyBitmap(whole.data.Bytes(), from, n, d.data.Bytes(), d.at)
	default:
		w := d.col.width
		copy(d.data.Bytes()[d.at*w:], whole.data.Bytes()[from*w:to*w])
	}
}
