package frame

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

const (
	linesAtOnce = 4096    // rows that are made text between two looks at its size
	textBuffer  = 1 << 20 // bytes of text from which it is written
)

// lineFormat is how a table is written as lines of text, one a row.
type lineFormat struct {
	cellText
	header []byte   // the first line of a file; nil where there is none
	before [][]byte // of each column: what stands before its cell
	after  []byte   // what ends a row
	null   []byte   // a missing cell
}

// lines makes the rows of a table text, a batch at a time.
type lines struct {
	format *lineFormat
	of     string // what rows are counted in, for messages: this rank, or a file
	recs   []arrow.Record
	row    int // of the first of recs, next
	before int // rows of records before it
	puts   []putCell
	cols   []column
	buf    []byte
}

// more puts the next rows, at least textBuffer bytes if there are as many, in l.buf; it is
// false where there are none.
func (l *lines) more() (bool, error) {
	l.buf = l.buf[:0]
	for len(l.recs) > 0 && len(l.buf) < textBuffer {
		rec := l.recs[0]
		if l.row == 0 {
			if err := l.begin(rec); err != nil {
				return false, err
			}
		}
		hi := min(l.row+linesAtOnce, int(rec.NumRows()))
		f := l.format
		for row := l.row; row < hi; row++ {
			for i, put := range l.puts {
				l.buf = append(l.buf, f.before[i]...)
				if l.cols[i].isNull(row) {
					l.buf = append(l.buf, f.null...)
				} else {
					l.buf = put(l.buf, row)
				}
			}
			l.buf = append(l.buf, f.after...)
		}
		if l.row = hi; hi == int(rec.NumRows()) {
			l.recs, l.row, l.before = l.recs[1:], 0, l.before+hi
		}
	}
	return len(l.buf) > 0, nil
}

func (l *lines) begin(rec arrow.Record) error {
	n := int(rec.NumCols())
	l.puts, l.cols = make([]putCell, n), make([]column, n)
	for i := range n {
		l.cols[i] = see(rec.Column(i))
		put, bad := l.format.column(&l.cols[i])
		if bad != nil {
			return fmt.Errorf("column %s: row %d of %s (from 0) %s", quote(rec.ColumnName(i)), l.before+bad.row, l.of, bad.what)
		}
		l.puts[i] = put
	}
	return nil
}

// linePart is a file of lines that is being written.
type linePart struct {
	f *atomicFile
	lines
}

func openLines(path string, format *lineFormat) (*linePart, error) {
	f, err := createAtomic(path, false)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := &linePart{f: f, lines: lines{format: format, of: "the file"}}
	if _, err := f.Write(format.header); err != nil {
		f.Abort()
		return nil, p.failed(err)
	}
	return p, nil
}

func (p *linePart) Write(rec arrow.Record) error {
	p.recs = append(p.recs, rec)
	for {
		ok, err := p.more()
		if err == nil && ok {
			_, err = p.f.Write(p.buf)
		}
		if err != nil || !ok {
			return p.failed(err)
		}
	}
}

func (p *linePart) Close() error { return p.failed(p.f.Commit()) }

func (p *linePart) Abort() error { return p.failed(p.f.Abort()) }

func (p *linePart) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: write: %w", p.f.path, bare(err))
}

// writeLines writes a table to a folder as [writeParts] does; make gives the format for the
// columns that the files have. Collective.
func writeLines(c collective.Comm, what string, t *Table, folder, suffix string, by []string, make func(*arrow.Schema) *lineFormat) error {
	return writeParts(c, what, t, folder, by, partFormat{suffix, func(path string, s *arrow.Schema) (partWriter, error) {
		return openLines(path, make(s))
	}})
}

// writeWhole writes the rows of all ranks, in order, to one file on rank 0, which gets them
// batch by batch; collective. An error leaves no file.
func writeWhole(c collective.Comm, what string, t *Table, path string, format *lineFormat) error {
	if err := sameSchema(c, t); err != nil {
		return err
	}
	var p *linePart
	var err error
	if c.Rank() == 0 {
		p, err = openLines(path, format)
		if p != nil {
			defer p.Abort()
		}
	}
	if err := collective.Agree(c, wrap(what, err)); err != nil {
		return err
	}
	own := &lines{format: format, of: "this rank", recs: slices.Clone(t.chunks)}
	for from := range c.Size() {
		var err error
		for {
			n := int64(0)
			if c.Rank() == from && err == nil {
				if _, err = own.more(); err == nil {
					n = int64(len(own.buf))
				}
			}
			if n, cerr := collective.BroadcastOne(c, n, from); cerr != nil {
				return wrap(what, cerr)
			} else if n == 0 {
				break
			} else {
				text, cerr := toFirst(c, own.buf, int(n), from)
				if cerr != nil {
					return wrap(what, cerr)
				}
				if c.Rank() == 0 && err == nil {
					_, err = p.f.Write(text)
					err = p.failed(err)
				}
			}
		}
		if err := collective.Agree(c, wrap(what, err)); err != nil {
			return err
		}
	}
	if c.Rank() == 0 {
		err = p.Close()
	}
	return collective.Agree(c, wrap(what, err))
}

// toFirst moves the n bytes of rank from to rank 0; collective.
func toFirst(c collective.Comm, b []byte, n, from int) ([]byte, error) {
	if from == 0 {
		return b, nil
	}
	var src, dst []byte
	srcN, dstN := make([]int, c.Size()), make([]int, c.Size())
	if c.Rank() == from {
		src, srcN[0] = b, n
	}
	if c.Rank() == 0 {
		dst, dstN[from] = make([]byte, n), n
	}
	return dst, c.AllToAll(collective.Of(dst), dstN, collective.Of(src), srcN)
}
