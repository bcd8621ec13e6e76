package stages

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	dir := t.TempDir()
	cfg := mustParse(t, smallText+graph+"[[task]]\nname = \"last\"\nstage = \"exec\"\ncommand = [\"x\"]\nretries = 2\n")
	f, err := os.Create(filepath.Join(dir, "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Write(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	at := func(s int64) time.Time { return time.Unix(1_700_000_000+s, 0) }
	j, err := openJournal(filepath.Join(dir, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []journalEntry{{Format: journalFormat, World: 4, Time: at(0)},
		{Task: "preprocess", State: Running, Attempt: 1, Ranks: []int{0, 1, 2, 3}, Time: at(1)}, {Task: "preprocess", State: Done, Attempt: 1, Ranks: []int{0, 1, 2, 3}, Time: at(3)},
		{Task: "first", State: Running, Attempt: 1, Ranks: []int{2}, Time: at(4)}, {Task: "last", State: Running, Attempt: 1, Ranks: []int{0}, Time: at(4)},
		{Task: "last", State: Delayed, Attempt: 1, Ranks: []int{0}, Time: at(5), Error: "rank 0: exit status 3\nmore"}} {
		if err := j.append(e); err != nil {
			t.Fatal(err)
		}
	}
	show := func(want ...string) {
		t.Helper()
		var b bytes.Buffer
		if err := Status(&b, dir, at(64)); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(b.String()), " ")
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("no %q in\n%s", w, b.String())
			}
		}
	}
	show("preprocess done 1/1 0-3 2 s first running 1/1 2 1m0s second waiting – – – evaluate waiting – – – last delayed 1/3 0 1 s rank 0: exit status 3",
		"1 done, 1 running, 1 delayed, 2 waiting, of 5 tasks; session 1 on 4 ranks, begun", "is running")
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	show("first interrupted 1/1 2 –", "is not running: go on with deeprc run --resume")
	var b bytes.Buffer
	if err := Status(&b, t.TempDir(), at(0)); err == nil {
		t.Error("no run")
	}
}
