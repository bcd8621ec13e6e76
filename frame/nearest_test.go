package frame

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	among := []string{"date", "HUFL", "HULL", "lookback", "horizon", "Größe", strings.Repeat("x", 300)}
	for word, want := range map[string]string{
		"hufl": "HUFL", "HUFF": "HUFL", "dat": "date", "lokback": "lookback", "horizont": "horizon", "Grösse": "Größe",
		"zzz": "", "": "", "temperature": "", "q": "", strings.Repeat("x", 301): "",
	} {
		got, ok := Nearest(word, among)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", word, got, ok, want)
		}
	}
}

func TestList(t *testing.T) {
	if got := list([]string{"a", "", "b c", strings.Repeat("ä", 30)}); got != `a, "", "b c", "`+strings.Repeat("ä", 20)+`"…` {
		t.Error(got)
	}
	if got := list(make([]string, 25)); !strings.HasSuffix(got, ", … (25 in all)") {
		t.Error(got)
	}
}
