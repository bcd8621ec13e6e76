package stages

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// writeAtomic makes the file at path hold exactly what write writes, or leaves path as it was.
//
// The bytes go, buffered, to a temporary file in the folder of path (which must exist), which is synced and renamed over
// path. On an error or a panic of write the temporary file is removed. Permissions are 0666 less the umask. A symbolic
// link at path is replaced, not followed. Errors wrap those of os and of write, so that errors.Is(err, syscall.ENOSPC)
// holds where the disk is full.
func writeAtomic(path string, write func(io.Writer) error) (err error) {
	tmp := temporaryFor(path)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return writeError(path, err)
	}
	renamed := false
	defer func() {
		if !renamed {
			f.Close() // a second close after a failed rename only returns os.ErrClosed
			os.Remove(tmp)
		}
	}()

	b := bufio.NewWriterSize(f, 256<<10)
	if err := write(b); err != nil {
		return writeError(path, err)
	}
	if err := b.Flush(); err != nil {
		return writeError(path, err)
	}
	if err := f.Sync(); err != nil {
		return writeError(path, err)
	}
	if err := f.Close(); err != nil {
		return writeError(path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return writeError(path, err)
	}
	renamed = true
	return nil
}

// temporaryFor is a name, in the folder of path, of a file that is to take its place; [sweep] removes what a killed process has left.
func temporaryFor(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, fmt.Sprintf(".%s.%d-%08x.tmp", base, os.Getpid(), rand.Uint32()))
}

// writeError names the file, and for a full disk or quota what to do.
func writeError(path string, err error) error {
	var named *fs.PathError // of the temporary file
	if errors.As(err, &named) {
		err = named.Err
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("write %s: %w; the file system is full (see `df -h %s`): free space, or choose another folder",
			path, err, filepath.Dir(path))
	case errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("write %s: %w; your quota there is used up: free space, or choose another folder", path, err)
	}
	return fmt.Errorf("write %s: %w", path, err)
}
