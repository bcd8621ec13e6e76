package stages

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
)

// What a cross-validation had fitted when it was interrupted is not fitted again, nor are the intervals' models, and what comes out is
// as if nothing had happened.
func TestInterruptedCrossValidationGoesOn(t *testing.T) {
	config := func() *Config {
		return small(t, "cv.n_windows=3", "cv.step_size=24", "cv.refit=true", "intervals.levels=[80]", "model.0.seeds=[3, 5]", "evaluate.plots=1")
	}
	const first, second = "checkpoints/cutoff-72", "checkpoints/cutoff-48"
	for _, n := range []int{1, 2} {
		whole := mustRun(t, n, config()).Dir
		cfg := config()
		ctx, cancel := context.WithCancelCause(context.Background())
		go func() {
			for range 3000 {
				if found, _ := filepath.Glob(filepath.Join(cfg.Run.Dir, "*", second, "0.safetensors")); len(found) > 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			cancel(errors.New("interrupt received"))
		}()
		run := func(ctx context.Context, o Options) error {
			o.Quiet = true
			return collective.RunLocal(n, func(c collective.Comm) error {
				_, err := Run(ctx, c, cfg, o)
				return err
			})
		}
		if err := run(ctx, Options{}); err == nil || !strings.Contains(err.Error(), "cv, cutoff ") || !strings.Contains(err.Error(), "interrupt received") {
			t.Fatalf("%d ranks: %v", n, err)
		}
		dir := runFolder(t, cfg)
		fitted := func() (out []string) {
			for _, pattern := range []string{"checkpoints/*.safetensors", "checkpoints/intervals-25/*.safetensors", first + "/*.safetensors"} {
				found, _ := filepath.Glob(filepath.Join(dir, pattern))
				if len(found) != 3 { // two members, and the other model
					t.Fatalf("%s: %v", pattern, found)
				}
				for _, path := range found {
					info, err := os.Stat(path)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, fmt.Sprint(path, info.ModTime().UnixNano()))
				}
			}
			return out
		}
		before := fitted()
		if err := run(context.Background(), Options{Resume: dir}); err != nil {
			t.Fatalf("%d ranks: %v", n, err)
		}
		if !slices.Equal(fitted(), before) {
			t.Errorf("%d ranks: trained again:\n%s\nbefore\n%s", n, strings.Join(fitted(), "\n"), strings.Join(before, "\n"))
		}
		for _, name := range []string{"cross_validation.json", "cross_validation.csv", "intervals.safetensors"} {
			want, err := os.ReadFile(filepath.Join(whole, name))
			got, err2 := os.ReadFile(filepath.Join(dir, name))
			if err != nil || err2 != nil || string(got) != string(want) {
				t.Errorf("%d ranks: %v %v\n%s\nof a run without an interruption\n%s", n, err, err2, got, want)
			}
		}
		_, _, want := rowsOf(t, filepath.Join(whole, "cross_validation.parquet"))
		_, _, got := rowsOf(t, filepath.Join(dir, "cross_validation.parquet"))
		for k := range want {
			if !slices.EqualFunc(got[k], want[k], func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				t.Errorf("%d ranks: column %d of cross_validation.parquet is another", n, k)
			}
		}
		page, err := os.ReadFile(filepath.Join(dir, "report.html"))
		if err != nil || !strings.Contains(string(page), "<h2>Cross-validation <span class=\"soft\">3 cutoffs 24 steps apart, fitted anew at each, on the standardized scale</span></h2>") ||
			!strings.Contains(string(page), "<dd>[80] %, conformal_distribution of 2 cutoffs</dd>") {
			t.Errorf("%d ranks: %v: the report lacks cross-validation or intervals", n, err)
		}
		var times []StageTime
		readJSON(t, filepath.Join(dir, "timings.json"), &times)
		for _, stage := range []string{"intervals", "cross-validate"} {
			if k := slices.IndexFunc(times, func(s StageTime) bool { return s.Stage == stage }); k < 0 || times[k].Seconds <= 0 || times[k].Rows == 0 {
				t.Errorf("%d ranks: no stage %s in %v", n, stage, times)
			}
		}
	}
}

// Files that a step reads as one long table are cross-validated as the table in one file is.
func TestCrossValidationOfSeveralFiles(t *testing.T) {
	text, err := os.ReadFile(ramps(t, 300, 300))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		id, rest, _ := strings.Cut(line, ",")
		files[id] += rest + "\n"
	}
	for id, rows := range files {
		if err := os.WriteFile(filepath.Join(dir, id+".csv"), []byte("ds,y\n"+rows), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	cfg := crossConfig(t, "synth", "cv.refit=2")
	steps, err := parseConfig("steps", fmt.Sprintf(`
[[preprocess]]
op = "read_csv"
paths = [%q]
id = "unique_id"
id_pattern = "{id}.csv"
[data]
layout = "long"
[[model]]
net = "nlinear"
`, filepath.Join(dir, "*.csv")), []string{"windows.lookback=21", "windows.horizon=4"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Steps, cfg.Data.Path = steps.Steps, ""
	keys, _, want := rowsOf(t, filepath.Join(mustRun(t, 2, crossConfig(t, ramps(t, 300, 300), "cv.refit=2")).Dir, "cross_validation.parquet"))
	again, _, got := rowsOf(t, filepath.Join(mustRun(t, 2, cfg).Dir, "cross_validation.parquet"))
	if !slices.Equal(again, keys) {
		t.Fatalf("rows\n%s\nof one file\n%s", strings.Join(again, "\n"), strings.Join(keys, "\n"))
	}
	for k := range want {
		if !slices.Equal(got[k], want[k]) {
			t.Errorf("column %d differs", k)
		}
	}
}
