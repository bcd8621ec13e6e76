package frame

import (
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// CSVOptions says how [ReadCSV] reads a file. The zero value reads all columns
// and finds out delimiter and types by itself. All ranks pass the same.
type CSVOptions struct {
	// Columns are the ones to read, in the order that the table will have; the
	// others are not parsed. None means all, in the file's order.
	Columns []string
	// Types are the types that columns must have; the others are inferred.
	Types map[string]Type
	// NA are the cells that mean a missing value; nil means NA, NaN, nan, null,
	// NULL, None and -. Spaces round a cell do not count, and one that is empty is always missing. Where a mark is a number,
	// as -999 is, every cell of that value is missing in a numeric column.
	NA []string
	// Verbatim are columns in which only a cell without any character is missing: a series may be named NA.
	Verbatim []string
	// Comma separates the fields; 0 means the one of comma, semicolon and tab that
	// is the most frequent in the first record.
	Comma byte
	// NoHeader says that the first record is data. Columns are then named column1,
	// column2 and so on, if Names gives no names.
	NoHeader bool
	// Names are the columns' names, in the file's order, in place of those of the header.
	Names []string
	// SkipRows is the number of lines before the header, or the first record, that are passed over.
	SkipRows int
	// Comment begins lines that are passed over; empty means there are none. A file
	// with comments is read by one rank, since a comment may hold a quote.
	Comment string
	// Start is the time of a file's first row, and Step that between two rows, of
	// which it gets a first column of timestamps, in µs and without a zone, named
	// TimeColumn, or "date" where that is empty. Without Step there is none.
	Start      time.Time
	Step       time.Duration
	TimeColumn string
	// ID is the name of a first column of text that tells each row's file: the part
	// of the file's path that is {id} in IDPattern. Empty means there is none.
	ID string
	// IDPattern is the end of every path, such as {id}_*.csv or */{id}.csv; * and ? stand
	// for anything but a slash. Empty means the file's name without its extensions.
	IDPattern string
	// Progress is called now and then while this rank parses: bytes done, and of its part. May be nil.
	Progress func(done, total int64)
	// Filter is an expression (see [Expr]): rows in which it is true are kept. It may look at columns that are
	// not read otherwise. Files whose folders rule it out are not read.
	Filter string
	// Memory is where the table will live; nil means no limit.
	Memory *Memory
}

// ReadStats is what one rank read of a file.
type ReadStats struct {
	Bytes int64 // bytes parsed, the ends of records in the next rank's range included
	Rows  int64 // rows that this rank now has
}

// ReadCSV reads a CSV file into a distributed table; collective.
// Of n ranks each reads and parses one n-th of the file's bytes and has the records
// that start there: rank 0 the first ones, and so on; a rank may have none. All
// ranks must see the file under path.
//
// A file that is compressed with gzip or Zstandard, which its first bytes tell, is read by
// one rank, whose rows stay there.
//
// The format is RFC 4180, in UTF-8, with or without a byte-order mark, with line
// ends \n or \r\n; fields may be quoted, and then hold newlines and doubled quotes.
// Blank lines are skipped. Spaces round column names, numbers, times and marks of a
// missing value do not count. Bytes inside a text cell are kept as they are.
//
// A column that o.Types does not name is Int64, Float64, Bool (true and false), Timestamp
// or String. Its type comes from the cells that are not missing in the first 1,000 records
// of each rank's range, or the first 4 MiB: numbers if more than half of them are
// numbers, times if more than half are times, booleans if all are, else text. A later cell
// of another kind is an error. Whole numbers become Float64 if any rank meets a decimal.
// Identifiers written with leading zeros and five digits or more, as 01022500, make a
// column text. A column without values is Float64. Infinities are errors: no forecast can
// use them.
//
// Times are written as 2006-01, 2006-01-02 or 2006-01-02 15:04[:05[.999999999]], with T for
// the space or / for -, and may have Z or ±hh:mm[:ss] behind them; digits finer than the column's
// unit (µs where no type is declared) are an error unless they are 0. Declared types are those of
// [ParseType]: a date is a time without hours, a time of day 15:04[:05[.999]], a duration
// a whole number of its unit, binary the cell's bytes.
//
// Errors name file, line (from 1, the first of the file) and column; all ranks return the
// error of the lowest rank that met one, as [collective.Agree] gives it.
func ReadCSV(c collective.Comm, path string, o CSVOptions) (*Table, ReadStats, error) {
	return readCSVWhere(c, []string{path}, nil, o)
}

// ReadCSVFiles reads CSV files as one distributed table, in the order of paths; collective.
// A path is a file, a pattern of [filepath.Glob], whose files are taken in the order
// of their names, or a folder, of which all files below it are meant that end in .csv,
// .csv.gz or .csv.zst. All have the same columns in the same order. Folders key=value in their
// paths make columns behind those, as [WriteCSV] needs that o.PartitionBy gave.
//
// Ranks get equal shares of the bytes: a file that is larger than an eighth of a share is
// split as by [ReadCSV], other and compressed ones go whole to a rank. All else is as
// there; with o.Start each file begins at that time.
func ReadCSVFiles(c collective.Comm, paths []string, o CSVOptions) (*Table, ReadStats, error) {
	files, err := listFiles(c, "read CSV", paths, ".csv", ".csv.gz", ".csv.zst")
	if err != nil {
		return nil, ReadStats{}, err
	}
	keys, err := hiveKeys(files)
	if err != nil {
		return nil, ReadStats{}, wrap("read CSV", err) // the same on all ranks
	}
	return readCSVWhere(c, files, keys, o)
}

// readCSVWhere reads files with the given keys of folders; collective.
func readCSVWhere(c collective.Comm, files []string, keys []hiveKey, o CSVOptions) (*Table, ReadStats, error) {
	defer o.Memory.reading()()
	where, err := newRowFilter(o.Filter)
	if err != nil {
		return nil, ReadStats{}, err // the same on all ranks
	}
	wanted := o.Columns
	o.Columns = where.reads(wanted)
	files, keys = where.files(files, keys)
	t, stats, err := readCSV(c, files, keys, &o)
	if err != nil {
		return nil, ReadStats{}, err
	}
	return where.apply(c, t, stats, wanted)
}

func readCSV(c collective.Comm, paths []string, keys []hiveKey, o *CSVOptions) (*Table, ReadStats, error) {
	const what = "read CSV"
	h, err := shareHeader(c, paths[0], o)
	if err != nil {
		return nil, ReadStats{}, err
	}
	p := &parser{names: h.names, na: newMissing(o.NA), progress: o.Progress}
	p.scan.comment = []byte(o.Comment)
	p.scan.setComma(h.comma)
	added, err := newAddedColumns(paths, o.ID, o.IDPattern, o.Start, o.Step, o.TimeColumn)
	if err == nil {
		added.addKeys(keys, o.Columns)
		err = p.choose(paths[0], o, added)
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	plan, err := examine(c, what, "CSV", paths, o.Comment == "", func(f *inputFile) (int64, int, error) {
		own, err := h.check(paths[0], f, o)
		if err != nil {
			return 0, 0, err
		}
		return own.start, own.lines, nil
	})
	if err != nil {
		return nil, ReadStats{}, err
	}
	p.src = &textSource{m: o.Memory, plan: plan, format: "CSV", quotes: true, comment: []byte(o.Comment)}
	defer p.src.close()
	defer p.release()
	if err := p.src.load(c, what); err != nil {
		return nil, ReadStats{}, err
	}
	_, err = p.open()
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	if err := p.infer(c); err != nil {
		return nil, ReadStats{}, err
	}
	if err := collective.Agree(c, p.parse()); err != nil {
		return nil, ReadStats{}, err
	}
	return finishText(c, what, o.Memory, p.src, p.cols, p.runs, added, o.Columns)
}

// choose makes p's columns: those that o asks for, with the types it declares.
func (p *parser) choose(path string, o *CSVOptions, added *addedColumns) error {
	at := make(map[string]int, len(p.names))
	for i, n := range p.names {
		at[n] = i
	}
	for _, n := range added.names() {
		if _, ok := at[n]; ok {
			return fmt.Errorf("%s: the file has a column %s, so that none of that name can be added", path, quote(n))
		}
	}
	p.at = make([]*cellColumn, len(p.names))
	wanted := p.names
	if len(o.Columns) > 0 {
		wanted = added.own(o.Columns)
	}
	for _, n := range wanted {
		i, ok := at[n]
		if !ok {
			return fmt.Errorf("%s: %s", path, noColumn(n, p.names))
		}
		if p.at[i] != nil {
			return fmt.Errorf("%s: column %s is asked for twice", path, quote(n))
		}
		p.at[i] = &cellColumn{name: n, m: o.Memory, na: &p.na, verbatim: slices.Contains(o.Verbatim, n),
			naHint: "; if it marks a missing value, list it in na, with all other marks of the file"}
		p.cols = append(p.cols, p.at[i])
	}
	for _, n := range sortedKeys(o.Types) {
		i, ok := at[n]
		if !ok {
			return fmt.Errorf("%s: %s", path, noColumn(n, p.names))
		}
		if col := p.at[i]; col != nil {
			col.declared = true
			if err := col.choose(o.Types[n]); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return nil
}

// finishText makes a Table of the parsed cells of this rank, and the columns to be added to
// them; collective. Wanted gives the order of those that are not ids or times.
func finishText(c collective.Comm, what string, m *Memory, src *textSource, cols []*cellColumn, runs []run, added *addedColumns, wanted []string) (*Table, ReadStats, error) {
	if err := agreeWidths(c, what, cols); err != nil {
		return nil, ReadStats{}, err
	}
	before, err := src.rowsBefore(c, what, runs)
	if err != nil {
		return nil, ReadStats{}, err
	}
	rows := int64(0)
	for _, r := range runs {
		rows += r.rows
	}
	fields, arrays := added.make(m, runs, before)
	for _, col := range cols {
		a := col.array()
		fields = append(fields, arrow.Field{Name: col.name, Type: a.DataType(), Nullable: true})
		arrays = append(arrays, a)
	}
	f, a := added.keyColumns(m, runs)
	fields, arrays = append(fields, f...), append(arrays, a...)
	for i, n := range wanted {
		to := len(fields) - len(wanted) + i
		from := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == n })
		fields[to], fields[from] = fields[from], fields[to]
		arrays[to], arrays[from] = arrays[from], arrays[to]
	}
	t := newTable(m, fields, arrays, int(rows))
	return t, ReadStats{Bytes: src.read, Rows: rows}, nil
}

// agreeWidths makes an integer column Float64 on all ranks where it became so on one; collective.
func agreeWidths(c collective.Comm, what string, cols []*cellColumn) error {
	wide := make([]uint8, len(cols))
	for i, col := range cols {
		if col.kind == floatKind {
			wide[i] = 1
		}
	}
	if err := collective.AllReduce(c, wide, collective.Max); err != nil {
		return fmt.Errorf("frame: %s: agree on column types: %w", what, err)
	}
	for i, col := range cols {
		if wide[i] == 1 && col.kind == intKind {
			col.widen(0)
		}
	}
	return nil
}
