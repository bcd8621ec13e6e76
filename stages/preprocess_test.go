package stages

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
	"deeprc/frame"
)

// basins is a folder with a table of flow and one of attributes; basin 01002 has none.
func basins(t *testing.T) string {
	dir := t.TempDir()
	var flow strings.Builder
	flow.WriteString("id,day,q\n")
	for b := range 3 {
		for d := range 200 {
			fmt.Fprintf(&flow, "0100%d,%s,%d\n", b, time.UnixMilli(int64(d)*86400e3).UTC().Format("2006-01-02"), (d*7+b)%50)
		}
	}
	for name, text := range map[string]string{"flow.csv": flow.String(), "attributes.csv": "id,area\n01000,10\n01001,11\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const basinSteps = `
[data]
layout = "long"
id = "id"
time = "day"
target = "q"
[windows]
lookback = 20
horizon = 5
[[preprocess]]
op = "read_csv"
paths = ["DIR/attributes.csv"]
text = ["id"]
as = "attributes"
[[preprocess]]
op = "read_csv"
paths = ["DIR/flow.csv"]
text = ["id"]
as = "flow"
[[preprocess]]
op = "groupby"
by = ["id"]
aggs = ["mean(q)", "high = quantile(q, 0.9)"]
as = "stats"
[[preprocess]]
op = "join"
from = "flow"
with = "attributes"
on = ["id"]
[[preprocess]]
op = "sort"
by = ["id desc", "day"]
`

func basinConfig(t *testing.T, edit ...string) (*Config, error) {
	text := strings.ReplaceAll(basinSteps, "DIR", basins(t))
	return parseConfig("basins.toml", strings.NewReplacer(edit...).Replace(text), nil)
}

func TestPreprocess(t *testing.T) {
	var want []string
	for _, n := range []int{1, 2, 3} {
		cfg, err := basinConfig(t)
		if err != nil {
			t.Fatal(err)
		}
		rows := make([][]string, n)
		reports := make([]stepReport, len(cfg.Steps))
		err = collective.RunLocal(n, func(c collective.Comm) error {
			tab, err := preprocess(c, nil, cfg.Steps, func(i int, _ *frame.Table, r stepReport) {
				if c.Rank() == 0 {
					reports[i] = r
				}
			})
			if err != nil {
				return err
			}
			defer tab.Release()
			for i := range tab.NumRows() {
				var cells []string
				for _, col := range tab.Record().Columns() {
					cells = append(cells, col.ValueStr(i))
				}
				rows[c.Rank()] = append(rows[c.Rank()], strings.Join(cells, ","))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Concat(rows...)
		if n == 1 {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d ranks give other rows than one", n)
		}
		if len(got) != 400 || got[0] != "01001,1970-01-01 00:00:00Z,1,11" || got[399] != "01000,1970-07-19 00:00:00Z,43,10" {
			t.Errorf("%d rows, from %s to %s", len(got), got[0], got[len(got)-1])
		}
		if reports[2].rows != 3 || reports[3].rows != 400 || reports[3].imbalance < 1 {
			t.Errorf("reports %v", reports)
		}
	}
}

func TestPreprocessErrors(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`op = "sort"`, `op = "sorte"`, `basins.toml:31: preprocess.4.op: no operator "sorte"; did you mean "sort"?`},
		{`op = "sort"`, ``, `basins.toml:30: preprocess.4: op is not set: name an operator`},
		{`with = "attributes"`, `with = "attribute"`, `basins.toml: preprocess 3 (join): with = "attribute": no earlier step's result has this name (as)`},
		{`from = "flow"`, `from = "flaw"`, `basins.toml: preprocess 3 (join): from = "flaw": no earlier step's result has this name (as)`},
		{`as = "stats"`, `as = "flow"`, `basins.toml: preprocess 2 (groupby): as = "flow": an earlier step's result has this name`},
		{`by = ["id"]`, `bye = ["id"]`, `basins.toml:22: preprocess.2.bye: unknown key in [preprocess.2]; did you mean "by"?`},
		{"[data]\n", "[run]\nmemory = \"8 gigs\"\n[data]\n", `basins.toml: run.memory = "8 gigs": want a size such as 500MB or 8GiB (units: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)`},
		{"[data]\n", "[data]\npath = \"x.csv\"\n", `basins.toml: data.path = "x.csv", but there are [[preprocess]] steps`},
		{`mean(q)`, `mean q`, `preprocess 2 (groupby): aggs: "mean q": want an aggregate of a column, as mean(q) or total = sum(q)`},
		{`mean(q)`, `mean(qq)`, `preprocess 2 (groupby): frame: groupby: no column "qq"; did you mean "q"?`},
		{`on = ["id"]`, `on = ["id"]` + "\nkind = \"outer\"", `preprocess 3 (join): kind = "outer": want inner, left, right, full, semi, anti`},
		{`flow.csv`, `flows.csv`, `flow.csv?`},
	} {
		cfg, err := basinConfig(t, c.from, c.to)
		if err == nil {
			err = collective.RunLocal(2, func(c collective.Comm) error {
				tab, err := preprocess(c, nil, cfg.Steps, func(int, *frame.Table, stepReport) {})
				if err == nil {
					tab.Release()
				}
				return err
			})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
}

// TestPreprocessedRun: check prints each step's schema, and a run learns from the last step's table.
func TestPreprocessedRun(t *testing.T) {
	cfg, err := basinConfig(t, "[data]\n", "[run]\ndir = \""+t.TempDir()+"\"\n[train]\nsteps = 3\n[[model]]\n[data]\n")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = collective.RunLocal(1, func(c collective.Comm) error {
		if err := Check(c, cfg, &out); err != nil {
			return err
		}
		_, err := Run(t.Context(), c, cfg, Options{Quiet: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"step 3     join of flow with attributes: 400 rows", "           area int64", "data       the last [[preprocess]] step's table: 400 rows"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]int64{"": 0, "1": 1, "500MB": 500e6, "1.5 GiB": 3 << 29, "2KiB": 2048} {
		if got, err := parseBytes(s); err != nil || got != want {
			t.Errorf("%q is %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"x", "1XB", "-1", "1e9", "0", "99999999TB", ".", "NaN"} {
		if got, err := parseBytes(s); err == nil {
			t.Errorf("%q is %d", s, got)
		}
	}
}

func TestParseSortKey(t *testing.T) {
	for s, want := range map[string]frame.SortKey{"q": {Column: "q"}, " q desc": {Column: "q", Desc: true}, "a b desc nulls first": {Column: "a b", Desc: true, NullsFirst: true},
		"q nulls first": {Column: "q", NullsFirst: true}, "desc": {Column: "desc"}} {
		if got := parseSortKey(s); got != want {
			t.Errorf("%q is %+v", s, got)
		}
	}
}

// TestSeriesSteps: a chain of all operators of series gives the same rows for any number of ranks.
func TestSeriesSteps(t *testing.T) {
	const steps = `
[data]
id = "id"
[[preprocess]]
op = "read_csv"
paths = ["DIR/flow.csv"]
text = ["id"]
[[preprocess]]
op = "split"
by = ["id"]
time = "day"
flags = true
[[preprocess]]
op = "rolling"
by = ["id"]
time = "day"
rows = 7
aggs = ["week = mean(q)", "max(q)"]
as = "rolled"
[[preprocess]]
op = "fit_scaler"
columns = ["week"]
fit = "split_train"
as = "scaler"
[[preprocess]]
op = "scale"
from = "rolled"
params = "scaler"
as = "scaled"
[[preprocess]]
op = "unscale"
params = "scaler"
[[preprocess]]
op = "asof"
with = "scaled"
by = ["id"]
time = "day"
[[preprocess]]
op = "fill"
by = ["id"]
time = "day"
columns = ["week"]
method = "constant"
value = -1.0
[[preprocess]]
op = "melt"
id = ["id", "day"]
values = ["week", "week_right"]
[[preprocess]]
op = "pivot"
index = ["id", "day"]
columns = "variable"
values = "value"
[[preprocess]]
op = "resample"
by = ["id"]
time = "day"
every = "50d"
aggs = ["sum(week)", "std(week_right)"]
[[preprocess]]
op = "sort"
by = ["id", "day"]
`
	var want []string
	for _, n := range []int{1, 3} {
		cfg, err := parseConfig("t.toml", strings.ReplaceAll(steps, "DIR", basins(t)), nil)
		if err != nil {
			t.Fatal(err)
		}
		rows := make([][]string, n)
		err = collective.RunLocal(n, func(c collective.Comm) error {
			tab, err := preprocess(c, nil, cfg.Steps, func(int, *frame.Table, stepReport) {})
			if err != nil {
				return err
			}
			defer tab.Release()
			for i := range tab.NumRows() {
				var cells []string
				for _, col := range tab.Record().Columns() {
					cells = append(cells, col.ValueStr(i))
				}
				rows[c.Rank()] = append(rows[c.Rank()], strings.Join(cells, ","))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Concat(rows...)
		if n == 1 {
			want = got
			if len(want) != 12 || !strings.HasPrefix(want[0], "01000,1970-01-01") {
				t.Errorf("%d rows: %q", len(want), want)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d ranks: %q\none: %q", n, got, want)
		}
	}
}

// TestReadmeSteps runs the steps of README.md on small tables.
func TestReadmeSteps(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```toml\n[[preprocess]]")
	block, _, ok := strings.Cut(block, "```")
	if !ok {
		t.Fatal("README.md has no [[preprocess]] block")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"caravan/01000.csv": "1.5,2,3,0.5\n0.5,2,3,NA\n", "caravan/01001.csv": "1,2,3,4\n",
		"camels_us/camels_attributes_v2.0/camels_clim.txt": "gauge_id;p_mean\n01000;3.5\n01001;2\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	block = strings.NewReplacer(`"caravan/`, `"`+dir+`/caravan/`, `"camels_us"`, `"`+dir+`/camels_us"`, ">= 1990", ">= 1981").Replace(block)
	cfg, err := parseConfig("README.md", "[[preprocess]]"+block, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = collective.RunLocal(1, func(c collective.Comm) error {
		tab, err := preprocess(c, nil, cfg.Steps, func(int, *frame.Table, stepReport) {})
		if err != nil {
			return err
		}
		defer tab.Release()
		if got := fmt.Sprint(tab.NumRows(), tab.Names()); got != "2 [basin date p t pet q p_mean q1 wet]" {
			t.Errorf("got %s", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
