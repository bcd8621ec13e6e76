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

	"github.com/apache/arrow/go/v17/arrow/memory"

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
	text := strings.NewReplacer(edit...).Replace(basinSteps)
	return parseConfig("basins.toml", strings.ReplaceAll(text, "DIR", basins(t)), nil)
}

// stepRows runs cfg's steps on n ranks and gives the rows of the last one's table, cells with commas, in order,
// and each step's report. Tables live in memory that must all be given back; steps write below dir.
func stepRows(t *testing.T, n int, cfg *Config, dir string) (rows []string, reports []stepReport, err error) {
	t.Helper()
	parts := make([][]string, n)
	reports = make([]stepReport, len(cfg.Steps))
	limit, err := parseBytes(cfg.Run.Memory)
	if err != nil {
		return nil, nil, err
	}
	scratch := cfg.Run.Scratch
	if scratch == "" {
		scratch = t.TempDir()
	}
	err = collective.RunLocal(n, func(c collective.Comm) error {
		under := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer under.AssertSize(t, 0)
		mem := frame.NewMemory(frame.MemoryOptions{Limit: limit, Under: under, Scratch: scratch})
		tab, _, err := preprocess(c, mem, dir, cfg.Steps, "", func(i int, _ *frame.Table, r stepReport) {
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
			parts[c.Rank()] = append(parts[c.Rank()], strings.Join(cells, ","))
		}
		return nil
	})
	return slices.Concat(parts...), reports, err
}

// sameRows runs cfg's steps on several numbers of ranks, which must give the same rows, those returned.
func sameRows(t *testing.T, cfg *Config) (rows []string, reports []stepReport) {
	t.Helper()
	for _, n := range []int{1, 2, 3, 5} {
		got, r, err := stepRows(t, n, cfg, "")
		if err != nil {
			t.Fatalf("%d ranks: %v", n, err)
		}
		if n == 1 {
			rows = got
		}
		if !slices.Equal(got, rows) {
			t.Errorf("%d ranks: %q\none: %q", n, got, rows)
		}
		reports = r
	}
	return rows, reports
}

func TestPreprocess(t *testing.T) {
	cfg, err := basinConfig(t)
	if err != nil {
		t.Fatal(err)
	}
	got, reports := sameRows(t, cfg)
	if len(got) != 400 || got[0] != "01001,1970-01-01 00:00:00Z,1,11" || got[399] != "01000,1970-07-19 00:00:00Z,43,10" {
		t.Errorf("%d rows, from %s to %s", len(got), got[0], got[len(got)-1])
	}
	if reports[2].rows != 3 || reports[3].rows != 400 || reports[3].imbalance < 1 {
		t.Errorf("reports %v", reports)
	}
}

// TestResultsOfWholeTables: what aggregate, describe and fit_scaler make is there once, not once a rank.
func TestResultsOfWholeTables(t *testing.T) {
	for op, want := range map[string]struct{ first, rows string }{
		"op = \"aggregate\"\naggs = [\"sum(q)\", \"count(id)\"]": {"14700,600", "1"},
		"op = \"describe\"": {"id,large_utf8,600,0,3,(null),(null),01000,(null),(null),(null),01002", "3"},
		"op = \"fit_scaler\"\ncolumns = [\"q\"]\nmethod = \"minmax\"": {"q,minmax,0,49", "1"},
	} {
		cfg, err := parseConfig("t.toml", strings.ReplaceAll("[[preprocess]]\nop = \"read_csv\"\npaths = [\"DIR/flow.csv\"]\ntext = [\"id\"]\n[[preprocess]]\n"+op, "DIR", basins(t)), nil)
		if err != nil {
			t.Fatal(err)
		}
		rows, reports := sameRows(t, cfg)
		if len(rows) == 0 || rows[0] != want.first || fmt.Sprint(len(rows)) != want.rows {
			t.Errorf("%s: %q", op, rows)
		}
		if r := reports[1]; r.rows != int64(len(rows)) || r.imbalance != 1 {
			t.Errorf("%s: %v", op, r)
		}
	}
}

func TestPreprocessErrors(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`op = "sort"`, `op = "sorte"`, `basins.toml:31: preprocess.4.op: no operator "sorte"; did you mean "sort"?`},
		{`op = "sort"`, ``, `basins.toml:30: preprocess.4: op is not set: name an operator`},
		{`with = "attributes"`, `with = "attribute"`, `basins.toml:25: preprocess 3 (join): with = "attribute": no earlier step's result has this name (as); did you mean "attributes"?`},
		{`from = "flow"`, `from = "flaw"`, `basins.toml:25: preprocess 3 (join): from = "flaw": no earlier step's result has this name (as)`},
		{`as = "stats"`, `as = "flow"`, `basins.toml:20: preprocess 2 (groupby): as = "flow": an earlier step's result has this name`},
		{`by = ["id"]`, `bye = ["id"]`, `basins.toml:22: preprocess.2.bye: unknown key in [preprocess.2]; did you mean "by"?`},
		{"[data]\n", "[run]\nmemory = \"8 gigs\"\n[data]\n", `basins.toml: run.memory = "8 gigs": want a size such as 500MB or 8GiB (units: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)`},
		{"[data]\n", "[data]\npath = \"x.csv\"\n", `basins.toml: data.path = "x.csv", but there are [[preprocess]] steps`},
		{`mean(q)`, `mean q`, `basins.toml:20: preprocess 2 (groupby): aggs: "mean q": want an aggregate of a column, as mean(q) or total = sum(q)`},
		{`mean(q)`, `mean(qq)`, `basins.toml:20: preprocess 2 (groupby): frame: groupby: no column "qq"; did you mean "q"?`},
		{`on = ["id"]`, `on = ["id"]` + "\nkind = \"outer\"", `basins.toml:25: preprocess 3 (join): kind = "outer": want inner, left, right, full, semi, anti`},
		{`flow.csv`, `flows.csv`, `flow.csv?`},
		{`as = "flow"`, "as = \"flow\"\n[[preprocess]]\nop = \"unique\"\nfrom = \"stats\"", `basins.toml:20: preprocess 2 (unique): from = "stats": no earlier step's result has this name (as); step 3 (groupby) makes it: put that step before this one`},
		{`op = "sort"`, "op = \"scale\"\n[[preprocess]]\nop = \"sort\"", `basins.toml:30: preprocess 4 (scale): params is not set: give the name (as) of an earlier step's result`},
		{`["DIR/flow.csv"]`, `[]`, `basins.toml:15: preprocess 1 (read_csv): frame: read CSV: no path is given; name files, folders or patterns in paths`},
		{`by = ["id desc", "day"]`, `by = "id"`, `basins.toml:32: preprocess.4.by: is id: want a list of strings, as ["a", "b"]`},
		{`as = "flow"`, "where = \"q > id\"\nas = \"flow\"", "basins.toml:15: preprocess 1 (read_csv): frame: expression: > compares values of one type, not int64 with text\n  q > id\n    ^"},
		{`as = "flow"`, "where = \"q + 1\"\nas = \"flow\"", `basins.toml:15: preprocess 1 (read_csv): frame: where: "q + 1" is int64, not a bool`},
		{`"day"]`, "\"day\"]\n[preprocess]", `basins.toml:33: Key 'preprocess' has already been defined. Each [[preprocess]], [[model]] and [[task]] has two brackets.`},
		{`text = ["id"]` + "\nas = \"flow\"", "types = [\"q: date\"]\nas = \"flow\"", `basins.toml:15: preprocess 1 (read_csv): `},
	} {
		cfg, err := basinConfig(t, c.from, c.to)
		if err == nil {
			err = collective.RunLocal(2, func(c collective.Comm) error {
				tab, _, err := preprocess(c, nil, "", cfg.Steps, "", func(int, *frame.Table, stepReport) {})
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
		if err := Check(c, cfg, nil, &out); err != nil {
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
