package frame

/*
#include "hash.h"
*/
import "C"

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// Operators that do not fit in memory work bucket by bucket: rows move to their rank in
// slices, and there to one of several files, so that all rows that belong together (equal
// keys, or a range of sorted ones) are in one file, which fits. (Grace hash join:
// Kitsuregawa et al. 1983.)

// Shares of a memory limit.
const (
	bucketShare = 6  // 1/6: the rows of a bucket; the rest is for working space and result
	sliceShare  = 16 // 1/16: the rows that move at once
	mostBuckets = 512
)

// spillBuckets is the number of buckets on each rank that an operator on the given tables needs, or 0
// where every rank has room for all of it; the same on all ranks. factor is the memory that it takes, in
// units of its input. Collective.
func spillBuckets(c collective.Comm, factor float64, tables ...*Table) (int, error) {
	var bytes int64
	for _, t := range tables {
		bytes += t.Bytes()
	}
	total, err := collective.AllReduceOne(c, bytes, collective.Sum)
	if err != nil {
		return 0, fmt.Errorf("frame: compare sizes with the memory limit: %w", err)
	}
	m := tables[0].mem
	mine := float64(max(bytes, total/int64(c.Size())))
	n := int64(0)
	if !m.room(int64(factor * mine)) {
		n = int64(mine)*bucketShare/m.limit + 1
	}
	if n, err = collective.AllReduceOne(c, n, collective.Max); err != nil {
		return 0, fmt.Errorf("frame: compare sizes with the memory limit: %w", err)
	}
	if n == 1 {
		n = 2
	}
	return int(min(n, mostBuckets)), nil
}

// bucketing says which of n buckets each of some rows of t belongs to, counted over all ranks: bucket b is of rank b / (n / ranks). A row
// may be among rows several times, or not at all; rows nil is all of them, in order. The caller frees both.
type bucketing func(t *Table) (rows, bucket []uint32, err error)

// bucketColumn is the name of a column with the bucket of a row on its way.
const bucketColumn = "\x00bucket"

// toBuckets moves t's rows to the buckets of all ranks, each on this rank to be one file-backed table. If numbered, rows
// get their number in the whole table as a last column, rowColumn, before of sees them. Collective.
func toBuckets(c collective.Comm, t *Table, n int, numbered bool, of bucketing) (out []*Table, err error) {
	first, err := collective.ExclusiveScan(c, int64(t.rows))
	if err != nil {
		return nil, fmt.Errorf("frame: spill: %w", err)
	}
	slices, err := collective.AllReduceOne(c, t.Bytes()*sliceShare/max(1, t.mem.limited())+int64(t.rows)/(1<<30)+1, collective.Max)
	if err != nil {
		return nil, fmt.Errorf("frame: spill: %w", err)
	}
	b := &bucketFiles{ranks: c.Size(), n: n, of: of, m: t.mem}
	defer b.abort()
	for i := range int(slices) {
		lo, hi := collective.Share(t.rows, i, int(slices))
		if err := b.move(c, t, lo, hi, first, numbered); err != nil {
			return nil, err
		}
	}
	out, err = b.finish()
	if err := collective.Agree(c, err); err != nil {
		releaseAll(out)
		return nil, err
	}
	return out, nil
}

func releaseAll(tables []*Table) {
	for _, t := range tables {
		t.Release()
	}
}

// bucketFiles are this rank's buckets while rows come.
type bucketFiles struct {
	m        *Memory
	ranks, n int
	of       bucketing
	files    []*spill
}

func (b *bucketFiles) abort() {
	for _, f := range b.files {
		f.Abort()
	}
}

// move sends rows lo…hi of t to their ranks and puts what comes in the buckets; collective.
func (b *bucketFiles) move(c collective.Comm, t *Table, lo, hi int, first int64, numbered bool) error {
	piece := t.slice(lo, hi)
	if numbered {
		all := piece.numbered(first + int64(lo))
		piece.Release()
		piece = all
	}
	defer piece.Release()
	labelled, rank, err := b.label(piece)
	if err := collective.Agree(c, err); err != nil {
		if labelled != nil {
			labelled.Release()
			free(b.m, rank)
		}
		return err
	}
	defer labelled.Release()
	defer free(b.m, rank)
	counts := make([]int64, b.ranks)
	for i := range rank {
		rank[i] /= uint32(b.n)
		counts[rank[i]]++
	}
	came, err := send(c, labelled, rank, counts)
	if err != nil {
		return err
	}
	defer came.Release()
	rows := came.sub(piece.Names())
	defer rows.Release()
	label := see(came.Record().Column(piece.schema.NumFields()))
	bucket := values[uint32](&label)
	return collective.Agree(c, b.put(rows, bucket, c.Rank()*b.n))
}

// split puts rows lo…hi of t, which stay on this rank, in the buckets.
func (b *bucketFiles) split(t *Table, lo, hi int) error {
	piece := t.slice(lo, hi)
	defer func() { piece.Release() }()
	rows, bucket, err := b.of(piece)
	if err != nil {
		return err
	}
	defer free(b.m, bucket)
	if rows != nil {
		picked := piece.pick(rows)
		free(b.m, rows)
		piece.Release()
		piece = picked
	}
	return b.put(piece, bucket, 0)
}

// label is the rows of t that belong to buckets, which are in column bucketColumn, and in the second result.
func (b *bucketFiles) label(t *Table) (*Table, []uint32, error) {
	rows, bucket, err := b.of(t)
	if err != nil {
		return nil, nil, err
	}
	if rows == nil {
		t = t.Retain()
	} else {
		t = t.pick(rows)
		free(b.m, rows)
	}
	rec := withColumn(t, bucketColumn, arrayOf(b.m, arrow.PrimitiveTypes.Uint32, bucket, nil))
	return (&Table{mem: b.m, schema: rec.Schema()}).with(rec), bucket, nil
}

// put appends rows to the files of their buckets, of which the first has number first.
func (b *bucketFiles) put(t *Table, bucket []uint32, first int) error {
	if b.files == nil {
		for range b.n {
			f, err := newSpill(b.m, t.schema)
			if err != nil {
				return err
			}
			b.files = append(b.files, f)
		}
	}
	local, counts := alloc[uint32](b.m, t.rows), make([]int64, b.n)
	defer free(b.m, local)
	for i, k := range bucket {
		local[i] = k - uint32(first)
		counts[local[i]]++
	}
	order := alloc[uint32](b.m, t.rows)
	defer free(b.m, order)
	C.order_by_rank(u32(order), u32(local), i64(counts), C.int64_t(t.rows), C.int64_t(b.n))
	at := 0
	for i, n := range counts {
		if n == 0 {
			continue
		}
		rows := t.pick(order[at : at+int(n)])
		at += int(n)
		err := b.files[i].Write(rows.Record())
		rows.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// finish gives the buckets as tables.
func (b *bucketFiles) finish() (out []*Table, err error) {
	for _, f := range b.files {
		t, err := f.Finish()
		if err != nil {
			releaseAll(out)
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// slice is rows lo…hi of this rank, shared.
func (t *Table) slice(lo, hi int) *Table {
	var chunks []arrow.Record
	at := 0
	for _, r := range t.chunks {
		n := int(r.NumRows())
		if from, to := max(lo, at), min(hi, at+n); from < to {
			chunks = append(chunks, r.NewSlice(int64(from-at), int64(to-at)))
		}
		at += n
	}
	return t.with(chunks...)
}

// numbered is t with a last column of row numbers, from first on.
func (t *Table) numbered(first int64) *Table {
	fields := append(t.schema.Fields(), arrow.Field{Name: rowColumn, Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	out := &Table{mem: t.mem, schema: arrow.NewSchema(fields, nil), rows: t.rows}
	for _, r := range t.chunks {
		n := alloc[int64](t.mem, int(r.NumRows()))
		for i := range n {
			n[i] = first + int64(i)
		}
		first += r.NumRows()
		a := arrayOf(t.mem, arrow.PrimitiveTypes.Int64, n, nil)
		free(t.mem, n)
		out.chunks = append(out.chunks, array.NewRecord(out.schema, append(append([]arrow.Array{}, r.Columns()...), a), r.NumRows()))
		a.Release()
	}
	return out
}

// byNumber is a bucket's rows in memory, in the order of the whole table, without their numbers.
func byNumber(t *Table) (*Table, error) {
	cols, err := sortColumns(t, []SortKey{{Column: rowColumn}})
	if err != nil {
		return nil, err
	}
	sorted := sortLocal(t, cols)
	defer sorted.Release()
	return sorted.sub(t.Names()[:t.schema.NumFields()-1]), nil
}

// spilled collects a result, piece by piece, in a file.
type spilled struct {
	file *spill
}

// add appends t's rows and releases t.
func (s *spilled) add(t *Table) error {
	defer t.Release()
	if s.file == nil {
		var err error
		if s.file, err = newSpill(t.mem, t.schema); err != nil {
			return err
		}
	}
	for _, r := range t.chunks {
		if err := s.file.Write(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *spilled) abort() {
	if s.file != nil {
		s.file.Abort()
	}
}
