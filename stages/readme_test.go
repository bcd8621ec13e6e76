package stages

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"deeprc/collective"
	"deeprc/frame"
)

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
		tab, _, err := preprocess(c, nil, "", cfg.Steps, "", func(int, *frame.Table, stepReport) {})
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
