package stages

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
)

// graphText is a config whose tasks begin at line 11.
const graphText = "[data]\npath = \"synth\"\nsynth = { series = 2, hours = 800 }\n[windows]\nlookback = 24\nhorizon = 12\n[[model]]\nname = \"a\"\n[[model]]\nname = \"b\"\n"

func TestTaskRequests(t *testing.T) {
	cfg := mustParse(t, graphText+`
[[task]]
stage = "preprocess"
ranks = "all"
[[task]]
name = "both"
stage = "train"
ranks = "2-4"
ranks_per_node = 2
gpus = 1
memory = "2GiB"
after = ["preprocess"]
priority = -3
timeout = "90s"
retries = 2
backoff = "500ms"
on_failure = "stop"
`)
	plan, err := cfg.plan()
	if err != nil || len(plan) != 2 {
		t.Fatal(plan, err)
	}
	want := Request{Ranks: Ranks{2, 4}, PerNode: 2, GPUs: 1, Memory: 2 << 30, Priority: -3, Timeout: 90 * time.Second, Retries: 2, Backoff: 500 * time.Millisecond, OnFailure: FailureStops}
	if got := plan[1]; got.Request != want || got.Name != "both" || !reflect.DeepEqual(got.models, []string{"a", "b"}) {
		t.Errorf("got %+v", got)
	}
	if got := plan[0]; got.Name != "preprocess" || got.Ranks != (Ranks{}) || got.Ranks.String() != "all" {
		t.Errorf("got %+v", got)
	}
	for n, want := range map[int]time.Duration{2: 500 * time.Millisecond, 3: time.Second, 4: 2 * time.Second, 100: maxBackoff} {
		if got := plan[1].delay(n); got != want {
			t.Errorf("before attempt %d: %v, want %v", n, got, want)
		}
	}
}

func TestTaskMistakes(t *testing.T) {
	train := "[[task]]\nname = \"t\"\nstage = \"train\"\n"
	for _, c := range []struct{ tasks, want string }{
		{"[[task]]\nname = \"x\"\n", `t.toml:11: task.0: stage is not set: want one of preprocess, train,`},
		{"[[task]]\nstage = \"trian\"\n", `t.toml:12: task.0.stage: no stage "trian"; did you mean "train"?`},
		{train + "rank = 2\n", `t.toml:14: task.0.rank: unknown key in [task.0]; did you mean "ranks"?`},
		{train + "ranks = 0\n", `t.toml:14:1: task "t": ranks = 0: want at least 1`},
		{train + "  ranks = \"4-2\"\n", `t.toml:14:3: task "t": ranks = 4-2: want at least 1, and a range to begin`},
		{train + "ranks = \"many\"\n", `t.toml:14:1: task "t": ranks = "many": want a number, a range as "2-4", or "all"`},
		{train + "ranks = 1.5\n", `t.toml:14:1: task "t": ranks = 1.5: want`},
		{train + "ranks = 3\nranks_per_node = 2\n", `t.toml:15:1: task "t": ranks = 3 is no multiple of ranks_per_node = 2`},
		{train + "memory = \"much\"\n", `t.toml:14:1: task "t": memory = "much": want a size`},
		{train + "timeout = \"0s\"\n", `t.toml:14:1: task "t": timeout: "0s" is not a length of time`},
		{train + "on_failure = \"halt\"\n", `t.toml:14:1: task "t": on_failure = "halt"`},
		{train + "retries = -1\n", `t.toml:14:1: task "t": retries = -1: want 0 to 1000`},
		{train + "command = [\"x\"]\n", `t.toml:14: task.0.command: is a key of stage = "exec", not of "train"`},
		{train + "models = [\"a\", \"bb\"]\n", `t.toml:14:16: task "t": models: no [[model]] "bb"; did you mean "b"?`},
		{train + train, `t.toml:15:1: task "t": the name is taken already`},
		{train + "after = [\"u\", \"v\"]\n[[task]]\nname = \"u\"\nstage = \"preprocess\"\n", `t.toml:14:15: task "t": after: no task "v"; did you mean "t"?`},
		{train + "after = [\n  \"u\",\n  'w',\n]\n[[task]]\nname = \"u\"\nstage = \"preprocess\"\n", `t.toml:16:3: task "t": after: no task "w"`},
		{train + "[[task]]\nname = \"u\"\nstage = \"train\"\nmodels = [\"b\"]\n", `t.toml:17:11: task "u": model "b" is trained by task "t" already`},
		{"[[task]]\nstage = \"evaluate\"\n", `t.toml:11:1: task "evaluate": it comes after no task that trains`},
		{train + "[[task]]\nstage = \"evaluate\"\nafter = [\"t\"]\n[[task]]\nname = \"e\"\nstage = \"evaluate\"\nafter = [\"t\"]\n", `t.toml:19:1: task "e": task "evaluate" evaluates already`},
		{train + "[[task]]\nstage = \"predict\"\ndata = \"x.csv\"\nafter = [\"t\"]\n", `t.toml:17:1: task "predict": it comes after no task that evaluates`},
		{"[[task]]\nstage = \"exec\"\n", `t.toml:12:1: task "exec": command is not set`},
		{"[[task]]\nname = \"../x\"\nstage = \"exec\"\ncommand = [\"x\"]\n", `t.toml:12:1: task name "../x": it is a folder's`},
		{"[[task]]\nname = \"a\"\nstage = \"exec\"\ncommand = [\"x\"]\nafter = [\"c\"]\n[[task]]\nname = \"b\"\nstage = \"exec\"\ncommand = [\"x\"]\nafter = [\"a\"]\n" +
			"[[task]]\nname = \"c\"\nstage = \"exec\"\ncommand = [\"x\"]\nafter = [\"b\"]\n", `t.toml:20:10: task "b": after: the tasks wait for each other: a after c after b after a`},
		{"[[task]]\nname = \"a\"\nstage = \"exec\"\ncommand = [\"x\"]\nafter = [\"a\"]\n", `t.toml:15:10: task "a": after: the tasks wait for each other: a after a`},
		{train + "[pilot]\npolicy = \"fair\"\n", `t.toml:15:1: pilot.policy = "fair"; `},
		{"[sweep]\nhorizons = [12]\nseeds = [1, 2]\n[[model]]\nname = \"c\"\nseeds = [3, 4]\n", `t.toml:13:1: sweep.seeds changes run.seed, which model "c" does not follow`},
		{"[sweep]\nseeds = [1]\nhorizons = [12, 3000000000]\n", `t.toml:13:1: sweep, with windows.horizon = 3000000000: `},
		{"[sweep]\nmodels = [\"c\"]\n", `t.toml:12:11: sweep.models: no [[model]] "c"`},
		{"[sweep]\nhorizons = [12, 12]\n", `t.toml:12:1: sweep.horizons = [12 12]: want different ones`},
		{"[sweep]\nkind = \"list\"\nmodels = [\"a\", \"b\"]\nseeds = [1, 2, 3]\n", `t.toml:12:1: sweep.kind = "list": models, horizons and seeds are 2, 0 and 3`},
		{"[sweep]\nranks = \"x\"\n", `t.toml:12:1: sweep: ranks = "x"`},
		{"[sweep]\nmodels = [\"a\"]\n[[task]]\nname = \"train-a\"\nstage = \"exec\"\ncommand = [\"x\"]\n", `t.toml:14:1: task "train-a": the name is taken already`},
	} {
		_, err := parseConfig("t.toml", graphText+c.tasks, nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", c.tasks, err, c.want)
		}
	}
	_, err := parseConfig("t.toml", graphText+train, []string{"task.0.ranks=0"})
	if want := `--set task.0.ranks: task "t": ranks = 0: want at least 1, and a range to begin with its lower number`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	_, err = parseConfig("t.toml", graphText+train, []string{"pilot.policy=fair"})
	if want := `--set pilot.policy: pilot.policy = "fair"; `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestSweepMakesTasks(t *testing.T) {
	names := func(text string) (out []string) {
		t.Helper()
		plan, err := mustParse(t, graphText+text).plan()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range plan {
			out = append(out, p.Name+" < "+strings.Join(p.After, ","))
		}
		return out
	}
	grid := []string{"preprocess < ", "train-a-h6-s1 < preprocess", "train-b-h6-s1 < preprocess", "train-a-h6-s2 < preprocess", "train-b-h6-s2 < preprocess",
		"train-a-h12-s1 < preprocess", "train-b-h12-s1 < preprocess", "train-a-h12-s2 < preprocess", "train-b-h12-s2 < preprocess",
		"evaluate-h6-s1 < train-a-h6-s1,train-b-h6-s1", "evaluate-h6-s2 < train-a-h6-s2,train-b-h6-s2",
		"evaluate-h12-s1 < train-a-h12-s1,train-b-h12-s1", "evaluate-h12-s2 < train-a-h12-s2,train-b-h12-s2"}
	if got := names("[sweep]\nhorizons = [6, 12]\nseeds = [1, 2]\n"); !reflect.DeepEqual(got, grid) {
		t.Errorf("got %q", got)
	}
	if got, want := names("[sweep]\nkind = \"list\"\nmodels = [\"a\", \"b\"]\nhorizons = [6, 12]\n"), []string{"preprocess < ", "train-a-h6 < preprocess", "train-b-h12 < preprocess",
		"evaluate-h6 < train-a-h6", "evaluate-h12 < train-b-h12"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if got, want := names("[sweep]\n[[task]]\nname = \"p\"\nstage = \"preprocess\"\n[[task]]\nstage = \"predict\"\ndata = \"x.csv\"\nafter = [\"evaluate\"]\n"),
		[]string{"p < ", "train-a < p", "train-b < p", "evaluate < train-a,train-b", "predict < evaluate"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	plan, err := mustParse(t, graphText+"[sweep]\nhorizons = [6]\nseeds = [9]\nmodels = [\"b\"]\nranks = \"2-3\"\nretries = 1\n").plan()
	if err != nil {
		t.Fatal(err)
	}
	p := plan[1]
	if p.cfg.Windows.Horizon != 6 || p.cfg.Run.Seed != 9 || len(p.cfg.Models) != 1 || p.point != "h6-s9" || p.Ranks != (Ranks{2, 3}) || p.Retries != 1 {
		t.Errorf("got %+v of %+v", p, p.cfg)
	}
	if e := plan[2]; e.stage != "evaluate" || e.Ranks != (Ranks{2, maxRequest}) || e.Ranks.String() != "2 or more" {
		t.Errorf("the evaluation takes %v ranks", e.Ranks)
	}
}

// A config is written as it was read, tasks included.
func TestTasksAreWritten(t *testing.T) {
	cfg := mustParse(t, graphText+"[pilot]\ndedicated = true\n[sweep]\nseeds = [1, 2]\nranks = \"2-3\"\n[[task]]\nname = \"x\"\nstage = \"exec\"\ncommand = [\"echo\", \"a b\"]\nafter = [\"evaluate-s1\"]\n")
	var b bytes.Buffer
	if err := cfg.Write(&b); err != nil {
		t.Fatal(err)
	}
	again := mustParse(t, b.String())
	for _, c := range []*Config{cfg, again} {
		c.Sweep.at, c.Tasks[0].at = "", ""
	}
	if !reflect.DeepEqual(cfg, again) {
		t.Errorf("written:\n%s\ngot  %+v\nwant %+v", b.String(), again, cfg)
	}
}

func TestCheckShowsTheGraph(t *testing.T) {
	cfg := mustParse(t, graphText+"[train]\nsteps = 3\n[sweep]\nhorizons = [6, 12]\nretries = 2\ntimeout = \"1h\"\n")
	var b bytes.Buffer
	if err := collective.RunLocal(1, func(c collective.Comm) error { return Check(c, cfg, nil, &b) }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"task           stage           ranks  needs            after                   if it fails\n",
		"preprocess     preprocess      all    –                –                       skip those after it\n",
		"train-a-h6     train a         1      at most 1h0m0s   preprocess              try 2 times more, then skip those after it\n",
		"evaluate-h12   evaluate a, b   1 or more at most 1h0m0s   train-a-h12, train-b-h12",
		"horizon 12, seed 1\n", "model      a: nlinear",
	} {
		if got := b.String(); !strings.Contains(strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	cfg = mustParse(t, graphText+"[train]\nsteps = 3\n[[task]]\nstage = \"train\"\nranks = 2\n")
	if err := collective.RunLocal(2, func(c collective.Comm) error { return Check(c, cfg, nil, io.Discard) }); err != nil {
		t.Error(err)
	}
	err := collective.RunLocal(1, func(c collective.Comm) error { return Check(c, cfg, nil, &b) })
	var usage ConfigError
	if want := `t.toml:15:1: task "train": ranks = 2, but there are 1 ranks that run tasks`; err == nil || !strings.HasPrefix(err.Error(), want) || !errors.As(err, &usage) {
		t.Errorf("got %v", err)
	}
	b.Reset()
	cfg = mustParse(t, graphText+"[train]\nsteps = 3\n[[task]]\nstage = \"train\"\ngpus = 1\n[[task]]\nstage = \"exec\"\ngpus = 1\ncommand = [\"x\"]\n")
	if err := collective.RunLocal(1, func(c collective.Comm) error { return Check(c, cfg, []Slot{{GPUs: 1}}, &b) }); err != nil {
		t.Error(err)
	}
	if want := "note:      gpus of train: they are kept from other tasks, but only commands"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
	cfg = mustParse(t, graphText+"[sweep]\nhorizons = [6, 700]\n")
	err = collective.RunLocal(1, func(c collective.Comm) error { return Check(c, cfg, nil, &b) })
	if err == nil || !strings.Contains(err.Error(), "horizon 700") {
		t.Errorf("a horizon longer than the data: %v", err)
	}
}
