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

// camelsUS is the four basins of NeuralHydrology's tests, or skips the test.
func camelsUS(t *testing.T) string {
	data := os.Getenv("DEEPRC_TEST_DATA")
	if data == "" {
		t.Skip("DEEPRC_TEST_DATA names no folder with nh_camels_us_test/camels_us")
	}
	return filepath.Join(data, "nh_camels_us_test", "camels_us")
}

func TestReadCAMELSFourBasins(t *testing.T) {
	dir := camelsUS(t)
	lower := "dayl(s), prcp(mm/day), srad(W/m2), swe(mm), tmax(C), tmin(C), vp(Pa)"
	upper := "Dayl(s), PRCP(mm/day), SRAD(W/m2), SWE(mm), Tmax(C), Tmin(C), Vp(Pa)"
	for _, p := range []struct {
		forcing, names, first string
		rows                  int
	}{ // the first row of 01022500 as its file has it
		{"daymet", lower, "31185.97|0|189.56|0|-2.36|-14.36|202.51", 4*1096 + 365},
		{"maurer", upper, "31185.94|0|233.66|0|-8.49|-8.49|192.89", 4 * 1096},
		{"maurer_extended", lower, "31185.94|0|233.66|0|-2.09|-14.99|192.89", 4 * 1096},
		{"nldas", upper, "31185.94|0|189.6|0|-6.44|-6.44|310.74", 4 * 1096},
	} {
		var one []string
		for _, n := range []int{1, 2, 3, 5} {
			rows, columns, err := readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
				tab, _, err := ReadCAMELS(c, dir, CAMELSOptions{Forcing: p.forcing, Memory: m})
				return tab, err
			})
			if err != nil {
				t.Fatal(err)
			}
			want := "basin large_utf8, date date32, " + strings.ReplaceAll(p.names, ",", " float64,") + " float64, QObs(mm/d) float64"
			if columns != want || len(rows) != p.rows {
				t.Errorf("%s on %d ranks: %d rows of %s\nwant %d of %s", p.forcing, n, len(rows), columns, p.rows, want)
			}
			if one == nil {
				one = rows
			} else if !slices.Equal(rows, one) {
				t.Errorf("%s: %d ranks read other rows than one", p.forcing, n)
			}
		}
		var q float64
		cells := strings.Split(one[0], "|")
		if _, err := fmt.Sscan(cells[9], &q); err != nil {
			t.Fatal(err)
		}
		// 255 ft³/s on 587.675987 km²: 255 · 0.028316846592 m³ · 86400 / 587675987 m² = 1.06161… mm/d
		if got := strings.Join(cells[:9], "|"); got != "01022500|2000-01-01|"+p.first || math.Abs(q-255*0.028316846592*86400/587675.987) > 1e-12 {
			t.Errorf("%s: first row %s", p.forcing, one[0])
		}
		last := slices.IndexFunc(one, func(s string) bool { return strings.HasPrefix(s, "01547700") }) - 1
		if p.forcing == "daymet" { // its forcing goes on for a year behind the streamflow
			if last != 1460 || !strings.HasPrefix(one[last], "01022500|2003-12-31|") || !strings.HasSuffix(one[last], "|(null)") {
				t.Errorf("last row of the first basin is %d, %s", last, one[last])
			}
		}
	}
}

func TestReadCAMELSAttributes(t *testing.T) {
	dir := camelsUS(t)
	var one []string
	for _, n := range []int{1, 2, 3, 5} {
		rows, columns, err := readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
			return ReadCAMELSAttributes(c, dir, nil, m)
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != 671 || strings.Count(columns, ",") != 60-1 || !strings.Contains(columns, "huc_02 large_utf8") || !strings.Contains(columns, "root_depth_50 float64") {
			t.Errorf("%d rows, %d columns: %s", len(rows), strings.Count(columns, ",")+1, columns)
		}
		if !strings.HasPrefix(rows[0], "01013500|3.12667898699521|") || !strings.Contains(rows[0], "|01|Fish River near Fort Kent, Maine|") {
			t.Errorf("first row %s", rows[0])
		}
		if one == nil {
			one = rows
		} else if !slices.Equal(rows, one) {
			t.Errorf("%d ranks read other rows than one", n)
		}
		some, _, err := readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
			return ReadCAMELSAttributes(c, dir, []string{"03015500", "01022500"}, m)
		})
		if err != nil || len(some) != 2 || !strings.HasPrefix(some[0], "01022500|") || !slices.Contains(one, some[1]) {
			t.Errorf("%d ranks: two basins: %v, %d rows", n, err, len(some))
		}
		_, _, err = readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
			return ReadCAMELSAttributes(c, dir, []string{"03015500", "01022501"}, m)
		})
		if want := fmt.Sprintf(`frame: read CAMELS attributes: %s: no attributes of basin "01022501"`, dir); text(err) != want {
			t.Errorf("got %s\nwant %s", text(err), want)
		}
	}
}

func TestReadCAMELSErrors(t *testing.T) {
	const head = "  44.82\n 133.00\n 1000000\nYear Mnth Day Hr\tprcp(mm/day)\ttmax(C)\n"
	const flow = "01022500 2000 01 01   255.00 A:e\n01022500 2000 01 03  -999.00 M\n\n"
	const good = head + "2000 01 01 12\t1.5\t-2\n2000 1 2 12 0 1\r\n2000 01 03 12\t0\t1"
	const F, Q = "basin_mean_forcing/daymet/01/01022500_lump_cida_forcing_leap.txt", "usgs_streamflow/01/01022500_streamflow_qc.txt"
	for _, c := range []struct{ name, forcing, flow, want string }{
		{"good", good, flow, ""},
		{"no records", head, "", ""},
		{"short", "1\n2\n", flow, "F: has 2 lines: want latitude, elevation, area, names, and a line a day"},
		{"area", strings.Replace(good, "1000000", "0", 1), flow, `F:3: "0" is not the basin's area in m²`},
		{"names", strings.Replace(good, "Mnth", "Moon", 1), flow, `F:4: "Year Moon Day Hr\tprcp(mm/day)\ttmax(C)" are not the names Year, Mnth, Day, Hr and those of forcings`},
		{"same names", strings.Replace(good, "tmax(C)", "prcp(mm/day)", 1), flow, `F:4: two columns are named "prcp(mm/day)"`},
		{"date", strings.Replace(good, "2000 1 2", "2000 2 30", 1), flow, `F:6: "2000 2 30" is not a date: want year, month and day`},
		{"order", strings.Replace(good, "2000 1 2", "2000 1 1", 1), flow, `F:6: the date is not behind that of the line before`},
		{"cell", strings.Replace(good, "1.5", "x", 1), flow, `F:5: column "prcp(mm/day)": "x" is not a number`},
		{"few cells", strings.Replace(good, "\t-2", "", 1), flow, `F:5: column "tmax(C)": "" is not a number`},
		{"many cells", strings.Replace(good, "\t-2", "\t-2 7", 1), flow, `F:5: "7" follows the last column`},
		{"gauge", good, strings.Replace(flow, "01022500", "01022501", 1), `Q:1: gauge "01022501", in the file of 01022500`},
		{"streamflow", good, strings.Replace(flow, "255.00", "Ice", 1), `Q:1: "Ice" is not a streamflow`},
		{"order of streamflow", good, flow + flow, `Q:4: the date is not behind that of the line before`},
	} {
		dir := t.TempDir()
		write(t, dir, F, []byte(c.forcing))
		write(t, dir, Q, []byte(c.flow))
		for _, n := range []int{1, 2, 3} {
			rows, _, err := readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
				tab, _, err := ReadCAMELS(c, dir, CAMELSOptions{Forcing: "daymet", Memory: m})
				return tab, err
			})
			if want := strings.NewReplacer("F:", filepath.Join(dir, F)+":", "Q:", filepath.Join(dir, Q)+":").Replace(c.want); c.want != "" && text(err) != want {
				t.Errorf("%s: got %v\nwant %s", c.name, text(err), want)
			} else if c.want == "" && err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			// 255 ft³/s on 1 km²: 255 · 28.316846592 · 86400 / 10⁶ mm/d = 623.8767… mm/d
			if c.name == "good" && (len(rows) != 3 || !strings.HasPrefix(rows[0], "01022500|2000-01-01|1.5|-2|623.8767") || rows[1] != "01022500|2000-01-02|0|1|(null)" || rows[2] != "01022500|2000-01-03|0|1|(null)") {
				t.Errorf("rows %q", rows)
			}
		}
	}
	dir := t.TempDir()
	write(t, dir, F, []byte(good))
	write(t, dir, "basin_mean_forcing/maurer/x.txt", nil)
	write(t, dir, "usgs_streamflow/02/02000000_streamflow_qc.txt", nil)
	for _, c := range []struct {
		forcing string
		basins  []string
		want    string
	}{
		{"daymt", nil, `frame: read CAMELS: DIR/basin_mean_forcing: no forcing "daymt"; did you mean "daymet"?; there are: daymet, maurer`},
		{"maurer", nil, `frame: read CAMELS: DIR/basin_mean_forcing/maurer: no file's name is that of a basin, as 01022500_lump_cida_forcing_leap.txt`},
		{"daymet", nil, `frame: read CAMELS: DIR/usgs_streamflow: no streamflow of basin "01022500"`},
		{"daymet", []string{"1022500"}, `frame: read CAMELS: DIR/basin_mean_forcing/daymet: no forcing of basin "1022500"; did you mean 01022500?`},
	} {
		_, _, err := readOnRanks(t, 3, func(cm collective.Comm, m *Memory) (*Table, error) {
			tab, _, err := ReadCAMELS(cm, dir, CAMELSOptions{Forcing: c.forcing, Basins: c.basins, Memory: m})
			return tab, err
		})
		if want := strings.ReplaceAll(c.want, "DIR", dir); text(err) != want {
			t.Errorf("got %s\nwant %s", text(err), want)
		}
	}
}
