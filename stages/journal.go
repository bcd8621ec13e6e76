package stages

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// journalFile is the run's journal: a line of JSON for each state that a task comes to, appended, never changed.
const journalFile = "journal.jsonl"

// journalFormat stands in the first line of each session.
const journalFormat = "deeprc journal 1"

// maxJournalLine bounds a line of it: a million ranks, a failure and a tail.
const maxJournalLine = 16 << 20

// An entry is one line of a journal: of a session, that it begins, else of a task, the state that it has come to.
type journalEntry struct {
	Time    time.Time `json:"time"`
	Format  string    `json:"format,omitempty"`
	World   int       `json:"world,omitempty"` // ranks of the session
	Task    string    `json:"task,omitempty"`
	Attempt int       `json:"attempt,omitempty"`
	State   State     `json:"state,omitempty"`
	Ranks   []int     `json:"ranks,omitempty"`
	Rank    *int      `json:"rank,omitempty"` // that failed
	Error   string    `json:"error,omitempty"`
	Tail    string    `json:"tail,omitempty"` // the end of that rank's log
}

// A journal is open for appending, by one process at a time.
type journal struct {
	f    *os.File
	mu   sync.Mutex
	some chan struct{} // holds a token when there is something to sync; closed at the end
	err  error         // of a sync
	gone chan struct{} // closed when the last sync is done

	closed bool
}

// openJournal opens the journal at path for appending, made if it is not there; no other process can until it is closed.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return nil, writeError(path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, fmt.Errorf("%s: another process runs in this folder: wait until it has ended", path)
	} // an error else: the file system has no locks
	j := &journal{f: f, some: make(chan struct{}, 1), gone: make(chan struct{})}
	go j.syncer()
	return j, nil
}

// read is what the journal tells. The rest of a line that a crash has torn is cut off.
func (j *journal) read() (*journalState, error) {
	s, err := readJournal(j.f.Name())
	if err != nil {
		return nil, err
	}
	if err := j.f.Truncate(s.whole); err != nil {
		return nil, writeError(j.f.Name(), err)
	}
	return s, nil
}

// syncer makes lasting what was appended: it waits for the disk so that the pilot need not, and syncs what has come meanwhile at once.
func (j *journal) syncer() {
	defer close(j.gone)
	for range j.some {
		if err := j.f.Sync(); err != nil {
			j.mu.Lock()
			j.err = errors.Join(j.err, err)
			j.mu.Unlock()
		}
	}
}

// append adds a line. When it returns the line outlives this process; shortly after, a crash of the machine. An error of an earlier
// sync is returned, too.
func (j *journal) append(e journalEntry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := j.f.Write(append(text, '\n')); err != nil {
		return writeError(j.f.Name(), err)
	}
	select {
	case j.some <- struct{}{}:
	default:
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return writeError(j.f.Name(), j.err)
	}
	return nil
}

// close returns when all is on disk. Of a journal that is closed, or nil, it does nothing.
func (j *journal) close() error {
	if j == nil || j.closed {
		return nil
	}
	j.closed = true
	close(j.some)
	<-j.gone
	err := errors.Join(j.err, j.f.Sync(), j.f.Close())
	if err != nil {
		return writeError(j.f.Name(), err)
	}
	return nil
}

// journalState is what a journal tells.
type journalState struct {
	sessions int
	world    int // ranks of the last session
	begin    time.Time
	last     map[string]*taskRecord
	whole    int64 // bytes of whole lines
}

// taskRecord is what a journal tells of one task.
type taskRecord struct {
	journalEntry           // the last
	Begin        time.Time // of the last attempt
	session      int       // of the last entry
}

// readJournal reads a journal. A last line that is not whole, as a crash leaves it, is left out; another that cannot be read is an error.
func readJournal(path string) (*journalState, error) {
	s := &journalState{last: map[string]*taskRecord{}}
	err := eachLine(path, maxJournalLine, maxEvents, func(line []byte, last bool) error {
		var e journalEntry
		err := json.Unmarshal(line, &e)
		switch {
		case err != nil && last: // written in part, then a newline of a page of zeros or the like
			return nil
		case err != nil:
			return fmt.Errorf("%w: the journal is broken here; begin a new run", err)
		case s.whole == 0 && e.Format != journalFormat, e.Format != "" && e.Format != journalFormat:
			return fmt.Errorf("its format is %q, want %q: is it of another version of deeprc?", e.Format, journalFormat)
		case e.Format != "":
			s.sessions++
			s.world, s.begin = e.World, e.Time
		case e.Task != "":
			r := s.last[e.Task]
			if r == nil {
				r = &taskRecord{}
				s.last[e.Task] = r
			}
			if e.State == Running {
				r.Begin = e.Time
			}
			r.journalEntry, r.session = e, s.sessions
		}
		s.whole += int64(len(line))
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	return s, err
}

// done reports whether a task has ended well.
func (s *journalState) done(task string) bool {
	return s != nil && s.last[task] != nil && s.last[task].State == Done
}
