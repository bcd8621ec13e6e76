package stages

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"deeprc/collective"
)

// jobName is what --job may be: it becomes a part of a folder's name.
var jobName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)

// CheckJob reports whether a job may be called so.
func CheckJob(name string) error {
	if !jobName.MatchString(name) {
		return configErrorf("--job %q: want up to 100 letters, digits and _ . -, as slurm-123", name)
	}
	return nil
}

// jobFolder is the name of the run's folder of a job: every start of the job has the same.
func jobFolder(cfg *Config, job string) string { return cfg.Run.Name + "-" + job }

// JobDir is the run's folder of a job.
func JobDir(cfg *Config, job string) string { return filepath.Join(cfg.Run.Dir, jobFolder(cfg, job)) }

// folder is the name of the run's folder.
func (o Options) folder(cfg *Config, begin time.Time) string {
	if o.Job != "" {
		return jobFolder(cfg, o.Job)
	}
	return cfg.Run.Name + begin.Format("-20060102-150405")
}

// earlierStart is the folder of the run that an earlier start of the job began, on every rank, or "" where this is the first.
// A folder in which that start was killed before it began to train is removed. Collective.
func earlierStart(c collective.Comm, cfg *Config, job string) (string, error) {
	dir := JobDir(cfg, job)
	var there int64
	var err error
	if c.Rank() == 0 {
		var found bool
		if found, err = begun(dir); found {
			there = 1
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return "", err
	}
	there, err = collective.AllReduceOne(c, there, collective.Max)
	if err != nil || there == 0 {
		return "", err
	}
	return dir, nil
}

// begun reports whether dir is the folder of a run that can go on. One that has what a run has written before its config.toml, and
// nothing else, is removed.
func begun(dir string) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, "config.toml")); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err == nil, err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if name := e.Name(); name != "log.txt" && name != tablesDir && !unfinished(name) {
			return false, fmt.Errorf("%s: there is no config.toml, but %s: it is no run's folder; move it away, or take another run.name", dir, name)
		}
	}
	return false, os.RemoveAll(dir)
}
