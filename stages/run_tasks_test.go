package stages

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
)

// withTasks is the config of small with tasks.
func withTasks(t testing.TB, tasks string, sets ...string) *Config {
	t.Helper()
	cfg, err := parseConfig("test", smallText+tasks, append(sets, "run.dir="+t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// sameFiles compares files of two runs' folders, bytes.
func sameFiles(t *testing.T, a, b string, names ...string) {
	t.Helper()
	for _, name := range names {
		x, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(b, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("%s differs between %s and %s", name, a, b)
		}
	}
}

const graph = `
[[task]]
stage = "preprocess"
ranks = "all"
[[task]]
name = "first"
stage = "train"
models = ["nlinear"]
after = ["preprocess"]
[[task]]
name = "second"
stage = "train"
models = ["dlinear"]
after = ["preprocess"]
[[task]]
stage = "evaluate"
ranks = "all"
after = ["first", "second"]
`

// A graph of tasks leaves what a run without tasks leaves, bit for bit where each training has as many ranks.
func TestTasksAreTheRun(t *testing.T) {
	set := "evaluate.baselines=[\"repeat_last\"]" // least squares are the same up to rounding only
	plain := mustRun(t, 1, small(t, set))
	for _, n := range []int{1, 3} {
		res := mustRun(t, n, withTasks(t, graph, set))
		sameFiles(t, plain.Dir, res.Dir, "model.safetensors", "forecasts.parquet", "model.json")
		if a, b := testMetrics(t, plain.Dir), testMetrics(t, res.Dir); len(a) != 3 || !reflect.DeepEqual(a, b) {
			t.Errorf("%d ranks: metrics %v, want %v", n, b, a)
		}
		if _, err := os.Stat(filepath.Join(res.Dir, reportFile)); err != nil {
			t.Error(err)
		}
	}
}

// testMetrics are the metrics of each model in a run's folder.
func testMetrics(t testing.TB, dir string) map[string]map[string]*float64 {
	t.Helper()
	var m metricsFile
	readJSON(t, filepath.Join(dir, "metrics.json"), &m)
	return m.Test
}

func TestSweepRuns(t *testing.T) {
	cfg := withTasks(t, "[sweep]\nhorizons = [12, 24]\nseeds = [1, 2]\nranks = \"1-2\"\n", "train.steps=10")
	res := mustRun(t, 3, cfg)
	for _, at := range []string{"h12-s1", "h12-s2", "h24-s1", "h24-s2"} {
		h := strings.TrimPrefix(strings.Split(at, "-")[0], "h")
		one := mustRun(t, 1, small(t, "train.steps=10", "windows.horizon="+h, "run.seed="+at[len(at)-1:]))
		if _, err := LoadConfig(filepath.Join(res.Dir, at, "config.toml"), nil); err != nil {
			t.Error(err)
		}
		want, got := testMetrics(t, one.Dir), testMetrics(t, filepath.Join(res.Dir, at))
		for model, metrics := range want {
			for name, v := range metrics {
				if w := got[model][name]; w == nil || math.Abs(*w-*v) > 1e-4**v {
					t.Errorf("%s: %s of %s is %v, want %g", at, name, model, w, *v)
				}
			}
		}
	}
}

// The evaluation of a sweep runs on all ranks that are free, which at the end are all, though each training has one.
func TestSweepEvaluatesOnAllRanks(t *testing.T) {
	cfg := withTasks(t, "[sweep]\n", "train.steps=5")
	j, err := readJournal(filepath.Join(mustRun(t, 3, cfg).Dir, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	if got := j.last["evaluate"].Ranks; !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("it ran on %v", got)
	}
}

// A model whose training fails is left out, and told of; the others are tested.
func TestTasksGoOnWithoutAModel(t *testing.T) {
	text := strings.Replace(graph, "name = \"first\"\n", "name = \"first\"\non_failure = \"continue\"\n", 1)
	cfg := withTasks(t, text, "model.0.train={lr = 1e30}")
	res, err := runOn(t, 2, cfg)
	if err == nil || !strings.Contains(err.Error(), `task "first" failed, attempt 1 of 1: rank`) || !strings.Contains(err.Error(), "diverged") && !strings.Contains(err.Error(), "became") {
		t.Errorf("got %v, %v", res, err)
	}
	dir := runFolder(t, cfg)
	text2, err := os.ReadFile(filepath.Join(dir, "metrics.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text2), "dlinear") {
		t.Errorf("metrics.json: %s", text2)
	}
}

// A run that is stopped ends so on every rank, with checkpoints of what was trained, and goes on where it was: what is done is not done again.
func TestTasksResume(t *testing.T) {
	sets := []string{"train.steps=3000", "train.patience=0", "train.checkpoint_every=50 steps", "evaluate.baselines=[]"}
	both := strings.ReplaceAll(graph, "stage = \"train\"\n", "stage = \"train\"\nranks = 2\n")
	whole := mustRun(t, 2, withTasks(t, both, sets...))
	cfg := withTasks(t, both, sets...)
	ctx, cancel := context.WithCancelCause(context.Background())
	var ends [2]error
	once := func(ctx context.Context, resume string) error {
		return collective.RunLocal(2, func(c collective.Comm) error {
			mine := context.Background()
			if c.Rank() == 1 { // one process hears of it
				mine = ctx
			}
			_, err := Run(mine, c, cfg, Options{Version: "test", Quiet: true, Resume: resume})
			if ends[c.Rank()] = err; Stopped(err) {
				return nil
			}
			return err
		})
	}
	go func() { // when the first checkpoint of a training is there
		for ctx.Err() == nil {
			if found, _ := filepath.Glob(filepath.Join(cfg.Run.Dir, "*", checkpointsDir, "0.safetensors")); len(found) > 0 {
				cancel(errors.New("time is up"))
			}
		}
	}()
	if err := once(ctx, ""); err != nil {
		t.Fatal(err)
	}
	if want := "stopped: time is up; 3 of 4 tasks are left (second, evaluate, first): go on with --resume "; !Stopped(ends[0]) || !Stopped(ends[1]) || !strings.HasPrefix(ends[0].Error(), want) {
		t.Fatalf("got %v, want %s", ends, want)
	}
	dir := runFolder(t, cfg)
	// The crash of a machine tears the last line.
	path := filepath.Join(dir, journalFile)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"time":"2026-01-01T00:00:00Z","task":"evaluate","st`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for range 2 { // the second time there is nothing to do
		if err := once(context.Background(), dir); err != nil {
			t.Fatal(err)
		}
	}
	j, err := readJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"preprocess", "first", "second", "evaluate"} {
		if !j.done(name) {
			t.Errorf("%s is not done", name)
		}
	}
	text, _ := os.ReadFile(path)
	if n := strings.Count(string(text), `"task":"preprocess","attempt":1,"state":"running"`); n != 1 {
		t.Errorf("preprocess ran %d times:\n%s", n, text)
	}
	if n := strings.Count(string(text), `"state":"done"`); n != 4 || j.sessions != 3 {
		t.Errorf("%d tasks were done in %d sessions:\n%s", n, j.sessions, text)
	}
	log, err := os.ReadFile(filepath.Join(taskDir(dir, "first"), "log.txt"))
	if err != nil || !strings.Contains(string(log), "goes on after step") {
		t.Errorf("%v, the training began anew:\n%s", err, log)
	}
	sameFiles(t, whole.Dir, dir, "model.safetensors", "forecasts.parquet")
	cfg.Tasks = slices.Clone(cfg.Tasks)
	cfg.Tasks[1].Models, cfg.Tasks[2].Models = cfg.Tasks[2].Models, cfg.Tasks[1].Models
	if err := once(context.Background(), dir); err == nil || !strings.Contains(err.Error(), "task.first.models was") {
		t.Errorf("another graph: %v", err)
	}
}

func TestTasksPredictAndExec(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new.csv")
	if err := WriteSynth(data, Synth{Series: 3, Hours: 200, Seed: 2}, "wide"); err != nil {
		t.Fatal(err)
	}
	cfg := withTasks(t, graph+`
[[task]]
stage = "predict"
data = "`+data+`"
after = ["evaluate"]
ranks = 2
[[task]]
name = "note"
stage = "exec"
ranks = 2
command = ["sh", "-c", "echo rank $RANK of $WORLD_SIZE in $DEEPRC_TASK; test -z \"$OMPI_COMM_WORLD_RANK\"; test -e $DEEPRC_RUN/config.toml; touch $RANK.txt"]
[[task]]
name = "fails"
stage = "exec"
retries = 1
backoff = "10ms"
on_failure = "continue"
command = ["sh", "-c", "echo 'no such <luck>'; exit 3"]
[[task]]
name = "sleeps"
stage = "exec"
timeout = "200ms"
command = ["sh", "-c", "sleep 100 & wait"]
[[task]]
name = "missing"
stage = "exec"
command = ["./no-such-program"]
`, "train.steps=5")
	t.Setenv("OMPI_COMM_WORLD_RANK", "")
	_, err := runOn(t, 2, cfg)
	if err == nil {
		t.Fatal("no error of the tasks that fail")
	}
	for _, want := range []string{`task "fails" failed, attempt 2 of 2: rank `, "sh: exit status 3", `task "sleeps" failed, attempt 1 of 1: `, "longer than its timeout of 200ms", "./no-such-program cannot be started",
		filepath.Join("tasks", "fails", "log.txt")} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	dir := runFolder(t, cfg)
	for _, name := range []string{"predict/predictions.csv", "note/0.txt", "note/1.txt", "note/log.txt"} {
		if _, err := os.Stat(filepath.Join(dir, tasksDir, name)); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]string{"log.txt": "rank 0 of 2", "log-1.txt": "rank 1 of 2"} {
		if text, err := os.ReadFile(filepath.Join(dir, tasksDir, "note", name)); err != nil || !strings.Contains(string(text), want) || strings.Count(string(text), " of 2 in") != 1 {
			t.Errorf("note/%s: %v, %s", name, err, text)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "log.txt"))
	if err != nil || strings.Count(string(log), "no such <luck>") < 2 {
		t.Errorf("%v, the log has not the failing task's tail:\n%s", err, log)
	}
	if err := WriteTaskPages(dir, "test", time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, reportFile))
	if _, row, found := strings.Cut(string(page), "<summary>log</summary><pre>"); err != nil || !found || !strings.Contains(row[:strings.Index(row, "</pre>")], "no such &lt;luck&gt;") {
		t.Errorf("%v, the page has not the failing task's tail", err)
	}
}

// A run that another process is in is left as it is, temporary files included.
func TestTasksResumeOnlyWithTheLock(t *testing.T) {
	cfg := withTasks(t, "[[task]]\nstage = \"exec\"\ncommand = [\"true\"]\n")
	dir := mustRun(t, 1, cfg).Dir
	half := filepath.Join(dir, ".model.json.1-00000001.tmp")
	if err := os.WriteFile(half, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(filepath.Join(dir, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resumeOn(t, 2, cfg, dir); err == nil || !strings.Contains(err.Error(), "another process runs in this folder") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(half); err != nil {
		t.Error("it cleared up", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "log.txt")); !bytes.Equal(before, after) || err != nil {
		t.Errorf("it wrote the log: %s, %v", after, err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := resumeOn(t, 2, cfg, dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(half); err == nil {
		t.Error("what a killed process left is still there")
	}
}

// A run goes on with another request; a task that is not done may be another command, and tasks may be added. What is done is as it was.
func TestTasksResumeWithOtherRequests(t *testing.T) {
	const text = "[[task]]\nname = \"good\"\nstage = \"exec\"\ncommand = [\"true\"]\n[[task]]\nname = \"bad\"\nstage = \"exec\"\ncommand = [\"false\"]\n"
	cfg := withTasks(t, text+"[sweep]\n", "train.steps=5")
	if _, err := runOn(t, 2, cfg); err == nil {
		t.Fatal("no error of the task that fails")
	}
	dir := runFolder(t, cfg)
	more := "[[task]]\nname = \"new\"\nstage = \"exec\"\nafter = [\"bad\"]\ncommand = [\"true\"]\n[sweep]\n"
	for _, c := range []struct{ set, want string }{
		{"task.0.command=[\"echo\"]", "task.good.command was"},
		{"task.1.after=[\"good\"]", "task.bad.after was"},
		{"sweep.seeds=[1]", "sweep.seeds was"},
		{"task.1.name=\"other\"", "task.bad.after was [] in that run and is not there now"},
	} {
		cfg := withTasks(t, text+strings.Replace(more, "after = [\"bad\"]\n", "", 1), "train.steps=5", c.set)
		if _, err := resumeOn(t, 2, cfg, dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.set, err)
		}
	}
	cfg = withTasks(t, text+more, "train.steps=5", "sweep.timeout=2h", "sweep.ranks=2", "task.0.memory=1MiB", "task.1.retries=1", "task.1.ranks=\"1-2\"",
		"task.1.timeout=1h", "task.1.command=[\"true\"]")
	if _, err := resumeOn(t, 2, cfg, dir); err != nil {
		t.Fatal(err)
	}
	j, err := readJournal(filepath.Join(dir, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	if good := j.last["good"]; !j.done("bad") || !j.done("new") || good.session != 1 || j.last["bad"].session != 2 {
		t.Errorf("good %+v, bad %+v, new %+v", good, j.last["bad"], j.last["new"])
	}
}
