package stages

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
	"deeprc/model"
)

// brief is small with one model and few steps.
func brief(t testing.TB, sets ...string) *Config {
	t.Helper()
	cfg := small(t, append([]string{"train.steps=5", "train.val_every=2", "data.synth.hours=800"}, sets...)...)
	cfg.Models = cfg.Models[:1]
	return cfg
}

// runFolder is the one folder of a run that gave no result.
func runFolder(t testing.TB, cfg *Config) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(cfg.Run.Dir, cfg.Run.Name+"-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("folders %v, %v", dirs, err)
	}
	return dirs[0]
}

// wantWhole checks that every file of a run's folder is complete: no temporary one, and each parses.
func wantWhole(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		names = append(names, e.Name())
		if e.IsDir() { // checkpoints
			wantWhole(t, path)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch e.Name() {
		case "log.txt":
		case "config.toml":
			_, err = parseConfig(path, string(text), nil)
		case "history.csv":
			if !bytes.HasPrefix(text, []byte("model,epoch,step,lr,train_loss,val_loss,")) || !bytes.HasSuffix(text, []byte("\n")) {
				err = errors.New("is cut off")
			}
		case "metrics.json", "model.json", "timings.json":
			if !json.Valid(text) {
				err = errors.New("is no JSON")
			}
		case "0.safetensors", "1.safetensors", "2.safetensors": // checkpoints
			_, _, err = model.ReadSafetensors(bytes.NewReader(text), int64(len(text)))
		case "model.safetensors":
			_, err = safetensors(text)
		case "report.html":
			if !bytes.HasSuffix(bytes.TrimSpace(text), []byte("</html>")) {
				err = errors.New("is cut off")
			}
		case "forecasts.parquet":
			if !bytes.HasSuffix(text, []byte("PAR1")) {
				err = errors.New("has no footer")
			}
		default:
			err = errors.New("should not be there")
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	return names
}

// safetensors decodes a file by its description, sharing no code with the writer; every byte must belong to one array.
func safetensors(b []byte) (map[string][]float32, error) {
	if len(b) < 8 {
		return nil, errors.New("is shorter than its header's length")
	}
	n := int(binary.LittleEndian.Uint64(b))
	if n%8 != 0 || n > len(b)-8 {
		return nil, fmt.Errorf("has a header of %d bytes in a file of %d", n, len(b))
	}
	var head map[string]json.RawMessage
	if err := json.Unmarshal(b[8:8+n], &head); err != nil {
		return nil, err
	}
	data, used := b[8+n:], 0
	out := map[string][]float32{}
	for name, raw := range head {
		if name == "__metadata__" {
			continue
		}
		var e struct {
			Dtype   string
			Shape   []int
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, err
		}
		size := 4
		for _, d := range e.Shape {
			size *= d
		}
		if e.Dtype != "F32" || e.Offsets[1]-e.Offsets[0] != size || e.Offsets[1] > len(data) {
			return nil, fmt.Errorf("%s: %+v in %d bytes", name, e, len(data))
		}
		used += size
		for at := e.Offsets[0]; at < e.Offsets[1]; at += 4 {
			v := math.Float32frombits(binary.LittleEndian.Uint32(data[at:]))
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("%s holds %g", name, v)
			}
			out[name] = append(out[name], v)
		}
	}
	if used != len(data) {
		return nil, fmt.Errorf("%d of %d bytes belong to no array", len(data)-used, len(data))
	}
	return out, nil
}

// forecastRows are the rows of forecasts.parquet: the keys and y as text, and the values of the models.
func forecastRows(t testing.TB, dir string) (keys []string, models []string, values [][]float32) {
	t.Helper()
	return rowsOf(t, filepath.Join(dir, "forecasts.parquet"))
}

// rowsOf is forecastRows of a file.
func rowsOf(t testing.TB, path string) (keys []string, models []string, values [][]float32) {
	t.Helper()
	table := readParquet(t, path)
	for _, f := range table.Schema().Fields()[4:] {
		models = append(models, f.Name)
	}
	values = make([][]float32, len(models))
	tr := array.NewTableReader(table, 1<<20)
	defer tr.Release()
	for tr.Next() {
		rec := tr.Record()
		for i := range int(rec.NumRows()) {
			var key []string
			for _, c := range rec.Columns()[:4] {
				key = append(key, c.ValueStr(i))
			}
			keys = append(keys, strings.Join(key, " "))
			for k := range models {
				values[k] = append(values[k], rec.Column(4+k).(*array.Float32).Value(i))
			}
		}
	}
	return keys, models, values
}

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
		at := synthStart.Add(time.Duration(i) * time.Hour).Format(time.DateTime)
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
				return Check(c, cfg, new(bytes.Buffer))
			}
			return Check(c, cfg, &out)
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
