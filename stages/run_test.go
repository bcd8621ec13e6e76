package stages

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"deeprc/collective"
	"deeprc/model"
)

// small is an experiment of well under a second, with gaps in its data.
func small(t testing.TB, sets ...string) *Config {
	t.Helper()
	cfg, err := parseConfig("test", `
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
`, append(sets, "run.dir="+t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// runOn runs cfg on n in-process ranks and gives rank 0's result.
func runOn(t testing.TB, n int, cfg *Config) (*Result, error) {
	t.Helper()
	var mu sync.Mutex
	var res *Result
	err := collective.RunLocal(n, func(c collective.Comm) error {
		r, err := Run(context.Background(), c, cfg, Options{Version: "test", Quiet: true})
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

func TestRunFolder(t *testing.T) {
	cfg := small(t, "evaluate.scale=original")
	res := mustRun(t, 2, cfg)
	var names []string
	entries, err := os.ReadDir(res.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := []string{"config.toml", "forecasts.parquet", "history.csv", "log.txt", "metrics.json", "model.json", "model.safetensors", "report.html", "timings.json"}
	if !slices.Equal(names, want) {
		t.Fatalf("the folder holds %v, want %v", names, want)
	}
	var m struct {
		Windows map[string]int
		Test    map[string]map[string]float64
		Seconds map[string]float64
		Scale   string
	}
	readJSON(t, filepath.Join(res.Dir, "metrics.json"), &m)
	// 1,500 hours: 1,050 train, 150 validation, 300 test.
	if m.Windows["train"] != 1050-72+1 || m.Windows["val"] != 150-24+1 || m.Windows["test"] != 300-24+1 {
		t.Fatalf("windows %v", m.Windows)
	}
	for _, name := range []string{"nlinear", "dlinear", "repeat_last", "seasonal_naive", "nlinear_ols"} {
		if len(m.Test[name]) != 2 || !(m.Test[name]["mse"] > 0) || !(m.Test[name]["mae"] > 0) {
			t.Errorf("metrics of %s: %v", name, m.Test[name])
		}
	}
	if m.Test["nlinear_ols"]["mse"] >= m.Test["repeat_last"]["mse"] || !(m.Seconds["total"] > 0) || m.Scale != "original" {
		t.Errorf("%+v", m)
	}
	t.Run("forecasts", func(t *testing.T) {
		checkForecasts(t, cfg, filepath.Join(res.Dir, "forecasts.parquet"), m.Windows["test"], m.Test)
	})
	t.Run("weights", func(t *testing.T) { checkWeights(t, res.Dir) })
	t.Run("history", func(t *testing.T) {
		h := history(t, res.Dir)
		if len(h) != 2*(50+3) {
			t.Fatalf("%d rows, want 50 updates and 3 validations for each of 2 models", len(h))
		}
	})
	t.Run("timings", func(t *testing.T) {
		var times []StageTime
		readJSON(t, filepath.Join(res.Dir, "timings.json"), &times)
		if len(times) != 2*6 || times[0].Stage != "read" || times[1].Rank != 1 {
			t.Fatalf("%+v", times)
		}
	})
	t.Run("again from its config", func(t *testing.T) {
		again, err := LoadConfig(filepath.Join(res.Dir, "config.toml"), nil)
		if err != nil {
			t.Fatal(err)
		}
		second := mustRun(t, 2, again)
		if second.Dir == res.Dir {
			t.Fatal("a run wrote into the folder of another")
		}
		if fmt.Sprint(second.Metrics) != fmt.Sprint(res.Metrics) {
			t.Fatalf("metrics %v, first %v", second.Metrics, res.Metrics)
		}
	})
}

func history(t testing.TB, dir string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "history.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, k := range rows[0] {
			m[k] = r[i]
		}
		out = append(out, m)
	}
	return out
}

// readParquet is a whole Parquet file, until the test ends.
func readParquet(t testing.TB, path string) arrow.Table {
	t.Helper()
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := pr.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Release)
	return table
}

// checkForecasts reads the file back and computes the metrics from it again.
func checkForecasts(t *testing.T, cfg *Config, path string, windows int, want map[string]map[string]float64) {
	table := readParquet(t, path)
	h := cfg.Windows.Horizon
	if got := int(table.NumRows()); got != windows*h*3 {
		t.Fatalf("%d rows, want %d windows × %d steps × 3 channels", got, windows, h)
	}
	tr := array.NewTableReader(table, 1<<20)
	defer tr.Release()
	col := func(rec arrow.Record, name string) arrow.Array {
		i := rec.Schema().FieldIndices(name)
		if len(i) != 1 {
			t.Fatalf("no column %q in %v", name, rec.Schema())
		}
		return rec.Column(i[0])
	}
	sums, n := map[string]float64{}, 0
	row := 0
	last := map[string]arrow.Timestamp{}
	for tr.Next() {
		rec := tr.Record()
		y := col(rec, "y").(*array.Float32)
		ds, cut := col(rec, "ds").(*array.Timestamp), col(rec, "cutoff").(*array.Timestamp)
		ids := col(rec, "unique_id")
		for i := range int(rec.NumRows()) {
			step := arrow.Timestamp(row%h + 1)
			if ds.Value(i)-cut.Value(i) != step*3600e6 {
				t.Fatalf("row %d: ds is %d µs after its cutoff, want %d h", row, ds.Value(i)-cut.Value(i), step)
			}
			id := ids.ValueStr(i)
			if cut.Value(i) < last[id] {
				t.Fatalf("row %d: cutoffs of %s are out of order", row, id)
			}
			last[id] = cut.Value(i)
			row++
			if y.IsNull(i) {
				continue
			}
			n++
			for name := range want {
				d := float64(col(rec, name).(*array.Float32).Value(i)) - float64(y.Value(i))
				sums[name+"mse"] += d * d
				sums[name+"mae"] += math.Abs(d)
			}
		}
	}
	if n == row || n == 0 {
		t.Fatalf("%d of %d targets are there: the synthetic data have gaps", n, row)
	}
	for name, ms := range want {
		for metric, w := range ms {
			if got := sums[name+metric] / float64(n); math.Abs(got-w) > 1e-4*w {
				t.Errorf("%s of %s is %g by the file, %g by metrics.json", metric, name, got, w)
			}
		}
	}
}

func checkWeights(t *testing.T, dir string) {
	b, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(b)
	var head map[string]struct {
		Shape   []int
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(b[8:8+n], &head); err != nil {
		// __metadata__ holds strings; the others decode.
		t.Fatal(err)
	}
	var m modelFile
	readJSON(t, filepath.Join(dir, "model.json"), &m)
	count := 0
	for _, e := range m.Models {
		for _, p := range e.Parameters {
			if _, ok := head[p]; !ok {
				t.Errorf("%s of model.json is not in model.safetensors", p)
			}
			count++
		}
	}
	if count != 2+4+2 || len(m.Channels) != 3 || !(m.Channels[0].Std > 0) {
		t.Fatalf("%d parameters, %+v", count, m)
	}
	data := b[8+n:]
	for i := 0; i < len(data); i += 4 {
		if v := math.Float32frombits(binary.LittleEndian.Uint32(data[i:])); v != v {
			t.Fatal("a weight is NaN")
		}
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
	err := collective.RunLocal(2, func(c collective.Comm) error {
		j := &job{ctx: ctx, c: c, cfg: cfg, screen: newScreen(false), times: &timings{}}
		if err := j.prepare(); err != nil {
			return err
		}
		saved := 0
		_, err := j.train(cfg.Models[0], func(f *fitted) error {
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
