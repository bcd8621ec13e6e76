package frame

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scratchPages is memory in a file of the scratch folder, mapped: the system writes it out where it needs room, so it
// is no use of the limit. The file has no name, and ends with the last array in it. What is given back
// leaves a hole, where the file system knows holes.
type scratchPages struct {
	sync.Mutex
	f    *os.File
	end  int64
	live map[unsafe.Pointer]scratchRange
	n    atomic.Int64 // of live
}

type scratchRange struct {
	at     int64
	mapped []byte
}

// beyond reports whether n more bytes are to come from the scratch folder: beyond the limit, or half of it while a
// table is read, which later steps work on.
func (m *Memory) beyond(n int) bool {
	if m == nil || m.limit == 0 || m.under != nil || n < bigAllocation {
		return false
	}
	most := m.limit
	if m.readers.Load() > 0 {
		most /= 2
	}
	return m.used.Load()+int64(n) > most
}

// reading says that a table is read from now until done.
func (m *Memory) reading() (done func()) {
	if m == nil {
		return func() {}
	}
	m.readers.Add(1)
	return func() { m.readers.Add(-1) }
}

// CheckScratch is an error where the limit calls for a scratch folder in which no file can be made.
func (m *Memory) CheckScratch() error {
	if m.Limit() == 0 {
		return nil
	}
	f, err := nameless(m.scratch)
	if err != nil {
		return scratchError(m.scratch, err)
	}
	return f.Close()
}

// scratchFull is what [Memory.Allocate] panics with where the scratch folder has no room.
type scratchFull struct{ err error }

func (e scratchFull) Error() string { return e.err.Error() }
func (e scratchFull) Unwrap() error { return e.err }
func (scratchFull) Outside()        {}

// get is n zeroed bytes of the file.
func (s *scratchPages) get(m *Memory, n int) []byte {
	s.Lock()
	defer s.Unlock()
	if s.f == nil {
		f, err := nameless(m.scratch)
		if err != nil {
			panic(scratchFull{scratchError(m.scratch, err)})
		}
		s.f, s.end, s.live = f, 0, map[unsafe.Pointer]scratchRange{}
	}
	size := inPages(max(n, hugePage))
	err := reserve(s.f, s.end, size) // else writing to a full disk would end the process
	var b []byte
	if err == nil {
		b, err = syscall.Mmap(int(s.f.Fd()), s.end, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	}
	if err != nil {
		if len(s.live) == 0 {
			s.f.Close()
			s.f = nil
		}
		panic(scratchFull{scratchError(m.scratch, err)})
	}
	s.live[unsafe.Pointer(&b[0])] = scratchRange{s.end, b}
	s.n.Add(1)
	s.end += size
	return b[:n:n]
}

// put gives back b, and reports whether it was of the file.
func (s *scratchPages) put(b []byte) bool {
	if s.n.Load() == 0 || cap(b) == 0 {
		return false
	}
	s.Lock()
	defer s.Unlock()
	p := unsafe.Pointer(unsafe.SliceData(b))
	r, ok := s.live[p]
	if !ok {
		return false
	}
	delete(s.live, p)
	s.n.Add(-1)
	if err := syscall.Munmap(r.mapped); err != nil {
		panic(err) // it was mapped
	}
	if len(s.live) == 0 {
		s.f.Close()
		s.f = nil
		return true
	}
	// Where the file system knows no holes, the room is given back when the file ends.
	_ = unix.Fallocate(int(s.f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, r.at, int64(len(r.mapped)))
	return true
}

// has reports whether b is of the file.
func (s *scratchPages) has(b []byte) bool {
	if s.n.Load() == 0 || cap(b) == 0 {
		return false
	}
	s.Lock()
	defer s.Unlock()
	_, ok := s.live[unsafe.Pointer(unsafe.SliceData(b))]
	return ok
}

// reserve makes the file's bytes from at on its own, zeroed.
func reserve(f *os.File, at, n int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, at, n)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	zeros := make([]byte, 1<<20)
	for end := at + n; at < end; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros, at); err != nil {
			return err
		}
	}
	return nil
}

// nameless makes a file in folder that has no name.
func nameless(folder string) (*os.File, error) {
	f, err := os.CreateTemp(folder, "deeprc-spill-") // mode 0600
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// scratchError says what is wrong with the scratch folder, and what to do.
func scratchError(folder string, err error) error {
	err = bare(err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("frame: spill: the scratch folder %s is full: %w; use one with more room (run.scratch), more ranks, or a higher memory limit", folder, err)
	}
	return fmt.Errorf("frame: spill: scratch folder %s: %w; choose one that is there and can be written (run.scratch)", folder, err)
}
