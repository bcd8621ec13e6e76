package frame

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"deeprc/collective"
)

// FuzzReadCSV: two ranks and one return the same table, or the same error unless
// quotes are wrong, for then the ranks behind such a quote sample other cells.
func FuzzReadCSV(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add([]byte(randomCSV(r)))
	}
	for _, e := range badFiles {
		f.Add([]byte(e.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "t.csv")
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		one, err1 := readWhole(t, path, 1, CSVOptions{})
		two, err2 := readWhole(t, path, 2, CSVOptions{})
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("one rank: %v; two ranks: %v", err1, err2)
		}
		if err1 != nil {
			var re *collective.RankError
			if !errors.As(err2, &re) {
				t.Fatalf("two ranks: %v is no RankError", err2)
			}
			if re.Text != err1.Error() && !quotesWrong(text) {
				t.Fatalf("one rank: %v; two ranks: %s", err1, re.Text)
			}
			if !strings.HasPrefix(err1.Error(), path) {
				t.Fatalf("error without the file: %v", err1)
			}
			return
		}
		if !slices.Equal(one.types, two.types) || len(one.rows) != len(two.rows) {
			t.Fatalf("one rank: %d rows of %v; two ranks: %d rows of %v", len(one.rows), one.types, len(two.rows), two.types)
		}
		for i := range one.rows {
			if !slices.Equal(one.rows[i], two.rows[i]) {
				t.Fatalf("row %d: %q on one rank, %q on two", i, one.rows[i], two.rows[i])
			}
		}
	})
}

// quotesWrong reports whether the records behind the header break the rules of quotes.
func quotesWrong(text []byte) bool {
	h, err := parseHeader("", headerOf(text), &CSVOptions{})
	if err != nil {
		return false
	}
	s := scanner{b: text[h.start:]}
	s.setComma(h.comma)
	for s.more() {
		for last := false; !last; {
			if _, last, err = s.field(); err != nil {
				return true
			}
		}
	}
	return false
}

func headerOf(text []byte) []byte {
	s := scanner{b: text}
	s.skipMark()
	if s.more() {
		if n, _ := recordEnd(text[s.pos:], false); n > 0 {
			return text[:s.pos+n]
		}
	}
	return text
}

func BenchmarkReadCSV(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	var t strings.Builder
	t.WriteString("date,a,b,c,d,e,f,g\n")
	for i := range 100_000 {
		fmt.Fprintf(&t, "2016-%02d-%02d %02d:00:00", i/28%12+1, i%28+1, i%24)
		for range 7 {
			t.WriteByte(',')
			t.WriteString(strconv.FormatFloat(r.NormFloat64(), 'f', -1, 64))
		}
		t.WriteByte('\n')
	}
	path := writeFile(b, "t.csv", t.String())
	b.SetBytes(int64(t.Len()))
	for b.Loop() {
		err := collective.RunLocal(1, func(c collective.Comm) error {
			tab, _, err := ReadCSV(c, path, CSVOptions{})
			if err == nil {
				tab.Release()
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
