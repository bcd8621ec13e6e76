package stages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"deeprc/collective"
)

func TestForecastsHaveOneOrder(t *testing.T) {
	for _, layout := range []string{"wide", "long"} {
		t.Run(layout, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.csv")
			if err := WriteSynth(path, Synth{Series: 3, Hours: 500, Seed: 1}, layout); err != nil {
				t.Fatal(err)
			}
			cfg := brief(t, "data.path="+path)
			keys, models, values := forecastRows(t, mustRun(t, 1, cfg).Dir)
			if layout == "wide" && !strings.HasPrefix(keys[24], "s002 ") || layout == "long" && !strings.HasPrefix(keys[24], "s001 ") {
				t.Errorf("row 25 is %s", keys[24])
			}
			for _, n := range []int{2, 3} {
				k, m, v := forecastRows(t, mustRun(t, n, cfg).Dir)
				if !slices.Equal(k, keys) || !slices.Equal(m, models) {
					t.Fatalf("%d ranks write other rows, or in another order", n)
				}
				for i := range models {
					for j, want := range values[i] {
						if math.Abs(float64(v[i][j]-want)) > 1e-4*(1+math.Abs(float64(want))) {
							t.Fatalf("%d ranks: %s forecasts %g in row %d, one rank %g", n, models[i], v[i][j], j, want)
						}
					}
				}
			}
		})
	}
}

// TestLongMeasuresAsWide: the same values in either layout give the same measures of what does not depend on the batches' order.
func TestLongMeasuresAsWide(t *testing.T) {
	dir := t.TempDir()
	got := map[string]map[string]map[string]float64{}
	for _, layout := range []string{"wide", "long"} {
		path := filepath.Join(dir, layout+".csv")
		if err := WriteSynth(path, Synth{Series: 3, Hours: 700, Seed: 1}, layout); err != nil {
			t.Fatal(err)
		}
		cfg := brief(t, "data.path="+path)
		cfg.Models = nil
		got[layout] = mustRun(t, 2, cfg).Metrics
	}
	for _, name := range baselineNames {
		for metric, want := range got["wide"][name] {
			if v := got["long"][name][metric]; !(math.Abs(v-want) <= 1e-6*want) {
				t.Errorf("%s of %s is %g in the long layout, %g in the wide", metric, name, v, want)
			}
		}
	}
}

// TestScales: of one channel, original = standardised · deviation (· deviation).
func TestScales(t *testing.T) {
	cfg := brief(t, "data.synth.series=1", `evaluate.metrics=["mse", "mae", "rmse"]`)
	std := mustRun(t, 1, cfg)
	var m modelFile
	readJSON(t, filepath.Join(std.Dir, "model.json"), &m)
	cfg.Evaluate.Scale = "original"
	orig := mustRun(t, 1, cfg)
	for name, s := range std.Metrics {
		o, k := orig.Metrics[name], m.Channels[0].Std
		for metric, want := range map[string]float64{"mse": s["mse"] * k * k, "mae": s["mae"] * k, "rmse": s["rmse"] * k} {
			if math.Abs(o[metric]-want) > 1e-9*want {
				t.Errorf("%s of %s is %g, want %g", metric, name, o[metric], want)
			}
		}
		if math.Abs(s["rmse"]*s["rmse"]-s["mse"]) > 1e-12*s["mse"] {
			t.Errorf("%s: rmse %g, mse %g", name, s["rmse"], s["mse"])
		}
	}
}

func TestRunsNeverShareAFolder(t *testing.T) {
	cfg := brief(t)
	var wg sync.WaitGroup
	dirs := make([]string, 6)
	for i := range dirs {
		wg.Go(func() {
			if res, err := runOn(t, 1, cfg); err == nil {
				dirs[i] = res.Dir
			} else {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	slices.Sort(dirs)
	if len(slices.Compact(dirs)) != 6 {
		t.Errorf("six runs at once in %v", dirs)
	}
}

// TestInterruptedRunKeepsTheBest cancels a whole run after its first validation.
func TestInterruptedRunKeepsTheBest(t *testing.T) {
	for _, n := range []int{1, 3} {
		cfg := brief(t, "train.steps=10000000", "train.patience=0", "train.log_every=100000")
		ctx, cancel := context.WithCancelCause(context.Background())
		go func() {
			for range 3000 {
				if found, _ := filepath.Glob(filepath.Join(cfg.Run.Dir, "*", "model.json")); len(found) > 0 {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			cancel(errors.New("interrupt received"))
		}()
		err := collective.RunLocal(n, func(c collective.Comm) error {
			_, err := Run(ctx, c, cfg, Options{Quiet: true})
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "train nlinear: stopped at step") || !strings.Contains(err.Error(), "of 10000000: interrupt received") {
			t.Fatalf("%d ranks: %v", n, err)
		}
		names := wantWhole(t, runFolder(t, cfg))
		for _, want := range []string{"config.toml", "history.csv", "model.json", "model.safetensors"} {
			if !slices.Contains(names, want) {
				t.Errorf("%d ranks: no %s in %v", n, want, names)
			}
		}
		if slices.Contains(names, "metrics.json") {
			t.Error("metrics of a run that was stopped in training")
		}
	}
}

// failing is a Comm whose k-th AllReduce fails, by an error or a panic.
type failing struct {
	collective.Comm
	left  int
	panic bool
}

var errCable = errors.New("a cable came loose")

func (f *failing) AllReduce(b collective.Buf, op collective.Op) error {
	if f.left--; f.left < 0 {
		if f.panic {
			panic(errCable)
		}
		return errCable
	}
	return f.Comm.AllReduce(b, op)
}

// TestFailingRankReleasesTheOthers fails one rank alone, at different depths of a run.
func TestFailingRankReleasesTheOthers(t *testing.T) {
	for _, after := range []int{0, 3, 6, 9, 12, 15, 20} {
		for _, panics := range []bool{false, true} {
			cfg := brief(t, "train.steps=20")
			begin := time.Now()
			err := collective.RunLocal(3, func(c collective.Comm) error {
				if c.Rank() == 1 {
					c = &failing{c, after, panics}
				}
				_, err := Run(context.Background(), c, cfg, Options{Quiet: true})
				return err
			})
			var from *collective.RankError
			if !errors.As(err, &from) || from.Rank != 1 || !errors.Is(err, errCable) {
				t.Errorf("after %d calls: %v", after, err)
			}
			if d := time.Since(begin); d > 10*time.Second {
				t.Errorf("after %d calls: it took %v", after, d)
			}
			if dirs, _ := filepath.Glob(filepath.Join(cfg.Run.Dir, "*")); len(dirs) > 0 {
				wantWhole(t, dirs[0])
			}
		}
	}
}

// TestFullDisk runs in small file systems: the error says so, and every file that is there is whole.
func TestFullDisk(t *testing.T) {
	for _, kib := range []int{4, 8, 16, 32, 64, 128, 192} {
		cfg := brief(t, "data.synth.hours=1500")
		if err := syscall.Mount("none", cfg.Run.Dir, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
			t.Skipf("no tmpfs can be mounted here: %v", err)
		}
		err := func() error {
			defer syscall.Unmount(cfg.Run.Dir, 0)
			_, err := runOn(t, 2, cfg)
			if err != nil {
				if names := wantWhole(t, runFolder(t, cfg)); kib >= 64 && !slices.Contains(names, "metrics.json") {
					t.Errorf("%d KiB: the metrics are lost: %v", kib, names)
				}
			}
			return err
		}()
		if err == nil || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "full") {
			t.Errorf("%d KiB: %v", kib, err)
		}
	}
}

func TestMissingTargets(t *testing.T) {
	var text strings.Builder
	text.WriteString("date,a,b\n")
	for i := range 400 {
		at := ofHours.start.Add(time.Duration(i) * time.Hour).Format(time.DateTime)
		if i < 300 {
			fmt.Fprintf(&text, "%s,%d,%d\n", at, i%24, i*i%31)
		} else {
			fmt.Fprintf(&text, "%s,,\n", at)
		}
	}
	path := filepath.Join(t.TempDir(), "t.csv")
	writeFile(t, path, text.String())
	for _, n := range []int{1, 3} {
		cfg := brief(t, "data.path="+path, "data.split=[200, 100, 100]")
		_, err := runOn(t, n, cfg)
		if err == nil || !strings.Contains(err.Error(), "every target of the test part is missing: there is nothing to evaluate on") {
			t.Errorf("%d ranks, test: %v", n, err)
		}
		if names := wantWhole(t, runFolder(t, cfg)); !slices.Contains(names, "model.safetensors") {
			t.Errorf("the weights are lost: %v", names)
		}
		cfg = brief(t, "data.path="+path, "data.split=[300, 50, 50]")
		if _, err := runOn(t, n, cfg); err == nil {
			t.Error("validation and test without targets: no error")
		}
	}
}

func TestSeasonalNaiveThatDoesNotFitIsLeftOut(t *testing.T) {
	res := mustRun(t, 2, brief(t, "evaluate.season=49"))
	if res.Metrics["seasonal_naive"] != nil || res.Metrics["repeat_last"] == nil {
		t.Errorf("%v", res.Metrics)
	}
	var m metricsFile
	readJSON(t, filepath.Join(res.Dir, "metrics.json"), &m)
	if !strings.Contains(m.Errors["seasonal_naive"], "a season of 49 steps does not fit the lookback of 48") {
		t.Errorf("%v", m.Errors)
	}
	if _, models, _ := forecastRows(t, res.Dir); slices.Contains(models, "seasonal_naive") {
		t.Error("it has a column of forecasts")
	}
}

func TestCheckWritesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	cfg := small(t)
	cfg.Run.Dir = filepath.Join(dir, "runs")
	for _, n := range []int{1, 2} {
		var out bytes.Buffer
		err := collective.RunLocal(n, func(c collective.Comm) error {
			if c.Rank() != 0 {
				return Check(c, cfg, nil, new(bytes.Buffer))
			}
			return Check(c, cfg, nil, &out)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"synth: 1500 rows", "3 channels: s001, s002, s003", "train      979 windows", "validation 127 windows", "test       277 windows",
			"values are missing", "nlinear, 1176 parameters, up to 50 steps of 32 windows, adam, loss mse", "seasonal_naive (24 steps)", "mse, mae, standardized"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in the plan:\n%s", want, out.String())
			}
		}
	}
	wantOnly(t, dir)
}
