package stages

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"deeprc/inputs"
	"deeprc/model"
)

// synthText is the shortest config that is valid.
const synthText = "[data]\npath = \"synth\"\n"

// mustParse parses a config of synthetic data with the assignments of sets.
func mustParse(t testing.TB, text string, sets ...string) *Config {
	t.Helper()
	cfg, err := parseConfig("t.toml", text, sets)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestConfigDefaults(t *testing.T) {
	got := mustParse(t, synthText+"[[model]]\n[[model]]\nnet = \"dlinear\"\nsolver = \"ols\"\n")
	train := model.TrainOptions{Optimizer: "adam", LR: 1e-3, Batch: 32, Epochs: 10, Loss: "mse", LossScale: "series", HuberDelta: 1, Season: 1, Quantile: .5,
		Levels: []float64{80, 90}, Quantiles: []float64{}, Schedule: "constant",
		StepSize: 1000, Gamma: .5, Beta1: .9, Beta2: .999, Eps: 1e-8, Patience: 3, CheckpointEvery: "10m", LREpochs: map[int]float64{}, LogEvery: 1}
	want := &Config{
		Run: RunConfig{Name: "run", Seed: 1, Dir: "runs"},
		Data: DataConfig{Path: "synth", Layout: "auto", Channels: []string{}, ID: "unique_id", Target: "y",
			Hist: []string{}, Future: []string{}, Static: []string{}, Scaler: "standard", InputScaler: "standard", NA: []string{}, Step: "auto",
			Split: Split{Fractions: []float64{.7, .1, .2}}, Synth: SynthConfig{8, 17520, 0, 1}},
		Windows: WindowsConfig{336, 96, 1, false},
		Models: []ModelConfig{
			{Net: "nlinear", Name: "nlinear", Solver: "gradient", Scaler: "identity", Seeds: []int{}, Combine: "mean", Options: &model.NLinear{}, Train: train},
			{Net: "dlinear", Name: "dlinear_ols", Solver: "ols", Scaler: "identity", Seeds: []int{}, Combine: "mean", Options: &model.DLinear{Kernel: 25}, Train: train, first: 1},
		},
		Train: train,
		Evaluate: EvaluateConfig{Metrics: []string{"mse", "mae"}, Scale: "standardized",
			Baselines: []string{"repeat_last", "seasonal_naive", "nlinear_ols"}, Forecasts: true, Plots: 4},
		CV:        CVConfig{StepSize: 1, Refit: false},
		Intervals: IntervalsConfig{Levels: []float64{}, Method: "conformal_distribution", Windows: 2, StepSize: 1},
		Pilot:     PilotConfig{Policy: "backfill"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestConfigModelTrainChangesSingleKeys(t *testing.T) {
	cfg := mustParse(t, synthText+"[train]\nlr = 5\nbatch = 7\n[[model]]\n[model.train]\nlr = 2\n[[model]]\nname = \"b\"\n")
	for i, lr := range []float64{2, 5} {
		if m := cfg.Models[i].Train; m.LR != lr || m.Batch != 7 {
			t.Errorf("model %d: lr %g, batch %d, want %g and 7", i, m.LR, m.Batch, lr)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	const m = synthText + "[[model]]\n" // three lines
	for _, c := range []struct{ name, text, set, want string }{
		{"unknown table", synthText + "[trian]\nlr = 1\n", "", `t.toml:3: trian: unknown key in the top level; did you mean "train"?`},
		{"unknown top-level key", "lookback = 3\n" + synthText, "", `t.toml:1: lookback: unknown key in the top level; there are run, preprocess, data, windows`},
		{"unknown key", synthText + "pth = \"x\"\n", "", `t.toml:3: data.pth: unknown key in [data]; did you mean "path"?`},
		{"unknown key in a sub-table", synthText + "\n[data.synth]\nhour = 3\n", "", `t.toml:5: data.synth.hour: unknown key in [data.synth]; did you mean "hours"?`},
		{"unknown key, far from any", synthText + "[windows]\nzzzzzzzz = 3\n", "", `windows.zzzzzzzz: unknown key in [windows]; there are lookback, horizon, stride`},
		{"unknown key of a model", m + "kernal = 3\nnet = \"dlinear\"\n", "", `t.toml:4: model.0.kernal: unknown key in [model.0]; did you mean "kernel"?`},
		{"key of another net", m + "kernel = 3\n", "", `t.toml:4: model.0.kernel: unknown key in [model.0]`},
		{"unknown key of the second model", m + "[[model]]\nname = \"b\"\nslover = \"ols\"\n", "", `t.toml:6: model.1.slover: unknown key in [model.1]; did you mean "solver"?`},
		{"unknown key in model.train", m + "[model.train]\nlr = 1\nbach = 3\n", "", `t.toml:6: model.0.train.bach: unknown key in [model.0.train]; did you mean "batch"?`},
		{"quoted key", synthText + "[\"windows\"]\n'horizn' = 3\n", "", `t.toml:4: windows.horizn: unknown key in [windows]; did you mean "horizon"?`},
		{"dotted key", "data.path = \"synth\"\nwindows.horizn = 3\n", "", `t.toml:2: windows.horizn: unknown key in [windows]; did you mean "horizon"?`},
		{"inline table", "data = {path = \"synth\", sted = \"x\"}\n", "", `t.toml:1: data.sted: unknown key in [data]; did you mean "step"?`},
		{"spaces in the table's name", synthText + "[ data . synth ] # a comment\n  seris = 3\n", "", `t.toml:4: data.synth.seris: unknown key in [data.synth]; did you mean "series"?`},
		{"by --set", synthText, "windows.horizn=3", `--set windows.horizn: unknown key in [windows]; did you mean "horizon"?`},
		{"--set of a model that is not there", m, "model.1.net=dlinear", "--set model.1.net=dlinear: name one of the 1 [[model]] by its number, as model.0.net=dlinear"},
		{"--set of all models", m, "model.net=dlinear", "name one of the 1 [[model]] by its number"},
		{"--set of a model as a whole", m, "model.0=dlinear", "name one of the 1 [[model]] by its number"},
		{"--set without =", synthText, "windows.horizon", "--set windows.horizon: want key=value, as windows.horizon=192"},
		{"--set without a key", synthText, "=3", "--set =3: want key=value"},
		{"--set through a value", synthText, "data.path.x=3", "--set data.path.x=3: data.path is no table"},
		{"--set of a wrong type", synthText, "windows.horizon=long", "--set windows.horizon: is long: want a whole number"},
		{"--set of a table", synthText, "windows=3", "--set windows: want a table"},
		{"number for a string", "[data]\npath = 3\n", "", "t.toml:2: data.path: is 3: want a string in quotes"},
		{"string for a number", synthText + "[train]\nlr = \"fast\"\n", "", "t.toml:4: train.lr: is fast: want a number"},
		{"fraction for a whole number", synthText + "[train]\nbatch = 1.5\n", "", "t.toml:4: train.batch: is 1.5: want a whole number"},
		{"number for a truth", synthText + "[evaluate]\nforecasts = 1\n", "", "t.toml:4: evaluate.forecasts: is 1: want true or false"},
		{"string for a list", synthText + "channels = \"a\"\n", "", `t.toml:3: data.channels: is a: want a list of strings, as ["a", "b"]`},
		{"number in a list", synthText + "channels = [1]\n", "", "t.toml:3: data.channels: element 0 is 1: want a string in quotes"},
		{"word in a list of numbers", m + "net = \"nhits\"\npool = [2, \"b\", 1]\n", "", "t.toml:5: model.0.pool: element 1 is b: want a whole number"},
		{"number for a list of numbers", m + "net = \"nhits\"\npool = 2\n", "", "t.toml:5: model.0.pool: is 2: want a list of numbers, as [1, 2, 3]"},
		{"list of another length", m + "net = \"nhits\"\npool = [2]\n", "", `model "nhits": pool = [2]: want 3 numbers, one for each stack`},
		{"unknown scaler", m + "scaler = \"log\"\n", "", `model "nlinear": scaler = "log": want one of [identity standard`},
		{"scaler of a closed form", m + "scaler = \"revin\"\nsolver = \"ols\"\n", "", `solver = "ols" needs scaler = "identity"`},
		{"value for a table", "data = 3\n", "", "t.toml:1: data: want a table"},
		{"value for model.train", m + "train = 3\n", "", "t.toml:4: model.0.train: want a table"},
		{"columns that the net does not read", "[data]\npath = \"t.csv\"\nhist = [\"p\"]\n[[model]]\n", "", `model "nlinear": nlinear does not read hist columns: leave data.hist out, or take a net that does`},
		{"a column of two kinds", "[data]\npath = \"t.csv\"\nhist = [\"p\"]\nfuture = [\"p\"]\n", "", `data.future names the column "p", which is in data.hist already`},
		{"columns of synth", synthText + "future = [\"p\"]\n", "", "has no columns beside its targets"},
		{"no static table", "[data]\npath = \"t.csv\"\nstatic = [\"a\"]\nstatic_table = \"b\"\n", "", `data.static_table = "b": no [[preprocess]] step's result has this name (as)`},
		{"static table without columns", "[data]\npath = \"t.csv\"\nstatic_table = \"b\"\n", "", "but data.static names no column of it"},
		{"data scaler", synthText + "scaler = \"minmx\"\n", "", `data.scaler = "minmx"; did you mean "minmax"?`},
		{"not a number", synthText + "[train]\nlr = nan\n", "", "t.toml:4: train.lr: is nan: want a number"},
		{"infinite", synthText + "[train]\neps = inf\n", "", "t.toml:4: train.eps: is +Inf: want a finite number"},
		{"one bracket", synthText + "[model]\nnet = \"nlinear\"\n", "", "t.toml:3: model: want [[model]] tables, with two brackets"},
		{"unknown net", m + "net = \"nlinaer\"\n", "", `t.toml:4: model.0.net: no net "nlinaer"; did you mean "nlinear"?`},
		{"unknown net, far from any", m + "net = \"prophet\"\n", "", `t.toml:4: model.0.net: no net "prophet"; there are autoformer, bitcn, `},
		{"net of a wrong type", m + "net = 3\n", "", "t.toml:4: model.0.net: is 3: want a string in quotes"},
		{"two models of a name", m + "[[model]]\n", "", `model 1: the name "nlinear" is taken already; give each [[model]] a name of its own`},
		{"a baseline's name", m + "name = \"repeat_last\"\n", "", `model 0: the name "repeat_last" is that of a baseline`},
		{"a column's name", m + "name = \"y\"\n", "", `model 0: the name "y" is a column of forecasts.parquet; take another`},
		{"two baselines of a name", synthText + "[evaluate]\nbaselines = [\"repeat_last\", \"repeat_last\"]\n", "", `evaluate.baselines names "repeat_last" twice`},
		{"unknown solver", m + "solver = \"lbfgs\"\n", "", `model "nlinear_lbfgs": solver = "lbfgs": want gradient or ols`},
		{"unknown metric", synthText + "[evaluate]\nmetrics = [\"maep\"]\n", "", `evaluate.metrics: no metric "maep"; did you mean "mae"?`},
		{"no metric", synthText + "[evaluate]\nmetrics = []\n", "", "evaluate.metrics is empty"},
		{"unknown baseline", synthText + "[evaluate]\nbaselines = [\"repeat_las\"]\n", "", `evaluate.baselines: no baseline "repeat_las"; did you mean "repeat_last"?`},
		{"unknown scale", synthText + "[evaluate]\nscale = \"raw\"\n", "", `evaluate.scale = "raw": want standardized or original`},
		{"unknown layout", synthText + "layout = \"tall\"\n", "", `data.layout = "tall": want auto, wide or long`},
		{"unknown step", synthText + "step = \"1h\"\n", "", `data.step = "1h": want auto or rows`},
		{"no path", "", "", "data.path is not set: name a CSV file, or synth"},
		{"no lookback", synthText + "[windows]\nlookback = 0\n", "", "windows: lookback 0, horizon 96, stride 1: all must be at least 1"},
		{"huge lookback", synthText + "[windows]\nlookback = 2147483648\n", "", "must be below 2³¹"},
		{"no rows", synthText + "[data.synth]\nhours = 0\n", "", "data.synth: series = 8, hours = 0: want at least 1 of each"},
		{"negative season", synthText + "[evaluate]\nseason = -1\n", "", "must not be negative"},
		{"name with a slash", synthText + "[run]\nname = \"a/b\"\n", "", `run.name = "a/b"`},
		{"hidden name", synthText + "[run]\nname = \"..\"\n", "", `run.name = ".."`},
		{"train", synthText + "[train]\nlr = -1\n", "", "lr = -1: must be above 0"},
		{"model.train", m + "[model.train]\noptimizer = \"sgd\"\n", "", `train, for model "nlinear": optimizer = "sgd": want adam or adamw`},
		{"syntax", "[data]\npath = = 3\n", "", "t.toml:2: expected value but found '=' instead"},
		{"number out of range", synthText + "[run]\nseed = 99999999999999999999\n", "", "t.toml:4: 99999999999999999999 is out of range"},
		{"key twice", synthText + "path = \"x\"\n", "", "t.toml:3: "},
		{"split of two", synthText + "split = [0.5, 0.5]\n", "", "t.toml:3: data.split: want three fractions, three row counts, or two or three dates"},
		{"split above one", synthText + "split = [0.5, 0.5, 0.5]\n", "", "t.toml:3: data.split: the fractions sum to 1.5: more than 1"},
		{"split of nothing", synthText + "split = [0.5, 0.5, 0.0]\n", "", "data.split: the fraction 0 must be above 0"},
		{"split of no rows", synthText + "split = [5, 0, 5]\n", "", "data.split: the row count 0 must be at least 1"},
		{"split backwards", synthText + "split = [\"2020-02-01\", \"2020-01-01\"]\n", "", "data.split: 2020-01-01 is not after 2020-02-01"},
		{"split of words", synthText + "split = [\"soon\", \"later\"]\n", "", `data.split: holds "soon": want a date as 2017-06-26`},
		{"split of kinds", synthText + "split = [3, \"2020-02-01\", 4]\n", "", "data.split: want three fractions, three row counts, or two or three dates"},
		{"split no list", synthText, "data.split=0.7", "--set data.split: is 0.7: want a list"},
		{"split of truths", synthText + "split = [true, true, true]\n", "", "data.split: holds true: want fractions, row counts or dates"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sets []string
			if c.set != "" {
				sets = []string{c.set}
			}
			_, err := parseConfig("t.toml", c.text, sets)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if err != nil && strings.HasSuffix(err.Error(), ": ") {
				t.Errorf("the message is empty: %q", err)
			}
			if usage := (ConfigError{}); err != nil && !errors.As(err, &usage) {
				t.Errorf("%T is no ConfigError", err)
			}
		})
	}
}

func TestConfigSet(t *testing.T) {
	text := synthText + "[[model]]\n[[model]]\nnet = \"dlinear\"\n"
	cfg := mustParse(t, text, "windows.horizon=192", "train.lr = 3e-4", "train.eps=1", "data.channels=[\"a\", \"b\"]", "evaluate.forecasts=false",
		"run.name=plain word", "run.dir=\"quoted\"", "data.time=", "data.path=a=b.csv", "data.split=[2020-01-01, 2020-02-01 12:00:00]",
		"model.0.name=first", "model.1.kernel=7", "model.1.train.batch=9", "data.synth.seed=4", "data.id=7a\n[x")
	for _, c := range []struct{ got, want any }{
		{cfg.Windows.Horizon, 192}, {cfg.Train.LR, 3e-4}, {cfg.Train.Eps, 1.}, {cfg.Data.Channels, []string{"a", "b"}}, {cfg.Evaluate.Forecasts, false},
		{cfg.Run.Name, "plain word"}, {cfg.Run.Dir, "quoted"}, {cfg.Data.Time, ""}, {cfg.Data.Path, "a=b.csv"},
		{cfg.Data.Split, Split{Dates: []time.Time{time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 2, 1, 12, 0, 0, 0, time.UTC)}}},
		{cfg.Models[0].Name, "first"}, {cfg.Models[1].Options, &model.DLinear{Kernel: 7}}, {cfg.Models[1].Train.Batch, 9}, {cfg.Models[0].Train.Batch, 32},
		{cfg.Data.Synth.Seed, 4}, {cfg.Data.ID, "7a\n[x"},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("got %#v, want %#v", c.got, c.want)
		}
	}
}

func TestLoadConfigNamesTheNearestFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "etth1.toml"), []byte(synthText), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := LoadConfig(filepath.Join(dir, "eth1.toml"), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "did you mean "+filepath.Join(dir, "etth1.toml")+"?") {
		t.Error(err)
	}
	for _, path := range []string{filepath.Join(dir, "zzzzzzzz"), filepath.Join(dir, "no", "etth1.toml"), dir} {
		if _, err := LoadConfig(path, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestShippedConfigs(t *testing.T) {
	files, err := inputs.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var nets []string
	for _, f := range files {
		if f.Name() == "datasets.toml" { // which is no run
			continue
		}
		text, err := inputs.Files.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := parseConfig(f.Name(), string(text), nil)
		if err != nil || len(cfg.Models) == 0 {
			t.Errorf("%s: %v, or no model", f.Name(), err)
			continue
		}
		for _, m := range cfg.Models {
			if f.Name() == "etth1_all.toml" {
				nets = append(nets, m.Net)
			}
		}
	}
	for _, k := range model.Nets() {
		if hydrological := (BenchOptions{}).shape(k.Name).Static > 0; hydrological == slices.Contains(nets, k.Name) {
			t.Errorf("etth1_all.toml and %s: it must have every net but those of hydrology, %v", k.Name, nets)
		}
	}
	cfg, err := LoadConfig("", []string{"run.seed=9"})
	if err != nil || cfg.Data.Path != "synth" || cfg.Run.Seed != 9 {
		t.Errorf("the embedded default: %+v, %v", cfg, err)
	}
}

// roundTrip checks that what Write writes parses to the same Config.
func roundTrip(t *testing.T, cfg *Config) {
	t.Helper()
	var b bytes.Buffer
	if err := cfg.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := parseConfig("written", b.String(), nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	for _, c := range []*Config{got, cfg} {
		for i := range c.Tasks { // in which file
			c.Tasks[i].at = ""
		}
		if c.Sweep != nil {
			c.Sweep.at = ""
		}
	}
	if !reflect.DeepEqual(got, cfg) {
		t.Fatalf("got  %+v\nwant %+v\nfrom\n%s", got, cfg, b.String())
	}
}

// TestConfigWriteParses draws every key at random.
func TestConfigWriteParses(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		words := []string{"a", "é ü", "a\"b", `back\slash`, "tab\tnew\nline", "#no", "x = 3", "[[model]]", "0", "true", "日本", "'q'", "\u007f\x01"}
		return words[rnd.IntN(len(words))]
	}
	pick := func(among ...string) string { return among[rnd.IntN(len(among))] }
	train := func() model.TrainOptions {
		o := model.TrainOptions{Optimizer: pick("adam", "adamw"), LR: rnd.ExpFloat64() * 1e-5, Batch: 1 + rnd.IntN(1e9), Epochs: 1 + rnd.IntN(9),
			Steps: rnd.IntN(1e9), Loss: pick(model.LossNames()...), LossScale: "series", HuberDelta: float64(1 + rnd.IntN(3)), Season: rnd.IntN(9) + 1, Quantile: .1 + rnd.Float64()/2,
			Levels: []float64{80, 99.5}[:rnd.IntN(3)], Quantiles: []float64{.5, .25}[:rnd.IntN(3)], Schedule: pick("constant", "step", "cosine", "halve"),
			StepSize: 1 + rnd.IntN(9), Gamma: 1, WeightDecay: rnd.Float64() * 1e300, Beta1: rnd.Float64(), Beta2: rnd.Float64(), Eps: 1e-300,
			ValEvery: rnd.IntN(3), Patience: rnd.IntN(3), LogEvery: 1 + rnd.IntN(3), ClipNorm: rnd.Float64(), LREpochs: map[int]float64{},
			CheckpointEvery: pick("", "10m", "1h30m", "500 steps")}
		if o.Loss == "mae" || o.Loss == "mqloss" {
			o.LossScale = "window"
		}
		if rnd.IntN(3) == 0 {
			o.Schedule, o.LREpochs = "epochs", map[int]float64{rnd.IntN(9): rnd.ExpFloat64(), 9: 1e-5}
		}
		return o
	}
	list := func() []string {
		l := []string{}
		for range rnd.IntN(3) {
			l = append(l, word())
		}
		return l
	}
	for range 300 {
		cfg := &Config{
			Run: RunConfig{Name: pick("a b", "é\n\"", "x#"), Seed: rnd.Int() - rnd.Int(), Dir: word()},
			Data: DataConfig{Path: word(), Layout: pick("auto", "wide", "long"), Time: pick("", word()), Channels: list(), ID: word(), Target: word(),
				Hist: []string{}, Future: []string{}, Static: []string{}, Scaler: pick(scalerNames...), InputScaler: pick(scalerNames...), NA: list(), Step: pick("auto", "rows"), Synth: SynthConfig{1 + rnd.IntN(9), 1 + rnd.IntN(9), rnd.IntN(3), -rnd.IntN(9)}},
			Windows: WindowsConfig{10 + rnd.IntN(1e6), 1 + rnd.IntN(1e6), 1 + rnd.IntN(1e6), false},
			Train:   train(),
			Evaluate: EvaluateConfig{Metrics: []string{pick("mae", "smape", "nse")}, Scale: pick("standardized", "original"), Baselines: []string{},
				Season: rnd.IntN(9), Forecasts: rnd.IntN(2) == 0, Plots: rnd.IntN(9)},
			Intervals: IntervalsConfig{Levels: []float64{80}, Method: pick("conformal_error", "conformal_distribution"), Windows: 2 + rnd.IntN(3), StepSize: 1},
			CV:        CVConfig{rnd.IntN(9), 1 + rnd.IntN(1e6), []any{true, false, int64(1 + rnd.IntN(9))}[rnd.IntN(3)]},
			Pilot:     PilotConfig{Policy: pick(policyNames...), Dedicated: rnd.IntN(2) == 0},
		}
		if rnd.IntN(3) == 0 {
			cfg.Tasks = []TaskConfig{{Name: pick("é \"q\"", "#no", "[[task]]"), Stage: "exec", After: []string{}, Models: []string{}, Command: append(list(), "x"),
				RequestConfig: RequestConfig{Ranks: []any{int64(3), "2-4", "all"}[rnd.IntN(3)], GPUs: rnd.IntN(9), Memory: pick("", "1GiB"), Priority: 3 - rnd.IntN(9), Timeout: pick("", "3h"), Retries: rnd.IntN(9), Backoff: pick("", "2s"), OnFailure: pick("skip", "stop")}}}
			cfg.Tasks[0].Command[0] = "a\"b"
		}
		switch rnd.IntN(3) {
		case 0:
			cfg.Data.Split.Fractions = []float64{rnd.Float64() / 3, rnd.Float64() / 3, 1. / 3}
		case 1:
			cfg.Data.Split.Rows = []int{1 + rnd.IntN(1e9), 1, 1 + rnd.IntN(9)}
		default:
			d := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
			for range 2 + rnd.IntN(2) {
				d = d.Add(time.Duration(1+rnd.IntN(1e6)) * time.Duration([]int{1, 1e3, 1e9, 3600e9}[rnd.IntN(4)]))
				cfg.Data.Split.Dates = append(cfg.Data.Split.Dates, d)
			}
		}
		first := 0
		for i := range rnd.IntN(3) {
			m := ModelConfig{first: first, Net: "nlinear", Name: pick("m", "é\"", "a.b") + string(rune('0'+i)), Solver: pick("gradient", "ols"), Scaler: "identity", Seeds: []int{}, Combine: pick("mean", "median"), Options: &model.NLinear{}, Train: cfg.Train}
			switch rnd.IntN(3) {
			case 0:
				m.Net, m.Options = "dlinear", &model.DLinear{Kernel: 2*rnd.IntN(9) + 1}
			case 1:
				m.Net, m.Solver, m.Scaler = "nbeats", "gradient", pick(model.Scalers[:5]...)
				m.Options = &model.NBEATS{Stacks: []string{"identity", "trend"}, Blocks: []int{1 + rnd.IntN(9), 2}, Layers: 1, Hidden: 1 + rnd.IntN(9),
					Basis: "legendre", Degree: rnd.IntN(9), Activation: "tanh", Shared: rnd.IntN(2) == 0}
			}
			if m.Solver == "gradient" {
				m.Seeds, m.Init = [][]int{{}, {3}, {2, 7}}[rnd.IntN(3)], word()
			}
			first += max(1, len(m.Seeds))
			if rnd.IntN(2) == 0 {
				m.Train = train()
			}
			cfg.Models = append(cfg.Models, m)
		}
		if err := cfg.check(); err != nil {
			t.Fatalf("the test's own config is wrong: %v", err)
		}
		roundTrip(t, cfg)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, name := range []string{"quickstart.toml", "etth1.toml", "etth1_nhits.toml"} {
		text, err := inputs.Files.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "windows.horizon=192")
	}
	f.Add(synthText+"[[model]]\n[model.train]\nlr=1\n", "model.0.train.lr=inf")
	f.Add("data = {path = \"synth\", split = [2020-01-01, 2020-01-02]}\nmodel = [{net = \"dlinear\"}]\n", "data.split=[1,2.5,3]")
	f.Add(synthText+"[[model]]\n[sweep]\nseeds=[1, 2]\n[[task]]\nstage=\"exec\"\ncommand=[\"x\"]\nafter=[\"evaluate-s1\"]\n", "task.0.ranks=\"1-2\"")
	f.Add("\"a.b\".'c' = 3\n[[ model ]]\n", "..=")
	f.Fuzz(func(t *testing.T, text, set string) {
		for _, sets := range [][]string{nil, {set}} {
			cfg, err := parseConfig("fuzz.toml", text, sets)
			if err != nil {
				if !strings.Contains(err.Error(), "fuzz.toml") && !strings.HasPrefix(err.Error(), "--set ") {
					t.Errorf("%q does not say where", err)
				}
				continue
			}
			roundTrip(t, cfg)
		}
	})
}

// A net's own defaults count where neither its table nor [train] says else.
func TestOwnDefaults(t *testing.T) {
	const text = `
[data]
path = "synth"
[[model]]
net = "lstm"
[[model]]
net = "deepar"
[[model]]
net = "gru"
scaler = "identity"
[[model]]
net = "deepar"
name = "points"
train = { loss = "mae" }
`
	cfg, err := parseConfig("t.toml", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range cfg.Models {
		got = append(got, m.Scaler+" "+m.Train.Loss)
	}
	if want := []string{"robust mse", "identity studentt", "identity mse", "identity mae"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if lstm, gru := cfg.Models[0].Options.(*model.LSTM), cfg.Models[2].Options.(*model.GRU); lstm.Hidden != 128 || gru.Hidden != 200 || gru.DecoderHidden != 128 {
		t.Errorf("the same key of an embedded struct: %+v, %+v", lstm, gru)
	}
	roundTrip(t, cfg)
	if cfg, err = parseConfig("t.toml", text, []string{"model.2.hidden=7"}); err != nil || cfg.Models[2].Options.(*model.GRU).Hidden != 7 {
		t.Errorf("hidden of the table itself: %v", err)
	}
	if cfg, err = parseConfig("t.toml", text, []string{"train.loss=normal"}); err != nil || cfg.Models[1].Train.Loss != "normal" || cfg.Models[3].Train.Loss != "mae" {
		t.Errorf("[train] says normal: %v", err)
	}
	_, err = parseConfig("t.toml", text, []string{"model.1.scaler=invariant"})
	if err == nil || !strings.Contains(err.Error(), `model "deepar": scaler = "invariant" bends the values, so that the distribution of loss = "studentt"`) {
		t.Errorf("invariant: %v", err)
	}
	if _, err = parseConfig("t.toml", strings.ReplaceAll(text, "lstm", "patchtst"), []string{"train.loss=normal"}); err != nil {
		t.Error(err)
	}
	_, err = parseConfig("t.toml", strings.ReplaceAll(text, "lstm", "patchtst"), []string{"train.loss=poisson"})
	if err == nil || !strings.Contains(err.Error(), `model "patchtst": revin = true scales the forecast of patchtst, but the counts of loss = "poisson" have no deviation to scale apart from their mean: set revin = false`) {
		t.Errorf("revin: %v", err)
	}
}
