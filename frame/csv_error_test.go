package frame

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"deeprc/collective"
)

const ettHeader = "date,HUFL,OT\n"

// good is n rows under ettHeader.
func good(n int) string {
	return strings.Repeat("2016-07-01 00:00:00,5.827,30\n", n)
}

// badFiles are files and the error of reading them, FILE for the path.
var badFiles = []struct {
	name, text, want string
	o                CSVOptions
}{
	{"empty", "", `FILE: is empty; a header with the columns' names was expected`, CSVOptions{}},
	{"blank", "\ufeff\r\n\n", `FILE: is empty; a header with the columns' names was expected`, CSVOptions{}},
	{"short record", ettHeader + good(810) + "2016-07-01,1\n" + good(20),
		`FILE:812: 2 fields, header has 3`, CSVOptions{}},
	{"long record", ettHeader + good(3) + "2016-07-01,1,2,3\n" + good(3),
		`FILE:5: 4 fields, header has 3`, CSVOptions{}},
	{"ragged before cell", ettHeader + good(3) + "abc,1\n" + good(3),
		`FILE:5: 2 fields, header has 3`, CSVOptions{}},
	{"cell", ettHeader + good(810) + "2016-07-01,abc,2\n" + good(30),
		`FILE:812: column "HUFL": "abc" is not a number; if it marks a missing value, list it in na, with all other marks of the file`, CSVOptions{}},
	{"cell after quoted newlines", "s,v\n" + strings.Repeat("\"a\nb\",1\n", 20) + "c,x\n",
		`FILE:42: column "v": "x" is not a number; if it marks a missing value, list it in na, with all other marks of the file`, CSVOptions{}},
	{"first of two", ettHeader + good(3) + "2016-07-01,abc,2\n" + good(30) + "2016-07-01,1,def\n",
		`FILE:5: column "HUFL": "abc" is not a number; if it marks a missing value, list it in na, with all other marks of the file`, CSVOptions{}},
	{"time", ettHeader + good(2) + "2016-13-01,1,2\n" + good(2),
		`FILE:4: column "date": "2016-13-01" is not a time such as 2016-07-01 00:00:00; if it marks a missing value, list it in na, with all other marks of the file`, CSVOptions{}},
	{"infinity", ettHeader + good(2) + "2016-12-01,-inf,2\n" + good(2),
		`FILE:4: column "HUFL": "-inf" is not a finite number; if it marks a missing value, list it in na, with all other marks of the file`, CSVOptions{}},
	{"declared integer", "a\n1\n2.5\n",
		`FILE:3: column "a": "2.5" is not a whole number of 64 bits; if it marks a missing value, list it in na, with all other marks of the file`, CSVOptions{Types: map[string]Type{"a": Int64}}},
	{"declared number", "a\nx\ny\n",
		`FILE:2: column "a": "x" is not a number; if it marks a missing value, list it in na, with all other marks of the file`, CSVOptions{Types: map[string]Type{"a": Float64}}},
	{"value after an empty sample", "a,b\n" + strings.Repeat("1,\n", 9000) + "1,x\n",
		`FILE:9002: column "b": "x" is not a number; if it marks a missing value, list it in na, with all other marks of the file; the column had no value in the first 1000 records of any rank and was taken for numbers, so declare its type if it is none, as in types = ["b: string"]`, CSVOptions{}},
	{"open quote", ettHeader + good(2) + "\"2016-12-01,1,2\n" + good(30),
		`FILE:4: column "date": the quote that opens here is never closed`, CSVOptions{}},
	{"bare quote", ettHeader + good(2) + "2016-12-01,5\" pipe,2\n" + good(30),
		`FILE:4: column "HUFL": a quote stands inside a field; quote the whole field and write the quote twice`, CSVOptions{}},
	{"text after quote", ettHeader + good(2) + "2016-12-01,\"5\"x,2\n" + good(30),
		`FILE:4: column "HUFL": text follows a closing quote; a quote inside a quoted field is written twice`, CSVOptions{}},
	{"open quote in header", "a,\"b\n1,2\n",
		`FILE:1: header: the quote that opens here is never closed`, CSVOptions{}},
	{"NUL", ettHeader + good(5) + "2016\x00,1,2\n",
		`FILE:7: holds a NUL byte: this is a binary or UTF-16 file, not CSV in UTF-8`, CSVOptions{}},
	{"NUL in header", "a\x00b\n1\n",
		`FILE:1: holds a NUL byte: this is a binary or UTF-16 file, not CSV in UTF-8`, CSVOptions{}},
	{"gzip", "\x1f\x8b\x08\x00abc", `FILE: gzip: the file is cut short`, CSVOptions{}},
	{"zstd", "\x28\xb5\x2f\xfdabc", `FILE: zstd: the file is cut short`, CSVOptions{}},
	{"parquet", "PAR1abc", `FILE: is a Parquet file, not CSV`, CSVOptions{}},
	{"old Mac", "a,b\r1,2\r3,4\r",
		`FILE:1: lines end in a bare carriage return; convert them, for example with tr '\r' '\n'`, CSVOptions{}},
	{"latin-1", "a,b\n1,x\n2,K\xf6ln\n",
		`FILE:3: column "b": "K\xf6ln" is not UTF-8 text; convert the file, for example with iconv -f latin1 -t utf8`, CSVOptions{}},
	{"duplicate", "\na,b, a\n1,2,3\n", `FILE:2: columns 1 and 3 are both named "a"`, CSVOptions{}},
	{"missing column", ettHeader + good(1),
		`FILE: no column "HUFF"; did you mean "HUFL"?; columns: date, HUFL, OT`, CSVOptions{Columns: []string{"OT", "HUFF"}}},
	{"missing column, nothing near", ettHeader + good(1),
		`FILE: no column "temperature"; columns: date, HUFL, OT`, CSVOptions{Types: map[string]Type{"temperature": Float64}}},
	{"asked twice", ettHeader + good(1),
		`FILE: column "OT" is asked for twice`, CSVOptions{Columns: []string{"OT", "OT"}}},
	{"bad separator", ettHeader + good(1), `FILE: fields cannot be separated by '-'`, CSVOptions{Comma: '-'}},
}

func TestReadCSVErrors(t *testing.T) {
	for _, e := range badFiles {
		t.Run(e.name, func(t *testing.T) {
			path := writeFile(t, "ETTh1.csv", e.text)
			want := strings.ReplaceAll(e.want, "FILE", path)
			for _, n := range rankCounts {
				errs := make([]error, n)
				collective.RunLocal(n, func(c collective.Comm) error {
					_, _, errs[c.Rank()] = ReadCSV(c, path, e.o)
					return nil
				})
				for r, err := range errs {
					if got := text(err); got != want {
						t.Errorf("%d ranks, rank %d:\n got %s\nwant %s", n, r, got, want)
					}
				}
			}
		})
	}
}

// text is what the failing rank reported.
func text(err error) string {
	var re *collective.RankError
	if errors.As(err, &re) {
		return re.Text
	}
	return fmt.Sprint(err)
}

func TestReadCSVNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ETTh1.csv"), []byte("a\n1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"ETTh2.csv": "DIR/ETTh2.csv: no such file or directory; did you mean DIR/ETTh1.csv?",
		"x":         "DIR/x: no such file or directory",
		"no/a.csv":  "DIR/no/a.csv: no such file or directory; nor is there a folder DIR/no that can be listed",
		".":         "DIR: is a folder, not a CSV file",
	} {
		want := strings.ReplaceAll(want, "DIR", dir)
		for _, n := range []int{1, 3} {
			_, err := readWhole(t, filepath.Join(dir, path), n, CSVOptions{})
			if text(err) != want {
				t.Errorf("%d ranks: got %s\nwant %s", n, text(err), want)
			}
			if path != "." && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v is not fs.ErrNotExist", err)
			}
		}
	}
}

// A record that starts in a range but does not end within maxTail is not read to
// the end of a huge file.
func TestReadCSVLongRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 200 MiB")
	}
	path := writeFile(t, "long.csv", "a,b\n1,\"x\n")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	mib := []byte(strings.Repeat("y", 1<<20-1) + "\n")
	for range 200 {
		if _, err := f.Write(mib); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var read int64
	err = collective.RunLocal(4, func(c collective.Comm) error {
		o := CSVOptions{Memory: checked(t)}
		h, err := shareHeader(c, path, &o)
		if err != nil {
			return err
		}
		plan, err := examine(c, "read CSV", "CSV", []string{path}, true, func(f *inputFile) (int64, int, error) {
			return h.start, h.lines, nil
		})
		if err != nil {
			return err
		}
		s := &textSource{m: o.Memory, plan: plan, format: "CSV", quotes: true}
		defer s.close()
		err = s.load(c, "read CSV")
		if c.Rank() == 0 && err == nil {
			read = s.read
			if ok, err := s.more(); !ok || err != nil || !s.next.cut {
				t.Error("the record is not cut")
			}
		}
		return err
	})
	if err != nil || read > 60<<20+maxTail {
		t.Errorf("rank 0 read %d bytes of 200 MiB, error %v", read, err)
	}
	_, err = readWhole(t, path, 4, CSVOptions{})
	if want := path + `:2: column "b": the quote that opens here is never closed`; text(err) != want {
		t.Errorf("got %s\nwant %s", text(err), want)
	}
}
