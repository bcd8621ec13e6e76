package frame

/*
#cgo noescape ranks_of
#cgo nocallback ranks_of
#cgo noescape order_by_rank
#cgo nocallback order_by_rank
#include "hash.h"
*/
import "C"

import (
	"fmt"

	"deeprc/collective"
)

// PartitionBy moves all rows with the same cells in the key columns to one rank, chosen
// by a hash of them. On each rank the rows keep their order in the whole table. A missing
// cell is a value like others. Without keys all rows go to rank 0. Collective.
func PartitionBy(c collective.Comm, t *Table, keys ...string) (*Table, error) {
	cols, err := keyColumns(t, keys)
	if err != nil {
		return nil, fmt.Errorf("frame: partition: %w", err)
	}
	h := hashes(t.mem, cols, t.rows)
	defer free(t.mem, h)
	return scatter(c, t, h)
}

// scatter sends each row to the rank that its hash belongs to; collective.
func scatter(c collective.Comm, t *Table, h []uint64) (*Table, error) {
	rank, counts := rankOf(t.mem, h, c.Size())
	defer free(t.mem, rank)
	return send(c, t, rank, counts)
}

// rankOf gives each row the rank that its hash belongs to, and each rank its number of rows.
func rankOf(m *Memory, h []uint64, ranks int) (rank []uint32, counts []int64) {
	rank, counts = alloc[uint32](m, len(h)), make([]int64, ranks)
	C.ranks_of(u32(rank), i64(counts), u64(h), C.int64_t(len(h)), C.int64_t(ranks))
	return rank, counts
}

// send moves row i to rank[i], of which there are counts[r] for rank r; collective.
func send(c collective.Comm, t *Table, rank []uint32, counts []int64) (*Table, error) {
	return sendRows(c, t, nil, rank, counts)
}

// sendRows moves the given rows, of which there may be several of one or none, to rank[i] each, of which there are counts[r] for
// rank r; rows nil is all. Collective.
func sendRows(c collective.Comm, t *Table, rows, rank []uint32, counts []int64) (*Table, error) {
	order := alloc[uint32](t.mem, len(rank))
	defer free(t.mem, order)
	C.order_by_rank(u32(order), u32(rank), i64(counts), C.int64_t(len(rank)), C.int64_t(len(counts)))
	if rows != nil {
		for i, k := range order {
			order[i] = rows[k]
		}
	}
	n := make([]int, len(counts))
	for r := range n {
		n[r] = int(counts[r])
	}
	return exchange(c, t, order, n)
}

// Repartition moves rows so that all ranks have the same number, give or take one, in
// the same order of the whole table. Collective.
func Repartition(c collective.Comm, t *Table) (*Table, error) {
	all, err := collective.AllGatherOne(c, int64(t.rows))
	if err != nil {
		return nil, fmt.Errorf("frame: repartition: %w", err)
	}
	before, total := 0, 0
	for r, n := range all {
		if r < c.Rank() {
			before += int(n)
		}
		total += int(n)
	}
	counts := make([]int, c.Size())
	for r := range counts {
		lo, hi := collective.Share(total, r, c.Size())
		counts[r] = max(0, min(hi, before+t.rows)-max(lo, before))
	}
	order := alloc[uint32](t.mem, t.rows)
	defer free(t.mem, order)
	for i := range order {
		order[i] = uint32(i)
	}
	return exchange(c, t, order, counts)
}

// Replicate gives every rank all rows, in the order of the whole table. Collective.
func Replicate(c collective.Comm, t *Table) (*Table, error) {
	order := alloc[uint32](t.mem, t.rows*c.Size())
	defer free(t.mem, order)
	counts := make([]int, c.Size())
	for r := range counts {
		counts[r] = t.rows
		for i := range t.rows {
			order[r*t.rows+i] = uint32(i)
		}
	}
	return exchange(c, t, order, counts)
}

// Distribute is the inverse of [Replicate]: of a table that is the same on every rank, each rank keeps its
// share of the rows, so that they are in the whole table once, in order. It shares the cells; no rows move.
func Distribute(c collective.Comm, t *Table) *Table {
	lo, hi := collective.Share(t.rows, c.Rank(), c.Size())
	return t.slice(lo, hi)
}
