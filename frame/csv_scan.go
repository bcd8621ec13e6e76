package frame

import (
	"bytes"
	"errors"
)

// The ways in which quotes can be wrong.
var (
	errOpenQuote  = errors.New("the quote that opens here is never closed")
	errAfterQuote = errors.New("text follows a closing quote; a quote inside a quoted field is written twice")
	errBareQuote  = errors.New("a quote stands inside a field; quote the whole field and write the quote twice")
	errLongRecord = errors.New("the record is longer than 64 MiB; is a quote never closed?")
)

// scanner walks over the fields of CSV records.
type scanner struct {
	b     []byte // whole records
	pos   int    // index of the next field
	line  int    // line of b[pos] in the file, from 1
	cut   bool   // the last record goes on behind b
	comma byte
	stop  [256]bool // comma, newline, quote
	buf   []byte    // the last cell with doubled quotes

	comment []byte // begins lines that are no records; none where empty
}

func (s *scanner) setComma(comma byte) {
	s.comma = comma
	s.stop = [256]bool{'\n': true, '"': true}
	s.stop[comma] = true
}

// skipMark passes over a byte-order mark.
func (s *scanner) skipMark() {
	if bytes.HasPrefix(s.b, byteOrderMark) {
		s.pos = len(byteOrderMark)
	}
}

// more passes over blank lines and comments, and reports whether a record follows.
func (s *scanner) more() bool {
	for s.pos < len(s.b) {
		n := s.pos
		if s.b[n] == '\r' {
			n++
		}
		if n < len(s.b) && s.b[n] != '\n' {
			if len(s.comment) == 0 || !bytes.HasPrefix(s.b[s.pos:], s.comment) {
				return true
			}
			if n = s.pos + bytes.IndexByte(s.b[s.pos:], '\n'); n < s.pos {
				n = len(s.b)
			}
		}
		if n < len(s.b) {
			s.line++
		}
		s.pos = min(n+1, len(s.b))
	}
	return false
}

// field returns the next cell, without its quotes, and whether it is the last
// of its record. The cell is valid until the next call. After an error s.line is
// the line to report.
func (s *scanner) field() (cell []byte, last bool, err error) {
	b, i := s.b, s.pos
	if i < len(b) && b[i] == '"' {
		return s.quoted()
	}
	for i < len(b) && !s.stop[b[i]] {
		i++
	}
	cell = b[s.pos:i]
	s.pos = min(i+1, len(b))
	if i < len(b) {
		switch b[i] {
		case s.comma:
			return cell, false, nil
		case '"':
			return nil, false, errBareQuote
		}
		s.line++
	}
	return bytes.TrimSuffix(cell, []byte{'\r'}), true, nil
}

func (s *scanner) quoted() (cell []byte, last bool, err error) {
	from := s.pos + 1
	i, doubled := from, false
	for {
		j := bytes.IndexByte(s.b[i:], '"')
		if j < 0 {
			s.pos = len(s.b)
			return nil, false, errOpenQuote
		}
		i += j + 1
		if i == len(s.b) || s.b[i] != '"' {
			break
		}
		doubled = true
		i++
	}
	cell = s.b[from : i-1]
	s.line += bytes.Count(cell, []byte{'\n'})
	if doubled {
		s.buf = s.buf[:0]
		for k := 0; k < len(cell); k++ {
			s.buf = append(s.buf, cell[k])
			if cell[k] == '"' {
				k++
			}
		}
		cell = s.buf
	}
	last, ok := s.endAt(i)
	if !ok {
		return nil, false, errAfterQuote
	}
	return cell, last, nil
}

// endAt reports whether a field ends before b[n] and whether its record does too;
// if so it goes to the next field.
func (s *scanner) endAt(n int) (last, ok bool) {
	b := s.b
	if n < len(b) && b[n] == s.comma {
		s.pos = n + 1
		return false, true
	}
	if n < len(b) && b[n] == '\r' {
		n++
	}
	if n == len(b) {
		s.pos = n
		return true, true
	}
	if b[n] != '\n' {
		return false, false
	}
	s.pos = n + 1
	s.line++
	return true, true
}

// recordEnd returns the index behind the first newline outside quotes, or -1 and
// whether b ends inside quotes. Quoted says whether b starts inside quotes.
func recordEnd(b []byte, quoted bool) (end int, open bool) {
	for i, ch := range b {
		if ch == '"' {
			quoted = !quoted
		} else if ch == '\n' && !quoted {
			return i + 1, false
		}
	}
	return -1, quoted
}
