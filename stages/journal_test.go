package stages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A journal that is cut off anywhere tells what its whole lines tell, and goes on from there.
func TestJournalSurvivesATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), journalFile)
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	entries := []journalEntry{{Format: journalFormat, World: 3, Time: time.Unix(1, 0).UTC()},
		{Task: "a", State: Running, Attempt: 1, Ranks: []int{0, 2}, Time: time.Unix(2, 0).UTC()}, {Task: "a", State: Delayed, Attempt: 1, Error: "x\n\"y\""},
		{Task: "a", State: Running, Attempt: 2, Time: time.Unix(4, 0).UTC()}, {Task: "a", State: Done, Attempt: 2}, {Task: "b", State: Running, Attempt: 1}}
	for _, e := range entries {
		if err := j.append(e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := openJournal(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("two write at once: %v", err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(text) + 1 {
		if err := os.WriteFile(path, text[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(text[:cut]), "\n")
		s, err := readJournal(path)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if s.done("a") != (lines >= 5) || s.done("b") || s.whole != int64(strings.LastIndex(string(text[:cut]), "\n")+1) || s.sessions != min(lines, 1) {
			t.Fatalf("cut at %d: %+v", cut, s)
		}
		if a := s.last["a"]; lines == 6 && (a.Attempt != 2 || !a.Begin.Equal(time.Unix(4, 0))) {
			t.Fatalf("got %+v", a)
		}
		if j, err = openJournal(path); err != nil {
			t.Fatal(err)
		}
		if again, err := j.read(); err != nil || again.whole != s.whole {
			t.Fatalf("cut at %d: %+v, %v", cut, again, err)
		}
		again := journalEntry{Format: journalFormat, World: 1}
		if err := j.append(again); err != nil {
			t.Fatal(err)
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		if s, err = readJournal(path); err != nil || s.world != 1 || s.done("a") != (lines >= 5) {
			t.Fatalf("cut at %d, after it went on: %+v, %v", cut, s, err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"{\"format\":\"deeprc journal 9\"}\n", ":1: its format is \"deeprc journal 9\""},
		{"{\"task\":\"a\"}\n{}\n", ":1: its format is \"\""},
		{"{\"format\":\"deeprc journal 1\"}\nnonsense\n{\"task\":\"a\"}\n", ":2: invalid character"},
		{"{\"format\":\"deeprc journal 1\"}\n" + strings.Repeat(" ", maxJournalLine+1), ":2: a line of more than 16777216 bytes"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := readJournal(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestRankList(t *testing.T) {
	for want, ranks := range map[string][]int{"": nil, "3": {3}, "0-3,6,8-9": {0, 1, 2, 3, 6, 8, 9}} {
		if got := rankList(ranks); got != want {
			t.Errorf("%v: %s", ranks, got)
		}
	}
}
