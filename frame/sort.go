package frame

import (
	"fmt"
	"slices"
	"sort"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// SortKey is a column to sort by.
type SortKey struct {
	Column     string
	Desc       bool // the greatest first
	NullsFirst bool // missing cells before all others, else behind them; whatever Desc is
}

// Sort orders the rows of the whole table by the key columns: rank 0 gets the first ones.
// It is stable: rows with equal keys keep their order. Text is compared byte by byte, NaN
// is above all numbers. Ranks get about the same number of rows, also where keys are equal. Collective.
//
// It is a sample sort (Frazer and McKellar 1970): rows go to the rank whose range they
// are in, then every rank sorts its own. See [splitters]. Beyond the memory limit the ranges are
// finer, rows go to files by range, and the result is in a file.
func Sort(c collective.Comm, t *Table, keys ...SortKey) (*Table, error) {
	defer t.mem.reuse()()
	err := checkKeys(t, keys)
	if err := collective.Agree(c, wrap("sort", err)); err != nil {
		return nil, err
	}
	if err := sameSchema(c, t); err != nil {
		return nil, err
	}
	buckets, err := spillBuckets(c, t.mem, sortFactor, t.Bytes())
	if err != nil {
		return nil, err
	}
	if buckets > 0 {
		return sortSpilled(c, t, keys, buckets)
	}
	if c.Size() == 1 {
		return sortWhole(t, keys)
	}
	first, err := collective.ExclusiveScan(c, int64(t.rows))
	if err != nil {
		return nil, fmt.Errorf("frame: sort: %w", err)
	}
	split, _, err := splitters(c, t, keys, first, c.Size())
	if err != nil {
		return nil, err
	}
	defer split.Release()
	rank, counts, err := rangeOf(t, keys, first, split, c.Size())
	if err != nil {
		return nil, fmt.Errorf("frame: sort: %w", err)
	}
	defer free(t.mem, rank)
	mine, err := send(c, t, rank, counts)
	if err != nil {
		return nil, err
	}
	defer mine.Release()
	out, err := sortWhole(mine, keys)
	return agreed(c, out, err)
}

// sortWhole sorts this rank's rows.
func sortWhole(t *Table, keys []SortKey) (*Table, error) {
	cols, err := sortColumns(t, keys)
	if err == nil {
		err = fitsRows(t.rows)
	}
	if err != nil {
		return nil, fmt.Errorf("frame: sort: %w", err)
	}
	return sortLocal(t, cols), nil
}

func checkKeys(t *Table, keys []SortKey) error {
	if len(keys) == 0 {
		return fmt.Errorf("no key column is given")
	}
	for _, k := range keys {
		if _, err := t.index(k.Column); err != nil {
			return err
		}
	}
	return nil
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("frame: %s: %w", op, err)
}

func sortColumns(t *Table, keys []SortKey) ([]sortColumn, error) {
	cols := make([]sortColumn, len(keys))
	for i, k := range keys {
		at, err := t.index(k.Column)
		if err != nil {
			return nil, err
		}
		cols[i] = sortColumn{see(t.Record().Column(at)), k.Desc, k.NullsFirst}
	}
	return cols, nil
}

// sortLocal sorts this rank's rows.
func sortLocal(t *Table, cols []sortColumn) *Table {
	order := sortOrder(t.mem, cols, t.rows)
	defer free(t.mem, order)
	return t.pick(order)
}

// pick is the given rows of t.
func (t *Table) pick(rows []uint32) *Table {
	arrays := make([]arrow.Array, t.schema.NumFields())
	for i := range arrays {
		arrays[i] = take(t.mem, t.Record().Column(i), rows)
	}
	return newTable(t.mem, t.schema.Fields(), arrays, len(rows))
}

// rangeOf gives each row the rank whose range it is in: the number of splitters that are not
// above it. Rows equal to a splitter are told apart by their number in the whole table, which
// the splitters have in column rowColumn, and which is first for t's first row; if first is -1 it is among the keys, or equal rows
// are of one range.
func rangeOf(t *Table, keys []SortKey, first int64, split *Table, ranks int) (rank []uint32, counts []int64, err error) {
	cols, err := sortColumns(t, keys)
	if err != nil {
		return nil, nil, err
	}
	bounds, err := sortColumns(split, keys)
	if err != nil {
		return nil, nil, err
	}
	number := func(i int) int64 { return first + int64(i) }
	if first < 0 {
		number = nil
	}
	return partsOf(t.mem, cols, t.rows, number, bounds, split, ranks)
}

// partsOf gives each of n rows, whose key columns are cols, the part that it is in: the number of splitters, whose
// key columns are bounds, that are not above it. Of splitters with a row's keys those are above it that have a higher
// number than the row; number nil: none is. count is the number of rows of each part.
func partsOf(m *Memory, cols []sortColumn, n int, number func(i int) int64, bounds []sortColumn, split *Table, parts int) (part []uint32, count []int64, err error) {
	at, err := split.Int64s(rowColumn)
	if err != nil {
		return nil, nil, err
	}
	levels := levelsOf(m, [][]sortColumn{cols, bounds})
	defer freeLevels(m, levels[0])
	defer freeLevels(m, levels[1])
	code, done := firstCodes(m, &levels[0][0], n)
	defer done()
	bound, done := firstCodes(m, &levels[1][0], split.rows)
	defer done()
	part, count = alloc[uint32](m, n), make([]int64, parts)
	for i, x := range code {
		lo, found := slices.BinarySearch(bound, x)
		if found {
			lo += sort.Search(len(bound)-lo, func(k int) bool {
				k += lo
				if bound[k] != x {
					return true
				}
				d := compareLevels(levels[1], uint32(k), levels[0], uint32(i))
				return d > 0 || d == 0 && number != nil && at[k] > number(i)
			})
		}
		part[i] = uint32(lo)
		count[lo]++
	}
	return part, count, nil
}

// firstCodes are the codes of a level of all rows; done frees what they took.
func firstCodes(m *Memory, l *level, n int) (code []uint64, done func()) {
	if l.col == nil {
		return l.code, func() {}
	}
	code = alloc[uint64](m, n)
	l.codes(code, nil, 0)
	return code, func() { free(m, code) }
}

// rowColumn is the name of a column with a row's number in the whole table.
const rowColumn = "\x00row"

// withNumbers is the given rows of t, ascending, only the key columns, and their numbers.
func withNumbers(t *Table, keys []SortKey, rows []uint32, first int64) *Table {
	var names []string
	for _, k := range keys {
		if !slices.Contains(names, k.Column) {
			names = append(names, k.Column)
		}
	}
	s := t.sub(names)
	defer s.Release()
	var chunks []arrow.Record // picked one by one, so that those in files stay there
	at := 0
	for _, r := range s.chunks {
		end := at + int(r.NumRows())
		k, _ := slices.BinarySearch(rows, uint32(end))
		local := make([]uint32, k)
		for i := range local {
			local[i] = rows[i] - uint32(at)
		}
		rows = rows[k:]
		chunk := s.slice(at, end)
		picked := chunk.pick(local)
		chunk.Release()
		numbers := make([]int64, k)
		for i := range numbers {
			numbers[i] = first + int64(at) + int64(local[i])
		}
		col := arrayOf(t.mem, arrow.PrimitiveTypes.Int64, numbers, nil)
		chunks = append(chunks, withColumn(picked, rowColumn, col))
		at = end
	}
	fields := append(s.schema.Fields(), arrow.Field{Name: rowColumn, Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	return (&Table{mem: t.mem, schema: arrow.NewSchema(fields, nil)}).with(chunks...)
}

// withColumn is t's rows with one more column; it takes over both.
func withColumn(t *Table, name string, a arrow.Array) arrow.Record {
	defer t.Release()
	defer a.Release()
	fields := append(t.schema.Fields(), arrow.Field{Name: name, Type: a.DataType(), Nullable: true})
	return array.NewRecord(arrow.NewSchema(fields, nil), append(slices.Clone(t.Record().Columns()), a), int64(t.rows))
}
