package stages

import (
	"bytes"
	"strings"
	"testing"

	"deeprc/collective"
)

// The configs of an array are all checked; those of the same data read it once.
func TestCheckEachReadsOnce(t *testing.T) {
	text := strings.NewReplacer("DIR", basins(t), "[data]\n", "[run]\ndir = \""+t.TempDir()+"\"\n[[model]]\n[data]\n").Replace(basinSteps)
	config := func(sets ...string) *Config {
		cfg, err := parseConfig("basins.toml", text, sets)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	same := []*Config{config("train.steps=3"), config("train.steps=4"), config("run.seed=5")}
	for _, c := range []struct {
		cfgs      []*Config
		reads, at int
		want      string
	}{
		{same, 1, 0, ""},
		{append(same[:2:2], config("data.split=[0.5, 0.2, 0.3]"), same[0]), 3, 0, ""},
		{append(same[:1:1], config("windows.lookback=1000"), same[0]), 1, 1, "lookback"},
	} {
		var out bytes.Buffer
		at := -1
		err := collective.RunLocal(1, func(comm collective.Comm) (err error) {
			at, err = CheckEach(comm, c.cfgs, func(*Config) []Slot { return nil }, &out)
			return err
		})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || at != c.at {
			t.Errorf("config %d: %v, want %d and %q", at, err, c.at, c.want)
		}
		if n := strings.Count(out.String(), "step 3     join"); n != c.reads {
			t.Errorf("the data was read %d times, want %d:\n%s", n, c.reads, out.String())
		}
	}
}
