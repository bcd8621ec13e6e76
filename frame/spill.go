package frame

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/apache/arrow/go/v17/arrow"
)

// A spill is rows that an operator puts aside, beyond its memory limit, in an Arrow IPC
// file of the scratch folder. The file has no name from the start on, so that nothing
// is left of it, whatever ends the program.
type spill struct {
	mem    *Memory
	folder string
	f      *os.File
	sink   *ipcSink
}

// newSpill makes an empty spill of records with the given columns. It is ended by
// Finish or Abort; Abort after either does nothing, so it can be deferred.
func newSpill(m *Memory, schema *arrow.Schema) (*spill, error) {
	s := &spill{mem: m, folder: os.TempDir()}
	if m != nil {
		s.folder = m.scratch
	}
	var err error
	if s.f, err = os.CreateTemp(s.folder, "deeprc-spill-"); err != nil { // mode 0600
		return nil, s.failed(err)
	}
	if err := os.Remove(s.f.Name()); err != nil {
		s.Abort()
		return nil, s.failed(err)
	}
	if s.sink, err = newIPCSink(m, schema, s.f); err != nil {
		s.Abort()
		return nil, s.failed(err)
	}
	return s, nil
}

// Write appends the rows of rec. After an error only Abort is of use.
func (s *spill) Write(rec arrow.Record) error {
	if err := s.sink.write(rec); err != nil {
		return s.failed(err)
	}
	return nil
}

// Bytes is the length of what was written.
func (s *spill) Bytes() int64 { return s.sink.at }

// Finish gives the rows as a table over the mapped file, whose memory is the system's
// page cache and counts as no use of the spill's Memory. The file is gone with the last
// reference to the rows.
func (s *spill) Finish() (*Table, error) {
	defer s.Abort()
	if err := s.sink.finish(); err != nil {
		return nil, s.failed(err)
	}
	file, err := openIPC(s.mem, s.f)
	if err != nil {
		return nil, s.failed(err)
	}
	defer file.close()
	file.trusted = true
	t := &Table{mem: s.mem, schema: s.sink.schema}
	all := make([]int, len(file.fields))
	for i := range all {
		all[i] = i
	}
	var recs []arrow.Record
	for i, rows := range file.rows() {
		recs = append(recs, file.record(i, all, 0, rows))
	}
	return t.with(recs...), nil
}

// Abort gives up what was written.
func (s *spill) Abort() {
	if s.f != nil {
		s.f.Close()
		s.f = nil
	}
}

func (s *spill) failed(err error) error {
	err = bare(err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("frame: spill: the scratch folder %s is full: %w; use one with more room (run.scratch), more ranks, or a higher memory limit", s.folder, err)
	}
	return fmt.Errorf("frame: spill: scratch folder %s: %w; choose one that is there and can be written (run.scratch)", s.folder, err)
}
