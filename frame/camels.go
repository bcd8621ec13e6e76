package frame

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// CAMELSOptions says what [ReadCAMELS] and [ReadCAMELSAttributes] read. All ranks pass the same.
type CAMELSOptions struct {
	// Basins are the gauges to read, as 01022500, in the order that the table will have;
	// none means all, in order.
	Basins []string
	// Forcing is the meteorological product: the name of a folder of basin_mean_forcing,
	// as daymet, maurer, maurer_extended, nldas or nldas_extended. Not of ReadCAMELSAttributes.
	Forcing string
	// Memory is where the table will live; nil means no limit.
	Memory *Memory
}

const (
	readCAMELS    = "read CAMELS-US"
	forcingSuffix = "_forcing_leap.txt"
	flowSuffix    = "_streamflow_qc.txt"
	// FlowColumn is the column of observed streamflow of [ReadCAMELS], as NeuralHydrology names it.
	FlowColumn = "QObs(mm/d)"
)

// camelsFiles are the two files of a basin.
type camelsFiles struct{ basin, forcing, flow string }

// ReadCAMELS reads the time series of CAMELS-US (Newman et al. 2015, doi:10.5194/hess-19-209-2015) from a
// folder in its original layout:
//
//	basin_mean_forcing/<forcing>/**/01022500_lump_*_forcing_leap.txt
//	usgs_streamflow/**/01022500_streamflow_qc.txt
//
// The table has the columns basin (text), date (date32), those of the forcing files but the
// hour, under their names there, as "prcp(mm/day)" (float64), and [FlowColumn]: the streamflow
// of the date in mm a day, 28316846.592 mm³·Q·86400 s/(A·10⁶ mm²) of Q in cubic feet a second and
// the area A in m² of the forcing file's header; missing where Q is negative, as -999 is, or has no line. The rows are those of the
// forcing files, basin by basin, like NeuralHydrology's. Each rank reads the same number of
// basins, but for one.
//
// Dates must rise within a file, and the basins' columns be the same but for letter case; those
// of the first basin give the names. Errors name file and line. Collective.
func ReadCAMELS(c collective.Comm, dir string, o CAMELSOptions) (*Table, ReadStats, error) {
	defer o.Memory.reading()()
	basins, err := shareCAMELS(c, dir, o)
	if err != nil {
		return nil, ReadStats{}, err
	}
	r := &camelsReader{mem: o.Memory}
	lo, hi := collective.Share(len(basins), c.Rank(), c.Size())
	err = r.names(basins[0].forcing)
	for i := lo; i < hi && err == nil; i++ {
		err = r.basin(basins[i])
	}
	if err := collective.Agree(c, wrap(readCAMELS, err)); err != nil {
		for _, rec := range r.recs {
			rec.Release()
		}
		return nil, ReadStats{}, err
	}
	t := (&Table{mem: o.Memory, schema: r.schema}).with(r.recs...)
	return t, ReadStats{Bytes: r.bytes, Rows: int64(t.rows)}, nil
}

// shareCAMELS finds the basins' files on rank 0 and gives them to all; collective.
func shareCAMELS(c collective.Comm, dir string, o CAMELSOptions) ([]camelsFiles, error) {
	var text []byte
	var err error
	if c.Rank() == 0 {
		var found []camelsFiles
		found, err = findCAMELS(dir, o)
		err = wrap(readCAMELS, err)
		for _, b := range found {
			text = append(text, b.basin+"\x00"+b.forcing+"\x00"+b.flow+"\x00"...)
		}
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, err
	}
	if text, err = collective.BroadcastBytes(c, text, 0); err != nil {
		return nil, wrap(readCAMELS, err)
	}
	var basins []camelsFiles
	for names := range slices.Chunk(strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), 3) {
		basins = append(basins, camelsFiles{names[0], names[1], names[2]})
	}
	return basins, nil
}

func findCAMELS(dir string, o CAMELSOptions) ([]camelsFiles, error) {
	if err := onlyOnce(o.Basins); err != nil {
		return nil, err
	}
	products := filepath.Join(dir, "basin_mean_forcing")
	entries, err := os.ReadDir(products)
	if err != nil {
		return nil, openError(products, err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Contains(names, o.Forcing) {
		return nil, fmt.Errorf("%s: no forcing %s%s; there are %s", products, quote(o.Forcing), didYouMean(o.Forcing, names), list(names))
	}
	forcing, err := byBasin(filepath.Join(products, o.Forcing), forcingSuffix)
	if err != nil {
		return nil, err
	}
	flow, err := byBasin(filepath.Join(dir, "usgs_streamflow"), flowSuffix)
	if err != nil {
		return nil, err
	}
	wanted := o.Basins
	if len(wanted) == 0 {
		wanted = sortedKeys(forcing)
	}
	basins := make([]camelsFiles, len(wanted))
	for i, b := range wanted {
		basins[i] = camelsFiles{b, forcing[b], flow[b]}
		if forcing[b] == "" {
			return nil, fmt.Errorf("%s: no file of basin %s%s", filepath.Join(products, o.Forcing), quote(b), didYouMean(b, sortedKeys(forcing)))
		}
		if flow[b] == "" {
			return nil, fmt.Errorf("%s: no file of basin %s%s", filepath.Join(dir, "usgs_streamflow"), quote(b), didYouMean(b, sortedKeys(flow)))
		}
	}
	return basins, nil
}

// onlyOnce is an error where a basin is named twice.
func onlyOnce(basins []string) error {
	seen := make(map[string]bool, len(basins))
	for _, b := range basins {
		if seen[b] {
			return fmt.Errorf("basin %s is asked for twice", quote(b))
		}
		seen[b] = true
	}
	return nil
}

// byBasin is the files below a folder whose names are a basin, _, and an end.
func byBasin(folder, suffix string) (map[string]string, error) {
	files, err := below(folder, []string{suffix})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: the folder has no file that ends in %s", folder, suffix)
	}
	by := make(map[string]string, len(files))
	for _, f := range files {
		basin, _, _ := strings.Cut(filepath.Base(f), "_")
		if other := by[basin]; other != "" {
			return nil, fmt.Errorf("%s and %s are both of basin %s; remove one", other, f, basin)
		}
		by[basin] = f
	}
	return by, nil
}

// didYouMean is a question after the nearest name, or "".
func didYouMean(word string, among []string) string {
	if n, ok := Nearest(word, among); ok {
		return "; did you mean " + quote(n) + "?"
	}
	return ""
}

// camelsReader makes one record of each basin.
type camelsReader struct {
	mem    *Memory
	schema *arrow.Schema
	cols   []string // of the forcing, the date's left out
	recs   []arrow.Record
	bytes  int64
}

// names makes the schema, from a forcing file.
func (r *camelsReader) names(path string) error {
	b, err := readHead(path)
	if err != nil {
		return err
	}
	f, err := newForcing(path, b)
	if err != nil {
		return err
	}
	r.cols = f.names
	field := func(name string, typ arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: typ, Nullable: true}
	}
	fields := []arrow.Field{field("basin", arrow.BinaryTypes.LargeString), field("date", arrow.FixedWidthTypes.Date32)}
	for _, n := range r.cols {
		fields = append(fields, field(n, arrow.PrimitiveTypes.Float64))
	}
	r.schema = arrow.NewSchema(append(fields, field(FlowColumn, arrow.PrimitiveTypes.Float64)), nil)
	return nil
}

// basin appends the record of a basin.
func (r *camelsReader) basin(files camelsFiles) error {
	text, err := os.ReadFile(files.forcing)
	if err != nil {
		return openError(files.forcing, err)
	}
	r.bytes += int64(len(text))
	f, err := newForcing(files.forcing, text)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(f.names, r.cols, strings.EqualFold) {
		return fmt.Errorf("%s:4: the columns are %s, those of the first basin %s", files.forcing, list(f.names), list(r.cols))
	}
	days, cells := make([]int32, 0, f.most), make([][]float64, len(r.cols))
	for i := range cells {
		cells[i] = make([]float64, 0, f.most)
	}
	if days, err = f.read(days, cells); err != nil {
		return err
	}
	if text, err = os.ReadFile(files.flow); err != nil {
		return openError(files.flow, err)
	}
	r.bytes += int64(len(text))
	flow, err := readFlow(files.flow, text, files.basin, days)
	if err != nil {
		return err
	}
	for i, cfs := range flow {
		flow[i] = missingValue
		if cfs >= 0 {
			flow[i] = cubicFoot * cfs * 86400 / (f.area * 1e6)
		}
	}
	n := len(days)
	date := newBuffer(r.mem, 4*n)
	copy(view[int32](date), days)
	cols := []arrow.Array{repeated(r.mem, files.basin, n), newArray(arrow.FixedWidthTypes.Date32, n, 0, nil, date)}
	for _, v := range append(cells, flow) {
		cols = append(cols, numbers(r.mem, v))
	}
	r.recs = append(r.recs, array.NewRecord(r.schema, cols, int64(n)))
	for _, a := range cols {
		a.Release()
	}
	return nil
}
