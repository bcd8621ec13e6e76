package frame

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"deeprc/collective"
)

// JSONLOptions says how [ReadJSONL] reads. The zero value reads all keys and finds out their
// types by itself. All ranks pass the same.
type JSONLOptions struct {
	// Columns are the keys to read, in the order that the table will have; other keys are passed
	// over. None means all, in the order in which the objects have them first.
	Columns []string
	// Types are the types that columns must have; the others are inferred.
	Types map[string]Type
	// Start, Step and TimeColumn are those of [CSVOptions], as are ID and IDPattern.
	Start      time.Time
	Step       time.Duration
	TimeColumn string
	ID         string
	IDPattern  string
	// Progress is called now and then while this rank parses: bytes done, and of its part. May be nil.
	Progress func(done, total int64)
	// Filter is an expression (see [Expr]): rows in which it is true are kept. It may look at columns that are
	// not read otherwise. Files whose folders rule it out are not read.
	Filter string
	// Memory is where the table will live; nil means no limit.
	Memory *Memory
}

const readJSONL = "read JSON lines"

// ReadJSONL reads files with a JSON object a line into a distributed table, in the order of
// paths; collective. Paths, their folders key=value, compression and the ranks' shares are those of [ReadCSVFiles]; of a
// folder the files are meant that end in .jsonl, .ndjson or these with .gz or .zst.
//
// A key makes a column. Where an object lacks it, or has null, the cell is missing. The keys
// are those of the first 1,000 objects of each rank's range, or the first 4 MiB, and of
// o.Types; another one later is an error. A column that o.Types does not name is Int64,
// Float64, Bool, String or, where all texts are times, Timestamp, by the most values of these
// objects; a later value of another kind is an error, but decimals make whole numbers Float64
// on all ranks. A column without values is Float64. Declared types are as those of [ReadCSV];
// times, dates and binary cells are texts, other cells numbers or true and false.
//
// Nested values of keys that are read are errors. Errors name file, line (from 1) and key; all
// ranks return the error of the lowest rank that met one.
func ReadJSONL(c collective.Comm, paths []string, o JSONLOptions) (*Table, ReadStats, error) {
	var suffixes []string
	for _, s := range []string{".jsonl", ".ndjson"} {
		suffixes = append(suffixes, s, s+".gz", s+".zst")
	}
	files, err := listFiles(c, readJSONL, paths, suffixes...)
	if err != nil {
		return nil, ReadStats{}, err
	}
	where, err := newRowFilter(o.Filter)
	if err != nil {
		return nil, ReadStats{}, err // the same on all ranks
	}
	keys, err := hiveKeys(files)
	if err != nil {
		return nil, ReadStats{}, wrap(readJSONL, err) // the same on all ranks
	}
	wanted := o.Columns
	o.Columns = where.reads(wanted)
	files, keys = where.files(files, keys)
	t, stats, err := readJSONLFiles(c, files, keys, o)
	if err != nil {
		return nil, ReadStats{}, err
	}
	return where.apply(c, t, stats, wanted)
}

// readJSONLFiles is [ReadJSONL] of files with the given keys of folders, but for o.Filter; collective.
func readJSONLFiles(c collective.Comm, files []string, keys []hiveKey, o JSONLOptions) (*Table, ReadStats, error) {
	defer o.Memory.reading()()
	added, err := newAddedColumns(files, o.ID, o.IDPattern, o.Start, o.Step, o.TimeColumn)
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	added.addKeys(keys, o.Columns)
	plan, err := examine(c, readJSONL, "JSON lines", files, true, func(f *inputFile) (int64, int, error) {
		b, _, err := f.prefix(int64(len(byteOrderMark)))
		if bytes.Equal(b, byteOrderMark) {
			return int64(len(b)), 0, err
		}
		return 0, 0, err
	})
	if err != nil {
		return nil, ReadStats{}, err
	}
	p := &jsonParser{src: &textSource{m: o.Memory, plan: plan, format: "JSON lines"}, at: map[string]int{}, progress: o.Progress, all: len(o.Columns) == 0}
	defer p.src.close()
	defer p.release()
	if err := p.src.load(c, readJSONL); err != nil {
		return nil, ReadStats{}, err
	}
	_, err = p.open()
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	seen, err := p.infer(c)
	if err != nil {
		return nil, ReadStats{}, err
	}
	if err := collective.Agree(c, p.choose(&o, seen, added)); err != nil {
		return nil, ReadStats{}, err
	}
	if err := collective.Agree(c, p.parse()); err != nil {
		return nil, ReadStats{}, err
	}
	if len(p.cols) == 0 && p.all {
		return nil, ReadStats{}, fmt.Errorf("%s: no object has a key, so that the table would have no columns; give their types", files[0])
	}
	if err := p.checkKeys(c, seen); err != nil {
		return nil, ReadStats{}, err
	}
	return finishText(c, readJSONL, o.Memory, p.src, p.cols, p.runs, added, o.Columns)
}

// choose makes p's columns.
func (p *jsonParser) choose(o *JSONLOptions, seen []jsonKey, added *addedColumns) error {
	wanted := added.own(o.Columns)
	votes := make(map[string]*jsonKey, len(seen))
	for i := range seen {
		if votes[seen[i].name] = &seen[i]; p.all {
			wanted = append(wanted, seen[i].name)
		}
	}
	if p.all {
		for _, n := range sortedKeys(o.Types) {
			if votes[n] == nil {
				wanted = append(wanted, n)
			}
		}
	}
	for i, n := range wanted {
		if slices.Contains(added.names(), n) {
			return fmt.Errorf("%s: the objects have a key %s, so that no column of that name can be added", p.src.plan.files[0].path, quote(n))
		}
		if _, twice := p.at[n]; twice {
			return fmt.Errorf("frame: %s: column %s is asked for twice", readJSONL, quote(n))
		}
		col := &cellColumn{name: n, m: o.Memory, na: &p.na}
		typ, declared := o.Types[n]
		if !declared {
			typ = Float64
			if k := votes[n]; k != nil {
				typ = k.decide()
			}
			col.blank = votes[n] == nil || votes[n].blank()
		}
		col.declared = declared
		if err := col.choose(typ); err != nil {
			return fmt.Errorf("frame: %s: %w", readJSONL, err)
		}
		p.at[n] = i
		p.cols = append(p.cols, col)
	}
	p.row = make([]int64, len(p.cols))
	return nil
}

// checkKeys is an error if there are objects, but none has the key of some column; collective.
// A column that is named twice, among the wanted ones and with its type, is no slip, and then all missing.
func (p *jsonParser) checkKeys(c collective.Comm, seen []jsonKey) error {
	has := make([]uint8, len(p.cols)+1)
	for i, r := range p.row {
		has[i] = uint8(min(r, 1))
	}
	has[len(p.cols)] = uint8(min(p.rows, 1))
	if err := collective.AllReduce(c, has, collective.Max); err != nil {
		return wrap(readJSONL, err)
	}
	for i, col := range p.cols {
		if has[i] == 0 && has[len(p.cols)] == 1 && (p.all || !col.declared) {
			names := make([]string, len(seen))
			for k := range seen {
				names[k] = seen[k].name
			}
			return fmt.Errorf("frame: %s: no object has the key: %s", readJSONL, noColumn(col.name, names))
		}
	}
	return nil
}
