package frame

import (
	"fmt"
	"slices"

	"deeprc/collective"
)

// ParquetReadOptions says how [ReadParquet] reads. All ranks pass the same.
type ParquetReadOptions struct {
	// Columns are the ones to read, in the order that the table will have; none means
	// all, in the files' order, those of folders last. Others are not looked at.
	Columns []string
	// Where are what rows must satisfy, all of it. Files whose folders, and row groups
	// whose minima, maxima and counts of missing cells rule it out are not read.
	Where []Predicate
	// Filter is an expression (see [Expr]): rows in which it is true are kept. It may look at columns that are
	// not read otherwise. Row groups and folders are ruled out, as by Where, by its comparisons of columns with
	// constants that and joins.
	Filter string
	// Memory is where the table will live; nil means no limit.
	Memory *Memory
	// Progress is called for each row group, small ones several at a time: row groups read, and of this rank's. May be nil.
	Progress func(done, total int64)
}

// ReadParquet reads Parquet files into a distributed table; collective. A path is a file,
// a folder, whose files below that end in .parquet are meant, or a pattern of
// [filepath.Glob]. The files have the same columns, of which those that are read must
// have the same types. All ranks must see the files.
//
// A folder named key=value makes a column key for the files below: of integers if all its
// values are, else of text. The value __HIVE_DEFAULT_PARTITION__ means a missing cell.
//
// Each rank has a run of the rows, in the order of the files, and the runs are about even: row
// groups of more than an eighth of a rank's rows are shared, of which each rank decodes its pages.
//
// Columns are those of [NewTable], the time zone and durations that Arrow's writers note
// included; decimals may have 38 digits. Nested columns can be left out, but not read.
// All encodings but the deprecated BIT_PACKED are known, and all compressions but LZO and
// Hadoop's LZ4; others are errors, as are encrypted files.
//
// Errors name file, row group and column; all ranks return the error of the lowest rank
// that met one.
func ReadParquet(c collective.Comm, paths []string, o ParquetReadOptions) (*Table, ReadStats, error) {
	where, err := newRowFilter(o.Filter)
	if err != nil {
		return nil, ReadStats{}, err // the same on all ranks
	}
	t, stats, err := readParquetRows(c, paths, o, where)
	if err != nil {
		return nil, ReadStats{}, err
	}
	return where.apply(c, t, stats, o.Columns)
}

// readParquetRows is [ReadParquet], of which filter is still to be applied, and its columns to be dropped; collective.
func readParquetRows(c collective.Comm, paths []string, o ParquetReadOptions, filter *rowFilter) (*Table, ReadStats, error) {
	defer o.Memory.reading()()
	o.Columns = filter.reads(o.Columns)
	files, err := listFiles(c, readParquet, paths, ".parquet")
	if err != nil {
		return nil, ReadStats{}, err
	}
	r := &groupReader{mem: o.Memory, unp: unpacker{mem: o.Memory}}
	defer r.close()
	if r.keys, err = hiveKeys(files); err != nil {
		return nil, ReadStats{}, fmt.Errorf("frame: %s: %w", readParquet, err) // the same on all ranks
	}
	lo, hi := collective.Share(len(files), c.Rank(), c.Size())
	schemas, counts := map[int]string{}, make([][]int, hi-lo)
	look := func(i int) error {
		return withParquet(files[i], func(p *pqFile) error {
			plan, err := planFile(p, i, r.keys, o, filter)
			if err != nil {
				return err
			}
			schemas[i] = schemaText(schemaOf(plan.cols))
			if i >= lo && i < hi {
				counts[i-lo] = plan.rows
			}
			return nil
		})
	}
	err = nil
	if c.Rank() == 0 && lo == hi {
		err = look(0)
	}
	for i := lo; i < hi && err == nil; i++ {
		err = look(i)
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	if err := agreeOnSchema(c, readParquet, files, schemas); err != nil {
		return nil, ReadStats{}, err
	}
	all, err := gatherCounts(c, readParquet, len(files), counts)
	if err != nil {
		return nil, ReadStats{}, err
	}
	t, stats, err := r.read(files, o, filter, groupShare(all, c.Rank(), c.Size()))
	if err := collective.Agree(c, err); err != nil {
		if t != nil {
			t.Release()
		}
		return nil, ReadStats{}, err
	}
	return t, stats, nil
}

// filePlan is what to read of a file.
type filePlan struct {
	cols, where []pqColumn
	tests       []*condition
	rows        []int // of each row group; 0 where no row can be wanted
}

// planFile chooses columns and row groups of the file with number i.
func planFile(p *pqFile, i int, keys []hiveKey, o ParquetReadOptions, filter *rowFilter) (*filePlan, error) {
	named := func(err error) error { return fmt.Errorf("frame: %s: %s: %w", readParquet, p.path, err) }
	cols, err := p.columns(o.Columns, keys)
	if err != nil {
		return nil, named(err)
	}
	plan := &filePlan{cols: cols, rows: make([]int, len(p.md.RowGroups))}
	wanted := true // by the folders
	where := o.Where
	if filter != nil {
		var used []pqColumn
		if len(filter.columns) > 0 {
			if used, err = p.columns(filter.columns, keys); err != nil {
				return nil, named(err)
			}
		}
		if err := filter.check(schemaOf(used)); err != nil {
			return nil, err
		}
		where = slices.Concat(where, filter.predicates(schemaOf(used)))
	}
	for _, w := range where {
		col, err := p.columns([]string{w.Column}, keys)
		if err != nil {
			return nil, named(err)
		}
		t, err := newCondition(w, col[0].typ)
		if err != nil {
			return nil, named(err)
		}
		if col[0].leaf < 0 {
			wanted = wanted && keyHolds(keys, i, col[0].name, t)
			continue
		}
		plan.where, plan.tests = append(plan.where, col[0]), append(plan.tests, t)
	}
	for g := range plan.rows {
		may := wanted
		for k, t := range plan.tests {
			may = may && p.mayHave(g, plan.where[k], t)
		}
		if may {
			plan.rows[g] = p.rows(g)
		}
	}
	return plan, nil
}

// keyHolds reports whether the rows of a file satisfy the test of a hive key.
func keyHolds(keys []hiveKey, file int, name string, t *condition) bool {
	for i := range keys {
		if keys[i].name == name {
			a := keys[i].column(nil, file, 1)
			defer a.Release()
			c, keep := see(a), []bool{true}
			t.and(&c, keep)
			return keep[0]
		}
	}
	panic("frame: no hive key " + name)
}

// wholeShare is the part of a rank's rows up to which a row group is read by one rank: each rank that reads a part of
// one reads all of its bytes, and decodes the pages that the part's ends lie in.
const wholeShare = 8

// groupShare is a rank's parts of row groups of the given numbers of rows, by file: a group goes to the
// rank in whose n-th of all rows its middle lies, or, if it is larger than 1/wholeShare of that, its rows to
// the ranks whose they are.
func groupShare(groups [][]int, rank, ranks int) []part {
	total := 0
	for _, file := range groups {
		for _, n := range file {
			total += n
		}
	}
	lo, hi := collective.Share(total, rank, ranks)
	var parts []part
	at := 0
	for f, file := range groups {
		for g, n := range file {
			from, to := max(lo, at), min(hi, at+n)
			if n <= total/ranks/wholeShare {
				if from, to = at, at; lo <= at+n/2 && at+n/2 < hi {
					to = at + n
				}
			}
			if from < to {
				parts = append(parts, part{f, g, from - at, to - at})
			}
			at += n
		}
	}
	return parts
}

// joined is the first parts that are read into one record: of one file, and together of no
// more rows than a group of [ParquetWriter], so that small groups neither cost
// memory of many small pieces nor make later operators work on them.
func joined(parts []part) []part {
	rows := parts[0].hi - parts[0].lo
	for i, next := range parts[1:] {
		if rows += next.hi - next.lo; next.file != parts[0].file || rows > defaultRowGroup {
			return parts[:i+1]
		}
	}
	return parts
}

// read makes a table of this rank's parts; where it has none, the first file tells
// the columns.
func (r *groupReader) read(files []string, o ParquetReadOptions, filter *rowFilter, parts []part) (*Table, ReadStats, error) {
	t := &Table{mem: o.Memory}
	total := len(parts)
	if total == 0 {
		parts = []part{{}}
	}
	for len(parts) > 0 {
		i := parts[0].file
		err := withParquet(files[i], func(p *pqFile) error {
			plan, err := planFile(p, i, r.keys, o, filter)
			if err != nil {
				return err
			}
			t.schema = schemaOf(plan.cols)
			for len(parts) > 0 && parts[0].file == i {
				if parts[0].hi == 0 {
					parts = parts[1:]
					continue
				}
				some := joined(parts)
				rec, err := r.record(p, i, some, plan.cols, plan.where, plan.tests)
				if err != nil {
					return err
				}
				if rec != nil {
					t.chunks = append(t.chunks, rec)
					t.rows += int(rec.NumRows())
				}
				for range some {
					parts = parts[1:]
					if o.Progress != nil {
						o.Progress(int64(total-len(parts)), int64(total))
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Release()
			return nil, ReadStats{}, err
		}
	}
	return t, ReadStats{Bytes: r.bytes, Rows: int64(t.rows)}, nil
}
