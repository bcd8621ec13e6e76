package frame

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// partWriter writes one file of a format, which appears in Close, whole.
type partWriter interface {
	Write(arrow.Record) error
	Close() error
	Abort() error
}

// partFormat is a format in which a table can be written as files of a folder.
type partFormat struct {
	suffix string
	open   func(path string, schema *arrow.Schema) (partWriter, error)
}

// partFiles writes one rank's files of a table.
type partFiles struct {
	format partFormat
	folder string
	name   string   // of this rank's files
	done   []string // files that have their name
}

// writeParts writes t to the files part-00000, … of a folder that is empty or does not exist
// yet, one for each rank that has rows, and one without rows if none has; with key columns
// to such files in hive folders key=value, without those columns. If a rank fails, none
// leaves a file. Collective.
func writeParts(c collective.Comm, what string, t *Table, folder string, by []string, format partFormat) error {
	if err := sameSchema(c, t); err != nil {
		return err
	}
	if err := checkFolderKeys(t.schema, by); err != nil {
		return wrap(what, err) // the same on all ranks
	}
	total, err := collective.AllReduceOne(c, int64(t.rows), collective.Sum)
	if err != nil {
		return wrap(what, err)
	}
	if c.Rank() == 0 {
		err = wrap(what, emptyFolder(folder))
	}
	if err := collective.Agree(c, err); err != nil {
		return err
	}
	p := &partFiles{format: format, folder: folder, name: fmt.Sprintf("part-%05d", c.Rank()) + format.suffix}
	switch {
	case len(by) > 0:
		err = p.writeBy(t, by)
	case t.rows > 0 || c.Rank() == 0 && total == 0:
		err = p.write(folder, t.schema, t.chunks)
	}
	if err := collective.Agree(c, wrap(what, err)); err != nil {
		return errors.Join(err, p.remove())
	}
	return nil
}

// emptyFolder makes a folder, or makes sure that it is empty.
func emptyFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return fmt.Errorf("%s: %w", folder, bare(err))
	}
	list, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("%s: %w", folder, bare(err))
	}
	if len(list) > 0 {
		return fmt.Errorf("%s: the folder is not empty: it has %s; remove it or write elsewhere", folder, quote(list[0].Name()))
	}
	return nil
}

// checkFolderKeys is an error where the columns of by cannot be the keys of hive folders.
func checkFolderKeys(s *arrow.Schema, by []string) error {
	for i, n := range by {
		if !s.HasField(n) {
			return errors.New(noColumn(n, fieldNames(s)))
		}
		if slices.Contains(by[:i], n) {
			return fmt.Errorf("key column %s is given twice", quote(n))
		}
	}
	if len(by) > 0 && len(by) == s.NumFields() {
		return errors.New("all columns are keys, so that the files would have none")
	}
	for _, n := range by {
		if dt := s.Field(s.FieldIndices(n)[0]).Type; !isFolderKey(dt) {
			return fmt.Errorf("key column %s is %s; cast it to text, or to integers", quote(n), dt)
		}
	}
	return nil
}

// write makes this rank's file in a folder.
func (p *partFiles) write(folder string, schema *arrow.Schema, recs []arrow.Record) error {
	path := filepath.Join(folder, p.name)
	w, err := p.format.open(path, schema)
	if err != nil {
		return err
	}
	defer w.Abort()
	for _, r := range recs {
		same := array.NewRecord(schema, r.Columns(), r.NumRows()) // its metadata may differ
		err := w.Write(same)
		same.Release()
		if err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	p.done = append(p.done, path)
	return nil
}

// writeBy makes this rank's files in the folders of the keys.
func (p *partFiles) writeBy(t *Table, by []string) error {
	keys := make([]SortKey, len(by))
	for i, n := range by {
		keys[i].Column = n
	}
	cols, err := sortColumns(t, keys)
	if err == nil {
		err = fitsRows(t.rows)
	}
	if err != nil {
		return err
	}
	var rest []int // columns that the files have
	var fields []arrow.Field
	var cells []func(row int) (string, error)
	for i, f := range t.schema.Fields() {
		if !slices.Contains(by, f.Name) {
			rest, fields = append(rest, i), append(fields, f)
		}
	}
	if t.rows == 0 {
		return nil
	}
	rec := t.Record()
	for _, n := range by {
		a := rec.Column(rec.Schema().FieldIndices(n)[0])
		cells = append(cells, func(row int) (string, error) { return hiveFolder(n, a, row) })
	}
	schema := arrow.NewSchema(fields, nil)
	order := sortOrder(t.mem, cols, t.rows)
	defer free(t.mem, order)
	for lo := 0; lo < len(order); {
		hi := lo + 1
		for hi < len(order) && compareKeys(cols, int(order[lo]), cols, int(order[hi])) == 0 {
			hi++
		}
		folder := p.folder
		for _, cell := range cells {
			name, err := cell(int(order[lo]))
			if err != nil {
				return err
			}
			folder = filepath.Join(folder, name)
		}
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return fmt.Errorf("%s: %w", folder, bare(err))
		}
		arrays := make([]arrow.Array, len(rest))
		for i, col := range rest {
			arrays[i] = take(t.mem, rec.Column(col), order[lo:hi])
		}
		part := array.NewRecord(schema, arrays, int64(hi-lo))
		for _, a := range arrays {
			a.Release()
		}
		err := p.write(folder, schema, []arrow.Record{part})
		part.Release()
		if err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// remove takes back this rank's files, and folders that it leaves empty.
func (p *partFiles) remove() error {
	for _, path := range p.done {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for dir := filepath.Dir(path); dir != p.folder && os.Remove(dir) == nil; {
			dir = filepath.Dir(dir)
		}
	}
	return nil
}
