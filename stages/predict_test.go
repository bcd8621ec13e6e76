package stages

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"deeprc/collective"
	"deeprc/frame"
)

// waves is a wide table of n hours.
func waves(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("date,a,b\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,%.6f,%.6f\n", i, 3+math.Sin(float64(i)*math.Pi/12), 50*math.Cos(float64(i)*math.Pi/12))
	}
	path := filepath.Join(t.TempDir(), "waves.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// Sines that go on are forecast as such, beyond the models' horizon too, and by any number of ranks alike.
func TestPredictContinuesTheSeries(t *testing.T) {
	res := mustRun(t, 2, small(t, "data.path="+waves(t, 1500), "model.0.solver=ols", "model.1.seeds=[1, 2]", "evaluate.forecasts=false"))
	var first string
	for _, n := range []int{1, 3} {
		out := filepath.Join(t.TempDir(), "p.csv")
		err := collective.RunLocal(n, func(c collective.Comm) error {
			return Predict(c, res.Dir, PredictOptions{Data: waves(t, 1507), Out: out, Horizon: 60})
		})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		} else if string(text) != first {
			t.Errorf("%d ranks forecast something else", n)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(first)).ReadAll()
	if err != nil || len(rows) != 1+2*60 || strings.Join(rows[0], " ") != "unique_id ds nlinear_ols dlinear" {
		t.Fatalf("%d rows, %v, %v", len(rows), rows[0], err)
	}
	for i, r := range rows[1:] {
		at := 1507 + i%60
		want, size := 3+math.Sin(float64(at)*math.Pi/12), 1.
		if i >= 60 {
			want, size = 50*math.Cos(float64(at)*math.Pi/12), 50
		}
		got, _ := strconv.ParseFloat(r[2], 64)
		loose, _ := strconv.ParseFloat(r[3], 64)
		if r[0] != []string{"a", "b"}[i/60] || r[1] != fmt.Sprint(at) || !(math.Abs(got-want) < .01*size) || !(math.Abs(loose-want) < size) {
			t.Fatalf("row %d: %v, want %d: %g", i, r, at, want)
		}
	}
	for name, text := range map[string]string{"not trained on c": "date,a,c\n1,1,1\n2,2,2\n", "needs the last 48": "date,a,b\n1,1,1\n2,2,2\n"} {
		path := filepath.Join(t.TempDir(), "bad.csv")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		err := collective.RunLocal(2, func(c collective.Comm) error {
			return Predict(c, res.Dir, PredictOptions{Data: path, Out: path + ".out"})
		})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

// A Parquet file is forecast as the CSV file of the same rows, by any number of ranks.
func TestPredictReadsParquet(t *testing.T) {
	res := mustRun(t, 1, small(t, "data.path="+waves(t, 1500), "model.0.solver=ols", "evaluate.forecasts=false"))
	data, folder := waves(t, 1507), filepath.Join(t.TempDir(), "parquet")
	one := collective.Local(1)[0]
	table, _, err := frame.ReadCSV(one, data, frame.CSVOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	if err := frame.WriteParquet(one, table, folder, frame.ParquetWriteOptions{}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.parquet"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	var want string
	for i, path := range []string{data, files[0], files[0]} {
		out := filepath.Join(t.TempDir(), "p.csv")
		err := collective.RunLocal(1+i, func(c collective.Comm) error {
			return Predict(c, res.Dir, PredictOptions{Data: path, Out: out})
		})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = string(text)
		} else if string(text) != want {
			t.Errorf("%s, %d ranks: another forecast than from CSV", path, 1+i)
		}
	}
}
