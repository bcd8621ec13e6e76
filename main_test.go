package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"deeprc/stages"
)

var built string // folder of the binary, once there is one

var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "deeprc-test-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "deeprc")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-X main.version=v1.2.3 -extldflags=-Wl,-z,lazy", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// binary is the program, built once.
func binary(t testing.TB) string {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// command is the program in dir, in an environment of no launcher.
func command(t testing.TB, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary(t), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEEPRC_MPI=none")
	return cmd
}

// deeprc runs the program to its end.
func deeprc(t testing.TB, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := command(t, dir, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// folder has a config of a small table and the table, t.csv, changed by edit.
func folder(t testing.TB, edit func(lines []string) []string) string {
	t.Helper()
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, 1))
	lines := []string{"date,a,b"}
	for i := range 500 {
		at := time.Date(2020, 1, 1, i, 0, 0, 0, time.UTC)
		lines = append(lines, fmt.Sprintf("%s,%.4f,%.4f", at.Format(time.DateTime),
			math.Sin(float64(i)*math.Pi/12)+.3*rnd.NormFloat64(), math.Cos(float64(i)*math.Pi/12)+.3*rnd.NormFloat64()))
	}
	if edit != nil {
		lines = edit(lines)
	}
	for name, text := range map[string]string{"t.csv": strings.Join(lines, "\n") + "\n", "t.toml": `[data]
path = "t.csv"
[windows]
lookback = 24
horizon = 6
[[model]]
[train]
steps = 50
patience = 0
[evaluate]
plots = 1
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// results are the metrics and train losses of the one run under dir/runs.
func results(t testing.TB, runs string) (metrics map[string]map[string]float64, losses []float64) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(runs, "run-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("run folders %v, %v", dirs, err)
	}
	text, err := os.ReadFile(filepath.Join(dirs[0], "metrics.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Test map[string]map[string]float64
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dirs[0], "history.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := slices.Index(rows[0], "train_loss")
	for _, r := range rows[1:] {
		if r[col] != "" {
			v, err := strconv.ParseFloat(r[col], 64)
			if err != nil {
				t.Fatal(err)
			}
			losses = append(losses, v)
		}
	}
	return m.Test, losses
}

// sameResults compares a run on several ranks with one on one: 50 losses to 1e-5, metrics to 1e-4.
func sameResults(t testing.TB, one, other string) {
	t.Helper()
	m, l := results(t, one)
	n, k := results(t, other)
	if len(l) != 50 || len(k) != 50 || len(m) != 4 || len(n) != 4 {
		t.Fatalf("%d and %d losses, metrics %v and %v", len(l), len(k), m, n)
	}
	for i := range l {
		if !(math.Abs(l[i]-k[i]) <= 1e-5*l[i]) {
			t.Fatalf("step %d: loss %g, with one rank %g", i+1, k[i], l[i])
		}
	}
	for model, ms := range m {
		for metric, want := range ms {
			if got := n[model][metric]; !(math.Abs(got-want) <= 1e-4*want) {
				t.Errorf("%s of %s is %g, with one rank %g", metric, model, got, want)
			}
		}
	}
}

func TestExitCodes(t *testing.T) {
	set := func(i int, line string) func([]string) []string {
		return func(l []string) []string { l[i-1] = line; return l }
	}
	for _, c := range []struct {
		name   string
		edit   func([]string) []string
		args   string
		code   int
		stderr string // a pattern
	}{
		{"good", nil, "run t.toml", 0, `report: runs/run-.*/report\.html`},
		{"no TOML", nil, "run tt.toml", 2, `^deeprc: open tt\.toml: no such file or directory; did you mean t\.toml\?\n$`},
		{"no TOML, check", nil, "check tt.toml", 2, `did you mean t\.toml\?`},
		{"two TOMLs", nil, "run t.toml t.toml", 2, `accepts at most 1 arg\(s\), received 2; see deeprc run --help`},
		{"unknown command", nil, "rum t.toml", 2, `unknown command "rum" for "deeprc"`},
		{"unknown command of data", nil, "data fetsh", 2, `unknown command "fetsh" for "deeprc data"`},
		{"unknown flag", nil, "run --rank 3 t.toml", 2, `unknown flag: --rank; see deeprc run --help`},
		{"bad flag", nil, "run --ranks three t.toml", 2, `invalid argument "three" for "--ranks" flag`},
		{"negative ranks", nil, "run --ranks -1 t.toml", 2, `--ranks -1: want 1 to `},
		{"unknown key", nil, "run t.toml --set windows.horizn=3", 2, `--set windows\.horizn: unknown key in \[windows\]; did you mean "horizon"\?`},
		{"bad value", nil, "run t.toml --set train.lr=0", 2, `lr = 0: must be above 0`},
		{"no data file", nil, "run t.toml --set data.path=tt.csv", 1, `tt\.csv: no such file(?s:.*)t\.csv`},
		{"no time column", nil, "run t.toml --set data.time=dat", 2, `t\.csv has no column "dat"; did you mean "date"\?`},
		{"no channel", nil, `run t.toml --set data.channels=["c"]`, 2, `t\.csv has no column "c"`},
		{"non-numeric cell", set(300, "2020-01-13 10:00:00,1.5,oops"), "run t.toml", 1, `t\.csv:300:.*"?b"?.*oops`},
		{"non-numeric cell, 3 ranks", set(300, "2020-01-13 10:00:00,1.5,oops"), "run t.toml --ranks 3", 1, `t\.csv:300:.*oops`},
		{"ragged line", set(401, "2020-01-17 15:00:00,1.5"), "run t.toml", 1, `t\.csv:401: .*2`},
		{"ragged line, 3 ranks", set(401, "2020-01-17 15:00:00,1,2,3"), "run t.toml --ranks 3", 1, `t\.csv:401: .*4`},
		{"time twice", set(4, "2020-01-01 01:00:00,1,1"), "run t.toml", 1, `t\.csv: data row 3 repeats the timestamp 2020-01-01 01:00: remove the duplicate rows`},
		{"unsorted, 2 ranks", set(4, "2019-01-01 01:00:00,1,1"), "run t.toml --ranks 2", 1, `data row 3 has the timestamp 2019-01-01 01:00, which is before`},
		{"long window", nil, "run t.toml --set windows.lookback=600", 2, `longer than the data: the longest series has 500 steps`},
		{"empty part", nil, "run t.toml --set windows.horizon=90", 2, `the validation part has no window`},
		{"check of an empty part", nil, "check t.toml --set windows.horizon=90", 2, `the validation part has no window`},
		{"diverges", nil, "run t.toml --set train.lr=1e30", 1, `model nlinear: the loss became .* at step \d+; linear\.\w+ grew most`},
		{"unwritable", nil, "run t.toml --dir t.csv/x", 1, `make the folder of runs: mkdir t\.csv: not a directory`},
		{"unknown data set", nil, "data fetch eth1", 2, `eth1.*etth1`},
		{"no data set", nil, "data fetch", 2, `accepts 1 arg\(s\), received 0; see deeprc data fetch --help`},
		{"data set that is not there", nil, "data fetch etth1 --from .", 1, `ETTh1\.csv`},
		{"synth over a file", nil, "data synth t.csv", 2, `t\.csv exists already`},
		{"synth of nothing", nil, "data synth x.csv --hours 0", 2, `want at least 1 of each`},
		{"synth of no layout", nil, "data synth x.csv --layout tall", 2, `layout "tall"`},
		{"bench of nothing", nil, "bench train --repeats 0", 2, `--repeats 0: want 1 to 1000`},
		{"bench of no net", nil, "bench train --net prophet", 2, `no net "prophet"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, c.edit)
			code, stdout, stderr := deeprc(t, dir, strings.Fields(c.args)...)
			if code != c.code || !regexp.MustCompile(c.stderr).MatchString(stderr) {
				t.Errorf("deeprc %s: exit code %d, want %d with %s\n%s%s", c.args, code, c.code, c.stderr, stdout, stderr)
			}
			if n := strings.Count(stderr, "deeprc: "); code != 0 && n != 1 {
				t.Errorf("the error is told %d times:\n%s", n, stderr)
			}
			if strings.Contains(stderr, "goroutine ") {
				t.Errorf("a stack:\n%s", stderr)
			}
			if code == 2 {
				if found, _ := filepath.Glob(filepath.Join(dir, "*")); len(found) != 2 {
					t.Errorf("it left %v", found)
				}
			}
		})
	}
}

func TestRanks(t *testing.T) {
	dir := folder(t, nil)
	for _, n := range []string{"1", "2", "3"} {
		if code, _, stderr := deeprc(t, dir, "run", "t.toml", "--ranks", n, "--dir", "r"+n); code != 0 {
			t.Fatal(stderr)
		}
	}
	sameResults(t, filepath.Join(dir, "r1"), filepath.Join(dir, "r2"))
	sameResults(t, filepath.Join(dir, "r1"), filepath.Join(dir, "r3"))
}

func TestCheckPrintsThePlan(t *testing.T) {
	dir := folder(t, nil)
	for _, n := range []string{"1", "3"} {
		code, stdout, stderr := deeprc(t, dir, "check", "t.toml", "--ranks", n)
		for _, want := range []string{"t.csv: 500 rows, a step is 1 h, 2 channels: a, b", "train", "321 windows", "validation", "45 windows", "test", "95 windows", "nlinear", "150 parameters", "up to 50 steps", "seasonal_naive (24 steps)"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("no %q in the plan:\n%s", want, stdout)
			}
		}
		if code != 0 || stderr != "" {
			t.Errorf("exit code %d\n%s", code, stderr)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("it left %v, %v", entries, err)
	}
}

func TestDataSynth(t *testing.T) {
	dir := t.TempDir()
	var texts []string
	for i, args := range [][]string{{"--seed", "3"}, {"--seed", "3"}, {"--seed", "4"}, {"--seed", "3", "--layout", "long"}} {
		name := fmt.Sprint(i, ".csv")
		if code, _, stderr := deeprc(t, dir, append([]string{"data", "synth", name, "--hours", "50", "--series", "2"}, args...)...); code != 0 {
			t.Fatal(stderr)
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] || texts[0] == texts[2] || !strings.HasPrefix(texts[0], "ds,s001,s002\n2020-01-01 00:00:00,") || strings.Count(texts[0], "\n") != 51 {
		t.Errorf("%.60s", texts)
	}
	if !strings.HasPrefix(texts[3], "unique_id,ds,y\ns001,2020-01-01 00:00:00,") || strings.Count(texts[3], "\n") != 101 {
		t.Errorf("%.60s", texts[3])
	}
}

func TestBenchPrintsOneDocument(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it runs the quickstart")
	}
	code, stdout, stderr := deeprc(t, t.TempDir(), "bench", "train", "--json", "--net", "nlinear,nhits", "--steps", "5", "--repeats", "1", "--lookback", "48", "--horizon", "12")
	if code != 0 {
		t.Fatal(stderr)
	}
	d := json.NewDecoder(strings.NewReader(stdout))
	d.DisallowUnknownFields()
	var r trainResult
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%v in\n%s", err, stdout)
	}
	if d.More() || stderr != "" {
		t.Errorf("more than one document:\n%s\n%s", stdout, stderr)
	}
	if r.Version != "v1.2.3" || r.Ranks != 1 || len(r.Train) != 2 || r.Train[0].Name != "nlinear" || r.Train[1].Name != "nhits" || r.Run.Name != "quickstart" {
		t.Errorf("%+v", r)
	}
	for _, x := range []trial{r.Train[0].trial, r.Train[1].trial, r.Run} {
		if len(x.All) != 1 || !(x.Median > 0) || x.Median != x.Min || x.Median != x.Max {
			t.Errorf("%+v", x)
		}
	}
	if x := r.Train[0]; x.Engine != "deeprc" || x.Parameters != 48*12+12 || x.RSSBytes < 1<<20 || x.Threads < 1 ||
		x.Shape != (stages.TrainShape{Lookback: 48, Horizon: 12, Channels: 7, Batch: 32, Loss: "mse"}) {
		t.Errorf("%+v", x)
	}
}

type trial struct {
	Name, Unit       string
	Median, Min, Max float64
	All              []float64
}

func TestInterrupt(t *testing.T) {
	for ranks, sig := range map[string]syscall.Signal{"1": syscall.SIGINT, "2": syscall.SIGTERM, "3": syscall.SIGUSR1} {
		t.Run(ranks, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, nil)
			cmd := command(t, dir, "run", "t.toml", "--ranks", ranks, "--set", "train.steps=100000000", "--set", "train.val_every=20", "--set", "train.log_every=10000")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for range 1000 { // until there is a best model to keep
				if found, _ := filepath.Glob(filepath.Join(dir, "runs", "*", "model.json")); len(found) > 0 {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer kill.Stop()
			err := cmd.Wait()
			if d := time.Since(begin); d > 5*time.Second {
				t.Errorf("it ended after %v", d)
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitStopped {
				t.Errorf("%v, want exit code %d", err, exitStopped)
			}
			m := regexp.MustCompile(`what was finished lies in (runs/run-[^\s;]+)`).FindStringSubmatch(stderr.String())
			if m == nil || !regexp.MustCompile(`deeprc: .*train nlinear: stopped at step \d+ of 100000000: `+sig.String()+` received`).Match(stderr.Bytes()) {
				t.Fatalf("stderr:\n%s", &stderr)
			}
			for _, name := range []string{"config.toml", "history.csv", "model.safetensors", "model.json", "log.txt"} {
				if _, err := os.Stat(filepath.Join(dir, m[1], name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
