package frame

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// atomicFile is a file that appears under its name in Commit, whole; until then a
// hidden file beside it holds the data. The caller ends it with Commit or Abort;
// Abort after Commit does nothing, so it can be deferred. Errors come without the path.
type atomicFile struct {
	path    string
	f       *os.File
	replace bool // what has its name
	done    bool
}

// createAtomic opens a file that will have the given path, which must not exist unless replace is set.
func createAtomic(path string, replace bool) (*atomicFile, error) {
	if err := mustNotExist(path); err != nil && !replace {
		return nil, bare(err)
	}
	dir, base := filepath.Split(path)
	tmp := filepath.Join(dir, fmt.Sprintf(".%s.%08x.tmp", base, rand.Uint32()))
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fmt.Errorf("create: %w", bare(err))
	}
	return &atomicFile{path: path, f: f, replace: replace}, nil
}

// Write appends b.
func (a *atomicFile) Write(b []byte) (int, error) {
	n, err := a.f.Write(b)
	if err != nil {
		err = bare(err)
	}
	return n, err
}

// Commit gives the file its name, once its bytes are on the disk. On an error no file is left.
func (a *atomicFile) Commit() error {
	if a.done {
		return nil
	}
	err := a.commit()
	if err != nil {
		a.Abort()
		return bare(err)
	}
	a.done = true
	return nil
}

func (a *atomicFile) commit() error {
	if err := a.f.Sync(); err != nil {
		return err
	}
	if err := a.f.Close(); err != nil {
		return err
	}
	if err := mustNotExist(a.path); err != nil && !a.replace {
		return err
	}
	if err := os.Rename(a.f.Name(), a.path); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(a.path)); err != nil {
		if !a.replace { // what was there before is gone: better the new one than none
			os.Remove(a.path)
		}
		return err
	}
	return nil
}

// Abort removes what was written; after Commit it does nothing.
func (a *atomicFile) Abort() error {
	if a.done {
		return nil
	}
	a.done = true
	a.f.Close()
	if err := os.Remove(a.f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return bare(err)
	}
	return nil
}

// mustNotExist is an error, without the path, where there is a file.
func mustNotExist(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return fmt.Errorf("%w and is not overwritten; remove it or write elsewhere", fs.ErrExist)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// syncFolder makes a rename in dir survive a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
