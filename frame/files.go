package frame

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packing is how the bytes of a file are compressed.
type packing uint8

const (
	unpacked packing = iota
	gzipped
	zstandard
)

// maxWindow bounds the memory, in bytes, that a Zstandard file may ask for to be
// decompressed; it is what zstd --ultra -22 writes.
const maxWindow = 128 << 20

// inputFile is one rank's open file of text.
type inputFile struct {
	path string
	f    *os.File
	size int64 // bytes, when it was opened
	pack packing
	read int64 // bytes read so far
}

// openInput opens a file for reading; format is a word for messages. Compression is told by
// the first bytes.
func openInput(path, format string) (*inputFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	st, err := f.Stat()
	switch {
	case err != nil:
		err = openError(path, err)
	case st.IsDir():
		err = fmt.Errorf("%s: is a folder, not a %s file", path, format)
	case !st.Mode().IsRegular():
		err = fmt.Errorf("%s: is not a regular file; ranks read parts of it, so copy it to a file first", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	in := &inputFile{path: path, f: f, size: st.Size()}
	var magic [4]byte
	n, err := f.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, fmt.Errorf("%s: read: %w", path, bare(err))
	}
	switch head := magic[:n]; {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		in.pack = gzipped
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		in.pack = zstandard
	case bytes.HasPrefix(head, []byte("PAR1")):
		f.Close()
		return nil, fmt.Errorf("%s: is a Parquet file, not %s", path, format)
	}
	return in, nil
}

// openError puts the path first and, for a missing file, the nearest name in its folder.
func openError(path string, err error) error {
	err = bare(err)
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, err)
	}
	dir := filepath.Dir(path)
	near, derr := nearestFile(path)
	if derr != nil {
		return fmt.Errorf("%s: %w; nor is there a folder %s that can be listed", path, err, dir)
	}
	return fmt.Errorf("%s: %w%s", path, err, near)
}

// nearestFile is a question after the file that path was probably meant to be, or "".
func nearestFile(path string) (string, error) {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	if n, ok := Nearest(filepath.Base(path), names); ok {
		return fmt.Sprintf("; did you mean %s?", filepath.Join(dir, n)), nil
	}
	return "", nil
}

func (f *inputFile) close() { f.f.Close() }

// pread fills b from offset off.
func (f *inputFile) pread(b []byte, off int64) error {
	n, err := f.f.ReadAt(b, off)
	f.read += int64(n)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: ends at byte %d, but had %d bytes when it was opened: it is being rewritten", f.path, off+int64(n), f.size)
	}
	return fmt.Errorf("%s: read at byte %d: %w", f.path, off+int64(n), bare(err))
}

// textReader reads the text of a file, decompressed, from its first byte on. Its errors
// name the file.
type textReader struct {
	f     *inputFile
	off   int64     // of the file, read next
	end   int64     // of the file, where reading ends
	from  io.Reader // decompresses; nil where nothing is compressed
	close func()
}

func (f *inputFile) text() (*textReader, error) {
	t := &textReader{f: f, end: f.size, close: func() {}}
	var err error
	switch f.pack {
	case gzipped:
		t.from, err = gzip.NewReader(rawReader{t})
	case zstandard:
		var d *zstd.Decoder
		d, err = zstd.NewReader(rawReader{t}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			t.from, t.close = d, d.Close
		}
	}
	if err != nil {
		return nil, t.fault(err)
	}
	return t, nil
}

func (t *textReader) Read(b []byte) (int, error) {
	if t.from == nil {
		return rawReader{t}.Read(b)
	}
	n, err := t.from.Read(b)
	if err != nil && err != io.EOF {
		err = t.fault(err)
	}
	return n, err
}

// fault is an error of decompression.
func (t *textReader) fault(err error) error {
	name := [...]string{gzipped: "gzip", zstandard: "zstd"}[t.f.pack]
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %s: the file is cut short", t.f.path, name)
	}
	return fmt.Errorf("%s: %s: %w", t.f.path, name, err)
}

// rawReader reads the bytes of a textReader's file as they are.
type rawReader struct{ t *textReader }

func (r rawReader) Read(b []byte) (int, error) {
	t := r.t
	b = b[:min(int64(len(b)), t.end-t.off)]
	if len(b) == 0 {
		return 0, io.EOF
	}
	if err := t.f.pread(b, t.off); err != nil {
		return 0, err
	}
	t.off += int64(len(b))
	return len(b), nil
}

// prefix is the first n bytes of the text, or all of them and true if there are fewer.
func (f *inputFile) prefix(n int64) (b []byte, whole bool, err error) {
	if f.pack == unpacked {
		b = make([]byte, min(n, f.size))
		return b, f.size <= n, f.pread(b, 0)
	}
	t, err := f.text()
	if err != nil {
		return nil, false, err
	}
	defer t.close()
	b = make([]byte, n)
	k, err := io.ReadFull(t, b)
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return b[:k], true, nil
	}
	return b, false, err
}
