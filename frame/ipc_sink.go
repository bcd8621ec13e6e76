package frame

import (
	"bufio"
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// ipcBuffer is the number of bytes that are gathered before they are written.
const ipcBuffer = 1 << 20

// ipcSink writes records as an Arrow IPC file, uncompressed, so that it can be mapped.
type ipcSink struct {
	buf    *bufio.Writer
	at     int64
	schema *arrow.Schema
	w      *ipc.FileWriter
}

func newIPCSink(m *Memory, schema *arrow.Schema, to io.Writer) (*ipcSink, error) {
	s := &ipcSink{buf: bufio.NewWriterSize(to, ipcBuffer), schema: schema}
	var err error
	s.w, err = ipc.NewFileWriter(s, ipc.WithSchema(schema), ipc.WithAllocator(m))
	return s, err
}

// Write is for Arrow's writer.
func (s *ipcSink) Write(b []byte) (int, error) {
	n, err := s.buf.Write(b)
	s.at += int64(n)
	return n, err
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
	return s.buf.Flush()
}
