package stages

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// recent are the rows of [inputTables] of those steps, the series in that order, without y from step end on.
func recent(t *testing.T, dir string, from, to, end int, series ...string) string {
	text, err := os.ReadFile(filepath.Join(dir, "data.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	out := []string{lines[0]}
	for _, name := range series {
		for _, line := range lines[1:] {
			cells := strings.Split(line, ",")
			step, _ := strconv.Atoi(cells[1])
			if cells[0] != name && name[0] == 's' || name == "new" && cells[0] != "s1" || step < from || step >= to {
				continue
			}
			if cells[0] = name; step >= end {
				cells[2] = ""
			}
			out = append(out, strings.Join(cells, ","))
		}
	}
	path := filepath.Join(t.TempDir(), "recent.csv")
	writeFile(t, path, strings.Join(out, "\n")+"\n")
	return path
}

// TestPredictWithInputs: from recent rows alone, by the run's scales, predict forecasts what the run's test did at the same step, whether the
// data is a file or made by steps, whatever the order of series and the number of ranks.
func TestPredictWithInputs(t *testing.T) {
	dir := inputTables(t)
	const step = 290
	for _, c := range []struct {
		name, text string
		sets       []string
	}{
		{"file", inputsText, nil},
		{"file, one scale", inputsText, []string{"data.input_scaler=global"}},
		{"steps", inputsBySteps, []string{"data.scaler=standard"}},
		{"nse", inputsText, []string{"train.loss=nse", "data.input_scaler=robust"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := parseConfig("t.toml", strings.ReplaceAll(c.text, "DIR", dir), append(c.sets, "run.dir="+t.TempDir()))
			if err != nil {
				t.Fatal(err)
			}
			res := mustRun(t, 2, cfg)
			want := forecastsAt(t, res.Dir, step-1)
			predict := func(n int, path string, horizon int) ([][]string, error) {
				o := PredictOptions{Data: path, Horizon: horizon}
				if len(cfg.Steps) > 0 {
					o.Data, o.Set = "", []string{fmt.Sprintf("preprocess.1.paths=[%q]", path)}
				}
				return predictRows(t, n, res.Dir, o)
			}
			order := []string{"s3", "s0", "s2"}
			for _, n := range []int{1, 3} {
				rows, err := predict(n, recent(t, dir, step-20, step+1, step, order...), 0)
				if err != nil || len(rows) != 1+len(order) {
					t.Fatal(rows, err)
				}
				for i, r := range rows[1:] {
					got, _ := strconv.ParseFloat(r[2], 64)
					if w := want[fmt.Sprint(order[i], " ", step, " mlp")]; r[0] != order[i] || r[1] != fmt.Sprint(step) || !(math.Abs(got-w) < 1e-5) {
						t.Errorf("%d ranks: %v, want %s at %d: %g", n, r, order[i], step, w)
					}
				}
			}
			for _, bad := range []struct {
				path    string
				horizon int
				want    string
			}{
				{recent(t, dir, step-20, step, step, order...), 0, `column f, which is to be known in advance, has values up to 289`},
				{recent(t, dir, step-20, step+9, step, order...), 2, "nothing forecasts"},
				{recent(t, dir, step-2, step+1, step, order...), 0, "needs the last 4"},
			} {
				if _, err := predict(2, bad.path, bad.horizon); err == nil || !strings.Contains(err.Error(), bad.want) {
					t.Errorf("got %v, want %q", err, bad.want)
				}
			}
			rows, err := predict(2, recent(t, dir, step-20, step+1, step, "new"), 0)
			if slices.Contains(c.sets, "data.input_scaler=global") {
				if err != nil || len(rows) != 2 {
					t.Errorf("a new series where all have one scale: %v, %v", rows, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), `not trained on`) {
				t.Errorf("a new series: %v, %v", rows, err)
			}
		})
	}
}
