package stages

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"deeprc/collective"
)

// files lists the files below a folder, with paths from there.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestWriteSteps: what steps write is read again as the same rows, from any number of ranks, and later steps go on
// with the table.
func TestWriteSteps(t *testing.T) {
	const read = "[[preprocess]]\nop = \"read_csv\"\npaths = [\"DIR/flow.csv\"]\ntext = [\"id\"]\n"
	for _, c := range []struct{ write, again, first string }{
		{"op = \"write_parquet\"\npath = \"a/b\"\nrow_group = 7", "op = \"read_parquet\"\npaths = [\"a/b\"]", "a/b/part-00000.parquet"},
		{"op = \"write_parquet\"\npath = \"a\"\npartition_by = [\"id\"]", "op = \"read_parquet\"\npaths = [\"a\"]\ncolumns = [\"id\", \"day\", \"q\"]", "a/id=01000/part-00000.parquet"},
		{"op = \"write_ipc\"\npath = \"a\"", "op = \"read_ipc\"\npaths = [\"a\"]", "a/part-00000.arrow"},
		{"op = \"write_csv\"\npath = \"a\"\nseparator = \";\"", "op = \"read_csv\"\npaths = [\"a\"]\ntext = [\"id\"]", "a/part-00000.csv"},
		{"op = \"write_csv\"\npath = \"x/a.csv\"\nheader = false", "op = \"read_csv\"\npaths = [\"x/a.csv\"]\ntext = [\"id\"]\nheader = false\nnames = [\"id\", \"day\", \"q\"]", "x/a.csv"},
		{"op = \"write_jsonl\"\npath = \"a\"", "op = \"read_jsonl\"\npaths = [\"a\"]\ntext = [\"id\"]", "a/part-00000.jsonl"},
		{"op = \"write_jsonl\"\npath = \"a.jsonl\"", "op = \"read_jsonl\"\npaths = [\"a.jsonl\"]\ntext = [\"id\"]", "a.jsonl"},
	} {
		for _, n := range []int{1, 2, 3, 5} {
			dir := t.TempDir()
			text := strings.ReplaceAll(read, "DIR", basins(t))
			cfg, err := parseConfig("t.toml", text+"[[preprocess]]\n"+c.write+"\n[[preprocess]]\nop = \"sort\"\nby = [\"id\", \"day\"]\n", nil)
			if err != nil {
				t.Fatal(err)
			}
			want, _, err := stepRows(t, n, cfg, dir)
			if err != nil {
				t.Fatal(err)
			}
			names := files(t, dir)
			if len(want) != 600 || !slices.Contains(names, filepath.Join(tablesDir, c.first)) {
				t.Errorf("%s, %d ranks: %d rows, files %v", c.write, n, len(want), names)
			}
			again := strings.Replace(c.again, "paths = [\"", "paths = [\""+filepath.Join(dir, tablesDir)+"/", 1)
			if cfg, err = parseConfig("t.toml", "[[preprocess]]\n"+again+"\n[[preprocess]]\nop = \"sort\"\nby = [\"id\", \"day\"]\n", nil); err != nil {
				t.Fatal(err)
			}
			if got, _, err := stepRows(t, n, cfg, ""); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, %d ranks: read again %d rows, %v", c.write, n, len(got), err)
			}
		}
	}
}

// writingBasins is a run that writes its joined table.
func writingBasins(t *testing.T, edit ...string) *Config {
	t.Helper()
	text := strings.ReplaceAll(basinSteps, "DIR", basins(t)) + "[[preprocess]]\nop = \"write_csv\"\npath = \"clean.csv\"\n[[preprocess]]\nop = \"write_parquet\"\npath = \"clean\"\n"
	cfg, err := parseConfig("basins.toml", strings.NewReplacer(edit...).Replace(text), []string{"run.dir=" + t.TempDir(), "train.steps=3", "evaluate.season=7"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestWritingRun(t *testing.T) {
	cfg := writingBasins(t)
	for _, n := range []int{1, 3} {
		var out bytes.Buffer
		err := collective.RunLocal(n, func(c collective.Comm) error {
			if c.Rank() == 0 {
				return Check(c, cfg, nil, &out)
			}
			return Check(c, cfg, nil, io.Discard)
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := "           to tables/clean.csv, in the run's folder; check writes nothing\n           id large_utf8\n"; !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
		if names := files(t, cfg.Run.Dir); n == 1 && len(names) > 0 {
			t.Errorf("check wrote %v", names)
		}
		res := mustRun(t, n, cfg)
		text, err := os.ReadFile(filepath.Join(res.Dir, tablesDir, "clean.csv"))
		if err != nil || !strings.HasPrefix(string(text), "id,day,q,area\n01001,1970-01-01") || strings.Count(string(text), "\n") != 401 {
			t.Errorf("%d ranks: %v, %.60s…", n, err, text)
		}
		if names := files(t, res.Dir); !slices.Contains(names, "tables/clean/part-00000.parquet") || !slices.Contains(names, "metrics.json") {
			t.Errorf("%d ranks: %v", n, names)
		}
	}
}

// A run that fails before training leaves no folder, whatever steps have written.
func TestFailedPreparationLeavesNothing(t *testing.T) {
	for _, edit := range []struct{ from, to, want string }{
		{`path = "clean"`, "path = \"clean\"\npartition_by = [\"area\", \"qq\"]", `no column "qq"`}, // a later step fails
		{`target = "q"`, `target = "qq"`, `no column "qq"`},                                         // what follows the steps fails
		{`op = "sort"`, "op = \"filter\"\nwhere = \"q > 1000\"\n[[preprocess]]\nop = \"sort\"", "the last [[preprocess]] step's table has no rows; deeprc check prints how many each step leaves"},
	} {
		for _, n := range []int{1, 3} {
			cfg := writingBasins(t, edit.from, edit.to)
			if _, err := runOn(t, n, cfg); err == nil || !strings.Contains(err.Error(), edit.want) {
				t.Errorf("%d ranks: %v", n, err)
			}
			wantOnly(t, cfg.Run.Dir)
		}
	}
}

func TestWriteStepErrors(t *testing.T) {
	for _, c := range []struct{ path, more, want string }{
		{"", "", `t.toml:5: preprocess 1 (write_csv): path is not set: name a file or folder; it is made in the run's folder, in tables`},
		{"/tmp/x", "", `t.toml:5: preprocess 1 (write_csv): path = "/tmp/x": steps write in the run's folder only, in tables: want a path without .. that does not begin with /, as clean`},
		{"a/../../x", "", `path = "a/../../x": steps write in the run's folder only`},
		{"a/../x", "", `path = "a/../x": steps write in the run's folder only`},
		{".", "", `path = ".": steps write in the run's folder only`},
		{"a", "[[preprocess]]\nop = \"write_ipc\"\npath = \"./a/\"\n", `t.toml:8: preprocess 2 (write_ipc): path = "./a/": preprocess 1 (write_csv) writes there too, to "a"; choose paths of which none is in the other`},
		{"a/b", "[[preprocess]]\nop = \"write_ipc\"\npath = \"a\"\n", `writes there too, to "a/b"`},
		{"a", "[[preprocess]]\nop = \"write_ipc\"\npath = \"a/b\"\n", `writes there too, to "a"`},
		{"a.csv", "partition_by = [\"id\"]\n", `path = "a.csv" is one file, which partition_by cannot split; write to a folder, a path that does not end in .csv`},
		{"a", "partition_by = [\"ID\"]\n", `t.toml:5: preprocess 1 (write_csv): frame: write CSV: no column "ID"; did you mean "id"?; columns: id, day, q`},
		{"a", "partition_by = [\"day\"]\n", `key column "day" is timestamp[us]; cast it to text, or to integers`},
		{"a", "separator = \"--\"\n", `separator = "--": want one character`},
	} {
		text := strings.ReplaceAll("[[preprocess]]\nop = \"read_csv\"\npaths = [\"DIR/flow.csv\"]\ntext = [\"id\"]\n", "DIR", basins(t))
		cfg, err := parseConfig("t.toml", fmt.Sprintf("%s[[preprocess]]\nop = \"write_csv\"\npath = %q\n%s", text, c.path, c.more), nil)
		for _, dir := range []string{"", t.TempDir()} { // deeprc check finds what run finds
			for _, n := range []int{1, 3} {
				got := err
				if cfg != nil {
					_, _, got = stepRows(t, n, cfg, dir)
				}
				if got == nil || !strings.Contains(got.Error(), c.want) {
					t.Errorf("%q, %d ranks: %v\nwant %s", c.path, n, got, c.want)
				}
			}
		}
	}
}

// TestMakeBelow: a symbolic link that leads out of the run's folder is not followed.
func TestMakeBelow(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	if err := os.Symlink(out, filepath.Join(dir, "tables")); err != nil {
		t.Fatal(err)
	}
	if err := makeBelow(dir, "tables/a"); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Error(err)
	}
	wantOnly(t, out)
}

// TestWriteStepFullDisk: the error names the step and the file, and no part of it stays.
func TestWriteStepFullDisk(t *testing.T) {
	cfg := writingBasins(t)
	if err := syscall.Mount("none", cfg.Run.Dir, "tmpfs", 0, "size=8k"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	defer syscall.Unmount(cfg.Run.Dir, 0)
	for _, n := range []int{1, 3} {
		_, err := runOn(t, n, cfg)
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "basins.toml:33: preprocess 5 (write_csv): frame: write CSV: "+cfg.Run.Dir) ||
			!strings.Contains(err.Error(), "clean.csv: write: no space left on device") {
			t.Errorf("%d ranks: %v", n, err)
		}
		wantOnly(t, cfg.Run.Dir)
	}
}
