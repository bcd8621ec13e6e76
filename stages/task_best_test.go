package stages

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"deeprc/collective"
)

// A predict task after a sweep forecasts as the best of its models does.
func TestPredictWithTheBest(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new.csv")
	if err := WriteSynth(data, Synth{Series: 3, Hours: 200, Seed: 2}, "wide"); err != nil {
		t.Fatal(err)
	}
	cfg := withTasks(t, smallSweep+`
[[task]]
name = "by-val"
stage = "predict"
after = ["sweep"]
best = "val"
data = "`+data+`"
ranks = 2
[[task]]
name = "by-mae"
stage = "predict"
after = ["evaluate-s2", "evaluate-s1"]
best = "mae"
data = "`+data+`"
`, "train.steps=30")
	res := mustRun(t, 2, cfg)
	want := map[string]candidate{"by-val": {Value: math.Inf(1)}, "by-mae": {Value: math.Inf(1)}}
	for _, at := range []string{"s1", "s2"} {
		var run modelFile
		readJSON(t, filepath.Join(res.Dir, at, "model.json"), &run)
		for _, m := range run.Models {
			if m.BestVal != nil && *m.BestVal < want["by-val"].Value {
				want["by-val"] = candidate{at, m.Name, *m.BestVal}
			}
			if v := *testMetrics(t, filepath.Join(res.Dir, at))[m.Name]["mae"]; m.Solver == "gradient" && v < want["by-mae"].Value {
				want["by-mae"] = candidate{at, m.Name, v}
			}
		}
	}
	for task, best := range want {
		all := filepath.Join(t.TempDir(), "all.csv")
		err := collective.RunLocal(1, func(c collective.Comm) error {
			return Predict(c, filepath.Join(res.Dir, best.Point), PredictOptions{Data: data, Out: all})
		})
		if err != nil {
			t.Fatal(err)
		}
		got, column := csvColumns(t, filepath.Join(taskDir(res.Dir, task), "predictions.csv")), csvColumns(t, all)[best.Model]
		if len(got) != 3 || len(column) != 3*24 || strings.Join(got[best.Model], " ") != strings.Join(column, " ") {
			t.Errorf("%s: want %+v; got columns %v", task, best, got)
		}
		log, err := os.ReadFile(filepath.Join(taskDir(res.Dir, task), "log.txt"))
		if err != nil || !strings.Contains(string(log), "model="+best.Model+" point="+best.Point) {
			t.Errorf("%s: %v, %s", task, err, log)
		}
	}
}

// csvColumns are the cells of a CSV file without quotes, by column.
func csvColumns(t *testing.T, path string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	out, head := map[string][]string{}, strings.Split(lines[0], ",")
	for _, l := range lines[1:] {
		for i, cell := range strings.Split(l, ",") {
			out[head[i]] = append(out[head[i]], cell)
		}
	}
	return out
}

func TestBestMistakes(t *testing.T) {
	sweep := "[sweep]\nseeds = [1, 2]\n"
	predict := "[[task]]\nstage = \"predict\"\ndata = \"x.csv\"\n"
	for _, c := range []struct{ tasks, want string }{
		{sweep + predict + "after = [\"sweep\"]\n", `t.toml:16:1: task "predict": it comes after evaluations of points of [sweep] (evaluate-s1, evaluate-s2), which have models each: say which are meant, as best = "val" or a metric`},
		{sweep + predict + "after = [\"sweep\"]\nbest = \"mape\"\n", `t.toml:17:1: task "predict": best = "mape": want val, the loss on the validation part, or one of evaluate.metrics: mse, mae`},
		{"[sweep]\nhorizons = [6, 12]\n" + predict + "after = [\"sweep\"]\nbest = \"val\"\n", `best = "val": it comes after evaluations of different horizons (12 of evaluate-h12, 6 of evaluate-h6)`},
		{sweep + predict + "best = \"val\"\n", `it comes after no task that evaluates`},
		{predict + "after = [\"sweep\"]\nbest = \"val\"\n", `after: no task "sweep"`},
		{sweep + predict + "after = [\"sweep\", \"evaluate-s1\"]\nbest = \"val\"\n", `after names "evaluate-s1" twice`},
		{sweep + "[[task]]\nname = \"sweep\"\nstage = \"exec\"\ncommand = [\"true\"]\n", `task "sweep": the name stands for the evaluations of [sweep]`},
		{"[[model]]\nname = \"c\"\nsolver = \"ols\"\n" + sweep + predict + "after = [\"sweep\"]\nbest = \"val\"\n", `model "c" is not trained by gradients and has no loss on the validation part: name a metric`},
		{"[[model]]\nname = \"c\"\ntrain = { loss = \"mse\" }\n[evaluate]\nmetrics = [\"mse\", \"beta_kge\"]\nscale = \"original\"\n[train]\nloss = \"mae\"\n" + sweep + predict + "after = [\"sweep\"]\nbest = \"val\"\n",
			`the models are trained on different losses (mae of b, mse of c), which are no measure for each other: name a metric`},
		{"[[task]]\nstage = \"train\"\nbest = \"val\"\n", `t.toml:13: task.0.best: is a key of stage = "predict", not of "train"`},
	} {
		_, err := parseConfig("t.toml", graphText+c.tasks, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got  %v\n want %s", c.tasks, err, c.want)
		}
	}
}
