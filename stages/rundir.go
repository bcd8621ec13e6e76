package stages

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"deeprc/collective"
)

// makeRunDir makes the folder of one run, dir/name, on rank 0 and
// tells all its path; collective. A folder that exists is never used again.
func makeRunDir(c collective.Comm, dir, name string) (string, error) {
	var path string
	var err error
	if c.Rank() == 0 {
		path, err = newDir(filepath.Join(dir, name))
	}
	if err := collective.Agree(c, err); err != nil {
		return "", err
	}
	b, err := collective.BroadcastBytes(c, []byte(path), 0)
	return string(b), err
}

func newDir(base string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(base), 0o777); err != nil {
		return "", fmt.Errorf("make the folder of runs: %w", err)
	}
	for i := 1; ; i++ {
		path := base
		if i > 1 {
			path = fmt.Sprintf("%s-%d", base, i)
		}
		err := os.Mkdir(path, 0o777)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make the run's folder: %w", err)
		}
	}
}

// missing lists the folder dir and those above it that do not exist, the deepest first.
func missing(dir string) (names []string) {
	for {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			return names
		}
		names = append(names, dir)
		dir = filepath.Dir(dir)
	}
}
