package frame

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"deeprc/collective"
)

const maxHeader = 16 << 20 // bytes that a header may have, the lines before it included

var byteOrderMark = []byte("\xef\xbb\xbf")

// header is what stands before the first record of a CSV file: skipped lines, and the
// columns' names.
type header struct {
	start int64 // bytes of it
	lines int   // lines of it
	comma byte
	names []string
}

// shareHeader reads the header of a file on rank 0 and gives it to all; collective.
func shareHeader(c collective.Comm, path string, o *CSVOptions) (*header, error) {
	var raw []byte
	var err error
	if c.Rank() == 0 {
		var f *inputFile
		if f, err = openInput(path, "CSV"); err == nil {
			if raw, err = readHeader(f, o); err == nil {
				_, err = parseHeader(path, raw, o)
			}
			f.close()
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	if raw, err = collective.BroadcastBytes(c, raw, 0); err != nil {
		return nil, fmt.Errorf("%s: share the header: %w", path, err)
	}
	return parseHeader(path, raw, o) // its error is the same on all ranks, unless their options differ
}

// readHeader returns the bytes of f up to the end of its first record.
func readHeader(f *inputFile, o *CSVOptions) ([]byte, error) {
	for want := int64(firstRead); ; want *= 4 {
		b, whole, err := f.prefix(min(want, maxHeader))
		if err != nil {
			return nil, err
		}
		s, _ := firstRecord(b, o)
		if s.more() {
			if n, _ := recordEnd(b[s.pos:], false); n > 0 {
				return b[:s.pos+n], nil
			}
		}
		switch {
		case whole:
			return b, nil
		case want >= maxHeader:
			return nil, fmt.Errorf("%s: no end of the header in %d MiB: this is no CSV file, or a quote in its first line is never closed", f.path, maxHeader>>20)
		}
	}
}

// firstRecord is a scanner behind the byte-order mark and the lines that o skips, and the number of
// those that b lacks.
func firstRecord(b []byte, o *CSVOptions) (s scanner, lacking int) {
	s = scanner{b: b, line: 1, comment: []byte(o.Comment)}
	s.skipMark()
	for k := range o.SkipRows {
		i := bytes.IndexByte(b[s.pos:], '\n')
		if i < 0 {
			s.pos = len(b)
			return s, o.SkipRows - k
		}
		s.pos += i + 1
		s.line++
	}
	return s, 0
}

// parseHeader makes a header of the bytes up to the end of a file's first record.
func parseHeader(path string, raw []byte, o *CSVOptions) (*header, error) {
	s, lacking := firstRecord(raw, o)
	if lacking > 0 {
		return nil, fmt.Errorf("%s: has %s, of which %d are to be skipped", path, plural(o.SkipRows-lacking, "line"), o.SkipRows)
	}
	h := &header{start: int64(s.pos), lines: s.line - 1, comma: o.Comma}
	if o.Comma != 0 && isFieldByte(o.Comma) {
		return nil, fmt.Errorf("%s: fields cannot be separated by %q", path, o.Comma)
	}
	if !s.more() {
		if o.NoHeader && len(o.Names) > 0 {
			h.comma = cmp.Or(o.Comma, ',')
			return h, h.name(path, s.line, nil, o)
		}
		want := "a header with the columns' names was expected"
		if o.NoHeader {
			want = "give the columns' names, since there is no record to count them in"
		}
		return nil, fmt.Errorf("%s: is empty; %s", path, want)
	}
	line := s.line
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		return nil, nulError(path, line, "CSV")
	}
	if h.comma == 0 {
		h.comma = detectComma(raw[s.pos:])
	}
	s.setComma(h.comma)
	var names []string
	for last := false; !last; {
		var cell []byte
		var err error
		if cell, last, err = s.field(); err != nil {
			return nil, fmt.Errorf("%s:%d: %s%w", path, s.line, headerWord(o), err)
		}
		names = append(names, strings.TrimSpace(string(cell)))
	}
	if !o.NoHeader {
		h.start, h.lines = int64(len(raw)), bytes.Count(raw, []byte{'\n'})
	}
	return h, h.name(path, line, names, o)
}

func headerWord(o *CSVOptions) string {
	if o.NoHeader {
		return ""
	}
	return "header: "
}

// name sets the columns' names, given the fields of the first record, nil if there is none.
func (h *header) name(path string, line int, first []string, o *CSVOptions) error {
	for _, n := range first {
		if strings.ContainsRune(n, '\r') {
			return fmt.Errorf("%s:%d: lines end in a bare carriage return; convert them, for example with tr '\\r' '\\n'", path, line)
		}
	}
	h.names = first
	switch {
	case len(o.Names) > 0 && first != nil && len(o.Names) != len(first):
		return fmt.Errorf("%s:%d: %s, want %d: %s", path, line, plural(len(first), "field"), len(o.Names), list(o.Names))
	case len(o.Names) > 0:
		h.names = o.Names
	case o.NoHeader:
		h.names = make([]string, len(first))
		for i := range first {
			h.names[i] = fmt.Sprintf("column%d", i+1)
		}
	}
	seen := map[string]int{}
	for i, n := range h.names {
		if !utf8.ValidString(n) {
			return fmt.Errorf("%s:%d: column name %q is %s", path, line, n, notUTF8)
		}
		if k := seen[n]; k > 0 {
			return fmt.Errorf("%s:%d: columns %d and %d are both named %s", path, line, k, i+1, quote(n))
		}
		seen[n] = i + 1
	}
	return nil
}

// check makes sure that a file has the columns of the first one, and returns its own header.
func (h *header) check(first string, f *inputFile, o *CSVOptions) (*header, error) {
	own := *o
	own.Comma = h.comma
	if o.NoHeader {
		own.Names = h.names
	}
	raw, err := readHeader(f, &own)
	if err != nil {
		return nil, err
	}
	other, err := parseHeader(f.path, raw, &own)
	if err != nil {
		return nil, err
	}
	for i := range max(len(h.names), len(other.names)) {
		switch {
		case i >= len(h.names):
			return nil, fmt.Errorf("%s: has other columns than %s: column %s is not in that", f.path, first, quote(other.names[i]))
		case i >= len(other.names):
			return nil, fmt.Errorf("%s: has other columns than %s: column %s is missing", f.path, first, quote(h.names[i]))
		case h.names[i] != other.names[i]:
			return nil, fmt.Errorf("%s: has other columns than %s: column %d is %s, in that %s", f.path, first, i+1, quote(other.names[i]), quote(h.names[i]))
		}
	}
	return other, nil
}

// detectComma is the separator most frequent outside quotes.
func detectComma(b []byte) byte {
	var n [256]int
	quoted := false
	for _, ch := range b {
		if ch == '"' {
			quoted = !quoted
		} else if !quoted {
			n[ch]++
		}
	}
	comma := byte(',')
	for _, ch := range []byte{';', '\t'} {
		if n[ch] > n[comma] {
			comma = ch
		}
	}
	return comma
}

// isFieldByte tells bytes that belong to cells or line ends.
func isFieldByte(b byte) bool {
	return b >= utf8.RuneSelf || strings.IndexByte("\"\r\n\x00.+-_", b) >= 0 ||
		'0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}

func nulError(path string, line int, format string) error {
	return fmt.Errorf("%s:%d: holds a NUL byte: this is a binary or UTF-16 file, not %s in UTF-8", path, line, format)
}

const notUTF8 = "not UTF-8 text; convert the file, for example with iconv -f latin1 -t utf8"
