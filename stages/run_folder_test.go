package stages

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

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
	want := []string{"checkpoints", "config.toml", "forecasts.parquet", "history.csv", "log.txt", "metrics.json", "model.json", "model.safetensors", "report.html", "timings.json"}
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
