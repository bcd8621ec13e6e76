package frame

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// gaugeColumn is the column of CAMELS-US' attribute files that names the basin.
const gaugeColumn = "gauge_id"

// ReadCAMELSAttributes reads the static attributes of CAMELS-US (Addor et al. 2017,
// doi:10.5194/hess-21-5293-2017) from the files camels_attributes_v2.0/camels_*.txt of a folder.
// The table has a row for each basin and the columns basin (text), which is the files'
// gauge_id, and those of all files, one after another in the order of the files' names; the
// hydrological unit huc_02 is text too. A basin that a file lacks is an error, and so is a
// column in two files. Each rank has the same number of basins, but for one. Collective.
func ReadCAMELSAttributes(c collective.Comm, dir string, o CAMELSOptions) (*Table, error) {
	defer o.Memory.reading()()
	const what = "read CAMELS-US attributes"
	files, err := listFiles(c, what, []string{filepath.Join(dir, "camels_attributes_v2.0", "camels_*.txt")}, "")
	if err != nil {
		return nil, err
	}
	err = onlyOnce(o.Basins)
	a := &attributes{mem: o.Memory, basins: o.Basins}
	for i := 0; i < len(files) && err == nil; i++ {
		err = a.add(files[i], c.Rank(), c.Size())
	}
	if err := collective.Agree(c, wrap(what, err)); err != nil {
		for _, col := range a.cols {
			col.Release()
		}
		return nil, err
	}
	return newTable(o.Memory, a.fields, a.cols, a.cols[0].Len()), nil
}

// attributes is one rank's share of the basins and their columns so far.
type attributes struct {
	mem    *Memory
	basins []string
	all    string // the file whose basins they are; "" where the caller names them
	fields []arrow.Field
	cols   []arrow.Array
	from   []string // the file of each column
}

// add appends the columns of a file, which each rank reads whole, as it is small.
func (a *attributes) add(path string, rank, ranks int) error {
	alone := collective.Local(1)[0]
	names, err := CSVColumns(alone, path, CSVOptions{Comma: ';'})
	if err != nil {
		return err
	}
	if !slices.Contains(names, gaugeColumn) {
		return fmt.Errorf("%s: %s", path, noColumn(gaugeColumn, names))
	}
	o := CSVOptions{Comma: ';', Types: map[string]Type{gaugeColumn: String}, Verbatim: []string{gaugeColumn}, Memory: a.mem}
	if slices.Contains(names, "huc_02") { // two digits with a leading zero
		o.Types["huc_02"] = String
	}
	t, _, err := ReadCSV(alone, path, o)
	if err != nil {
		return err
	}
	defer t.Release()
	ids, err := t.Strings(gaugeColumn)
	if err != nil {
		return err
	}
	row := make(map[string]uint32, len(ids))
	for i, id := range ids {
		if _, twice := row[id]; twice {
			return fmt.Errorf("%s: two lines are of basin %s", path, quote(id))
		}
		row[id] = uint32(i)
	}
	if len(a.cols) == 0 && len(a.basins) == 0 {
		a.basins, a.all = sortedKeys(row), path
	}
	if a.all != "" && len(row) > len(a.basins) {
		return fmt.Errorf("%s: has %s, but %s has %d; name the basins to read", path, plural(len(row), "basin"), a.all, len(a.basins))
	}
	lo, hi := collective.Share(len(a.basins), rank, ranks)
	rows := make([]uint32, hi-lo)
	for i, b := range a.basins {
		r, ok := row[b]
		if !ok {
			return fmt.Errorf("%s: no line of basin %s%s", path, quote(b), didYouMean(b, sortedKeys(row)))
		}
		if i >= lo && i < hi {
			rows[i-lo] = r
		}
	}
	for i, f := range t.schema.Fields() {
		if f.Name == gaugeColumn {
			if len(a.cols) > 0 {
				continue
			}
			f.Name = "basin"
		}
		for k, other := range a.fields {
			if other.Name == f.Name {
				return fmt.Errorf("%s: its column %s is in %s too", path, quote(f.Name), a.from[k])
			}
		}
		a.fields, a.from = append(a.fields, f), append(a.from, path)
		a.cols = append(a.cols, take(a.mem, t.Record().Column(i), rows))
	}
	return nil
}
