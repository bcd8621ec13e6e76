package frame

/*
#cgo noescape csv_records
#cgo nocallback csv_records
#include "csv_records.h"
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
)

const (
	simpleCells   = 1 << 15 // cells that are parsed at a time, in cache
	simpleRun     = 2048    // records of them at most
	simpleMinimum = 4       // records of a run that pays
	longestWait   = 64      // records that are parsed one by one after runs that do not
)

// simpleRecords parses records without anything special, a run of them at a time, by csv_records.
type simpleRecords struct {
	m     *Memory
	field []C.csv_field
	rules C.csv_rules
	marks []uint64
	cols  []*cellColumn // by field, without those that are skipped

	run   int     // records at a time
	cells []int64 // run of each column
	valid []bool  // run of each column, true between runs
	nulls []bool  // of each column: some of valid may be false

	wait, waited int // records to be parsed one by one before the next run
}

// newSimpleRecords makes one for the columns of p, whose types are known.
func newSimpleRecords(p *parser) *simpleRecords {
	r := &simpleRecords{field: make([]C.csv_field, len(p.at))}
	for _, col := range p.at {
		if col != nil {
			r.cols = append(r.cols, col)
			r.m = col.m
		}
	}
	for s := range p.na.marks {
		if 0 < len(s) && len(s) <= 8 {
			var w [8]byte
			copy(w[:], s)
			r.marks = append(r.marks, binary.LittleEndian.Uint64(w[:]))
		}
	}
	r.rules = C.csv_rules{comma: C.uint8_t(p.scan.comma), marks: C.int64_t(len(r.marks)), numbers: C.int64_t(len(p.na.numbers))}
	if len(p.scan.comment) > 0 {
		r.rules.comment = C.uint8_t(p.scan.comment[0])
	}
	r.run = max(min(simpleCells/max(len(r.cols), 1), simpleRun), 1)
	r.cells = alloc[int64](r.m, r.run*len(r.cols))
	r.valid = alloc[bool](r.m, r.run*len(r.cols))
	r.nulls = make([]bool, len(r.cols))
	for i := range r.valid {
		r.valid[i] = true
	}
	return r
}

func (r *simpleRecords) release() {
	free(r.m, r.cells)
	free(r.m, r.valid)
}

// parse appends the simple records that come next, at most run, to the columns of p, in which there is room for some;
// 0 of them where the next one is to be parsed by itself. It does not count the rows.
func (r *simpleRecords) parse(p *parser, room int) (int, error) {
	s := &p.scan
	if r.wait > 0 {
		r.wait--
		return 0, nil
	}
	if s.cut || len(s.b) > math.MaxUint32 {
		return 0, nil
	}
	r.describe(p)
	b := s.b[s.pos:]
	var used C.int64_t
	n := int(C.csv_records((*C.uint8_t)(&b[0]), C.int64_t(len(b)), &r.field[0], C.int64_t(len(r.field)), &r.rules,
		(*C.uint64_t)(unsafe.SliceData(r.marks)), (*C.double)(unsafe.SliceData(p.na.numbers)), C.int64_t(r.run),
		(*C.int64_t)(unsafe.SliceData(r.cells)), (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(r.valid))),
		(*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(r.nulls))), &used))
	if n < simpleMinimum {
		r.waited = min(2*r.waited+1, longestWait)
		r.wait = r.waited
	} else {
		r.waited = 0
	}
	err := r.put(p, b, n, room)
	s.pos += int(used)
	s.line += n
	return n, err
}

// describe says how each field is parsed: an integer column may have become one of floats.
func (r *simpleRecords) describe(p *parser) {
	for i, col := range p.at {
		if col == nil {
			r.field[i].kind = C.CSV_SKIP
			continue
		}
		f := C.csv_field{kind: C.CSV_TEXT, lo: C.int64_t(col.lo), hi: C.int64_t(col.hi), top: C.double(col.top), tick: C.int64_t(col.tick)}
		if col.verbatim {
			f.verbatim = 1
		}
		switch {
		case col.kind == intKind:
			f.kind = C.CSV_INT
		case col.kind == floatKind:
			f.kind = C.CSV_FLOAT
		case col.kind == timeKind && !p.na.times:
			f.kind = C.CSV_TIME
		}
		r.field[i] = f
	}
}

// put appends n parsed records, which begin with b, to the columns. The error is that of the first record that has one.
func (r *simpleRecords) put(p *parser, b []byte, n, room int) error {
	bad, fault := n, error(nil)
	k := 0
	for i, col := range p.at {
		if col == nil {
			continue
		}
		cells, valid := r.cells[k*r.run:][:n], r.valid[k*r.run:][:n]
		if !r.nulls[k] {
			valid = nil
		}
		switch r.field[i].kind {
		case C.CSV_INT, C.CSV_TIME:
			col.i64.AppendValues(cells, valid)
		case C.CSV_FLOAT:
			col.f64.AppendValues(arrow.Float64Traits.CastFromBytes(arrow.Int64Traits.CastToBytes(cells)), valid)
		default:
			for row, at := range cells[:bad] {
				cell := b[uint32(at):][:at>>32]
				if what := col.put(cell, room-row); what != "" {
					bad, fault = row, fmt.Errorf("%s: %s", p.where(p.scan.line+row, i), what)
					break
				}
			}
		}
		if r.nulls[k] { // also in the record behind the last one, as far as it was parsed
			v := r.valid[k*r.run:][:min(n+1, r.run)]
			for j := range v {
				v[j] = true
			}
			r.nulls[k] = false
		}
		k++
	}
	return fault
}
