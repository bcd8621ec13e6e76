package stages

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"deeprc/collective"
)

// TestReadData goes through files: layouts, columns, and mistakes in them.
func TestReadData(t *testing.T) {
	for _, c := range []struct{ name, text, set, want string }{
		{"no time column", "when,a\n2020-01-01,1\n", "", "has no column named date, ds, time, timestamp or datetime: set data.time to one of when, a"},
		{"wrong time column", "date,a\n2020-01-01,1\n", "data.time=dat", `data.time: t.csv has no column "dat"; did you mean "date"?`},
		{"time is text", "date,a\nyesterday,1\ntoday,2\n", "", `column "date" holds neither timestamps nor whole numbers`},
		{"wrong channel", "date,HUFL\n2020-01-01,1\n", `data.channels=["HUFI"]`, `t.csv has no column "HUFI"; did you mean "HUFL"?`},
		{"time as channel", "date,a\n2020-01-01,1\n", `data.channels=["date"]`, `data.channels names the time column "date"`},
		{"channel twice", "date,a\n2020-01-01,1\n", `data.channels=["a", "a"]`, "twice"},
		{"text channel", "date,a\n2020-01-01,b\n", `data.channels=["a"]`, "t.csv:2:"},
		{"no number", "date,a\n2020-01-01,b\n", "", `t.csv has no numeric column beside "date"; its columns are date, a`},
		{"no rows", "date,a\n", "", "t.csv has a header but no data rows"},
		{"empty", "", "", "t.csv"},
		{"no file", "\x00", "", "t.csv"},
		{"no target", "unique_id,ds,z\na,2020-01-01,1\n", "", `data.target: t.csv has no column "y"`},
		{"no id", "id,ds,y\na,2020-01-01,1\n", "data.layout=long", `data.id: t.csv has no column "unique_id"`},
		{"non-numeric cell", "date,a\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3x\n", "", "t.csv:4:"},
		{"no hist", "date,a\n2020-01-01,1\n", `data.hist=["b"]`, `data.hist: t.csv has no column "b"; did you mean "a"?`},
		{"time as input", "date,a\n2020-01-01,1\n", `data.future=["date"]`, `data.future names the column "date", which is the time, the id or the target`},
		{"static of a wide table", "date,a\n2020-01-01,1\n", `data.static=["a"]`, `data.static: t.csv is a wide table`},
		{"text as input", "unique_id,ds,y,p\na,2020-01-01,1,x\n", `data.hist=["p"]`, "t.csv:2:"},
		{"ragged line", "date,a\n2020-01-01,1\n2020-01-02,2,5\n", "", "t.csv:3:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if c.text != "\x00" {
				writeFile(t, "t.csv", c.text)
			}
			var sets []string
			if c.set != "" {
				sets = append(sets, c.set)
			}
			cfg := mustParse(t, "[data]\npath = \"t.csv\"\n", sets...)
			for _, n := range []int{1, 3} {
				err := collective.RunLocal(n, func(c collective.Comm) error { _, err := readData(c, &cfg.Data, nil, nil); return err })
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%d ranks: got %v, want %s", n, err, c.want)
				}
			}
		})
	}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestReadDataSynth: the generator's own rows are those of the files that it writes, wide and long.
func TestReadDataSynth(t *testing.T) {
	dir := t.TempDir()
	s := Synth{Series: 3, Hours: 900, Seed: 5}
	series := func(n int, sets ...string) *Series {
		var out *Series
		cfg := mustParse(t, synthText, append(sets, "data.synth.series=3", "data.synth.hours=900", "data.synth.seed=5")...)
		err := collective.RunLocal(n, func(c collective.Comm) error {
			raw, err := readData(c, &cfg.Data, nil, nil)
			if err != nil {
				return err
			}
			got, err := buildSeries(c, &cfg.Data, raw, nil)
			if c.Rank() == 0 {
				out = got
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := series(1)
	for _, layout := range []string{"wide", "long"} {
		path := filepath.Join(dir, layout+".csv")
		if err := WriteSynth(path, s, layout); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2, 5} {
			got := series(n, "data.path="+path)
			if got.Long != (layout == "long") || !slices.Equal(got.Channels, want.Channels) || !slices.Equal(got.Mean, want.Mean) ||
				!slices.Equal(got.Std, want.Std) || !slices.Equal(bits32(got.Data.Target), bits32(want.Data.Target)) || !slices.Equal(bits32(got.Data.Past), bits32(want.Data.Past)) {
				t.Errorf("%s on %d ranks differs from the generator", layout, n)
			}
		}
		if got := series(2); sameSeries(got, want) != nil {
			t.Error("the generator on two ranks differs")
		}
	}
}
