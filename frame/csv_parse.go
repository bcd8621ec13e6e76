package frame

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// parser turns this rank's records into columns.
type parser struct {
	src   *textSource
	names []string
	at    []*cellColumn // by field; nil where the column is not wanted
	cols  []*cellColumn // in the table's order
	na    missing
	scan  scanner // over the block
	path  string  // of the block's file
	fast  *simpleRecords
	rows  int64
	runs  []run

	progress func(done, total int64)
}

// run is rows of this rank that come from one file.
type run struct {
	file int
	rows int64
}

// addRun appends rows that come from a file.
func addRun(runs []run, file int, rows int64) []run {
	if n := len(runs); n > 0 && runs[n-1].file == file {
		runs[n-1].rows += rows
	} else if rows > 0 {
		runs = append(runs, run{file, rows})
	}
	return runs
}

// progressRows are the rows between two calls of progress.
const progressRows = 1 << 14

func (p *parser) release() {
	for _, c := range p.cols {
		c.release()
	}
	if p.fast != nil {
		p.fast.release()
	}
}

// maxRows bounds the number of records from above: each has a newline, or ends
// the bytes, and as many separators as it has fields but one.
func (p *parser) maxRows() int {
	n := len(p.scan.b)
	return min(bytes.Count(p.scan.b, []byte{'\n'}), n/max(len(p.at), 2)) + 1
}

// open goes to the source's next block; false means there is none.
func (p *parser) open() (bool, error) {
	ok, err := p.src.more()
	if !ok {
		p.scan.b, p.scan.pos = nil, 0
		return false, err
	}
	b := &p.src.next
	p.scan.b, p.scan.pos, p.scan.line, p.scan.cut = b.text, 0, b.line, b.cut
	p.path = p.src.plan.files[b.file].path
	return true, nil
}

// parse appends all cells, of the open block and those behind it, to their columns.
func (p *parser) parse() error {
	for _, col := range p.cols {
		col.reserve(0)
	}
	p.fast = newSimpleRecords(p)
	for {
		file, before := p.src.next.file, p.rows
		if err := p.block(); err != nil {
			return err
		}
		p.runs = addRun(p.runs, file, p.rows-before)
		if ok, err := p.open(); !ok {
			return err
		}
	}
}

// block appends the cells of the block.
func (p *parser) block() error {
	s := &p.scan
	room := p.maxRows()
	for _, col := range p.cols {
		col.reserve(room)
	}
	for s.more() {
		n, err := p.fast.parse(p, room)
		if err != nil {
			return err
		}
		if n == 0 {
			if err := p.special(room); err != nil {
				return err
			}
			n = 1
		}
		room -= n
		before := p.rows
		p.rows += int64(n)
		if p.progress != nil && p.rows/progressRows > before/progressRows {
			p.progress(min(p.src.done-int64(len(s.b)-s.pos), p.src.total), p.src.total)
		}
	}
	return nil
}

// special appends one record of any form.
func (p *parser) special(room int) error {
	s := &p.scan
	line := s.line
	err := p.record(room)
	if s.cut && s.pos == len(s.b) && !errors.Is(err, errOpenQuote) {
		return fmt.Errorf("%s:%d: %w", p.path, line, errLongRecord)
	}
	return err
}

// record appends one record. A wrong number of fields is reported before a wrong
// cell, since it explains it.
func (p *parser) record(room int) error {
	s := &p.scan
	first := s.line
	var bad error
	n := 0
	for last := false; !last; n++ {
		line := s.line
		var fault string
		var err error
		if n < len(p.at) && p.at[n] != nil {
			last, fault, err = p.cell(p.at[n], room)
		} else {
			_, last, err = s.field()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.where(s.line, n), err)
		}
		if fault != "" && bad == nil {
			bad = fmt.Errorf("%s: %s", p.where(line, n), fault)
		}
	}
	if n != len(p.at) {
		return fmt.Errorf("%s:%d: %s, header has %d", p.path, first, plural(n, "field"), len(p.at))
	}
	return bad
}

// where is file:line: column "name" for field n.
func (p *parser) where(line, n int) string {
	if n < len(p.names) {
		return fmt.Sprintf("%s:%d: column %s", p.path, line, quote(p.names[n]))
	}
	return fmt.Sprintf("%s:%d: field %d", p.path, line, n+1)
}

// cell appends the next cell to col. A fault says why the cell does not fit; an
// err is about quotes.
func (p *parser) cell(col *cellColumn, room int) (last bool, fault string, err error) {
	s := &p.scan
	from := s.pos
	switch col.kind { // an unquoted cell without spaces, in one pass
	case floatKind:
		if v, n, ok := scanFloat(s.b, s.pos); ok {
			if last, ok := s.endAt(n); ok {
				if col.putFloat(v) {
					return last, "", nil
				}
				return last, col.misfit(s.b[from:n], "is beyond the range of float32"), nil
			}
		}
	case intKind:
		if v, n, ok := scanInt(s.b, s.pos); ok && v >= col.lo && v <= col.hi {
			if last, ok := s.endAt(n); ok {
				col.putInt(v)
				return last, "", nil
			}
		}
	case timeKind:
		if v, ns, n, ok := scanTime(s.b, s.pos); ok && ns == 0 && v%col.tick == 0 && !p.na.times {
			if last, ok := s.endAt(n); ok {
				col.i64.UnsafeAppend(v)
				return last, "", nil
			}
		}
	}
	text, last, err := s.field()
	if err != nil {
		return last, "", err
	}
	return last, col.put(text, room), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
