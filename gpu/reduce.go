package gpu

import "fmt"

// A Reduction is what elements are joined by.
type Reduction string

const (
	Sum      Reduction = "sum"
	Largest  Reduction = "largest"  // NaN if one is
	Smallest Reduction = "smallest" // NaN if one is
)

// Reduce is y (outer, inner) = scale · Σ_t x[o,t,i] for x (outer, n, inner), or the largest or smallest, scaled. The order of addition
// depends on the shape alone.
func (s *Stream) Reduce(op Reduction, y, x Ptr, scale float32, outer, n, inner int) error {
	if n <= 0 {
		return fmt.Errorf("gpu: %s: a reduction of (%d, %d, %d) along an axis without elements", s.c, outer, n, inner)
	}
	each := partOf(outer, n, inner)
	if each == n {
		return s.reduceOnce(op, y, x, scale, outer, n, inner, each)
	}
	if err := s.reduceOnce(op, s.scratch.Ptr, x, 1, outer, n, inner, each); err != nil {
		return err
	}
	parts := ceil(n, each)
	return s.reduceOnce(op, y, s.scratch.Ptr, scale, outer, parts, inner, parts)
}

// partOf is how many elements of the axis one part has; n where there is no need of parts. Parts are made where results alone would not keep
// a large device busy, and as many as that takes; few are not worth the second pass.
func partOf(outer, n, inner int) int {
	const enough, few = 1 << 10, 4    // blocks in all; parts
	blocks, least := outer, 4*threads // elements of a part: 4 of each thread, or, down columns, 16
	if inner > 1 {
		blocks, least = outer*ceil(inner, warp), 16*threads/warp
	}
	parts := min(n/least, enough/max(1, blocks), scratchBytes/4/max(1, outer*inner))
	if parts < few {
		return n
	}
	return ceil(n, parts)
}

// reduceOnce is one pass: y (outer, parts, inner), each part of `each` elements of the axis.
func (s *Stream) reduceOnce(op Reduction, y, x Ptr, scale float32, outer, n, inner, each int) error {
	parts := ceil(n, each)
	if inner == 1 {
		return s.launch("reduce_rows_"+string(op), byRows(outer*parts, each), y, x, scale, int64(outer), int64(n), int64(each))
	}
	block := [3]int{warp, threads / warp}
	if each < 2*block[1] {
		block = [3]int{threads, 1}
	}
	tiles := outer * parts * ceil(inner, block[0])
	return s.launch("reduce_cols_"+string(op), Shape{Grid: [3]int{min(tiles, waves)}, Block: block},
		y, x, scale, int64(outer), int64(n), int64(inner), int64(each))
}

// byRows is a grid for rows of n elements: a warp each, or a block each where they are long.
func byRows(rows, n int) Shape {
	if n <= 1024 {
		return Shape{Grid: [3]int{min(ceil(rows, threads/warp), waves)}, Block: [3]int{warp, threads / warp}}
	}
	return Shape{Grid: [3]int{min(rows, waves)}, Block: [3]int{threads, 1}}
}
