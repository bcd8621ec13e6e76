package stages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"deeprc/collective"
)

// oldCSV is a file of synthetic series that was written long ago.
func oldCSV(t *testing.T, seed int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.csv")
	if err := WriteSynth(path, Synth{Series: 3, Hours: 1500, Seed: uint64(seed)}, "wide"); err != nil {
		t.Fatal(err)
	}
	age(t, path, time.Hour)
	return path
}

func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

// prepLog is the log of a run's preprocess task.
func prepLog(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(taskDir(dir, "preprocess"), "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readingTasks are the tasks of a run, an entry for each rank, in which data was read.
func readingTasks(t *testing.T, dir string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, eventsFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		var e taskEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(e.Stages, func(s stageSpan) bool { return s.Stage == "read" }) {
			names = append(names, e.Task)
		}
	}
	return names
}

func cached(t *testing.T, cfg *Config) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cfg.Run.Dir, cacheDir, "*", seriesFile))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

const smallSweep = "[sweep]\nseeds = [1, 2]\n"

// A sweep reads its data once, and a later run of the same data not at all, until its input or what is made of it is another.
func TestCache(t *testing.T) {
	data := oldCSV(t, 1)
	cfg := withTasks(t, smallSweep, "data.path="+data, "train.steps=10")
	first := mustRun(t, 2, cfg)
	if got := readingTasks(t, first.Dir); !slices.Equal(got, []string{"preprocess", "preprocess"}) { // two ranks
		t.Errorf("data was read by %v", got)
	}
	if log := prepLog(t, first.Dir); !strings.Contains(log, "series: kept in the cache") {
		t.Errorf("not kept: %s", log)
	}
	entries := cached(t, cfg)
	if len(entries) != 1 {
		t.Fatalf("%d entries in the cache, want 1", len(entries))
	}
	key := filepath.Base(filepath.Dir(entries[0]))

	again := *cfg
	again.Windows.Horizon = 12 // is not of the data
	for _, c := range []*Config{cfg, &again} {
		res := mustRun(t, 3, c)
		if got := readingTasks(t, res.Dir); len(got) > 0 {
			t.Errorf("data was read by %v, though it lies in the cache", got)
		}
		if log := prepLog(t, res.Dir); !strings.Contains(log, "series: from the cache") || !strings.Contains(log, key) {
			t.Errorf("not from the cache %s: %s", key, log)
		}
		if c == cfg {
			sameFiles(t, filepath.Join(first.Dir, "s2"), filepath.Join(res.Dir, "s2"), "model.safetensors", "forecasts.parquet")
		}
	}

	refusing := func(what string, c *Config, want int) {
		t.Helper()
		res := mustRun(t, 2, c)
		if got := readingTasks(t, res.Dir); len(got) != 2 || len(cached(t, c)) != want {
			t.Errorf("%s: data was read by %v, %d entries in the cache, want %d", what, got, len(cached(t, c)), want)
		}
	}
	scaled := *cfg
	scaled.Data.Scaler = "robust"
	refusing("another scaler", &scaled, 2)
	if err := os.Rename(oldCSV(t, 2), data); err != nil {
		t.Fatal(err)
	}
	age(t, data, 0)
	refusing("a file that was written just now", cfg, 2)
	age(t, data, time.Minute)
	refusing("another file", cfg, 3)
}

// Whatever has become of an entry of the cache, a run's results are those of its data, and a good entry takes the place of the bad.
func TestCacheDamaged(t *testing.T) {
	cfg := withTasks(t, graph, "data.path="+oldCSV(t, 1), "train.steps=10")
	want := mustRun(t, 2, cfg)
	path := cached(t, cfg)[0]
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	series, err := mapSeries(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(good, unsafe.Slice((*byte)(unsafe.Pointer(&series.Data.Past[100])), 64))
	series.release()
	flipped := slices.Clone(good)
	flipped[at] ^= 4
	for what, bad := range map[string][]byte{"SHA-256": flipped, "end of the file is missing": good[:len(good)/2], "not an Arrow IPC file": nil} {
		if err := os.Remove(path); err != nil { // it is the first run's, too
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		res := mustRun(t, 2, cfg)
		if log := prepLog(t, res.Dir); !strings.Contains(log, "not from the cache") || !strings.Contains(log, what) || !strings.Contains(log, "kept in the cache") {
			t.Errorf("%s: %s", what, log)
		}
		sameFiles(t, want.Dir, res.Dir, "model.safetensors", "forecasts.parquet")
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, good) {
			t.Errorf("%s: %v, the entry was not made again", what, err)
		}
	}
}

func TestNoCache(t *testing.T) {
	cfg := withTasks(t, graph, "data.path="+oldCSV(t, 1), "train.steps=10")
	refuse := func() string {
		var dir string
		err := collective.RunLocal(2, func(c collective.Comm) error {
			res, err := Run(context.Background(), c, cfg, Options{Version: "test", Quiet: true, NoCache: true})
			if res != nil {
				dir = res.Dir
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := readingTasks(t, dir); len(got) != 2 {
			t.Errorf("data was read by %v", got)
		}
		return dir
	}
	dir := refuse()
	if n := len(cached(t, cfg)); n > 0 {
		t.Errorf("%d entries in the cache in spite of --no-cache", n)
	}
	res := mustRun(t, 2, cfg)
	sameFiles(t, dir, res.Dir, "model.safetensors", "forecasts.parquet")
	refuse()
}

// A run that cannot keep its series goes on without, and says so.
func TestCacheNotWritable(t *testing.T) {
	cfg := withTasks(t, graph, "data.path="+oldCSV(t, 1), "train.steps=10")
	if err := os.WriteFile(filepath.Join(cfg.Run.Dir, cacheDir), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	res := mustRun(t, 2, cfg)
	if log := prepLog(t, res.Dir); strings.Count(log, "series: not kept in the cache") != 1 || !strings.Contains(log, "not a directory") {
		t.Errorf("%s", log)
	}
}

// onFile reports whether a slab is the memory of a mapped series.arrow below dir.
func onFile(t *testing.T, dir string, slab []float32) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	p := uintptr(unsafe.Pointer(&slab[0]))
	for _, l := range strings.Split(string(text), "\n") {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(l, "%x-%x", &lo, &hi); n == 2 && lo <= p && p < hi {
			return strings.HasSuffix(l, filepath.Join(dir, seriesFile))
		}
	}
	return false
}

// Series are copied nowhere between the file and the slabs that nets train on, whichever rank made them; a rank that does not see the
// folder gets a copy of its own, once.
func TestHandOverWithoutCopies(t *testing.T) {
	cfg := withTasks(t, graph, "data.path="+oldCSV(t, 1))
	p := &planned{cfg: cfg}
	dir, nowhere := t.TempDir(), t.TempDir()
	err := collective.RunLocal(3, func(c collective.Comm) error {
		var log bytes.Buffer
		e := &Env{Ctx: context.Background(), Comm: c, Dir: dir, Shelf: &Shelf{}, Version: "test", times: &timings{}, Log: slog.New(slog.NewTextHandler(&log, nil)), noCache: true}
		if err := p.preprocess(e); err != nil {
			return err
		}
		made := e.Shelf.series
		if !onFile(t, dir, made.Data.Past) || !onFile(t, dir, made.Data.Target) {
			t.Errorf("rank %d: preprocess left a copy", c.Rank())
		}
		j := p.job(e)
		if err := j.acquire(e); err != nil {
			return err
		}
		if j.series != made || len(j.series.Data.Past) == 0 {
			t.Errorf("rank %d: a task got other series than lie on its shelf", c.Rank())
		}
		want := slices.Clone(j.series.Data.Past)
		e.Shelf.put(nil) // the job holds them still
		if !slices.Equal(j.series.Data.Past, want) {
			t.Errorf("rank %d: the series went with the shelf", c.Rank())
		}
		j.release()

		if c.Rank() == 1 { // of another node, without the folder
			e.Dir = nowhere
		}
		log.Reset()
		for range 2 {
			j := p.job(e)
			if err := j.acquire(e); err != nil {
				return err
			}
			past := j.series.Data.Past
			if shared := c.Rank() != 1; onFile(t, dir, past) != shared || !slices.Equal(past, want) {
				t.Errorf("rank %d: its series are the file's memory: %v, want %v", c.Rank(), !shared, shared)
			}
			j.release()
		}
		if got := strings.Count(log.String(), "rank 1 of the task: there is no series.arrow"); got != 1 || strings.Count(log.String(), "from=memory") != 1 {
			t.Errorf("rank %d: it is said %d times that rank 1 got a copy:\n%s", c.Rank(), got, &log)
		}
		e.Shelf.put(nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if maps, _ := os.ReadFile("/proc/self/maps"); strings.Contains(string(maps), dir) {
		t.Error("series are mapped still, though nobody holds them")
	}
}

// What steps read is a part of the key, and steps that write run each time.
func TestCacheKey(t *testing.T) {
	for _, k := range operatorKinds {
		if _, ok := k.make().(source); ok != k.reads {
			t.Errorf("%s reads files: %v, and is a source: %v", k.name, k.reads, ok)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"a.csv", "b.csv", "[1].csv"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		age(t, path, time.Hour)
	}
	key := func(paths ...string) (string, error) {
		cfg := *small(t)
		cfg.Data.Path = ""
		cfg.Steps = []StepConfig{{Op: "read_csv", Options: &readCSVStep{Paths: paths}}}
		return cfg.cacheKey("test")
	}
	folder, err := key(dir)
	if err != nil {
		t.Fatal(err)
	}
	some, err := key(filepath.Join(dir, "*.csv"))
	if err != nil || some == folder {
		t.Errorf("pattern and folder have one key: %v", err)
	}
	if _, err := key(filepath.Join(dir, "[1].csv")); err != nil {
		t.Error(err)
	}
	age(t, filepath.Join(dir, "b.csv"), time.Minute)
	if now, err := key(dir); err != nil || now == folder {
		t.Errorf("a file that was written again has the key of before: %v", err)
	}
	if _, err := key(filepath.Join(dir, "c.csv")); err == nil {
		t.Error("a file that is missing has a key")
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := key(dir); err == nil || !strings.Contains(err.Error(), "link is no file") {
		t.Errorf("a folder behind a link: %v", err)
	}
	cfg := *small(t)
	cfg.Steps = []StepConfig{{Op: "write_csv", Options: &writeCSVStep{Path: "a.csv"}}}
	if _, err := cfg.cacheKey("test"); err == nil || !strings.Contains(err.Error(), "step 0 (write_csv) writes") {
		t.Errorf("steps that write: %v", err)
	}
}
