package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"deeprc/collective"
	"deeprc/model"
)

// smallText is an experiment of well under a second, with gaps in its data.
const smallText = `
[data]
path = "synth"
synth = { series = 3, hours = 1500 }
[windows]
lookback = 48
horizon = 24
[[model]]
net = "nlinear"
[[model]]
net = "dlinear"
kernel = 13
[train]
lr = 3e-3
batch = 32
steps = 50
val_every = 20
`

// small is the experiment of smallText.
func small(t testing.TB, sets ...string) *Config {
	t.Helper()
	cfg, err := parseConfig("test", smallText, append(sets, "run.dir="+t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// runOn runs cfg on n in-process ranks and gives rank 0's result.
func runOn(t testing.TB, n int, cfg *Config) (*Result, error) {
	t.Helper()
	return resumeOn(t, n, cfg, "")
}

func resumeOn(t testing.TB, n int, cfg *Config, dir string) (*Result, error) {
	t.Helper()
	var mu sync.Mutex
	var res *Result
	err := collective.RunLocal(n, func(c collective.Comm) error {
		r, err := Run(context.Background(), c, cfg, Options{Version: "test", Quiet: true, Resume: dir})
		if r != nil {
			mu.Lock()
			defer mu.Unlock()
			res = r
		}
		return err
	})
	return res, err
}

func mustRun(t testing.TB, n int, cfg *Config) *Result {
	t.Helper()
	r, err := runOn(t, n, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRanksRunAsOne(t *testing.T) {
	cfg := small(t)
	one := mustRun(t, 1, cfg)
	want := history(t, one.Dir)
	for _, n := range []int{2, 3} {
		res := mustRun(t, n, cfg)
		for i, r := range history(t, res.Dir) {
			for key, tol := range map[string]float64{"train_loss": 1e-5, "val_loss": 1e-4} {
				a, _ := strconv.ParseFloat(want[i][key], 64)
				b, _ := strconv.ParseFloat(r[key], 64)
				if math.Abs(a-b) > tol*a {
					t.Fatalf("%d ranks: %s at step %s is %g, with one rank %g", n, key, r["step"], b, a)
				}
			}
		}
		for name, ms := range one.Metrics {
			for metric, w := range ms {
				got := res.Metrics[name][metric]
				exact := name == "repeat_last" || name == "seasonal_naive"
				if math.Abs(got-w) > 1e-4*w || exact && got != w {
					t.Errorf("%d ranks: %s of %s is %g, with one rank %g", n, metric, name, got, w)
				}
			}
		}
	}
}

func TestDivergedModelDoesNotEndTheRun(t *testing.T) {
	cfg := small(t)
	cfg.Models[0].Train.LR = 1e30
	res, err := runOn(t, 2, cfg)
	var d *model.DivergedError
	if !errors.As(err, &d) || !strings.Contains(err.Error(), "model nlinear") || !strings.Contains(err.Error(), "step 2") {
		t.Fatalf("got %v", err)
	}
	if res == nil || res.Metrics["dlinear"] == nil || res.Metrics["nlinear"] != nil {
		t.Fatalf("%+v", res)
	}
	var m metricsFile
	readJSON(t, filepath.Join(res.Dir, "metrics.json"), &m)
	if m.Errors["nlinear"] == "" {
		t.Fatalf("%+v", m)
	}
	// It is not trained again.
	path := filepath.Join(res.Dir, "checkpoints", "0.safetensors")
	before, err2 := os.Stat(path)
	if err2 != nil {
		t.Fatal(err2)
	}
	again := collective.RunLocal(2, func(c collective.Comm) error {
		_, err := Run(context.Background(), c, cfg, Options{Quiet: true, Resume: res.Dir})
		return err
	})
	message := func(err error) string { _, m, _ := strings.Cut(err.Error(), "model "); return m } // without the rank that was first
	after, err2 := os.Stat(path)
	if err2 != nil || again == nil || message(again) != message(err) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("on --resume: %v, then %v; checkpoint of %v, then %v", again, err, after.ModTime(), before.ModTime())
	}
}

// A divergence that only the validation sees, after the last update, is one too.
func TestDivergenceAtTheEnd(t *testing.T) {
	cfg := small(t, "train.steps=1", "train.val_every=0")
	cfg.Models[0].Train.LR = 1e39
	res, err := runOn(t, 2, cfg)
	var d *model.DivergedError
	if !errors.As(err, &d) || res == nil || res.Metrics["nlinear"] != nil || res.Metrics["dlinear"] == nil {
		t.Fatalf("%v, %+v", err, res)
	}
}

// One plain way to ask for least squares alone.
func TestOLSAsTheOnlyModel(t *testing.T) {
	cfg, err := parseConfig("test", "[data]\npath = \"synth\"\nsynth = { hours = 1500 }\n[windows]\nlookback = 48\nhorizon = 24\n[[model]]\nnet = \"nlinear\"\nsolver = \"ols\"\n",
		[]string{"run.dir=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if res := mustRun(t, 1, cfg); !(res.Metrics["nlinear_ols"]["mse"] > 0) || len(res.Metrics) != 3 {
		t.Fatalf("%v", res.Metrics)
	}
}

// Long tables: ids that look like missing values, a series too short for a window, an extreme cell.
func TestLongTables(t *testing.T) {
	write := func(extra string, value func(i int) float64) *Config {
		var b strings.Builder
		b.WriteString("unique_id,ds,y\n" + extra)
		for _, id := range []string{"NA", "None"} {
			for i := range 400 {
				fmt.Fprintf(&b, "%s,%d,%g\n", id, i, value(i))
			}
		}
		path := filepath.Join(t.TempDir(), "long.csv")
		if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		cfg := small(t, "data.path="+path, "evaluate.season=12", "train.val_every=0")
		return cfg
	}
	wave := func(i int) float64 { return math.Sin(float64(i) / 4) }
	cfg := write("short,1,5\n", wave)
	for _, n := range []int{1, 3} {
		if res := mustRun(t, n, cfg); !(res.Metrics["nlinear"]["mse"] > 0) {
			t.Fatalf("%v", res.Metrics)
		}
	}
	cfg = write("", func(i int) float64 {
		if i == 5 {
			return 1e200
		}
		return wave(i)
	})
	if _, err := runOn(t, 2, cfg); err == nil || !strings.Contains(err.Error(), "too large to standardise") {
		t.Fatalf("got %v", err)
	}
	if _, err := runOn(t, 2, write(",1,5\n", wave)); err == nil || !strings.Contains(err.Error(), "needs the name of its series") {
		t.Fatalf("got %v", err)
	}
}

func TestCancelledRunKeepsWhatItHas(t *testing.T) {
	cfg := small(t, "train.steps=1000000")
	ctx, cancel := context.WithCancelCause(context.Background())
	dir := t.TempDir()
	err := collective.RunLocal(2, func(c collective.Comm) error {
		j := &job{ctx: ctx, c: c, cfg: cfg, dir: dir, states: checkpointsDir, screen: newScreen(false), times: &timings{}}
		if err := j.prepare(); err != nil {
			return err
		}
		saved := 0
		_, err := j.train(0, cfg.Models[0], 1, func(f *fitted) error {
			if saved++; saved == 2 && c.Rank() == 0 {
				cancel(errors.New("interrupt received"))
			}
			return nil
		})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "interrupt received") || !strings.Contains(err.Error(), "of 1000000") {
		t.Fatalf("got %v", err)
	}
}

// A rank that cannot write releases the others, and the error says what to do.
func TestOneRanksErrorEndsAll(t *testing.T) {
	cfg := small(t)
	if err := os.WriteFile(filepath.Join(cfg.Run.Dir, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	cfg.Run.Dir = filepath.Join(cfg.Run.Dir, "file")
	_, err := runOn(t, 3, cfg)
	var e *collective.RankError
	if !errors.As(err, &e) || e.Rank != 0 || !strings.Contains(err.Error(), "folder") {
		t.Fatalf("got %v", err)
	}
}

// The anchors that need no training, to four digits (Zeng et al.'s protocol, the last batch not dropped).
func TestETTh1Anchors(t *testing.T) {
	data := os.Getenv("DEEPRC_DATA")
	if data == "" {
		t.Skip("DEEPRC_DATA is not set: no ETTh1")
	}
	if testing.Short() {
		t.Skip("short: the anchors add nothing to a run under a sanitizer")
	}
	for _, c := range []struct {
		h, train, test      int
		repeat, season, ols [2]float64
	}{
		{96, 8209, 2785, [2]float64{1.2944, .7132}, [2]float64{.5122, .4333}, [2]float64{.3702, .3915}},
		{720, 7585, 2161, [2]float64{1.3351, .7550}, [2]float64{.6554, .5141}, [2]float64{.4344, .4505}},
	} {
		cfg, err := LoadConfig("../inputs/etth1.toml", []string{"data.path=" + filepath.Join(data, "ett", "ETTh1.csv"),
			fmt.Sprint("windows.horizon=", c.h), "run.dir=" + t.TempDir(), "evaluate.forecasts=false"})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Models = nil
		res := mustRun(t, 3, cfg)
		var m metricsFile
		readJSON(t, filepath.Join(res.Dir, "metrics.json"), &m)
		if m.Windows.Train != c.train || m.Windows.Test != c.test {
			t.Errorf("H = %d: %+v windows, want %d and %d", c.h, m.Windows, c.train, c.test)
		}
		for name, want := range map[string][2]float64{"repeat_last": c.repeat, "seasonal_naive": c.season, "nlinear_ols": c.ols} {
			got := res.Metrics[name]
			if math.Abs(got["mse"]-want[0]) > 5e-5 || math.Abs(got["mae"]-want[1]) > 5e-5 {
				t.Errorf("H = %d: %s is %.5f/%.5f, want %.4f/%.4f", c.h, name, got["mse"], got["mae"], want[0], want[1])
			}
		}
	}
}
