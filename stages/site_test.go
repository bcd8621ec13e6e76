package stages

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestLoadSite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.toml")
	if s, err := LoadSite(path); err != nil || s.Partition != "" || len(s.Modules) != 0 {
		t.Errorf("no file: %+v, %v", s, err)
	}
	for _, c := range []struct {
		text string
		want *Site
		err  string
	}{
		{"partition = \"batch\"\nmodules = [\"gcc\", \"openmpi/4\"]\noptions = [\"--constraint=ib\"]\n",
			&Site{Partition: "batch", Modules: []string{"gcc", "openmpi/4"}, Options: []string{"--constraint=ib"}}, ""},
		{"# mine\naccount = \"a\"\n\npartiton = \"batch\"\n", nil, "site.toml:4: partiton: unknown key in the top level; did you mean \"partition\"?"},
		{"account = \"a\"\naccount = \"b\"\n", nil, "site.toml:2: "},
		{"modules = \"gcc\"\n", nil, "site.toml:1: modules"},
		{"[slurm]\npartition = \"x\"\n", nil, "site.toml:1: slurm: unknown key"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := LoadSite(path)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: %v, want %q", c.text, err, c.err)
			}
		case err != nil || !reflect.DeepEqual(got, c.want):
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}
