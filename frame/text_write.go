package frame

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"deeprc/collective"
)

const (
	encodedRows  = 1 << 10 // rows that are turned into text at a time, column by column
	encodedBytes = 1 << 20 // bytes of text that are gathered before they are written
	gatheredRows = 1 << 14 // rows whose text goes to rank 0 in one message
)

// textStyle is how a format writes a row and the cells that formats write differently.
type textStyle interface {
	// head is what a file begins with.
	head(dst []byte) []byte
	// cell is what stands before cell i of a row, and text what stands for a text, a time and a missing cell.
	before(dst []byte, i int) []byte
	text(dst, s []byte) []byte
	time(dst, s []byte) []byte
	null() string
	// end is what ends a row.
	end(dst []byte) []byte
	// finite says that NaN and infinities cannot be written.
	finite() bool
}

// textEncoder turns records into text.
type textEncoder struct {
	style textStyle
	cells []encodedColumn
	tmp   []byte
}

// encodedColumn is the text of some cells, one after another.
type encodedColumn struct {
	text []byte
	ends []int
}

// append appends rows lo…hi of a record to dst.
func (e *textEncoder) append(dst []byte, rec arrow.Record, lo, hi int) ([]byte, error) {
	if e.cells == nil {
		e.cells = make([]encodedColumn, rec.NumCols())
	}
	for ; lo < hi; lo += encodedRows {
		n := min(encodedRows, hi-lo)
		for i, a := range rec.Columns() {
			c := see(a)
			if err := e.encode(&e.cells[i], &c, lo, lo+n); err != nil {
				return dst, fmt.Errorf("column %s: %w", quote(rec.ColumnName(i)), err)
			}
		}
		for r := range n {
			for i := range e.cells {
				from := 0
				if r > 0 {
					from = e.cells[i].ends[r-1]
				}
				dst = e.style.before(dst, i)
				dst = append(dst, e.cells[i].text[from:e.cells[i].ends[r]]...)
			}
			dst = e.style.end(dst)
		}
	}
	return dst, nil
}

// encode makes the text of rows lo…hi of a column.
func (e *textEncoder) encode(to *encodedColumn, c *column, lo, hi int) error {
	to.text, to.ends = to.text[:0], to.ends[:0]
	switch c.typ.ID() {
	case arrow.BOOL:
		e.each(to, c, lo, hi, func(b []byte, i int) []byte { return strconv.AppendBool(b, c.bit(i)) })
	case arrow.INT8:
		intTexts(e, to, c, lo, hi, values[int8](c))
	case arrow.INT16:
		intTexts(e, to, c, lo, hi, values[int16](c))
	case arrow.INT32:
		intTexts(e, to, c, lo, hi, values[int32](c))
	case arrow.INT64, arrow.DURATION:
		intTexts(e, to, c, lo, hi, values[int64](c))
	case arrow.UINT8:
		intTexts(e, to, c, lo, hi, values[uint8](c))
	case arrow.UINT16:
		intTexts(e, to, c, lo, hi, values[uint16](c))
	case arrow.UINT32:
		intTexts(e, to, c, lo, hi, values[uint32](c))
	case arrow.UINT64:
		v := values[uint64](c)
		e.each(to, c, lo, hi, func(b []byte, i int) []byte { return strconv.AppendUint(b, v[i], 10) })
	case arrow.FLOAT32:
		return floatTexts(e, to, c, lo, hi, values[float32](c), 32)
	case arrow.FLOAT64:
		return floatTexts(e, to, c, lo, hi, values[float64](c), 64)
	case arrow.DECIMAL128:
		v, scale := values[decimal128.Num](c), c.typ.(*arrow.Decimal128Type).Scale
		e.each(to, c, lo, hi, func(b []byte, i int) []byte { return append(b, v[i].ToString(scale)...) })
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		return e.texts(to, c, lo, hi)
	default:
		return e.times(to, c, lo, hi)
	}
	return nil
}

// each appends the cells that are not missing by put.
func (e *textEncoder) each(to *encodedColumn, c *column, lo, hi int, put func(b []byte, i int) []byte) {
	null := e.style.null()
	for i := lo; i < hi; i++ {
		if c.isNull(i) {
			to.text = append(to.text, null...)
		} else {
			to.text = put(to.text, i)
		}
		to.ends = append(to.ends, len(to.text))
	}
}

func intTexts[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](e *textEncoder, to *encodedColumn, c *column, lo, hi int, v []T) {
	e.each(to, c, lo, hi, func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(v[i]), 10) })
}

// floatTexts writes the shortest text that is read as the same number.
func floatTexts[T float32 | float64](e *textEncoder, to *encodedColumn, c *column, lo, hi int, v []T, bits int) error {
	if e.style.finite() {
		for i := lo; i < hi; i++ {
			if x := float64(v[i]); (math.IsNaN(x) || math.IsInf(x, 0)) && !c.isNull(i) {
				return fmt.Errorf("holds %v, which the format has no number for; make it missing, or cast the column to text", x)
			}
		}
	}
	e.each(to, c, lo, hi, func(b []byte, i int) []byte { return strconv.AppendFloat(b, float64(v[i]), 'g', -1, bits) })
	return nil
}

func (e *textEncoder) texts(to *encodedColumn, c *column, lo, hi int) error {
	all := c.text[c.off[lo]:c.off[hi]]
	if bytes.IndexByte(all, 0) >= 0 {
		return fmt.Errorf("holds a NUL byte, which a file of text cannot")
	}
	if e.style.finite() && c.typ.ID() == arrow.LARGE_BINARY {
		for i := lo; i < hi; i++ {
			if !utf8.Valid(c.str(i)) {
				return fmt.Errorf("holds bytes that are not UTF-8 text, which the format cannot")
			}
		}
	}
	e.each(to, c, lo, hi, func(b []byte, i int) []byte { return e.style.text(b, c.str(i)) })
	return nil
}

// times writes dates and times in the forms that ReadCSV takes.
func (e *textEncoder) times(to *encodedColumn, c *column, lo, hi int) error {
	var put func(b []byte, i int) []byte
	bad := -1
	day := func(b []byte, i int, days int64) []byte {
		if days < daysTo(0, 1, 1) || days > daysTo(9999, 12, 31) {
			bad = i
			return b
		}
		return appendDate(b, days)
	}
	switch t := c.typ.(type) {
	case *arrow.Date32Type:
		v := values[int32](c)
		put = func(b []byte, i int) []byte { return day(b, i, int64(v[i])) }
	case *arrow.Date64Type:
		v := values[int64](c)
		put = func(b []byte, i int) []byte { return day(b, i, floorDiv(v[i], secPerDay*1000)) }
	case *arrow.TimestampType:
		v, ticks := values[int64](c), ticksPerSec(t.Unit)
		put = func(b []byte, i int) []byte {
			days := floorDiv(v[i], secPerDay*ticks)
			b = append(day(b, i, days), ' ')
			b = appendClock(b, v[i]-days*secPerDay*ticks, ticks)
			if t.TimeZone != "" {
				b = append(b, 'Z')
			}
			return b
		}
	case *arrow.Time32Type:
		v, ticks := values[int32](c), ticksPerSec(t.Unit)
		put = func(b []byte, i int) []byte { return appendClock(b, int64(v[i]), ticks) }
	case *arrow.Time64Type:
		v, ticks := values[int64](c), ticksPerSec(t.Unit)
		put = func(b []byte, i int) []byte { return appendClock(b, v[i], ticks) }
	default:
		return fmt.Errorf("cannot be written as text, since it is %s", c.typ)
	}
	e.each(to, c, lo, hi, func(b []byte, i int) []byte {
		e.tmp = put(e.tmp[:0], i)
		return e.style.time(b, e.tmp)
	})
	if bad >= 0 {
		return fmt.Errorf("holds a time outside the years 0 to 9999, which text has no form for")
	}
	return nil
}

func ticksPerSec(u arrow.TimeUnit) int64 { return 1e9 / u.Multiplier().Nanoseconds() }

// appendDate writes days since 1970-01-01 as 2006-01-02.
func appendDate(b []byte, days int64) []byte {
	y, m, first := civil(days)
	b = append2(b, y/100)
	b = append2(b, y%100)
	b = append2(append(b, '-'), int64(m+1))
	return append2(append(b, '-'), days-first+1)
}

// appendClock writes a time of day as 15:04:05, with all digits of the unit behind a point if one is not zero.
func appendClock(b []byte, v, ticks int64) []byte {
	s := v / ticks
	b = append2(b, s/3600)
	b = append2(append(b, ':'), s/60%60)
	b = append2(append(b, ':'), s%60)
	if rest := v % ticks; rest != 0 {
		b = append(b, '.')
		for ticks > 1 {
			ticks /= 10
			b = append(b, byte('0'+rest/ticks%10))
		}
	}
	return b
}

func append2(b []byte, v int64) []byte { return append(b, byte('0'+v/10), byte('0'+v%10)) }

// textWriter writes a file of text, which appears in Close, whole.
type textWriter struct {
	path string
	f    *atomicFile
	enc  textEncoder
	buf  []byte
}

func newTextWriter(path string, style textStyle) (*textWriter, error) {
	f, err := createAtomic(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &textWriter{path: path, f: f, enc: textEncoder{style: style}, buf: style.head(nil)}, nil
}

// Write appends the rows of a record.
func (w *textWriter) Write(rec arrow.Record) error {
	n := int(rec.NumRows())
	for lo := 0; lo < n; lo += encodedRows {
		var err error
		if w.buf, err = w.enc.append(w.buf, rec, lo, min(lo+encodedRows, n)); err != nil {
			return fmt.Errorf("%s: write: %w", w.path, err)
		}
		if len(w.buf) >= encodedBytes {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *textWriter) flush() error {
	if _, err := w.f.Write(w.buf); err != nil {
		return fmt.Errorf("%s: write: %w", w.path, err)
	}
	w.buf = w.buf[:0]
	return nil
}

// Close writes the rest and gives the file its name. On an error no file is left.
func (w *textWriter) Close() error {
	if err := w.flush(); err != nil {
		w.f.Abort()
		return err
	}
	if err := w.f.Commit(); err != nil {
		return fmt.Errorf("%s: write: %w", w.path, err)
	}
	return nil
}

// Abort removes what was written; after Close it does nothing.
func (w *textWriter) Abort() error { return w.f.Abort() }

// writeOne writes the rows of all ranks, in order, to one file: rank 0 writes, and the others'
// text goes there piece by piece; collective.
func writeOne(c collective.Comm, what string, t *Table, path string, style textStyle) error {
	if err := sameSchema(c, t); err != nil {
		return err
	}
	rows, err := collective.AllGatherOne(c, int64(t.rows))
	if err != nil {
		return fmt.Errorf("frame: %s: count rows: %w", what, err)
	}
	var w *textWriter
	if c.Rank() == 0 {
		if w, err = newTextWriter(path, style); err == nil {
			defer w.Abort()
			for _, rec := range t.chunks {
				if err = w.Write(rec); err != nil {
					break
				}
			}
		}
	}
	if err := collective.Agree(c, wrap(what, err)); err != nil {
		return err
	}
	for r := 1; r < c.Size(); r++ {
		err := w.gather(c, r, int(rows[r]), t, path, style)
		if err := collective.Agree(c, wrap(what, err)); err != nil {
			return err
		}
	}
	if c.Rank() == 0 {
		err = w.Close()
	}
	return collective.Agree(c, wrap(what, err))
}

// gather appends the n rows of rank r to the file of rank 0, on which alone w is not nil; collective.
// All ranks go on to the end also where it fails on one.
func (w *textWriter) gather(c collective.Comm, r, n int, t *Table, path string, style textStyle) (err error) {
	enc := textEncoder{style: style}
	var buf []byte
	chunk, at := 0, 0 // of this rank, sent next
	for sent := 0; sent < n; sent += gatheredRows {
		out := map[int][]byte{}
		if c.Rank() == r && err == nil {
			buf = buf[:0]
			for left := min(gatheredRows, n-sent); left > 0 && err == nil; {
				rec := t.chunks[chunk]
				k := min(left, int(rec.NumRows())-at)
				buf, err = enc.append(buf, rec, at, at+k)
				left, at = left-k, at+k
				if at == int(rec.NumRows()) {
					chunk, at = chunk+1, 0
				}
			}
			if out[0] = buf; err != nil {
				err = fmt.Errorf("%s: write: %w", path, err)
			}
		}
		in, cerr := collective.Exchange(c, out)
		if cerr != nil {
			return cerr
		}
		if c.Rank() == 0 && err == nil {
			w.buf = append(w.buf, in[r]...)
			if len(w.buf) >= encodedBytes {
				err = w.flush()
			}
		}
	}
	return err
}
