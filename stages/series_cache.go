package stages

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"deeprc/collective"
)

// cacheDir is the folder, beside those of runs, that keeps prepared series for later runs: <key>/series.arrow. It may be removed at any time.
const cacheDir = ".cache"

// cacheFormat is a part of every key: what a series.arrow holds.
const cacheFormat = "deeprc series 1"

// youngest is how long an input must have been as it is before what is made of it is kept: two writes within a file system's grain of time, of at
// most a second or two on those in use, could not be told apart.
const youngest = 2 * time.Second

// cacheKey names what the data part of cfg makes of the files that it reads, as they are now: by path, size and time of change. The error says why there is no key.
func (cfg *Config) cacheKey(version string) (string, error) {
	h := sha256.New()
	put := func(s string) { fmt.Fprintf(h, "%d %s\n", len(s), s) }
	put(cacheFormat)
	put(version)
	keys := cfg.dataKeys()
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		put(key)
		put(keys[key])
	}
	for i, s := range cfg.Steps {
		if _, ok := s.Options.(writer); ok {
			return "", fmt.Errorf("step %d (%s) writes into the folder of each run", i, s.Op)
		}
	}
	for _, path := range cfg.inputs() {
		err := eachInput(path, func(path string, info fs.FileInfo) error {
			if age := time.Since(info.ModTime()); age < youngest {
				return fmt.Errorf("%s was written %s ago, and could change without a trace", path, seconds(max(0, age)))
			}
			put(path)
			put(fmt.Sprint(info.Size(), info.ModTime().UnixNano()))
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// dataKeys are the keys, with their values, that decide what the data part of cfg makes of the files that it reads.
func (cfg *Config) dataKeys() map[string]string {
	keys := decisive(cfg)
	maps.DeleteFunc(keys, func(key, _ string) bool {
		return !strings.HasPrefix(key, "data.") && !strings.HasPrefix(key, "preprocess.")
	})
	return keys
}

// A source is a step that reads files.
type source interface {
	sources() []string // files, folders and patterns
}

// inputs are the files, folders and patterns that the data is read from.
func (cfg *Config) inputs() (paths []string) {
	for _, p := range []string{cfg.Data.Path, cfg.Data.Scales} {
		if p != "" && p != "synth" {
			paths = append(paths, p)
		}
	}
	for _, s := range cfg.Steps {
		if r, ok := s.Options.(source); ok {
			paths = append(paths, r.sources()...)
		}
	}
	return paths
}

// eachInput calls visit with the absolute path of every file that path, a file, folder or pattern, can mean.
func eachInput(path string, visit func(path string, info fs.FileInfo) error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	found := []string{path}
	if _, err := os.Stat(path); err != nil && strings.ContainsAny(path, "*?[") {
		if found, err = filepath.Glob(path); err != nil {
			return err
		}
	}
	for _, p := range found {
		root, err := filepath.EvalSymlinks(p)
		if err != nil {
			return err
		}
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := os.Stat(path)
			if err == nil && !info.Mode().IsRegular() {
				err = fmt.Errorf("%s is no file", path)
			}
			if err != nil {
				return err
			}
			return visit(path, info)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// make makes the run's series and leaves them on the ranks' shelves and in the run's folder, from where any rank maps them: from the cache where an
// earlier run has made the same, else they are read and prepared here, and kept there. Collective.
func (j *job) make(e *Env) error {
	path := filepath.Join(e.Dir, seriesFile)
	kept := filepath.Join(filepath.Dir(filepath.Clean(e.Dir)), cacheDir)
	key, refused := "", errors.New("--no-cache")
	hit := int64(0)
	var err error
	if j.c.Rank() == 0 {
		if !e.noCache {
			key, refused = j.cfg.cacheKey(e.Version)
			kept = filepath.Join(kept, key, seriesFile)
		}
		if key != "" {
			var s *Series
			if s, refused = mapSeries(kept); refused == nil {
				err = copySeries(kept, path, s)
				s.release()
				hit = 1
			}
		}
	}
	if err := collective.Agree(j.c, err); err != nil {
		return err
	}
	if hit, err = collective.BroadcastOne(j.c, hit, 0); err != nil {
		return err
	}
	if hit > 0 {
		done := j.times.start("series from the cache")
		e.Log.Info("series: from the cache", "key", key)
		if there, err := j.share(e); err != nil || there {
			done(0, 0)
			return err
		}
	}
	if refused != nil && !errors.Is(refused, fs.ErrNotExist) {
		e.Log.Info("series: not from the cache", "reason", refused)
	}
	if err := j.load(); err != nil {
		return err
	}
	if j.c.Rank() == 0 {
		err = writeSeries(path, j.series)
		if err == nil && key != "" {
			j.keep(e, key, path, kept)
		}
	}
	if err := collective.Agree(j.c, err); err != nil {
		return err
	}
	if s, err := mapSeries(path); err == nil { // one copy in a node's memory, not one a rank
		j.series = s
	}
	e.Shelf.put(j.series)
	j.series.retain()
	return nil
}

// keep puts the series, which path has, into the cache, unless what they were made of has changed. That it cannot be is no failure.
func (j *job) keep(e *Env, key, path, kept string) {
	now, err := j.cfg.cacheKey(e.Version)
	if err == nil && now != key {
		err = errors.New("its input has changed meanwhile")
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(kept), 0o777)
	}
	if err == nil {
		err = copySeries(path, kept, j.series)
	}
	if err != nil {
		e.Log.Info("series: not kept in the cache", "reason", err)
		return
	}
	e.Log.Info("series: kept in the cache", "key", key)
}

// copySeries makes to, whole or not at all, what from is, the file of s: the same file where the file system has links.
func copySeries(from, to string, s *Series) error {
	tmp := temporaryFor(to)
	if os.Link(from, tmp) != nil {
		return writeSeries(to, s)
	}
	err := os.Rename(tmp, to)
	if gone := os.Remove(tmp); err == nil && !errors.Is(gone, fs.ErrNotExist) {
		err = gone // renaming one link of a file to another leaves both
	}
	return err
}
