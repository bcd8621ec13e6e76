package frame

import (
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// ipcBuffer is the number of bytes that are gathered, where memory allows, before they are written.
const ipcBuffer = 1 << 20

// ipcSink writes records as an Arrow IPC file, uncompressed, so that it can be mapped.
type ipcSink struct {
	mem    *Memory
	to     io.Writer
	buf    []byte // its first n bytes are to be written
	n      int
	at     int64
	schema *arrow.Schema
	w      *ipc.FileWriter
}

// newIPCSink makes a sink that gathers up to buffer bytes, of m. The caller ends it with close.
func newIPCSink(m *Memory, schema *arrow.Schema, to io.Writer, buffer int64) (*ipcSink, error) {
	s := &ipcSink{mem: m, to: to, buf: alloc[byte](m, int(buffer)), schema: schema}
	var err error
	if s.w, err = ipc.NewFileWriter(s, ipc.WithSchema(schema), ipc.WithAllocator(m)); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close gives the buffer back; what is in it is lost.
func (s *ipcSink) close() {
	free(s.mem, s.buf)
	s.buf, s.n = nil, 0
}

// Write is for Arrow's writer.
func (s *ipcSink) Write(b []byte) (int, error) {
	if s.n+len(b) > len(s.buf) {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	s.at += int64(len(b))
	if len(b) > len(s.buf) {
		return s.to.Write(b)
	}
	s.n += copy(s.buf[s.n:], b)
	return len(b), nil
}

func (s *ipcSink) flush() error {
	_, err := s.to.Write(s.buf[:s.n])
	s.n = 0
	return err
}

// Seek is for Arrow's writer, which only asks where it is.
func (s *ipcSink) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("an IPC file is written from front to back")
	}
	return s.at, nil
}

// write appends the rows of rec, which has the sink's columns.
func (s *ipcSink) write(rec arrow.Record) error {
	same := array.NewRecord(s.schema, rec.Columns(), rec.NumRows()) // its metadata may differ
	defer same.Release()
	return s.w.Write(same)
}

// finish writes the footer.
func (s *ipcSink) finish() error {
	if err := s.w.Close(); err != nil {
		return err
	}
	return s.flush()
}
