package frame

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"deeprc/collective"
)

// JSONLOptions says how [ReadJSONL] reads files. The zero value reads all keys and finds
// out types by itself. All ranks pass the same.
type JSONLOptions struct {
	// Columns are the keys to read, in the order that the table will have; the others
	// are passed over. None means all, in the order in which they first appear.
	Columns []string
	// Types are the types that columns must have; the others are inferred.
	Types map[string]Type
	// ID and IDPattern are as in [CSVOptions].
	ID, IDPattern string
	// Progress is called now and then while this rank parses: bytes done, and of its part. May be nil.
	Progress func(done, total int64)
	// Memory is where the table will live; nil means no limit.
	Memory *Memory
}

// ReadJSONL reads files of JSON lines (NDJSON: UTF-8, an object a line, blank lines skipped) into a
// distributed table; collective. A path is a file, a pattern of [filepath.Glob], or a
// folder, of which all files below it are meant that end in .jsonl or .ndjson, or these and .gz
// or .zst. Bytes are shared by the ranks as by [ReadCSVFiles].
//
// Keys are columns; a key that an object lacks, or whose value is null, is missing. What o
// does not say comes from the first 1,000 lines of each rank's range, or the first 4 MiB: the
// keys, in the order of their first appearance, and the types. Numbers make a column Int64,
// if more than half of the values are some, or Float64 if any rank meets a decimal; text Timestamp
// if all are times as of [ReadCSV], else String; true and false Bool. A column without values is Float64. Later keys, and
// values of another kind, are errors. A column that is declared String takes numbers and
// booleans as they are written; declared types are otherwise written as for [ReadCSV], numbers
// without quotes.
//
// Objects and arrays as values are errors, unless Columns leaves their key out. Errors
// name file, line and key; all ranks return the error of the lowest rank that met one.
func ReadJSONL(c collective.Comm, paths []string, o JSONLOptions) (*Table, ReadStats, error) {
	const what, format = "read JSON lines", "JSON lines"
	files, err := listFiles(c, what, paths, ".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst", ".ndjson.zst")
	if err != nil {
		return nil, ReadStats{}, err
	}
	added, err := newAddedColumns(files, o.ID, o.IDPattern, time.Time{}, 0, "")
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	plan, err := examine(c, what, format, files, true, func(f *inputFile) (int64, int, error) {
		b, _, err := f.prefix(int64(len(byteOrderMark)))
		if bytes.Equal(b, byteOrderMark) {
			return int64(len(b)), 0, err
		}
		return 0, 0, err
	})
	if err != nil {
		return nil, ReadStats{}, err
	}
	p := &jsonParser{o: &o, src: &textSource{m: o.Memory, plan: plan, format: format}, byName: map[string]*jsonKey{}}
	defer p.src.close()
	defer p.release()
	if err := p.src.load(c, what); err != nil {
		return nil, ReadStats{}, err
	}
	p.open, err = p.src.more()
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	if err := p.infer(c, what); err != nil {
		return nil, ReadStats{}, err
	}
	for _, n := range added.names() {
		if p.byName[n] != nil {
			return nil, ReadStats{}, fmt.Errorf("%s: the file has a key %s, so that no column of that name can be added", files[0], quote(n))
		}
	}
	if err := collective.Agree(c, p.parse()); err != nil {
		return nil, ReadStats{}, err
	}
	return finishText(c, what, o.Memory, p.src, p.cols, p.runs, added)
}

// jsonParser turns this rank's objects into columns.
type jsonParser struct {
	o      *JSONLOptions
	src    *textSource
	open   bool // src.next is a block that is not parsed yet
	byName map[string]*jsonKey
	keys   []*jsonKey // in the order of the columns
	cols   []*cellColumn
	rows   int64
	runs   []run
}

// jsonKey is a key that is read.
type jsonKey struct {
	name []byte
	col  *cellColumn
	row  int64 // number from 1 of the last row that has a value
}

func (p *jsonParser) release() {
	for _, c := range p.cols {
		c.release()
	}
}

// noMarks has no cell that means a missing one.
var noMarks = missing{longest: -1}

// add makes room for a key.
func (p *jsonParser) add(name string) {
	k := &jsonKey{name: []byte(name), col: &cellColumn{name: name, m: p.o.Memory, na: &noMarks}}
	p.byName[name] = k
	p.keys, p.cols = append(p.keys, k), append(p.cols, k.col)
}

// lines calls do with the lines of the open block that are not blank, and their numbers, up to an error.
func (p *jsonParser) lines(do func(line []byte, number int) error) error {
	b := p.src.next
	if !p.open {
		return nil
	}
	for number := b.line; len(b.text) > 0; number++ {
		line, rest, ended := bytes.Cut(b.text, []byte{'\n'})
		b.text = rest
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if !ended && b.cut {
			return p.at(number, errors.New("the line is longer than 64 MiB"))
		}
		if err := do(line, number); err != nil {
			return err
		}
	}
	return nil
}

func (p *jsonParser) at(line int, err error) error {
	return fmt.Errorf("%s:%d: %w", p.src.plan.files[p.src.next.file].path, line, err)
}

// parse appends all values to their columns.
func (p *jsonParser) parse() error {
	for _, c := range p.cols {
		c.reserve(0)
	}
	for p.open {
		room := bytes.Count(p.src.next.text, []byte{'\n'}) + 1
		for _, c := range p.cols {
			c.reserve(room)
		}
		before := p.rows
		err := p.lines(func(line []byte, number int) error {
			if err := p.object(line, room); err != nil {
				return p.at(number, err)
			}
			room--
			if p.rows++; p.rows%progressRows == 0 && p.o.Progress != nil {
				p.o.Progress(min(p.src.done, p.src.total), p.src.total)
			}
			return nil
		})
		if err != nil {
			return err
		}
		file := p.src.next.file
		if n := len(p.runs); n > 0 && p.runs[n-1].file == file {
			p.runs[n-1].rows += p.rows - before
		} else if p.rows > before {
			p.runs = append(p.runs, run{file, p.rows - before})
		}
		if p.open, err = p.src.more(); err != nil {
			return err
		}
	}
	return nil
}

// object appends the values of one object.
func (p *jsonParser) object(line []byte, room int) error {
	s := jsonScanner{b: line}
	if err := s.open(); err != nil {
		return err
	}
	guess := 0 // of the next key's place
	for {
		name, ok, err := s.key()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		var k *jsonKey
		if guess < len(p.keys) && bytes.Equal(p.keys[guess].name, name) {
			k = p.keys[guess]
			guess++
		} else if k = p.byName[string(name)]; k != nil {
			guess = slices.Index(p.keys, k) + 1
		} else if len(p.o.Columns) == 0 {
			return fmt.Errorf("key %s is in none of the first %d lines of any rank; list the columns to read", quote(string(name)), sampleRecords)
		}
		token, text, err := s.value()
		switch {
		case err != nil:
			return fmt.Errorf("key %s: %w", quote(string(name)), err)
		case k == nil:
			continue
		case k.row == p.rows+1:
			return fmt.Errorf("key %s stands twice in the object", quote(string(name)))
		}
		k.row = p.rows + 1
		if fault := k.put(token, text, room); fault != "" {
			return fmt.Errorf("key %s: %s", quote(string(k.name)), fault)
		}
	}
	for _, k := range p.keys {
		if k.row != p.rows+1 {
			k.col.b.AppendNull()
		}
	}
	return nil
}

// put appends a value, and says what is wrong with it.
func (k *jsonKey) put(token jsonToken, text []byte, room int) (fault string) {
	c := k.col
	switch {
	case token == jsonNull:
		c.b.AppendNull()
		return ""
	case token == jsonNested:
		return fmt.Sprintf("%s is nested; a cell holds one value, so leave the key out of the columns", quote(string(text)))
	case c.kind == textKind && (token == jsonText || c.declared):
		return c.putText(text)
	case c.kind == textKind:
		return fmt.Sprintf("%s is not text, as the key's other values are; declare the column string to take both", text)
	case token == jsonNumber && c.takesNumbers():
		if v, n, ok := scanInt(text, 0); c.kind == intKind && ok && n == len(text) && c.putInt(v) {
			return ""
		}
		if v, n, ok := scanFloat(text, 0); c.kind == floatKind && ok && n == len(text) && c.putFloat(v) {
			return ""
		}
		return c.put(text, room)
	case token == jsonBool && c.kind == boolKind, token == jsonText && !c.takesNumbers() && c.kind != boolKind:
		return c.put(text, room)
	}
	word := [...]string{jsonNumber: "a number", jsonText: "text", jsonBool: "a boolean"}[token]
	return c.misfit(text, fmt.Sprintf("is %s, not a value of %s", word, c.typ))
}

// takesNumbers reports whether the column's values are numbers of JSON.
func (c *cellColumn) takesNumbers() bool {
	return c.kind == intKind || c.kind == floatKind || c.kind == rareKind && !strings.HasPrefix(c.typ.Name(), "time")
}
