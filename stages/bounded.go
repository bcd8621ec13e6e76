package stages

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

var errTooLong = errors.New("file too long")

// readBounded reads all of r, which may have at most bound bytes.
func readBounded(r io.Reader, bound int64, name string) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, bound+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > bound {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", errTooLong, name, bound)
	}
	return content, nil
}

// readFile is what the file at path holds, at most bound bytes.
func readFile(path string, bound int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, bound, path)
}

// eachLine gives take the lines of the file at path, of at most longest bytes and at most most of them; last is the file's last one. One
// that does not end in a newline, as a crash leaves it, is left out. Errors name path and line.
func eachLine(path string, longest, most int, take func(line []byte, last bool) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, longest)
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%s:%d: a line of more than %d bytes", path, n, longest)
		case err != nil:
			return err
		case n > most:
			return fmt.Errorf("%s:%d: more than %d lines", path, n, most)
		}
		line = append([]byte(nil), line...) // Peek moves what it is a part of
		_, more := r.Peek(1)
		if err := take(line, errors.Is(more, io.EOF)); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
}

// tailOf is what f ends with, at most n bytes, and where in f that begins.
func tailOf(f *os.File, n int64) (end []byte, from int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	from = max(0, info.Size()-n)
	end, err = io.ReadAll(io.NewSectionReader(f, from, n))
	return end, from, err
}
