package frame

import (
	"bytes"
	"fmt"
	"io"

	"deeprc/collective"
)

const (
	firstRead  = 64 << 10 // bytes read to find the end of a header or record
	blockBytes = 4 << 20  // bytes of a file that are read and parsed at a time
	// maxTail is how far, in bytes, a rank reads beyond its range for the end of its last
	// record, and the longest record of a file that is read in blocks.
	maxTail = 64 << 20
)

// block is whole records of a file.
type block struct {
	file int
	line int // of the first byte, from 1
	text []byte
	cut  bool // the last record goes on behind text
}

// textSource gives this rank's records block by block. Where a rank's share begins or ends
// inside a file, that piece is one block; other files are read in blocks of blockBytes.
type textSource struct {
	m       *Memory
	plan    *textPlan
	format  string
	quotes  bool   // newlines between quotes end no record
	comment []byte // begins lines that are no records; then no file is split
	pieces  []piece
	parts   map[int]*splitPart // of pieces that are not their whole file, by file
	spent   *splitPart         // the last one that was given

	in    *inputFile
	r     *textReader // of the file that is being read
	eof   bool
	buf   []byte // its next bytes
	n     int    // of them, filled
	used  int    // of them, given out
	next  block
	read  int64 // bytes
	done  int64 // bytes of files given out
	total int64 // bytes of all pieces
}

// splitPart is a piece that is in memory.
type splitPart struct {
	buf           []byte // allocated
	block         block
	lines, quotes int64 // in the piece's own range
}

// load reads the pieces whose files are split, and finds where their records begin; collective.
func (s *textSource) load(c collective.Comm, what string) error {
	s.pieces = s.plan.pieces()
	s.parts = map[int]*splitPart{}
	var err error
	var counts [2]int64 // of the last piece
	for _, x := range s.pieces {
		clear(counts[:])
		s.total += x.hi - x.lo
		if !s.plan.goesOn(x) && !s.plan.unfinished(x) {
			continue
		}
		if err = s.readPiece(x); err != nil {
			break
		}
		counts = [2]int64{s.parts[x.file].lines, s.parts[x.file].quotes}
	}
	if err := collective.Agree(c, err); err != nil {
		return err
	}
	before, err := s.plan.carry(c, what, s.pieces, counts[:]...)
	if err != nil {
		return err
	}
	for i, x := range s.pieces {
		if s.parts[x.file] == nil {
			continue
		}
		lines, quotes := int64(0), int64(0)
		if i == 0 {
			lines, quotes = before[0], before[1]
		}
		if err = s.cutPiece(x, lines, quotes); err != nil {
			break
		}
	}
	return collective.Agree(c, err)
}

// readPiece reads a piece and, where it goes on, the byte before it.
func (s *textSource) readPiece(x piece) error {
	f, err := openInput(s.plan.files[x.file].path, s.format)
	if err != nil {
		return err
	}
	defer func() { s.read += f.read; f.close() }()
	from := x.lo
	if s.plan.goesOn(x) {
		from-- // whether a record ends there
	}
	p := &splitPart{buf: alloc[byte](s.m, int(x.hi-from))}
	s.parts[x.file] = p
	if err := f.pread(p.buf, from); err != nil {
		return err
	}
	own := p.buf[x.lo-from:]
	p.lines = int64(bytes.Count(own, []byte{'\n'}))
	if s.quotes {
		p.quotes = int64(bytes.Count(own, []byte{'"'}))
	}
	return nil
}

// cutPiece makes a block of the records that begin in a piece, given the newlines and quotes
// of the file's records before it.
//
// Where records start depends on whether the piece begins inside quotes. Every quote opens,
// closes or is one of a pair, so it does if and only if the number of quotes before is odd.
func (s *textSource) cutPiece(x piece, lines, quotes int64) error {
	p, f := s.parts[x.file], &s.plan.files[x.file]
	p.block = block{file: x.file, line: f.lines + 1 + int(lines)}
	skip := 0
	if s.plan.goesOn(x) {
		skip = 1
	}
	own := p.buf[skip:]
	if i := bytes.IndexByte(own, 0); i >= 0 {
		return nulError(f.path, p.block.line+bytes.Count(own[:i], []byte{'\n'}), s.format)
	}
	first, quoted := 0, quotes%2 == 1 // index in own of the first record
	if skip == 1 && (quoted || p.buf[0] != '\n') {
		first, _ = s.recordEnd(own, quoted)
	}
	if first < 0 || first == len(own) {
		return nil
	}
	p.block.line += bytes.Count(own[:first], []byte{'\n'})
	if err := s.finishRecord(p, x, (quotes+p.quotes)%2 == 1); err != nil {
		return err
	}
	p.block.text = p.buf[skip+first:]
	return nil
}

// finishRecord appends the bytes behind a piece up to the end of its last record; open says
// whether the piece ends inside quotes. The record is cut where it does not end within maxTail.
func (s *textSource) finishRecord(p *splitPart, x piece, open bool) error {
	size := s.plan.files[x.file].size
	if x.hi == size || !open && p.buf[len(p.buf)-1] == '\n' {
		return nil
	}
	f, err := openInput(s.plan.files[x.file].path, s.format)
	if err != nil {
		return err
	}
	defer func() { s.read += f.read; f.close() }()
	hi, limit := x.hi, min(size, x.hi+maxTail)
	for step := int64(firstRead); hi < limit; step *= 2 {
		n := len(p.buf)
		p.buf = resize(s.m, p.buf, n+int(min(step, limit-hi)))
		if err := f.pread(p.buf[n:], hi); err != nil {
			return err
		}
		end := 0
		if end, open = s.recordEnd(p.buf[n:], open); end > 0 {
			p.buf = resize(s.m, p.buf, n+end)
			return nil
		}
		hi += int64(len(p.buf) - n)
	}
	p.block.cut = hi < size
	return nil
}

// recordEnd is the index behind the first newline that ends a record, or -1, and whether b ends inside quotes.
func (s *textSource) recordEnd(b []byte, quoted bool) (end int, open bool) {
	if s.quotes {
		return recordEnd(b, quoted)
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1, false
	}
	return -1, false
}

// more goes to the next block, s.next, which is valid until the next call; it is false
// behind the last one.
func (s *textSource) more() (bool, error) {
	if p := s.spent; p != nil {
		free(s.m, p.buf)
		p.buf, s.spent = nil, nil
	}
	for {
		if s.r != nil {
			if ok, err := s.fill(); ok || err != nil {
				return ok, err
			}
			s.endFile()
		}
		if len(s.pieces) == 0 {
			return false, nil
		}
		x := s.pieces[0]
		s.pieces = s.pieces[1:]
		if p := s.parts[x.file]; p != nil {
			s.next, s.spent = p.block, p
			s.done += x.hi - x.lo
			return true, nil
		}
		if err := s.begin(x.file); err != nil {
			return false, err
		}
	}
}

// begin opens a file behind its header.
func (s *textSource) begin(i int) error {
	f := &s.plan.files[i]
	var err error
	if s.in, err = openInput(f.path, s.format); err != nil {
		return err
	}
	if s.r, err = s.in.text(); err != nil {
		s.in.close()
		return err
	}
	if s.buf == nil {
		s.buf = alloc[byte](s.m, blockBytes)
	}
	s.eof, s.n, s.used = false, 0, 0
	s.next = block{file: i, line: f.lines + 1}
	if f.pack == unpacked {
		s.r.off = f.start
		return nil
	}
	if _, err := io.CopyN(io.Discard, s.r, f.start); err != nil {
		return fmt.Errorf("%s: it is being rewritten: %w", f.path, err)
	}
	return nil
}

// fill makes the next records of the open file s.next; it is false at the end of the file.
func (s *textSource) fill() (bool, error) {
	s.next.line += bytes.Count(s.buf[:s.used], []byte{'\n'})
	s.n = copy(s.buf, s.buf[s.used:s.n])
	s.used = 0
	for {
		for s.n < len(s.buf) && !s.eof {
			before := s.in.read
			k, err := s.r.Read(s.buf[s.n:])
			s.n += k
			s.done += s.in.read - before
			if err == io.EOF {
				s.eof = true
			} else if err != nil {
				return false, err
			}
		}
		s.used = s.n
		if !s.eof {
			s.used = s.lastEnd(s.buf[:s.n])
		}
		if s.used > 0 {
			break
		}
		if s.eof {
			return false, nil
		}
		if s.n >= maxTail {
			s.used, s.next.cut = s.n, true
			break
		}
		s.buf = resize(s.m, s.buf, 2*len(s.buf))
	}
	s.next.text = s.buf[:s.used]
	if i := bytes.IndexByte(s.next.text, 0); i >= 0 {
		return false, nulError(s.plan.files[s.next.file].path, s.next.line+bytes.Count(s.next.text[:i], []byte{'\n'}), s.format)
	}
	return true, nil
}

// lastEnd is the index behind the last newline that ends a record, of a text that begins with one; 0 if there is none.
func (s *textSource) lastEnd(b []byte) int {
	if !s.quotes {
		return bytes.LastIndexByte(b, '\n') + 1
	}
	if len(s.comment) > 0 { // quotes in comments do not count
		at := 0
		for {
			var end int
			if bytes.HasPrefix(b[at:], s.comment) {
				end = bytes.IndexByte(b[at:], '\n') + 1
			} else {
				end, _ = recordEnd(b[at:], false)
			}
			if end <= 0 {
				return at
			}
			at += end
		}
	}
	odd := bytes.Count(b, []byte{'"'})%2 == 1
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == '"' {
			odd = !odd
		} else if b[i] == '\n' && !odd {
			return i + 1
		}
	}
	return 0
}

func (s *textSource) endFile() {
	s.read += s.in.read
	s.r.close()
	s.in.close()
	s.r = nil
}

// close gives back files and memory.
func (s *textSource) close() {
	if s.r != nil {
		s.endFile()
	}
	for _, p := range s.parts {
		free(s.m, p.buf)
	}
	free(s.m, s.buf)
	s.parts, s.buf = nil, nil
}

// resize makes b, which alloc gave, n bytes long.
func resize(m *Memory, b []byte, n int) []byte { return m.Reallocate(n, b)[:n:n] }
