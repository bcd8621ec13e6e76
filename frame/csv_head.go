package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"deeprc/collective"
)

const (
	firstRead = 64 << 10 // bytes read to find the end of a header or record
	maxHeader = 16 << 20 // bytes that a header may have
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// csvFile is one rank's open file.
type csvFile struct {
	path string
	f    *os.File
	size int64 // bytes, when it was opened
	read int64 // bytes read so far
}

func openCSV(path string) (*csvFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	st, err := f.Stat()
	switch {
	case err != nil:
		err = openError(path, err)
	case st.IsDir():
		err = fmt.Errorf("%s: is a folder, not a CSV file", path)
	case !st.Mode().IsRegular():
		err = fmt.Errorf("%s: is not a regular file; ranks read parts of it, so copy it to a file first", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &csvFile{path: path, f: f, size: st.Size()}, nil
}

// openError puts the path first and, for a missing file, the nearest name in its folder.
func openError(path string, err error) error {
	err = bare(err)
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, err)
	}
	dir := filepath.Dir(path)
	entries, derr := os.ReadDir(dir)
	if derr != nil {
		return fmt.Errorf("%s: %w; nor is there a folder %s that can be listed", path, err, dir)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	if n, ok := Nearest(filepath.Base(path), names); ok {
		return fmt.Errorf("%s: %w; did you mean %s?", path, err, filepath.Join(dir, n))
	}
	return fmt.Errorf("%s: %w", path, err)
}

func (f *csvFile) close() { f.f.Close() }

// pread fills b from offset off.
func (f *csvFile) pread(b []byte, off int64) error {
	n, err := f.f.ReadAt(b, off)
	f.read += int64(n)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: ends at byte %d, but had %d bytes when it was opened: it is being rewritten", f.path, off+int64(n), f.size)
	}
	return fmt.Errorf("%s: read at byte %d: %w", f.path, off+int64(n), err)
}

// header is the first record of a CSV file: the columns' names.
type header struct {
	size  int64 // bytes of the whole file, as rank 0 saw it
	start int64 // first byte behind the header
	lines int   // lines that the header takes, blank ones before it included
	comma byte
	names []string
}

// shareHeader reads the header on rank 0 and gives it to all; collective.
func shareHeader(c collective.Comm, f *csvFile, comma byte) (*header, error) {
	var msg []byte
	var err error
	if c.Rank() == 0 {
		var raw []byte
		if raw, err = f.readHeader(); err == nil {
			_, err = parseHeader(f.path, raw, comma)
			msg = append(binary.LittleEndian.AppendUint64(nil, uint64(f.size)), raw...)
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	if msg, err = collective.BroadcastBytes(c, msg, 0); err != nil {
		return nil, fmt.Errorf("%s: share the header: %w", f.path, err)
	}
	h, err := parseHeader(f.path, msg[8:], comma)
	if err != nil {
		return nil, err // the same on all ranks, unless their options differ
	}
	h.size = int64(binary.LittleEndian.Uint64(msg))
	return h, nil
}

// readHeader returns the bytes up to the end of the first record that is not blank.
func (f *csvFile) readHeader() ([]byte, error) {
	for want := int64(firstRead); ; want *= 4 {
		b := make([]byte, min(want, f.size, maxHeader))
		if err := f.pread(b, 0); err != nil {
			return nil, err
		}
		s := scanner{b: b}
		s.skipMark()
		if s.more() {
			if n, _ := recordEnd(b[s.pos:], false); n > 0 {
				return b[:s.pos+n], nil
			}
		}
		switch int64(len(b)) {
		case f.size:
			return b, nil
		case maxHeader:
			return nil, fmt.Errorf("%s: no end of the header in %d MiB: this is no CSV file, or a quote in its first line is never closed", f.path, maxHeader>>20)
		}
	}
}

func parseHeader(path string, raw []byte, comma byte) (*header, error) {
	switch {
	case bytes.HasPrefix(raw, []byte("\x1f\x8b")):
		return nil, fmt.Errorf("%s: is compressed with gzip; decompress it, so that ranks can read parts of it", path)
	case bytes.HasPrefix(raw, []byte("PAR1")):
		return nil, fmt.Errorf("%s: is a Parquet file, not CSV", path)
	}
	h := &header{start: int64(len(raw)), lines: bytes.Count(raw, []byte{'\n'}), comma: comma}
	s := scanner{b: raw, line: 1}
	s.skipMark()
	if !s.more() {
		return nil, fmt.Errorf("%s: is empty; a header with the columns' names was expected", path)
	}
	line := s.line
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		return nil, nulError(path, line)
	}
	if comma == 0 {
		h.comma = detectComma(raw[s.pos:])
	} else if isFieldByte(comma) {
		return nil, fmt.Errorf("%s: fields cannot be separated by %q", path, comma)
	}
	s.setComma(h.comma)
	seen := map[string]int{}
	for last := false; !last; {
		var cell []byte
		var err error
		if cell, last, err = s.field(); err != nil {
			return nil, fmt.Errorf("%s:%d: header: %w", path, s.line, err)
		}
		name := strings.TrimSpace(string(cell))
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("%s:%d: column name %q is %s", path, line, name, notUTF8)
		}
		if strings.ContainsRune(name, '\r') {
			return nil, fmt.Errorf("%s:%d: lines end in a bare carriage return; convert them, for example with tr '\\r' '\\n'", path, line)
		}
		h.names = append(h.names, name)
		if i := seen[name]; i > 0 {
			return nil, fmt.Errorf("%s:%d: columns %d and %d are both named %s", path, line, i, len(h.names), quote(name))
		}
		seen[name] = len(h.names)
	}
	return h, nil
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

func nulError(path string, line int) error {
	return fmt.Errorf("%s:%d: holds a NUL byte: this is a binary or UTF-16 file, not CSV in UTF-8", path, line)
}

const notUTF8 = "not UTF-8 text; convert the file, for example with iconv -f latin1 -t utf8"
