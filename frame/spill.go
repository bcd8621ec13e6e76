package frame

import (
	"os"

	"github.com/apache/arrow/go/v17/arrow"
)

// spillShare says that the buffers of spills that are written together take at most 1/spillShare of the memory limit.
const spillShare = 4

// A spill is rows that an operator puts aside, beyond its memory limit, in an Arrow IPC
// file of the scratch folder. The file has no name from the start on, so that nothing
// is left of it, whatever ends the program.
type spill struct {
	mem    *Memory
	folder string
	f      *os.File
	sink   *ipcSink
}

// newSpill makes an empty spill of records with the given columns, one of so many that are written at the same time. It
// is ended by Finish or Abort; Abort after either does nothing, so it can be deferred.
func newSpill(m *Memory, schema *arrow.Schema, together int) (*spill, error) {
	s := &spill{mem: m, folder: os.TempDir()}
	if m != nil {
		s.folder = m.scratch
	}
	var err error
	if s.f, err = nameless(s.folder); err != nil {
		return nil, s.failed(err)
	}
	if s.sink, err = newIPCSink(m, schema, s.f, m.share(ipcBuffer, spillShare*int64(together))); err != nil {
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
	if s.sink != nil {
		s.sink.close()
	}
	if s.f != nil {
		s.f.Close()
		s.f = nil
	}
}

func (s *spill) failed(err error) error { return scratchError(s.folder, err) }
