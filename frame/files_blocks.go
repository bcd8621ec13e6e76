package frame

import (
	"bytes"
	"fmt"
	"io"

	"deeprc/collective"
)

const (
	firstRead  = 64 << 10  // bytes read to find the end of a header
	scanBytes  = 256 << 10 // bytes of a file that are searched at a time, in cache
	blockBytes = 4 << 20   // bytes of a file that are read and parsed at a time
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

// textSource gives this rank's records block by block.
type textSource struct {
	m       *Memory
	plan    *textPlan
	format  string
	quotes  bool   // newlines between quotes end no record
	comment []byte // begins lines that are no records; then no file is split
	pieces  []piece
	parts   map[int]splitPart // of pieces that are not their whole file, by file

	in    *inputFile
	r     *textReader // of the file that is being read
	eof   bool
	cut   bool   // the last record goes on behind what r gives
	buf   []byte // its next bytes
	n     int    // of them, filled
	used  int    // of them, given out
	next  block
	read  int64 // bytes
	done  int64 // bytes of files given out
	total int64 // bytes of all pieces
}

// splitPart is the whole records that begin in a piece of a file that is split.
type splitPart struct {
	lo, hi int64 // their bytes
	line   int   // of the first, from 1
	cut    bool  // the last record goes on behind hi
}

// load finds where the records begin and end in the pieces whose files are split; collective.
// It reads them for that, but keeps nothing.
func (s *textSource) load(c collective.Comm, what string) error {
	s.pieces = s.plan.pieces()
	s.parts = map[int]splitPart{}
	counts := make([][2]int64, len(s.pieces)) // newlines and quotes of split pieces
	var err error
	for i, x := range s.pieces {
		s.total += x.hi - x.lo
		if err == nil && s.isSplit(x) {
			counts[i], err = s.count(x)
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return err
	}
	var own [2]int64
	if n := len(s.pieces); n > 0 {
		own = counts[n-1]
	}
	before, err := s.plan.carry(c, what, s.pieces, own[:]...)
	if err != nil {
		return err
	}
	for i, x := range s.pieces {
		if !s.isSplit(x) {
			continue
		}
		lines, quotes := int64(0), int64(0)
		if i == 0 {
			lines, quotes = before[0], before[1]
		}
		if s.parts[x.file], err = s.cutPiece(x, lines, quotes, counts[i][1]); err != nil {
			break
		}
	}
	return collective.Agree(c, err)
}

// isSplit reports whether a piece is not its whole file.
func (s *textSource) isSplit(x piece) bool { return s.plan.goesOn(x) || s.plan.unfinished(x) }

// count is the numbers of newlines and quotes in a piece; of quotes only where they matter.
func (s *textSource) count(x piece) (n [2]int64, err error) {
	f, err := openInput(s.plan.files[x.file].path, s.format)
	if err != nil {
		return n, err
	}
	defer f.close()
	err = s.scan(f, x.lo, x.hi, func(b []byte) bool {
		n[0] += int64(bytes.Count(b, []byte{'\n'}))
		if s.quotes {
			n[1] += int64(bytes.Count(b, []byte{'"'}))
		}
		return true
	})
	return n, err
}

// scan calls do with the bytes lo…hi of a file, scanBytes at a time, until it is false.
func (s *textSource) scan(f *inputFile, lo, hi int64, do func(b []byte) bool) error {
	s.buffer()
	for ; lo < hi; lo += scanBytes {
		b := s.buf[:min(scanBytes, hi-lo)]
		if err := f.pread(b, lo); err != nil {
			return err
		}
		if !do(b) {
			break
		}
	}
	return nil
}

// cutPiece finds the records that begin in a piece, given the newlines and quotes of the file
// before it, and its own quotes.
//
// Where records start depends on whether the piece begins inside quotes. Every quote opens,
// closes or is one of a pair, so it does if and only if the number of quotes before is odd.
func (s *textSource) cutPiece(x piece, lines, quotes, own int64) (splitPart, error) {
	known := &s.plan.files[x.file]
	p := splitPart{lo: x.lo, hi: x.hi, line: known.lines + 1 + int(lines)}
	f, err := openInput(known.path, s.format)
	if err != nil {
		return p, err
	}
	defer f.close()
	if s.plan.goesOn(x) {
		n, lines, _, err := s.skipRecord(f, x.lo, x.hi, quotes%2 == 1)
		p.lo += n
		p.line += lines
		if err != nil || p.lo == x.hi { // no record begins here
			return p, err
		}
	}
	if x.hi < known.size {
		limit := min(known.size, x.hi+maxTail)
		n, _, ends, err := s.skipRecord(f, x.hi, limit, (quotes+own)%2 == 1)
		p.hi, p.cut = x.hi+n, !ends && limit < known.size
		return p, err
	}
	return p, nil
}

// skipRecord is the bytes and newlines from lo on of a record that began before, and whether it
// ends before hi; open says whether lo lies inside quotes.
func (s *textSource) skipRecord(f *inputFile, lo, hi int64, open bool) (n int64, lines int, ends bool, err error) {
	err = s.scan(f, lo-1, lo, func(b []byte) bool {
		ends = !open && b[0] == '\n'
		return true
	})
	if err != nil || ends {
		return 0, 0, ends, err
	}
	err = s.scan(f, lo, hi, func(b []byte) bool {
		end := 0
		if end, open = s.recordEnd(b, open); end > 0 {
			b, ends = b[:end], true
		}
		n += int64(len(b))
		lines += bytes.Count(b, []byte{'\n'})
		return !ends
	})
	return n, lines, ends, err
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
		p, split := s.parts[x.file]
		if !split {
			f := &s.plan.files[x.file]
			p = splitPart{lo: f.start, hi: f.size, line: f.lines + 1}
		}
		if split && p.lo == p.hi {
			continue
		}
		if err := s.begin(x.file, p); err != nil {
			return false, err
		}
	}
}

// begin opens a file for its records in p.
func (s *textSource) begin(i int, p splitPart) error {
	f := &s.plan.files[i]
	var err error
	if s.in, err = openInput(f.path, s.format); err != nil {
		return err
	}
	if s.r, err = s.in.text(); err != nil {
		s.in.close()
		return err
	}
	s.buffer()
	s.eof, s.n, s.used, s.cut = false, 0, 0, p.cut
	s.next = block{file: i, line: p.line}
	if f.pack == unpacked {
		s.r.off, s.r.end = p.lo, p.hi
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
	s.next.cut = s.next.cut || s.eof && s.cut
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
	free(s.m, s.buf)
	s.buf = nil
}

// buffer makes s.buf.
func (s *textSource) buffer() {
	if s.buf == nil {
		s.buf = alloc[byte](s.m, blockBytes)
	}
}

// resize makes b, which alloc gave, n bytes long.
func resize(m *Memory, b []byte, n int) []byte { return m.Reallocate(n, b)[:n:n] }
