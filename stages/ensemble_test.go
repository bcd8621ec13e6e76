package stages

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"deeprc/collective"
	"deeprc/model"
)

// arraysOf are the arrays of a run's model.safetensors.
func arraysOf(t *testing.T, dir string) map[string][]float32 {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	arrays, _, err := model.ReadSafetensors(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float32{}
	for _, a := range arrays {
		out[a.Name] = a.Data.([]float32)
	}
	return out
}

// NLinear is affine in its parameters, so that the mean of its members' forecasts is the forecast of their mean.
func TestEnsembleIsTheMeanOfItsMembers(t *testing.T) {
	cfg := small(t, "model.0.seeds=[3, 5]", "evaluate.forecasts=false")
	res := mustRun(t, 2, cfg)
	all := arraysOf(t, res.Dir)
	for _, seed := range []string{"3", "5"} {
		alone := mustRun(t, 2, small(t, "run.seed="+seed, "evaluate.forecasts=false"))
		for i, v := range arraysOf(t, alone.Dir)["nlinear.linear.weight"] {
			if all["nlinear-seed-"+seed+".linear.weight"][i] != v {
				t.Fatalf("member %s is not what its seed gives alone", seed)
			}
		}
	}
	mean := filepath.Join(t.TempDir(), "mean.safetensors")
	var arrays []model.Named
	for name, a := range all {
		if rest, ok := strings.CutPrefix(name, "nlinear-seed-3."); ok {
			m := make([]float32, len(a))
			for i, v := range a {
				m[i] = (v + all["nlinear-seed-5."+rest][i]) / 2
			}
			shape := []int{len(m)}
			if rest == "linear.weight" {
				shape = []int{24, 48}
			}
			arrays = append(arrays, model.Named{Name: "mean." + rest, Shape: shape, Data: m})
		}
	}
	f, err := os.Create(mean)
	if err == nil {
		err = model.WriteSafetensors(f, arrays, nil)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	res2 := mustRun(t, 2, small(t, "model.0.init="+mean, "model.0.train.epochs=0", "model.0.train.steps=0", "evaluate.forecasts=false"))
	if a, b := res.Metrics["nlinear"]["mse"], res2.Metrics["nlinear"]["mse"]; math.Abs(a-b) > 1e-5*a {
		t.Errorf("an MSE of %g, that of the mean parameters is %g", a, b)
	}
	again := mustRun(t, 2, small(t, "model.0.init="+filepath.Join(res2.Dir, "checkpoints", "0.safetensors"), "model.0.train.epochs=0", "model.0.train.steps=0", "evaluate.forecasts=false"))
	if a, b := again.Metrics["nlinear"]["mse"], res2.Metrics["nlinear"]["mse"]; a != b {
		t.Errorf("an MSE of %g from the checkpoint, %g before", a, b)
	}
	_, err = runOn(t, 1, small(t, "model.0.init="+mean, "windows.lookback=40", "evaluate.forecasts=false"))
	if err == nil || !strings.Contains(err.Error(), `parameter "linear.weight" has shape [24 40] of float32, the file has [24 48]`) {
		t.Errorf("parameters of another lookback: %v", err)
	}
	_, err = runOn(t, 1, small(t, "model.1.init="+mean, "evaluate.forecasts=false"))
	if err == nil || !strings.Contains(err.Error(), "none is a dlinear") {
		t.Errorf("parameters of another net: %v", err)
	}
}

// Of the members' quantiles the ensemble makes its own, and predict writes the same.
func TestEnsembleOfQuantiles(t *testing.T) {
	res := mustRun(t, 2, small(t, "data.path="+waves(t, 1500), "model.0.seeds=[3, 5]", "model.0.combine=median", "model.0.train.loss=mqloss", "train.levels=[80]",
		`evaluate.metrics=["mae", "coverage"]`, "model.1.train.loss=mqloss"))
	if c := res.Metrics["nlinear"]["coverage_80"]; !(c > .5 && c <= 1) {
		t.Errorf("a coverage of %g", c)
	}
	_, names, run := rowsOf(t, filepath.Join(res.Dir, "forecasts.parquet"))
	if got := strings.Join(names[:4], " "); got != "nlinear nlinear-lo-80 nlinear-median nlinear-hi-80" {
		t.Fatalf("columns %s", got)
	}
	var members [2][][]float32
	for k, seed := range []string{"3", "5"} {
		_, _, members[k] = rowsOf(t, filepath.Join(mustRun(t, 2, small(t, "data.path="+waves(t, 1500), "run.seed="+seed, "model.0.train.loss=mqloss", "train.levels=[80]")).Dir,
			"forecasts.parquet"))
	}
	for c := range 4 {
		for i, v := range run[c] { // the median of two is their mean
			if want := (members[0][c][i] + members[1][c][i]) / 2; math.Abs(float64(v-want)) > 1e-5*math.Abs(float64(want)) {
				t.Fatalf("row %d of %s: %g, the members' mean is %g", i, names[c], v, want)
			}
		}
	}
	text, err := predictText(t, 1, res.Dir, PredictOptions{Data: waves(t, 1500)})
	if err != nil || !strings.HasPrefix(text, "unique_id,ds,nlinear,nlinear-lo-80,nlinear-median,nlinear-hi-80,dlinear,") {
		t.Fatalf("%v: %.200s", err, text)
	}
}

func TestMedianOfMembers(t *testing.T) {
	give := func(v float32) *fitted { return &fitted{forecaster: constant(v)} }
	for _, c := range []struct {
		members []*fitted
		want    float32
	}{{[]*fitted{give(1), give(9), give(2)}, 2}, {[]*fitted{give(1), give(9), give(2), give(4)}, 3}} {
		got := make([]float32, 2)
		e := &ensemble{members: c.members, median: true}
		if err := e.Predict(got, nil, 0, 1); err != nil || got[0] != c.want || got[1] != c.want {
			t.Errorf("%v, %v: want %g", got, err, c.want)
		}
	}
}

type constant float32

func (v constant) Predict(dst []float32, _ model.Windows, _, _ int) error {
	for i := range dst {
		dst[i] = float32(v)
	}
	return nil
}

// An ensemble of which a member diverged forecasts by the others, says so wherever it forecasts, and trains that member no more.
func TestEnsembleWithoutAMember(t *testing.T) {
	cfg := small(t, "data.path="+waves(t, 800), "model.0.seeds=[3, 5]", "train.steps=20")
	cfg.Models = cfg.Models[:1]
	dir := mustRun(t, 1, cfg).Dir
	path := filepath.Join(dir, "checkpoints", "0.safetensors")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	arrays, meta, err := model.ReadSafetensors(f, info.Size())
	if f.Close(); err != nil {
		t.Fatal(err)
	}
	arrays = append(arrays, model.Named{Name: "diverged", Shape: []int{6}, Data: []float64{21, math.NaN(), 0, 0, 1, 2}})
	if err := writeArrays(path, arrays, meta); err != nil {
		t.Fatal(err)
	}
	var res *Result
	err = collective.RunLocal(1, func(c collective.Comm) (err error) {
		res, err = Run(context.Background(), c, cfg, Options{Quiet: true, Resume: dir})
		return err
	})
	const want = "model nlinear: forecasts of 1 of 2 members: nlinear-seed-3: the loss became NaN at step 21"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v, want %s", err, want)
	}
	alone := mustRun(t, 1, small(t, "data.path="+waves(t, 800), "run.seed=5", "train.steps=20"))
	if got, want := res.Metrics["nlinear"]["mse"], alone.Metrics["nlinear"]["mse"]; got != want {
		t.Errorf("an MSE of %g, the other member's is %g", got, want)
	}
	var m metricsFile
	readJSON(t, filepath.Join(dir, "metrics.json"), &m)
	if !strings.Contains(m.Errors["nlinear"], "forecasts of 1 of 2 members") {
		t.Errorf("errors %v", m.Errors)
	}
	for name, want := range map[string]string{"report.html": "mean of 1 of 2 members", "log.txt": "forecasts of 1 of 2 members"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s does not say %q, %v", name, want, err)
		}
	}
	column := func(run string) (out []string) {
		file := filepath.Join(t.TempDir(), "p.csv")
		if err := Predict(collective.Local(1)[0], run, PredictOptions{Data: waves(t, 800), Out: file}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
			out = append(out, strings.Split(line, ",")[2])
		}
		return out
	}
	if got, want := column(dir), column(alone.Dir); !slices.Equal(got, want) {
		t.Errorf("predict forecasts %v, the other member %v", got, want)
	}
}
