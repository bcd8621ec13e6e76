package stages

import (
	"fmt"
	"path/filepath"
	"time"
)

// storedRun is what the folder of a run tells of it.
type storedRun struct {
	dir     string
	cfg     *Config
	plan    []*planned // nil: the run is one pipeline, of which the rest is not known
	journal *journalState
	alive   answer // whether a process runs there

	cancelled []string // names that people have asked to cancel
}

// readStored reads a run's folder; of a run without tasks only its config.
func readStored(dir string) (*storedRun, error) {
	r := &storedRun{dir: dir}
	var err error
	if r.cfg, err = LoadConfig(filepath.Join(dir, "config.toml"), nil); err != nil {
		return nil, err
	}
	if r.plan, err = r.cfg.plan(); err != nil || r.plan == nil {
		return r, err
	}
	path := filepath.Join(dir, journalFile)
	if r.journal, err = readJournal(path); err != nil {
		return nil, err
	}
	if r.cancelled, err = readCancelled(dir); err != nil {
		return nil, err
	}
	r.alive, err = locked(path)
	return r, err
}

// A standing is where a task is, for people.
type standing struct {
	State
	attempt, ranks, failure string
	took                    time.Duration // of the last attempt; 0 where that is not known
}

// standing is where task p is.
func (r *storedRun) standing(p *planned, now time.Time) standing {
	s := standing{State: Waiting, attempt: "–", ranks: "–"}
	last := r.journal.last[p.Name]
	if last != nil && (r.alive != yes || last.session >= r.journal.sessions || last.State == Done) { // else its turn in this session is to come
		s = standing{attempt: fmt.Sprintf("%d/%d", last.Attempt, 1+p.Retries), ranks: orDash(rankList(last.Ranks)), failure: firstLine(last.Error)}
		s.State, s.took = last.standing(r.alive, now)
	}
	if r.cancelling(p.Name, s.State) {
		s.State = toCancel
	}
	return s
}

// compare is the comparison of its models.
func (r *storedRun) compare() (*comparison, error) {
	return compare(r.plan, r.dir, trainFailures(r.plan, r.journal))
}
