package frame

import (
	"math"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// mergeJoin is a sort-merge join on one rank. The rows of both sides in the order of their keys, left ones before right ones, are
// cut into parts of about equal length, of which each rank has the same number in a row. A left row is in the
// part that it is cut to, so that a key with many of them is split; a right row goes to all parts
// that may have left rows of its key or, where some of its key is missing, to the part that it is cut to.
type mergeJoin struct {
	*joiner
	parts  int
	split  *Table       // the splitters' keys and numbers
	bounds []sortColumn // their keys
	lefts  int64        // left rows of all ranks; right rows are counted on behind them
}

// merge joins in as many parts on each rank as there are buckets, from files; 0: in one, in memory. Collective.
func (j *joiner) merge(c collective.Comm, l, r *Table, buckets int) (*Table, error) {
	g := &mergeJoin{joiner: j, parts: max(1, buckets) * c.Size()}
	first, err := g.cut(c, l, r)
	if err != nil {
		return nil, err
	}
	defer g.split.Release()
	if buckets > 0 {
		return g.spilled(c, l, r, buckets)
	}
	left, err := g.send(c, l, func(t *Table) ([]uint32, []uint32, error) {
		return g.leftParts(t, func(i int) int64 { return first[0] + int64(i) })
	})
	if err != nil {
		return nil, err
	}
	defer left.Release()
	right, err := g.send(c, r, func(t *Table) ([]uint32, []uint32, error) {
		return g.rightParts(t, func(i int) int64 { return first[1] + int64(i) })
	})
	if err != nil {
		return nil, err
	}
	defer right.Release()
	var t *Table
	err = fitsRows(left.rows, right.rows)
	if err == nil {
		err = g.join(left, right, c.Rank(), math.MaxInt, func(all *Table) error {
			t = all
			return nil
		})
	}
	return agreed(c, t, wrap("join", err))
}

// send moves rows to the ranks that of says; collective.
func (g *mergeJoin) send(c collective.Comm, t *Table, of bucketing) (*Table, error) {
	if g.parts == 1 {
		return t.Retain(), nil
	}
	rows, rank, err := of(t)
	if err := collective.Agree(c, wrap("join", err)); err != nil {
		return nil, err
	}
	defer free(t.mem, rows)
	defer free(t.mem, rank)
	counts := make([]int64, c.Size())
	for _, r := range rank {
		counts[r]++
	}
	return sendRows(c, t, rows, rank, counts)
}

// spilled joins part by part from files; collective.
func (g *mergeJoin) spilled(c collective.Comm, l, r *Table, n int) (*Table, error) {
	lb, err := toBuckets(c, l, n, true, func(t *Table) ([]uint32, []uint32, error) {
		at := see(t.Record().Column(l.schema.NumFields()))
		number := values[int64](&at)
		return g.leftParts(t, func(i int) int64 { return number[i] })
	})
	if err != nil {
		return nil, err
	}
	defer func() { releaseAll(lb) }()
	rb, err := toBuckets(c, r, n, true, func(t *Table) ([]uint32, []uint32, error) {
		at := see(t.Record().Column(r.schema.NumFields()))
		number := values[int64](&at)
		return g.rightParts(t, func(i int) int64 { return g.lefts + number[i] })
	})
	if err != nil {
		return nil, err
	}
	defer func() { releaseAll(rb) }()
	out := &spilled{}
	defer out.abort()
	for b := range lb {
		if err = g.bucket(out, lb[b], rb[b], c.Rank()*n+b); err != nil {
			break
		}
	}
	if err := collective.Agree(c, wrap("join", err)); err != nil {
		return nil, err
	}
	t, err := out.file.Finish()
	return agreed(c, t, err)
}

// bucket adds a part's rows to out, as many at a time as a share of the memory has room for.
func (g *mergeJoin) bucket(out *spilled, l, r *Table, part int) error {
	if err := fitsRows(l.rows, r.rows); err != nil {
		return err
	}
	row := l.Bytes()/int64(max(1, l.rows)) + r.Bytes()/int64(max(1, r.rows)) + 1
	most := max(1, int(l.mem.limited()/bucketShare/row))
	l, r = l.copied(), r.copied()
	defer l.Release()
	defer r.Release()
	return g.join(l, r, part, most, out.add)
}

// cut chooses the splitters, and says the number of this rank's first row of each side; collective.
func (g *mergeJoin) cut(c collective.Comm, l, r *Table) (first [2]int64, err error) {
	count := []int64{int64(l.rows), int64(r.rows)}
	for s, n := range count {
		if first[s], err = collective.ExclusiveScan(c, n); err != nil {
			return first, wrap("join", err)
		}
	}
	if err := collective.AllReduce(c, count, collective.Sum); err != nil {
		return first, wrap("join", err)
	}
	g.lefts = count[0]
	keys := make([]SortKey, len(g.leftOn))
	for i := range keys {
		keys[i].Column = strconv.Itoa(i)
	}
	sample := l.with()
	for s, side := range []*Table{keyTable(l, g.leftOn), keyTable(r, g.rigOn)} {
		// as many of each side as its part of the rows
		n := int(math.Ceil(float64(sampleKeys*g.parts) * float64(count[s]) / float64(max(1, count[0]+count[1]))))
		of := withNumbers(side, keys, evenly(side.rows, n, count[s], first[s]), first[s]+int64(s)*g.lefts)
		side.Release()
		sample.schema = of.schema
		sample.chunks, sample.rows = append(sample.chunks, of.chunks...), sample.rows+of.rows
		first[s] += int64(s) * g.lefts
	}
	defer sample.Release()
	if g.split, _, err = splittersOf(c, sample, keys, g.parts); err != nil {
		return first, err
	}
	g.bounds, err = sortColumns(g.split, keys)
	return first, wrap("join", err)
}

// keyTable is the key columns of t, named by their places, so that both sides' are alike.
func keyTable(t *Table, on []string) *Table {
	fields, at := make([]arrow.Field, len(on)), make([]int, len(on))
	for i, name := range on {
		at[i] = t.schema.FieldIndices(name)[0]
		fields[i] = arrow.Field{Name: strconv.Itoa(i), Type: t.schema.Field(at[i]).Type, Nullable: true}
	}
	out := &Table{mem: t.mem, schema: arrow.NewSchema(fields, nil), rows: t.rows}
	for _, r := range t.chunks {
		out.chunks = append(out.chunks, project(out.schema, r, at))
	}
	return out
}

// keysToSort are the named key columns, to be sorted as the result of a merge join is.
func keysToSort(t *Table, on []string) ([]column, []sortColumn, error) {
	cols, err := keyColumns(t, on)
	sorted := make([]sortColumn, len(cols))
	for i := range cols {
		sorted[i].column = cols[i]
	}
	return cols, sorted, err
}

// leftParts is a [bucketing] of left rows of the given numbers.
func (g *mergeJoin) leftParts(t *Table, number func(i int) int64) (rows, part []uint32, err error) {
	cols, keys, err := keysToSort(t, g.leftOn)
	if err != nil {
		return nil, nil, err
	}
	part, _, err = partsOf(t.mem, keys, t.rows, number, g.bounds, g.split, g.parts)
	if err != nil {
		return nil, nil, err
	}
	keep, _ := g.keeps()
	rows, part = onlyWhole(t.mem, cols, part, keep)
	return rows, part, nil
}

// onlyWhole leaves out the rows without a whole key unless they are kept; rows is nil where all are.
func onlyWhole(m *Memory, cols []column, part []uint32, keep bool) (rows, kept []uint32) {
	whole, done := allValid(m, cols)
	defer done()
	if whole == nil || keep {
		return nil, part
	}
	defer free(m, part)
	n := 0
	for i := range part {
		n += int(whole[i>>3] >> (i & 7) & 1)
	}
	rows, kept = alloc[uint32](m, n), alloc[uint32](m, n)
	n = 0
	for i, p := range part {
		if whole[i>>3]>>(i&7)&1 == 1 {
			rows[n], kept[n] = uint32(i), p
			n++
		}
	}
	if n == 0 { // nil would be all rows
		rows = []uint32{}
	}
	return rows, kept
}

// rightParts is a [bucketing] of right rows of the given numbers.
func (g *mergeJoin) rightParts(t *Table, number func(i int) int64) (rows, part []uint32, err error) {
	m := t.mem
	cols, keys, err := keysToSort(t, g.rigOn)
	if err != nil {
		return nil, nil, err
	}
	whole, done := allValid(m, cols)
	defer done()
	var cuts [3][]uint32 // by row: its first part and its last, and that which it is cut to
	for i, number := range []func(i int) int64{
		func(int) int64 { return -1 },
		func(int) int64 { return g.lefts - 1 }, // a splitter that is a right row makes no room for left ones
		number,
	} {
		if i == 2 && whole == nil {
			break
		}
		if cuts[i], _, err = partsOf(m, keys, t.rows, number, g.bounds, g.split, g.parts); err != nil {
			return nil, nil, err
		}
		defer free(m, cuts[i])
	}
	lo, hi := cuts[0], cuts[1]
	_, keep := g.keeps()
	n := 0
	for i := range lo {
		if whole != nil && whole[i>>3]>>(i&7)&1 == 0 {
			if lo[i], hi[i] = 1, 0; keep {
				lo[i], hi[i] = cuts[2][i], cuts[2][i]
			}
		}
		n += int(hi[i]+1) - int(lo[i])
	}
	rows, part = alloc[uint32](m, n)[:0], alloc[uint32](m, n)[:0]
	for i := range lo {
		for p := lo[i]; p <= hi[i]; p++ {
			rows, part = append(rows, uint32(i)), append(part, p)
		}
	}
	if n == 0 {
		rows = []uint32{}
	}
	return rows, part, nil
}
