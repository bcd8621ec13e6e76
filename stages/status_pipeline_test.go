package stages

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What status tells of a run without tasks, as its files come; its page is the run's own.
func TestPipelineStatus(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	show := func(want string) {
		t.Helper()
		var b bytes.Buffer
		if err := Status(&b, dir, time.Now()); err != nil || b.String() != want {
			t.Errorf("%v\n%swant\n%s", err, b.String(), want)
		}
	}
	open := "\n\n" + dir + ": a run without tasks, is not finished: if it is not running, go on with deeprc run --resume " + dir + "\n"
	write("config.toml", smallText)
	show("–" + open)
	begin, fitted := "time=1 level=INFO msg=begin ranks=2\n", "time=2 level=INFO msg=fitted model=a\n"
	log := strings.Repeat("time=0 level=INFO msg=more\n", maxLastLines/20) + begin + fitted
	write("log.txt", log)
	show("time=2 level=INFO msg=fitted model=a" + open)
	write("metrics.json", "{}") // a cross-validation goes on
	show("time=2 level=INFO msg=fitted model=a" + open)
	log += "time=3 level=INFO msg=end seconds=2\n"
	write("log.txt", log)
	show("time=3 level=INFO msg=end seconds=2\n\n" + dir + ": a run without tasks, has finished\n")
	write("log.txt", log+begin)
	show(strings.TrimSpace(begin) + open)
	var usage ConfigError
	for what, err := range map[string]error{"its report.html is written by the run itself": WriteTaskPages(dir, "v", time.Now(), nil), "SIGTERM": CancelTasks(dir, []string{"x"})} {
		if err == nil || !strings.Contains(err.Error(), what) || !errors.As(err, &usage) {
			t.Errorf("got %v, want %q", err, what)
		}
	}
}
