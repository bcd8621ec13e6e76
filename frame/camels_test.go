package frame

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"deeprc/collective"
)

// testData is a folder of data that is not in the repository.
func testData(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("DEEPRC_DATA")
	if dir == "" {
		t.Skipf("DEEPRC_DATA names no folder with %s", name)
	}
	return filepath.Join(dir, name)
}

const (
	forcingText = "  44.82\n 133.00\n 1000000\nYear Mnth Day Hr\tPRCP(mm/day)\ttmax(C)\n" +
		"2000 02 28 12\t1.5\t-2.0\n2000 2 29 12\t0\tNaN\r\n2000 03 01 12 2.25 3\n"
	flowText = "00000001 2000 02 27    99.00 A\n00000001 2000 02 28     1.00 A:e\n00000001 2000 03 01  -999.00 M\n00000001 2000 03 02     4.00 A\n"
)

// writeCAMELS makes a folder in the layout of CAMELS-US of two basins, with changes.
func writeCAMELS(t testing.TB, changes map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"basin_mean_forcing/daymet/01/00000001_lump_cida_forcing_leap.txt": forcingText,
		"basin_mean_forcing/daymet/02/00000002_lump_cida_forcing_leap.txt": strings.Replace(forcingText, "PRCP", "prcp", 1),
		"usgs_streamflow/01/00000001_streamflow_qc.txt":                    flowText,
		"usgs_streamflow/02/00000002_streamflow_qc.txt":                    strings.ReplaceAll(flowText, "00000001", "00000002"),
		"camels_attributes_v2.0/camels_a.txt":                              "gauge_id;huc_02;x\n00000002;01;2.5\n00000001;02;NA\n",
		"camels_attributes_v2.0/camels_b.txt":                              "gauge_id;name\n00000001;one\n00000002;  two\n",
		"camels_attributes_v2.0/readme.txt":                                "no data",
	}
	for name, text := range changes {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readBasins(o CAMELSOptions, dir string) func(c collective.Comm, m *Memory) (*Table, error) {
	return func(c collective.Comm, m *Memory) (*Table, error) {
		o := o
		o.Memory = m
		tab, stats, err := ReadCAMELS(c, dir, o)
		if err == nil && int(stats.Rows) != tab.NumRows() {
			return nil, fmt.Errorf("%d rows, stats say %d", tab.NumRows(), stats.Rows)
		}
		return tab, err
	}
}

func TestReadCAMELS(t *testing.T) {
	dir := writeCAMELS(t, nil)
	for _, n := range ranksOfTest {
		var names []string
		read := readBasins(CAMELSOptions{Forcing: "daymet"}, dir)
		got, _, err := readRows(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
			tab, err := read(c, m)
			if err == nil && c.Rank() == 0 {
				names = tab.Names()
			}
			return tab, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"basin", "date", "PRCP(mm/day)", "tmax(C)", "QObs(mm/d)"}; !slices.Equal(names, want) {
			t.Errorf("columns %v, want %v", names, want)
		}
		// 0.3048³ m³/s · 86400 s / 10⁶ m² = 2.446575546 mm
		want := []string{"00000001 | 2000-02-28 | 1.5 | -2 | 2.4465755455487996", "00000001 | 2000-02-29 | 0 | (null) | (null)", "00000001 | 2000-03-01 | 2.25 | 3 | (null)"}
		for _, w := range want[:3:3] {
			want = append(want, strings.Replace(w, "00000001", "00000002", 1))
		}
		same(t, fmt.Sprintf("%d ranks", n), got, want)
		got, _, err = readRows(t, n, readBasins(CAMELSOptions{Forcing: "daymet", Basins: []string{"00000002", "00000001"}}, dir))
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("%d ranks, given order", n), got, append(want[3:6:6], want[:3]...))
	}
}

func TestReadCAMELSErrors(t *testing.T) {
	const f1, q1 = "basin_mean_forcing/daymet/01/00000001_lump_cida_forcing_leap.txt", "usgs_streamflow/01/00000001_streamflow_qc.txt"
	const f2 = "basin_mean_forcing/daymet/02/00000002_lump_cida_forcing_leap.txt"
	change := func(text, old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in %q", old, text)
		}
		return strings.Replace(text, old, new, 1)
	}
	for _, e := range []struct {
		name    string
		o       CAMELSOptions
		changes map[string]string
		want    string
	}{
		{"product", CAMELSOptions{Forcing: "dayment"}, nil, `DIR/basin_mean_forcing: no forcing "dayment"; did you mean "daymet"?; there are daymet`},
		{"basin", CAMELSOptions{Basins: []string{"00000003"}}, nil, `DIR/basin_mean_forcing/daymet: no file of basin "00000003"; did you mean "00000001"?`},
		{"twice", CAMELSOptions{Basins: []string{"00000001", "00000001"}}, nil, `basin "00000001" is asked for twice`},
		{"two files", CAMELSOptions{}, map[string]string{"basin_mean_forcing/daymet/00000001_x_forcing_leap.txt": forcingText},
			`DIR/basin_mean_forcing/daymet/00000001_x_forcing_leap.txt and DIR/` + f1 + ` are both of basin 00000001; remove one`},
		{"no flow", CAMELSOptions{}, map[string]string{"basin_mean_forcing/daymet/99_x_forcing_leap.txt": forcingText}, `DIR/usgs_streamflow: no file of basin "99"`},
		{"short", CAMELSOptions{}, map[string]string{f1: "1\n2\n"}, `DIR/` + f1 + `: ends in its header of four lines`},
		{"area", CAMELSOptions{}, map[string]string{f1: change(forcingText, "1000000", "-3")}, `DIR/` + f1 + `:3: "-3" is no area in m²`},
		{"names", CAMELSOptions{}, map[string]string{f1: change(forcingText, "Mnth", "Month")}, `DIR/` + f1 + `:4: the line is "Year Month Day Hr\tPRCP(mm/day)\ttmax(C)", want the columns' names, Year Mnth Day Hr and others`},
		{"same names", CAMELSOptions{}, map[string]string{f1: change(forcingText, "tmax(C)", "prcp(mm/day)")}, `DIR/` + f1 + `:4: two columns are named "prcp(mm/day)"`},
		{"other names", CAMELSOptions{}, map[string]string{f2: change(forcingText, "tmax", "tmin")}, `DIR/` + f2 + `:4: the columns are PRCP(mm/day), tmin(C), those of the first basin PRCP(mm/day), tmax(C)`},
		{"date", CAMELSOptions{}, map[string]string{f2: change(forcingText, "2000 2 29", "2001 2 29")}, `DIR/` + f2 + `:6: "2001 2 29" is no date of year, month and day`},
		{"order", CAMELSOptions{}, map[string]string{f2: change(forcingText, "2000 2 29", "2000 2 28")}, `DIR/` + f2 + `:6: the date is not after that of the line before`},
		{"number", CAMELSOptions{}, map[string]string{f2: change(forcingText, "2.25", "2,25")}, `DIR/` + f2 + `:7: column "PRCP(mm/day)": "2,25" is not a number`},
		{"few", CAMELSOptions{}, map[string]string{f2: change(forcingText, " 2.25 3", " 2.25")}, `DIR/` + f2 + `:7: the line ends before "tmax(C)"`},
		{"many", CAMELSOptions{}, map[string]string{f2: change(forcingText, " 2.25 3", " 2.25 3 4")}, `DIR/` + f2 + `:7: more fields than the header's 6`},
		{"flow's basin", CAMELSOptions{}, map[string]string{q1: change(flowText, "00000001 2000 03 02", "00000007 2000 03 02")}, `DIR/` + q1 + `:4: a line of basin "00000007" among those of 00000001`},
		{"flow", CAMELSOptions{}, map[string]string{q1: change(flowText, "4.00", "Ice")}, `DIR/` + q1 + `:4: column "streamflow": "Ice" is not a number`},
		{"flow's order", CAMELSOptions{}, map[string]string{q1: change(flowText, "2000 03 02", "2000 03 01")}, `DIR/` + q1 + `:4: the date is not after that of the line before`},
	} {
		dir := writeCAMELS(t, e.changes)
		if e.o.Forcing == "" {
			e.o.Forcing = "daymet"
		}
		want := "frame: read CAMELS-US: " + strings.ReplaceAll(e.want, "DIR", dir)
		for _, n := range []int{1, 3} {
			if _, _, err := readRows(t, n, readBasins(e.o, dir)); text(err) != want {
				t.Errorf("%s, %d ranks:\n got %s\nwant %s", e.name, n, text(err), want)
			}
		}
	}
}

func TestReadCAMELSAttributes(t *testing.T) {
	dir := writeCAMELS(t, nil)
	read := func(dir string, basins ...string) func(c collective.Comm, m *Memory) (*Table, error) {
		return func(c collective.Comm, m *Memory) (*Table, error) {
			return ReadCAMELSAttributes(c, dir, CAMELSOptions{Basins: basins, Memory: m})
		}
	}
	for _, n := range ranksOfTest {
		want := []string{"00000001 | 02 | (null) | one", "00000002 | 01 | 2.5 |   two"}
		got, _, err := readRows(t, n, read(dir))
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("%d ranks", n), got, want)
		if got, _, err = readRows(t, n, read(dir, "00000002")); err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("%d ranks, one basin", n), got, want[1:])
	}
	const b = "camels_attributes_v2.0/camels_b.txt"
	for _, e := range []struct{ text, want string }{
		{"gauge_id;name\n00000001;one\n", `DIR/` + b + `: no line of basin "00000002"; did you mean "00000001"?`},
		{"gauge_id;name\n00000001;one\n00000001;one\n", `DIR/` + b + `: two lines are of basin "00000001"`},
		{"gauge_id;name\n00000001;one\n00000002;one\n3;x\n", `DIR/` + b + `: has 3 basins, but DIR/camels_attributes_v2.0/camels_a.txt has 2; name the basins to read`},
		{"gauge_id;x\n00000001;1\n00000002;2\n", `DIR/` + b + `: its column "x" is in DIR/camels_attributes_v2.0/camels_a.txt too`},
		{"gauge;name\n00000001;1\n", `DIR/` + b + `: no column "gauge_id"; did you mean "gauge"?; columns: gauge, name`},
	} {
		dir := writeCAMELS(t, map[string]string{b: e.text})
		_, _, err := readRows(t, 3, read(dir))
		if want := "frame: read CAMELS-US attributes: " + strings.ReplaceAll(e.want, "DIR", dir); text(err) != want {
			t.Errorf("got %s\nwant %s", text(err), want)
		}
	}
}

// The numbers are from a Python script over the files of NeuralHydrology's tests.
func TestReadCAMELSReal(t *testing.T) {
	dir := filepath.Join(testData(t, "nh_camels_us_test"), "camels_us")
	for _, e := range []struct {
		forcing    string
		prcp       string
		rows       int
		nulls      int     // of basin 01022500
		sumP, sumQ float64 // of basins 01022500 and 03015500
	}{
		{"daymet", "prcp(mm/day)", 365 + 4*1096, 365, 4723.56 + 3590.24, 1665.4129311740123 + 1639.957411573452},
		{"maurer", "PRCP(mm/day)", 4 * 1096, 0, 0, 0},
		{"maurer_extended", "prcp(mm/day)", 4 * 1096, 0, 0, 0},
		{"nldas", "PRCP(mm/day)", 4 * 1096, 0, 2754.67 + 2821.91, 1665.4129311740123 + 1639.957411573452},
	} {
		for _, n := range []int{1, 3, 5} {
			sumP, sumQ, rows, nulls := make([]float64, n), make([]float64, n), make([]int, n), make([]int, n)
			err := collective.RunLocal(n, func(c collective.Comm) error {
				tab, err := readBasins(CAMELSOptions{Forcing: e.forcing}, dir)(c, checked(t))
				if err != nil {
					return err
				}
				defer tab.Release()
				ids, _ := tab.Strings("basin")
				q, _ := tab.Float64s(FlowColumn)
				p, err := tab.Float64s(e.prcp)
				r := c.Rank()
				rows[r] = len(ids)
				for i, id := range ids {
					if id != "01022500" && id != "03015500" {
						continue
					}
					sumP[r] += p[i]
					if math.IsNaN(q[i]) {
						nulls[r]++
					} else {
						sumQ[r] += q[i]
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			sum := func(v []float64) (s float64) {
				for _, x := range v {
					s += x
				}
				return s
			}
			count := func(v []int) (s int) {
				for _, x := range v {
					s += x
				}
				return s
			}
			if e.sumP > 0 && (math.Abs(sum(sumP)-e.sumP) > 1e-6 || math.Abs(sum(sumQ)-e.sumQ) > 1e-9) {
				t.Errorf("%s on %d ranks: sums %.12g and %.12g, want %.12g and %.12g", e.forcing, n, sum(sumP), sum(sumQ), e.sumP, e.sumQ)
			}
			if count(rows) != e.rows || count(nulls) != e.nulls {
				t.Errorf("%s on %d ranks: %d rows, want %d; %d without streamflow, want %d", e.forcing, n, count(rows), e.rows, count(nulls), e.nulls)
			}
		}
	}
	for _, n := range []int{1, 3} {
		got, counts, err := readRows(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
			return ReadCAMELSAttributes(c, dir, CAMELSOptions{Memory: m})
		})
		if err != nil || len(got) != 671 || !strings.HasPrefix(got[0], "01013500 | 3.12667898699521 | 1.97155451060917 | ") || strings.Count(got[0], " | ") != 11+7+13+2+11+6+9 {
			t.Fatalf("%v: %d basins on ranks %v, first %q", err, len(got), counts, got[0])
		}
	}
}

// FuzzForcing: any text is days in order or an error that names the file.
func FuzzForcing(f *testing.F) {
	f.Add([]byte(forcingText), []byte(flowText))
	f.Add([]byte("1\n2\n3\nYear\tMnth\tDay\tHr\tx\n2000\t1\t1\t12\t"), []byte("00000001 1 1 1 1"))
	f.Fuzz(func(t *testing.T, text, flow []byte) {
		fo, err := newForcing("FILE", text)
		var days []int32
		if err == nil {
			cells := make([][]float64, len(fo.names))
			days, err = fo.read(nil, cells)
			for i := range cells {
				if err == nil && len(cells[i]) != len(days) {
					t.Fatalf("%d days, %d cells", len(days), len(cells[i]))
				}
			}
		}
		if err != nil && !strings.HasPrefix(err.Error(), "FILE:") {
			t.Fatalf("error %v", err)
		}
		if !slices.IsSorted(days) {
			t.Fatalf("days %v", days)
		}
		if _, err := readFlow("FILE", flow, "00000001", days); err != nil && !strings.HasPrefix(err.Error(), "FILE:") {
			t.Fatalf("error %v", err)
		}
	})
}
