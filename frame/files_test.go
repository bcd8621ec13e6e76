package frame

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
)

// Files of all sizes, plain and compressed: the rows come in the order of the files, with ids
// and times, on any number of ranks.
func TestReadCSVFilesOverRanks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for trial := range 40 {
		dir := t.TempDir()
		var want []string
		for f := range 1 + r.IntN(8) {
			rows := []int{0, 1, 5, 40, 400}[r.IntN(5)]
			text := "v,s\n"
			for i := range rows {
				cell := []string{"x", "\"a\n,b\"", "NA", `"say ""so"""`}[r.IntN(4)]
				text += fmt.Sprintf("%d,%s\n", i, cell)
				cell = map[string]string{"NA": "(null)", `"say ""so"""`: `say "so"`}[cell] + strings.Trim(strings.NewReplacer("NA", "", `"say ""so"""`, "").Replace(cell), `"`)
				at := start.Add(time.Duration(i) * time.Second).Format("2006-01-02 15:04:05")
				want = append(want, fmt.Sprintf("%02d|%s|%d|%s", f, at, i, cell))
			}
			name := fmt.Sprintf("%02d_q.csv", f)
			switch r.IntN(4) {
			case 0:
				write(t, dir, name+".gz", gzipOf(t, text))
			case 1:
				write(t, dir, name+".zst", zstdOf(t, text))
			default:
				write(t, dir, name, []byte(text))
			}
		}
		o := CSVOptions{Start: start, Step: time.Second, ID: "id", IDPattern: "{id}_q.csv*", Types: map[string]Type{"v": Int64, "s": String}}
		for _, n := range []int{1, 2, 3, 5} {
			got, columns, err := readFiles(t, n, []string{dir}, o)
			if err != nil || columns != "id large_utf8, date timestamp[us], v int64, s large_utf8" {
				t.Fatalf("trial %d, %d ranks: %v: %s", trial, n, err, columns)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("trial %d, %d ranks: %d rows, want %d\n%q\n%q", trial, n, len(got), len(want), got, want)
			}
		}
	}
}

func TestReadCSVFilesErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a/1.csv", []byte("x,y\n1,2\n"))
	write(t, dir, "a/2.csv", []byte("x,z\n1,2\n"))
	write(t, dir, "b/1.csv", []byte("x,y\n1,2\n"))
	write(t, dir, "b/2.csv", []byte("x\n1\n"))
	write(t, dir, "c/1.csv", []byte("x\n1\n"))
	write(t, dir, "c/2.csv", []byte("x\n"+strings.Repeat("1\n", 2000)+"b\n"+strings.Repeat("1\n", 30)))
	write(t, dir, "c/3.csv.gz", gzipOf(t, "x\n"+strings.Repeat("1\n", 20))[:20])
	write(t, dir, "d/1.txt", nil)
	for _, c := range []struct {
		want  string
		paths []string
	}{
		{`DIR/a/2.csv: has other columns than DIR/a/1.csv: column 2 is "z", in that "y"`, []string{"a"}},
		{`DIR/b/2.csv: has other columns than DIR/b/1.csv: column "y" is missing`, []string{"b/*.csv"}},
		{`DIR/b/1.csv: has other columns than DIR/b/2.csv: column "y" is not in that`, []string{"b/2.csv", "b/1.csv"}},
		{`DIR/c/2.csv:2002: column "x": "b" is not a number; if it marks a missing value, list it in na, with all other marks of the file`, []string{"c/1.csv", "c/2.csv"}},
		{`DIR/c/3.csv.gz: gzip: the file is cut short`, []string{"c/1.csv", "c/3.csv.gz"}},
		{`frame: read CSV: DIR/d: the folder has no file that ends in .csv or .csv.gz or .csv.zst`, []string{"d"}},
		{`frame: read CSV: DIR/a/*_1.csv: no file matches; did you mean DIR/a/1.csv?`, []string{"a/*_1.csv"}},
		{`frame: read CSV: DIR/a/3.csv: no such file or directory; did you mean DIR/a/1.csv?`, []string{"a/3.csv"}},
		{`frame: read CSV: no path is given; name files, folders or patterns in paths`, nil},
	} {
		for i, p := range c.paths {
			c.paths[i] = filepath.Join(dir, p)
		}
		want := strings.ReplaceAll(c.want, "DIR", dir)
		for _, n := range []int{1, 2, 3, 5} {
			if _, _, err := readFiles(t, n, c.paths, CSVOptions{}); text(err) != want {
				t.Errorf("%d ranks:\n got %s\nwant %s", n, text(err), want)
			}
		}
	}
}

// Records cross the ends of blocks.
func TestReadCSVBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, comment := range []string{"", "#"} {
		var b strings.Builder
		b.WriteString("i,s\n")
		rows := 0
		for b.Len() < 2*blockBytes+blockBytes/2 {
			if comment != "" && r.IntN(3) == 0 {
				b.WriteString("#\"\n")
			}
			fmt.Fprintf(&b, "%d,\"%s\"\n", rows, strings.Repeat("\n#\"\"", r.IntN(300)))
			rows++
		}
		path := writeFile(t, "t.csv", b.String())
		err := collective.RunLocal(1, func(c collective.Comm) error {
			tab, stats, err := ReadCSV(c, path, CSVOptions{Comment: comment, Memory: checked(t)})
			if err != nil {
				return err
			}
			defer tab.Release()
			v, err := tab.Int64s("i")
			for i, x := range v {
				if x != int64(i) {
					t.Fatalf("row %d has number %d", i, x)
				}
			}
			if len(v) != rows || stats.Rows != int64(rows) || stats.Bytes != int64(b.Len()-len("i,s\n")) {
				t.Errorf("%d rows, want %d; %+v", len(v), rows, stats)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestIDsOf(t *testing.T) {
	for _, c := range []struct{ path, pattern, want string }{
		{"/d/01022500.csv", "", "01022500"},
		{"/d/01022500.csv.gz", "", "01022500"},
		{"/d/01022500_streamflow_qc.txt", "{id}_*.txt", "01022500"},
		{"/d/01/camels_01022500.csv", "camels_{id}.csv", "01022500"},
		{"/d/01/q.csv", "{id}/q.csv", "01"},
		{"01/q.csv", "{id}/?.csv", "01"},
		{"/d/x/a+b.csv", "*/{id}+b.csv", "a"},
		{"/d/xa.csv", "x{id}", "a.csv"},
	} {
		got, err := idsOf([]string{c.path}, c.pattern)
		if err != nil || got[0] != c.want {
			t.Errorf("%s by %q: %q, %v; want %q", c.path, c.pattern, got, err, c.want)
		}
	}
}

// caravan is the 482 basins of Caravan, unpacked, or skips the test.
func caravan(t *testing.T) string {
	data := os.Getenv("DEEPRC_DATA")
	if data == "" {
		t.Skip("DEEPRC_DATA names no folder with caravan_camels/caravan_camels_482.tar.gz")
	}
	dir := t.TempDir()
	if out, err := exec.Command("tar", "xzf", filepath.Join(data, "caravan_camels", "caravan_camels_482.tar.gz"), "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	return dir
}

func TestReadCSVFilesCaravan(t *testing.T) {
	dir := caravan(t)
	o := CSVOptions{NoHeader: true, Names: []string{"P", "T", "PET", "Q"}, ID: "gauge_id",
		Start: time.Date(1981, 1, 1, 0, 0, 0, 0, time.UTC), Step: 24 * time.Hour}
	for _, n := range []int{1, 3} {
		var rows, missing int64
		err := collective.RunLocal(n, func(c collective.Comm) error {
			o := o
			o.Memory = checked(t)
			tab, _, err := ReadCSVFiles(c, []string{filepath.Join(dir, "[0-9]*.csv")}, o)
			if err != nil {
				return err
			}
			defer tab.Release()
			q, err := tab.Column("Q")
			if err != nil {
				return err
			}
			sums := []int64{int64(tab.NumRows()), int64(q.NullN())}
			if err := collective.AllReduce(c, sums, collective.Sum); err != nil {
				return err
			}
			ids, err := tab.Strings("gauge_id")
			if err != nil {
				return err
			}
			when, err := tab.Timestamps("date")
			if err != nil {
				return err
			}
			if c.Rank() == 0 {
				rows, missing = sums[0], sums[1]
				for i := range 3 * 12418 { // each file has 12,418 days
					if ids[i] != ids[i/12418*12418] || when[i] != o.Start.UnixMicro()+int64(i%12418)*usPerDay {
						t.Fatalf("row %d is %s at %d", i, ids[i], when[i])
					}
				}
				if ids[0] != "01022500" || ids[12418] != "01031500" {
					t.Errorf("the first basins are %s and %s", ids[0], ids[12418])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if rows != 5_985_476 || fmt.Sprintf("%.2f", 100*float64(missing)/float64(rows)) != "2.09" {
			t.Errorf("%d ranks: %d rows, Q missing in %d", n, rows, missing)
		}
	}
}
