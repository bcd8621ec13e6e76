package stages

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

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
