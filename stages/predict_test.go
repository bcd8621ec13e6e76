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

// hourly is a wide table of n hours of what cells gives of each, from the sine and cosine of a day's angle.
func hourly(t *testing.T, n int, cells func(i int, sin, cos float64) (a, b string)) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("date,a,b\n")
	for i := range n {
		a, b := cells(i, math.Sin(float64(i)*math.Pi/12), math.Cos(float64(i)*math.Pi/12))
		fmt.Fprintf(&text, "%d,%s,%s\n", i, a, b)
	}
	path := filepath.Join(t.TempDir(), "hourly.csv")
	writeFile(t, path, text.String())
	return path
}

// waves is a table of sines.
func waves(t *testing.T, n int) string {
	t.Helper()
	return hourly(t, n, func(_ int, sin, cos float64) (a, b string) {
		return fmt.Sprintf("%.6f", 3+sin), fmt.Sprintf("%.6f", 50*cos)
	})
}

// gappy is a table of whole numbers, of which every eleventh of a is missing.
func gappy(t *testing.T, n int) string {
	t.Helper()
	return hourly(t, n, func(i int, sin, _ float64) (a, b string) {
		if i%11 != 3 {
			a = fmt.Sprint(20 + math.Round(15*sin) + float64(i%3))
		}
		return a, fmt.Sprint(i % 24)
	})
}

// predictText is the CSV that predict writes of the run in dir, on n ranks.
func predictText(t *testing.T, n int, dir string, o PredictOptions) (string, error) {
	t.Helper()
	o.Out = filepath.Join(t.TempDir(), "p.csv")
	if err := collective.RunLocal(n, func(c collective.Comm) error { return Predict(c, dir, o) }); err != nil {
		return "", err
	}
	text, err := os.ReadFile(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), nil
}

// predictRows are the rows of predictText, the head first.
func predictRows(t *testing.T, n int, dir string, o PredictOptions) ([][]string, error) {
	t.Helper()
	text, err := predictText(t, n, dir, o)
	if err != nil {
		return nil, err
	}
	return csv.NewReader(strings.NewReader(text)).ReadAll()
}

// forecastsAt are those of the run's test with that cutoff, by series, step and model: those that predict makes of what is known up to there.
func forecastsAt(t *testing.T, dir string, cutoff int) map[string]float64 {
	t.Helper()
	keys, models, values := rowsOf(t, filepath.Join(dir, "forecasts.parquet"))
	out := map[string]float64{}
	for i, k := range keys {
		f := strings.Fields(k) // series, step, cutoff, value
		for m := range values {
			if f[2] == fmt.Sprint(cutoff) {
				out[f[0]+" "+f[1]+" "+models[m]] = float64(values[m][i])
			}
		}
	}
	return out
}

// Sines that go on are forecast as such, beyond the models' horizon too, and by any number of ranks alike.
func TestPredictContinuesTheSeries(t *testing.T) {
	res := mustRun(t, 2, small(t, "data.path="+waves(t, 1500), "model.0.solver=ols", "model.1.seeds=[1, 2]", "evaluate.forecasts=false"))
	var first string
	for _, n := range []int{1, 3} {
		text, err := predictText(t, n, res.Dir, PredictOptions{Data: waves(t, 1507), Horizon: 60})
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = text
		} else if text != first {
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
		writeFile(t, path, text)
		if _, err := predictText(t, 2, res.Dir, PredictOptions{Data: path}); err == nil || !strings.Contains(err.Error(), name) {
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
		text, err := predictText(t, 1+i, res.Dir, PredictOptions{Data: path})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = text
		} else if text != want {
			t.Errorf("%s, %d ranks: another forecast than from CSV", path, 1+i)
		}
	}
}
