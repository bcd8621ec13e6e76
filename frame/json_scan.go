package frame

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// jsonKind is what a JSON value is.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonNumber
	jsonText
	jsonBool
	jsonNested
)

func (k jsonKind) String() string {
	return [...]string{"null", "a number", "text", "true or false", "an object or array"}[k]
}

// The ways in which a line can be wrong.
var (
	errNoObject  = errors.New(`want a JSON object a line, as {"a": 1}`)
	errJSONArray = errors.New("the file is a JSON array, want an object a line; convert it, for example with jq -c .[]")
	errOpenLine  = errors.New("the object does not end on its line; write each on one line, for example with jq -c . FILE")
	errAfter     = errors.New("something follows the object on its line")
	errKey       = errors.New("want a key in quotes and a colon")
	errComma     = errors.New("want a comma or the end of the object")
	errValue     = errors.New("want a JSON value: a number, text in quotes, true, false or null")
	errText      = errors.New("the text holds a control character, a wrong escape or bytes that are not UTF-8")
)

// jsonLine walks over the members of the object on one line (RFC 8259).
type jsonLine struct {
	b     []byte // the line
	pos   int
	first bool
	buf   []byte // the last text with escapes
}

// open begins a line that is not blank.
func (s *jsonLine) open(line []byte) error {
	s.b, s.pos, s.first = line, 0, true
	s.space()
	if s.at() != '{' {
		if s.at() == '[' {
			return errJSONArray
		}
		return errNoObject
	}
	s.pos++
	return nil
}

func (s *jsonLine) space() {
	for s.pos < len(s.b) && (s.b[s.pos] == ' ' || s.b[s.pos] == '\t' || s.b[s.pos] == '\r') {
		s.pos++
	}
}

// at is the next byte; 0 at the end.
func (s *jsonLine) at() byte {
	if s.pos < len(s.b) {
		return s.b[s.pos]
	}
	return 0
}

// key goes to the next member and returns its key, which is valid until the next call of a
// method; more is false behind the last one.
func (s *jsonLine) key() (key []byte, more bool, err error) {
	s.space()
	switch ch := s.at(); {
	case ch == '}':
		s.pos++
		if s.space(); s.pos < len(s.b) {
			return nil, false, errAfter
		}
		return nil, false, nil
	case s.first:
		s.first = false
	case ch == ',':
		s.pos++
		s.space()
	case s.pos == len(s.b):
		return nil, false, errOpenLine
	default:
		return nil, false, errComma
	}
	if s.pos == len(s.b) {
		return nil, false, errOpenLine
	}
	if s.at() != '"' {
		return nil, false, errKey
	}
	if key, err = s.text(); err != nil {
		return nil, false, err
	}
	if s.space(); s.at() != ':' {
		return nil, false, errKey
	}
	s.pos++
	return key, true, nil
}

// value is the next value: the bytes of a number or literal, a text without its quotes, or a
// nested value, whole. It is valid until the next call of a method.
func (s *jsonLine) value() ([]byte, jsonKind, error) {
	s.space()
	from := s.pos
	switch ch := s.at(); {
	case ch == '"':
		v, err := s.text()
		return v, jsonText, err
	case ch == '-' || '0' <= ch && ch <= '9':
		end := numberEnd(s.b, s.pos)
		if end < 0 {
			return nil, 0, errValue
		}
		s.pos = end
		return s.b[from:end], jsonNumber, nil
	case ch == '{' || ch == '[':
		return s.nested()
	case s.pos == len(s.b):
		return nil, 0, errOpenLine
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if bytes.HasPrefix(s.b[from:], []byte(word)) {
			s.pos += len(word)
			kind := jsonBool
			if word == "null" {
				kind = jsonNull
			}
			return s.b[from:s.pos], kind, nil
		}
	}
	return nil, 0, errValue
}

// text is the text whose quote is next.
func (s *jsonLine) text() ([]byte, error) {
	from := s.pos + 1
	escaped := false
	i := from
	for ; i < len(s.b) && s.b[i] != '"'; i++ {
		if s.b[i] < ' ' {
			return nil, errText
		}
		if s.b[i] == '\\' {
			escaped = true
			i++
		}
	}
	if i >= len(s.b) {
		return nil, errOpenLine
	}
	s.pos = i + 1
	v := s.b[from:i]
	if !utf8.Valid(v) {
		return nil, errText
	}
	if !escaped {
		return v, nil
	}
	var text string
	if json.Unmarshal(s.b[from-1:s.pos], &text) != nil {
		return nil, errText
	}
	s.buf = append(s.buf[:0], text...)
	return s.buf, nil
}

// nested passes over an object or array.
func (s *jsonLine) nested() ([]byte, jsonKind, error) {
	from, depth := s.pos, 0
	for s.pos < len(s.b) {
		switch s.b[s.pos] {
		case '"':
			if _, err := s.text(); err != nil {
				return nil, 0, err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.pos++
		if depth == 0 {
			v := s.b[from:s.pos]
			if !json.Valid(v) {
				return nil, 0, errValue
			}
			return v, jsonNested, nil
		}
	}
	return nil, 0, errOpenLine
}

// numberEnd is the index behind the JSON number at b[p:], -[0|1…9 digits][.digits][e[+-]digits]; -1 if there is none.
func numberEnd(b []byte, p int) int {
	digits := func() bool {
		from := p
		for p < len(b) && b[p]-'0' <= 9 {
			p++
		}
		return p > from
	}
	if b[p] == '-' {
		p++
	}
	zero := p < len(b) && b[p] == '0'
	from := p
	if !digits() || zero && p > from+1 {
		return -1
	}
	if p < len(b) && b[p] == '.' {
		if p++; !digits() {
			return -1
		}
	}
	if p < len(b) && b[p]|0x20 == 'e' {
		if p++; p < len(b) && (b[p] == '+' || b[p] == '-') {
			p++
		}
		if !digits() {
			return -1
		}
	}
	return p
}
