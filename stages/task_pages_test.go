package stages

import (
	"encoding/json"
	"os"
	"path/filepath"
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
		if err := WriteTaskPages(dir, "test", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	// What lies there is not to be trusted.
	if err := os.WriteFile(filepath.Join(dir, "h12", "metrics.json"), []byte(`{"test": {"<script>x</script>": {"rmse": 1}}}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := WriteTaskPages(dir, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	if page, _ := os.ReadFile(filepath.Join(dir, reportFile)); strings.Contains(string(page), "<script>") || !strings.Contains(string(page), "&lt;script&gt;") {
		t.Error("a model's name is not escaped")
	}
	if err := os.WriteFile(filepath.Join(dir, "h12", "metrics.json"), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := WriteTaskPages(dir, "test", time.Now()); err == nil || !strings.Contains(err.Error(), filepath.Join("h12", "metrics.json")) {
		t.Errorf("got %v", err)
	}
}
