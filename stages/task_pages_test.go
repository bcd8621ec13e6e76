package stages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A sweep's folder has its page, its trace and its utilisation; deeprc report makes them again of the folder's files.
func TestTaskPages(t *testing.T) {
	cfg := withTasks(t, "[sweep]\nhorizons = [12, 24]\non_failure = \"continue\"\n", "train.steps=5", "model.0.train={lr = 1e30}")
	_, err := runOn(t, 2, cfg)
	if err == nil {
		t.Fatal("no error of the training that diverges")
	}
	dir := runFolder(t, cfg)
	for range 2 {
		page, err := os.ReadFile(filepath.Join(dir, reportFile))
		if err != nil {
			t.Fatal(err)
		}
		text := string(page)
		for _, want := range []string{`class="bar train`, `class="bar preprocess"`, ">dlinear<", "failed: rank", "rank 1</text>", `id="comparison"`, `id="use"`, "train-dlinear-h12", "add up to wall"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in the page", want)
			}
		}
		if !regexp.MustCompile(`<tr><td>dlinear</td>.*<td class="num">\d\.\d\d s</td><td class="note"></td>`).MatchString(text) {
			t.Error("no time of dlinear's training beside its metrics")
		}
		if n := strings.Count(text, `<g class="row">`); n != 2 {
			t.Errorf("%d rows in the Gantt", n)
		}
		var u utilisation
		readJSON(t, filepath.Join(dir, utilisationFile), &u)
		if len(u.Ranks) != 2 || u.All.Exec <= 0 || u.Busy <= 0 || u.Busy > 1 || u.All.Boot <= 0 {
			t.Errorf("got %+v", u)
		}
		trace, err := os.ReadFile(filepath.Join(dir, traceFile))
		if err != nil || !json.Valid(trace) || !strings.Contains(string(trace), `"name":"train dlinear","cat":"stage"`) {
			t.Errorf("%v, %s", err, trace)
		}
		for _, name := range []string{reportFile, traceFile, utilisationFile} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := WriteTaskPages(dir, "test", time.Now(), nil); err != nil {
			t.Fatal(err)
		}
	}
	// What lies there is not to be trusted.
	if err := os.WriteFile(filepath.Join(dir, "h12", "metrics.json"), []byte(`{"test": {"<script>x</script>": {"rmse": 1}}}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := WriteTaskPages(dir, "test", time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	if page, _ := os.ReadFile(filepath.Join(dir, reportFile)); strings.Contains(string(page), "<script>") || !strings.Contains(string(page), "&lt;script&gt;") {
		t.Error("a model's name is not escaped")
	}
	if err := os.WriteFile(filepath.Join(dir, "h12", "metrics.json"), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := WriteTaskPages(dir, "test", time.Now(), nil); err == nil || !strings.Contains(err.Error(), filepath.Join("h12", "metrics.json")) {
		t.Errorf("got %v", err)
	}
}

// Thousands of tasks on hundreds of ranks make a page of a size that a browser shows.
func TestTaskPageStaysSmall(t *testing.T) {
	cfg := mustParse(t, graphText+"[sweep]\nseeds = ["+numbers(1000)+"]\n")
	plan, err := cfg.plan()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	j := &journalState{last: map[string]*taskRecord{}}
	s := &session{world: 300, last: 1000, left: 1000}
	for r := range s.world {
		for i := range 2000 {
			at := float64(i) / 2
			s.spans = append(s.spans, &span{attemptKey: attemptKey{plan[1+i].Name, 1}, rank: r, ordered: at, begin: at, end: at + 0.4, heard: at + 0.45})
		}
	}
	for _, p := range plan {
		j.last[p.Name] = &taskRecord{journalEntry: journalEntry{Task: p.Name, State: Failed, Attempt: 1, Ranks: []int{0, 2, 4}, Error: strings.Repeat("x", 10_000)}}
	}
	run := &storedRun{dir: dir, cfg: cfg, plan: plan, journal: j, alive: no}
	c, err := run.compare()
	if err != nil {
		t.Fatal(err)
	}
	tl := &timeline{sessions: []*session{s}, seconds: 1000}
	var b bytes.Buffer
	if err := newTasksPage(run, "test", time.Now(), tl, c, tl.utilisation()).write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if n := strings.Count(text, `<g class="row">`); len(plan) < 3000 || n != ganttRows || b.Len() > 8<<20 {
		t.Errorf("%d tasks: %d rows, %d bytes", len(plan), n, b.Len())
	}
	t.Logf("%d tasks, %d bytes, %d bars", len(plan), b.Len(), strings.Count(text, "<rect"))
}

// numbers are 1 to n, as in a list.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d, ", i+1)
	}
	return b.String()
}
