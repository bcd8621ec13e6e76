package frame

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
)

// jsonParser turns this rank's objects into columns.
type jsonParser struct {
	src  *textSource
	text []byte // the block
	path string // of its file
	scan jsonLine
	all  bool // every key is a column
	cols []*cellColumn
	at   map[string]int // the column of a key
	row  []int64        // of each column: the last row, from 1, that has its key; 0 is none
	na   missing
	rows int64
	runs []run

	progress func(done, total int64)
}

func (p *jsonParser) release() {
	for _, c := range p.cols {
		c.release()
	}
}

// open goes to the source's next block; false means there is none.
func (p *jsonParser) open() (bool, error) {
	ok, err := p.src.more()
	if p.text = nil; !ok {
		return false, err
	}
	p.text, p.path = p.src.next.text, p.src.plan.files[p.src.next.file].path
	return true, nil
}

// parse appends the values of all objects, of the open block and those behind it, to their columns.
func (p *jsonParser) parse() error {
	for _, col := range p.cols {
		col.reserve(0)
	}
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

// block appends the values of the block.
func (p *jsonParser) block() error {
	room := bytes.Count(p.text, []byte{'\n'}) + 1
	for _, col := range p.cols {
		col.reserve(room)
	}
	lines := lineWalker{b: p.text, line: p.src.next.line - 1}
	for ; ; room-- {
		line, ok := lines.next()
		if !ok {
			return nil
		}
		if p.src.next.cut && lines.pos == len(p.text) {
			return fmt.Errorf("%s:%d: the line is longer than %d MiB", p.path, lines.line, maxTail>>20)
		}
		if err := p.object(line, room); err != nil {
			return fmt.Errorf("%s:%d: %w", p.path, lines.line, err)
		}
		if p.rows%progressRows == 0 && p.progress != nil {
			p.progress(min(p.src.done-int64(len(p.text)-lines.pos), p.src.total), p.src.total)
		}
	}
}

// object appends the values of one object.
func (p *jsonParser) object(line []byte, room int) error {
	if err := p.scan.open(line); err != nil {
		return err
	}
	p.rows++
	have, next := 0, 0 // columns that have a value; the one that is probably next
	for {
		key, more, err := p.scan.key()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		i := next
		if i >= len(p.cols) || p.cols[i].name != string(key) {
			var ok bool
			if i, ok = p.at[string(key)]; !ok {
				if p.all {
					return fmt.Errorf("key %s is not in the first %d objects of any rank; give its type, or the columns to read", quote(string(key)), sampleRecords)
				}
				i = -1
			}
		}
		if i < 0 {
			if _, _, err := p.scan.value(); err != nil {
				return err
			}
			continue
		}
		col := p.cols[i]
		if p.row[i] == p.rows {
			return fmt.Errorf("key %s is there twice", quote(col.name))
		}
		p.row[i] = p.rows
		v, kind, err := p.scan.value()
		if err == nil {
			if fault := putJSON(col, v, kind, room); fault != "" {
				err = errors.New(fault)
			}
		}
		if err != nil {
			return fmt.Errorf("key %s: %w", quote(col.name), err)
		}
		have, next = have+1, i+1
	}
	if have < len(p.cols) {
		for i, col := range p.cols {
			if p.row[i] != p.rows {
				col.b.AppendNull()
			}
		}
	}
	return nil
}

// putJSON appends a value to its column, and says what is wrong with it.
func putJSON(c *cellColumn, v []byte, kind jsonKind, room int) (fault string) {
	want := jsonText
	switch c.kind {
	case intKind, floatKind:
		want = jsonNumber
	case boolKind:
		want = jsonBool
	case rareKind:
		if id := c.typ.ID(); id == arrow.UINT64 || id == arrow.DECIMAL128 {
			want = jsonNumber
		}
	}
	switch {
	case kind == jsonNull:
		c.b.AppendNull()
		return ""
	case kind == jsonNested:
		return "the value is nested, which a column cannot be; flatten it, or read other columns only"
	case kind != want:
		return c.misfit(v, fmt.Sprintf("is %s, but the column holds %s", kind, want))
	case c.kind == textKind:
		return c.putText(v)
	case c.kind == floatKind:
		if f, n, ok := scanFloat(v, 0); ok && n == len(v) && c.putFloat(f) {
			return ""
		}
	}
	return c.put(v, room)
}

// lineWalker walks over the lines that are not blank.
type lineWalker struct {
	b    []byte
	pos  int
	line int // of the last one
}

func (w *lineWalker) next() (line []byte, ok bool) {
	for w.pos < len(w.b) {
		line = w.b[w.pos:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		w.pos = min(w.pos+len(line)+1, len(w.b))
		w.line++
		if len(bytes.TrimSpace(line)) > 0 {
			return line, true
		}
	}
	return nil, false
}
