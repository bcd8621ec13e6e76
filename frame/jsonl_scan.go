package frame

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// jsonToken is the kind of a value.
type jsonToken uint8

const (
	jsonNumber jsonToken = iota
	jsonText
	jsonBool
	jsonNull
	jsonNested
)

// maxDepth is how deep objects and arrays may be nested in a value that is passed over.
const maxDepth = 100

// jsonScanner walks over the keys and values of one object, which is a line (RFC 8259).
type jsonScanner struct {
	b     []byte
	pos   int
	first bool // before the first key
}

func (s *jsonScanner) blanks() {
	for s.pos < len(s.b) && (s.b[s.pos] == ' ' || s.b[s.pos] == '\t' || s.b[s.pos] == '\r') {
		s.pos++
	}
}

// take passes over blanks and, if it follows, ch.
func (s *jsonScanner) take(ch byte) bool {
	s.blanks()
	if s.pos < len(s.b) && s.b[s.pos] == ch {
		s.pos++
		return true
	}
	return false
}

// found is what follows, for messages.
func (s *jsonScanner) found() string {
	if s.pos == len(s.b) {
		return "the end of the line"
	}
	return quote(string(s.b[s.pos:]))
}

// open passes over the object's beginning.
func (s *jsonScanner) open() error {
	s.first = true
	if !s.take('{') {
		return fmt.Errorf("%s is not an object: JSON lines have one object { … } a line", s.found())
	}
	return nil
}

// key is the next key, and false at the end of the object, which ends the line too. It is
// valid until the next call.
func (s *jsonScanner) key() (key []byte, ok bool, err error) {
	if s.take('}') {
		if s.blanks(); s.pos < len(s.b) {
			return nil, false, fmt.Errorf("%s follows the object", s.found())
		}
		return nil, false, nil
	}
	if !s.first && !s.take(',') {
		return nil, false, fmt.Errorf("want , or } behind a value, found %s; an object stands in one line", s.found())
	}
	s.first = false
	s.blanks()
	if key, err = s.text(); err != nil {
		return nil, false, fmt.Errorf("want a key in quotes: %w", err)
	}
	if !s.take(':') {
		return nil, false, fmt.Errorf("want : behind the key %s, found %s", quote(string(key)), s.found())
	}
	return key, true, nil
}

// value is the next value: a text without quotes and escapes, or the others as they stand.
func (s *jsonScanner) value() (jsonToken, []byte, error) {
	s.blanks()
	from := s.pos
	if from == len(s.b) {
		return 0, nil, fmt.Errorf("want a value, found %s", s.found())
	}
	switch s.b[from] {
	case '"':
		t, err := s.text()
		return jsonText, t, err
	case '{', '[':
		err := s.nested(0)
		return jsonNested, s.b[from:s.pos], err
	case 't':
		return jsonBool, []byte("true"), s.word("true")
	case 'f':
		return jsonBool, []byte("false"), s.word("false")
	case 'n':
		return jsonNull, nil, s.word("null")
	}
	if !s.number() {
		return 0, nil, fmt.Errorf("%s is not a value of JSON", s.found())
	}
	return jsonNumber, s.b[from:s.pos], nil
}

// word passes over a word of JSON.
func (s *jsonScanner) word(w string) error {
	if !bytes.HasPrefix(s.b[s.pos:], []byte(w)) {
		return fmt.Errorf("%s is not a value of JSON", s.found())
	}
	s.pos += len(w)
	return nil
}

// number passes over -?(0|[1-9]digits)[.digits][e[+-]digits].
func (s *jsonScanner) number() bool {
	i := s.pos
	at := func(k int) byte {
		if k < len(s.b) {
			return s.b[k]
		}
		return 0
	}
	digits := func() bool {
		from := i
		for at(i)-'0' <= 9 {
			i++
		}
		return i > from
	}
	if at(i) == '-' {
		i++
	}
	zero := at(i) == '0'
	from := i
	if !digits() || zero && i > from+1 {
		return false
	}
	if at(i) == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if at(i)|0x20 == 'e' {
		if i++; at(i) == '+' || at(i) == '-' {
			i++
		}
		if !digits() {
			return false
		}
	}
	s.pos = i
	return true
}

// text is a string without its quotes and escapes.
func (s *jsonScanner) text() ([]byte, error) {
	if s.pos == len(s.b) || s.b[s.pos] != '"' {
		return nil, fmt.Errorf("%s is not text in quotes", s.found())
	}
	from, escaped := s.pos, false
	for i := from + 1; i < len(s.b); i++ {
		switch ch := s.b[i]; {
		case ch == '"':
			s.pos = i + 1
			raw := s.b[from+1 : i]
			if !utf8.Valid(raw) {
				return nil, fmt.Errorf("%s is %s", quote(string(raw)), notUTF8)
			}
			if !escaped {
				return raw, nil
			}
			var t string
			if err := json.Unmarshal(s.b[from:s.pos], &t); err != nil {
				return nil, fmt.Errorf("%s is not text of JSON: %w", quote(string(raw)), err)
			}
			return []byte(t), nil
		case ch == '\\':
			escaped = true
			i++
		case ch < ' ':
			return nil, fmt.Errorf("%s holds a control character, which JSON writes as \\u%04x", quote(string(s.b[from:i])), ch)
		}
	}
	return nil, fmt.Errorf("%s: the quote is not closed in its line", quote(string(s.b[from:])))
}

// nested passes over an object or array.
func (s *jsonScanner) nested(depth int) error {
	if depth == maxDepth {
		return fmt.Errorf("a value is nested more than %d deep", maxDepth)
	}
	end, object := byte(']'), s.b[s.pos] == '{'
	if object {
		end = '}'
	}
	s.pos++
	for first := true; !s.take(end); first = false {
		if !first && !s.take(',') {
			return fmt.Errorf("want , or %c behind a value, found %s; an object stands in one line", end, s.found())
		}
		if object {
			s.blanks()
			if _, err := s.text(); err != nil {
				return err
			}
			if !s.take(':') {
				return fmt.Errorf("want : behind a key, found %s", s.found())
			}
		}
		s.blanks()
		if s.pos < len(s.b) && (s.b[s.pos] == '{' || s.b[s.pos] == '[') {
			if err := s.nested(depth + 1); err != nil {
				return err
			}
		} else if _, _, err := s.value(); err != nil {
			return err
		}
	}
	return nil
}
