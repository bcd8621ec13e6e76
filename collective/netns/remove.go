package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var ourPrefix = regexp.MustCompile(`^(deeprc-([0-9]+)-[0-9]+)(-|$)`)

// sweep removes the Nets of processes that are gone, or dead and not yet waited for.
func sweep() error {
	var err error
	for _, folder := range []string{namespaces, os.TempDir()} {
		files, _ := os.ReadDir(folder) // a folder that is not there holds nothing
		for _, f := range files {
			m := ourPrefix.FindStringSubmatch(f.Name())
			if m == nil {
				continue
			}
			if _, gone := os.Readlink("/proc/" + m[2] + "/exe"); errors.Is(gone, os.ErrNotExist) {
				err = errors.Join(err, remove(m[1]))
			}
		}
	}
	return err
}

// remove ends every process in the namespaces of prefix and removes them with their files. What is not there is no error.
func remove(prefix string) error {
	var spaces []string
	files, _ := os.ReadDir(namespaces)
	for _, f := range files {
		if f.Name() == prefix || strings.HasPrefix(f.Name(), prefix+"-") {
			spaces = append(spaces, f.Name())
		}
	}
	err := end(spaces)
	for _, s := range spaces {
		err = errors.Join(err, run("ip", "netns", "delete", s))
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(os.TempDir(), prefix)))
}

// end kills the processes of the namespaces until it finds none twice: one may be on its way from a namespace to another.
func end(spaces []string) error {
	if len(spaces) == 0 {
		return nil
	}
	quiet := 0
	for range 200 {
		quiet++
		for _, s := range spaces {
			out, err := exec.Command("ip", "netns", "pids", s).Output()
			if err != nil {
				return fmt.Errorf("netns: ip netns pids %s: %w", s, err)
			}
			for _, p := range strings.Fields(string(out)) {
				quiet = 0
				if pid, err := strconv.Atoi(p); err == nil && pid > 1 {
					_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
				}
			}
		}
		if quiet == 2 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("netns: processes in %v survive SIGKILL", spaces)
}
