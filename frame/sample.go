package frame

import (
	"fmt"
	"math"

	"deeprc/collective"
)

// SampleOptions says which rows [Sample] keeps; one of Rows and Fraction is set.
type SampleOptions struct {
	Rows     int64   // exactly so many, or all if there are fewer
	Fraction float64 // each row with this probability, 0 < Fraction ≤ 1
	Seed     uint64
}

// Sample keeps rows at random, without putting any back, in their order and on their ranks. A row's number in
// the whole table and the seed decide, so the rows do not depend on the number of ranks. Collective.
func Sample(c collective.Comm, t *Table, o SampleOptions) (*Table, error) {
	switch {
	case (o.Rows == 0) == (o.Fraction == 0):
		return nil, fmt.Errorf("frame: sample: want a number of rows or a fraction, one of them")
	case o.Rows < 0:
		return nil, fmt.Errorf("frame: sample: %d rows: want 0 or more", o.Rows)
	case o.Fraction != 0 && !(o.Fraction > 0 && o.Fraction <= 1):
		return nil, fmt.Errorf("frame: sample: the fraction is %v: want more than 0, at most 1", o.Fraction)
	}
	if err := collective.Agree(c, wrap("sample", fitsRows(t.rows))); err != nil {
		return nil, err
	}
	before, total, err := rowsBefore(c, t)
	if err != nil {
		return nil, wrap("sample", err)
	}
	if o.Rows >= total && o.Fraction == 0 || o.Fraction == 1 {
		return t.Retain(), nil
	}
	most := uint64(math.Ldexp(o.Fraction, 64)) // the greatest draw of a row that is kept
	if o.Fraction == 0 {
		keys := alloc[uint64](t.mem, t.rows)
		defer free(t.mem, keys)
		for i := range keys {
			keys[i] = draw(o.Seed, before+int64(i))
		}
		last, err := selectKeys(c, t.mem, keys, []int64{o.Rows - 1}) // draws differ
		if err != nil {
			return nil, wrap("sample", err)
		}
		most = last[0]
	}
	return t.rowsWhere(func(chunk, first int, rows []uint32) []uint32 {
		for i := range t.chunks[chunk].NumRows() {
			if draw(o.Seed, before+int64(first)+i) <= most {
				rows = append(rows, uint32(i))
			}
		}
		return rows
	}), nil
}

// draw is a random number for a row, different for each: a bijection of 64 bits, Steele, Lea and Flood, Fast
// Splittable Pseudorandom Number Generators, OOPSLA 2014 (SplitMix64), whose state is the row's.
func draw(seed uint64, row int64) uint64 {
	z := mix64(seed) + uint64(row)*0x9E3779B97F4A7C15
	return mix64(z)
}

func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
