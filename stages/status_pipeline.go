package stages

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLastLines bounds what is read of the end of a log, in bytes.
const maxLastLines = 64 << 10

// pipelineStatus is Status of a run without tasks: the last line of its log, and whether it has finished. That is so when it has written
// metrics.json and its log has come to an end; a cross-validation, and a run that goes on, come after an earlier metrics.json.
func pipelineStatus(w io.Writer, dir string) error {
	lines, err := lastLines(filepath.Join(dir, "log.txt"))
	if err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(dir, "metrics.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := "is not finished: if it is not running, go on with deeprc run --resume " + dir
	if err == nil && ended(lines) {
		text = "has finished"
	}
	_, err = fmt.Fprintf(w, "%s\n\n%s: a run without tasks, %s\n", orDash(lines[len(lines)-1]), dir, text)
	return err
}

// lastLines are the last lines of the log at path, at least one, which is empty where there is none.
func lastLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{""}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, _, err := tailOf(f, maxLastLines)
	return strings.Split(strings.TrimSpace(string(text)), "\n"), err
}

// ended reports whether the last session in a log's lines has said that it ends.
func ended(lines []string) bool {
	for i := len(lines) - 1; i >= 0; i-- {
		switch {
		case strings.Contains(lines[i], " level=INFO msg=end "):
			return true
		case strings.Contains(lines[i], " level=INFO msg=begin "):
			return false
		}
	}
	return false
}
