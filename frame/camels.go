package frame

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// CAMELSOptions says what [ReadCAMELS] reads. All ranks pass the same.
type CAMELSOptions struct {
	// Basins are the gauges to read, in this order, by their numbers of eight digits; none
	// means all that have a forcing, by number.
	Basins []string
	// Forcing is the product, a folder of basin_mean_forcing: daymet, maurer,
	// maurer_extended, nldas or nldas_extended.
	Forcing string
	// Memory is where the table will live; nil means no limit.
	Memory *Memory
}

var (
	forcingFile    = regexp.MustCompile(`^([0-9]{8})_lump_[a-z_]+_forcing_leap\.txt$`)
	streamflowFile = regexp.MustCompile(`^([0-9]{8})_streamflow_qc\.txt$`)
)

// ReadCAMELS reads the daily series of CAMELS-US in its original layout (Newman et al.
// 2015, doi:10.5194/hess-19-209-2015) into a distributed table; collective. Dir is the folder
// with basin_mean_forcing and usgs_streamflow. Of n ranks each reads one n-th of the basins.
//
// The columns are basin, the gauge's number as text; date; the forcings as float64 under
// the names of the files, as prcp(mm/day); and QObs(mm/d), the streamflow of that date, divided by
// the area that stands in the forcing's third line. Rows are the dates of the forcing. A streamflow
// that is negative (-999) or has no line is missing, as in NeuralHydrology.
//
// Errors name file, line and column; all ranks return the error of the lowest rank that met one.
func ReadCAMELS(c collective.Comm, dir string, o CAMELSOptions) (*Table, ReadStats, error) {
	const what = "read CAMELS"
	var files []string // basin, forcing and streamflow of each, one after another
	var err error
	if c.Rank() == 0 {
		files, err = camelsFiles(dir, o)
		err = wrap(what, err)
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	joined, err := collective.BroadcastBytes(c, []byte(strings.Join(files, "\x00")), 0)
	if err != nil {
		return nil, ReadStats{}, fmt.Errorf("frame: %s: list files: %w", what, err)
	}
	files = strings.Split(string(joined), "\x00")
	s := newBasinSeries(o.Memory)
	defer s.release()
	lo, hi := collective.Share(len(files)/3, c.Rank(), c.Size())
	if c.Rank() == 0 {
		err = s.readNames(files[1])
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	names, err := collective.BroadcastBytes(c, []byte(strings.Join(s.names, "\x00")), 0)
	if err != nil {
		return nil, ReadStats{}, fmt.Errorf("frame: %s: compare columns: %w", what, err)
	}
	s.setNames(files[1], strings.Split(string(names), "\x00"))
	for i := lo; i < hi && err == nil; i++ {
		err = s.read(files[3*i], files[3*i+1], files[3*i+2])
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	t := s.table()
	return t, ReadStats{Bytes: s.bytes, Rows: int64(t.rows)}, nil
}

// camelsFiles is, for each basin, its number and the paths of its forcing and streamflow.
func camelsFiles(dir string, o CAMELSOptions) ([]string, error) {
	products := filepath.Join(dir, "basin_mean_forcing")
	names, err := folders(products)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, o.Forcing) {
		msg := "no forcing " + quote(o.Forcing)
		if n, ok := Nearest(o.Forcing, names); ok {
			msg += "; did you mean " + quote(n) + "?"
		}
		return nil, fmt.Errorf("%s: %s; there are: %s", products, msg, list(names))
	}
	forcing, err := basinFiles(filepath.Join(products, o.Forcing), forcingFile)
	if err != nil {
		return nil, err
	}
	flow, err := basinFiles(filepath.Join(dir, "usgs_streamflow"), streamflowFile)
	if err != nil {
		return nil, err
	}
	known := sortedKeys(forcing)
	basins := o.Basins
	if len(basins) == 0 {
		basins = known
	}
	var files []string
	for i, b := range basins {
		switch {
		case slices.Contains(basins[:i], b):
			return nil, fmt.Errorf("basin %s is asked for twice", quote(b))
		case forcing[b] == "":
			near := ""
			if n, ok := Nearest(b, known); ok {
				near = "; did you mean " + n + "?"
			}
			return nil, fmt.Errorf("%s: no forcing of basin %s%s", filepath.Join(products, o.Forcing), quote(b), near)
		case flow[b] == "":
			return nil, fmt.Errorf("%s: no streamflow of basin %s", filepath.Join(dir, "usgs_streamflow"), quote(b))
		}
		files = append(files, b, forcing[b], flow[b])
	}
	return files, nil
}

// folders is the names of the folders in dir.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, openError(dir, err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// basinFiles is the files below dir by the basin that their names begin with.
func basinFiles(dir string, name *regexp.Regexp) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return openError(path, err)
			}
			return fmt.Errorf("%s: %w", path, bare(err))
		}
		if m := name.FindStringSubmatch(d.Name()); m != nil && !d.IsDir() {
			if other := files[m[1]]; other != "" {
				return fmt.Errorf("basin %s has two files, %s and %s", m[1], other, path)
			}
			files[m[1]] = path
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no file's name is that of a basin, as %s", dir, strings.NewReplacer("^([0-9]{8})", "01022500", "[a-z_]+", "cida", `\.`, ".", "$", "").Replace(name.String()))
	}
	return files, err
}

// ReadCAMELSAttributes reads the static attributes of CAMELS-US (Addor et al. 2017,
// doi:10.5194/hess-21-5293-2017), the files camels_*.txt of dir/camels_attributes_v2.0,
// into a distributed table; collective. It has a row for each gauge, by number, and the columns
// of all files: gauge_id and huc_02, which are text, and the others as [ReadCSV] finds them.
// Basins are the gauges to keep, none means all.
func ReadCAMELSAttributes(c collective.Comm, dir string, basins []string, m *Memory) (*Table, error) {
	const what = "read CAMELS attributes"
	files, err := listFiles(c, what, []string{filepath.Join(dir, "camels_attributes_v2.0", "camels_*.txt")})
	if err != nil {
		return nil, err
	}
	var all *Table
	for _, path := range files {
		t, err := readAttributes(c, path, m)
		if err != nil {
			if all != nil {
				all.Release()
			}
			return nil, err
		}
		if all == nil {
			all = t
			continue
		}
		both, err := Join(c, all, t, JoinOptions{Kind: Full, On: []string{"gauge_id"}})
		all.Release()
		t.Release()
		if err != nil {
			return nil, err
		}
		all = both
	}
	defer func() { all.Release() }()
	if len(basins) > 0 {
		some, found, err := all.onlyBasins(basins)
		if err != nil {
			return nil, err
		}
		all.Release()
		all = some
		if err := collective.AllReduce(c, found, collective.Max); err != nil {
			return nil, fmt.Errorf("frame: %s: look for basins: %w", what, err)
		}
		if i := slices.Index(found, 0); i >= 0 {
			return nil, fmt.Errorf("frame: %s: %s: no attributes of basin %s", what, dir, quote(basins[i]))
		}
	}
	return Sort(c, all, SortKey{Column: "gauge_id"})
}

// readAttributes reads one file of attributes; collective.
func readAttributes(c collective.Comm, path string, m *Memory) (*Table, error) {
	o := CSVOptions{Comma: ';', Types: map[string]Type{}, Memory: m}
	names, err := CSVColumns(c, path, o)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, "gauge_id") {
		return nil, fmt.Errorf("%s: %s", path, noColumn("gauge_id", names))
	}
	for _, n := range []string{"gauge_id", "huc_02"} {
		if slices.Contains(names, n) {
			o.Types[n] = String
		}
	}
	t, _, err := ReadCSV(c, path, o)
	return t, err
}

// onlyBasins is the rows whose gauge_id is among basins, and 1 for each basin that is here.
func (t *Table) onlyBasins(basins []string) (_ *Table, found []uint8, err error) {
	ids, err := t.Strings("gauge_id")
	if err != nil {
		return nil, nil, err
	}
	var rows []uint32
	found = make([]uint8, len(basins))
	for i, id := range ids {
		if k := slices.Index(basins, id); k >= 0 {
			found[k] = 1
			rows = append(rows, uint32(i))
		}
	}
	cols := make([]arrow.Array, t.schema.NumFields())
	for i, a := range t.Record().Columns() {
		cols[i] = take(t.mem, a, rows)
	}
	return newTable(t.mem, t.schema.Fields(), cols, len(rows)), found, nil
}
