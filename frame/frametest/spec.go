// Package frametest makes random distributed tables for tests, gathers tables, and compares them.
package frametest

import (
	"fmt"
	"math/rand/v2"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Spec says, whole and whatever the number of ranks, what is in a table: the same
// Spec is the same rows.
type Spec struct {
	Seed    uint64 // of cells and of where [Spec.Part] cuts
	Rows    int
	Columns []Column
}

// Column says what is in a column. Columns of equal Type, Domain, Modest, Unbound and Step draw
// from one series of values, of which each uses the first Distinct ones; so keys of two tables meet.
type Column struct {
	Name     string
	Type     arrow.DataType // one that a table's column may have
	Shape    Shape
	Distinct int     // number of values to draw from, at least 1
	Nulls    float64 // share of missing cells: 0 none, 1 all
	Domain   uint64  // seed of the values
	Modest   bool    // numbers are whole, finite and within ±1000, so that sums are exact; times, too, in their unit
	Unbound  bool    // Modest floats are NaN and infinite, too
	Step     int64   // Modest integers and times are multiples of it: of 60, within ±60,000; 0 means 1
}

// Shape is how often each value of a column occurs.
type Shape uint8

const (
	Uniform   Shape = iota
	Zipf            // the k-th value in proportion to (1+k)^-1.2
	Heavy           // the first value in half of the rows
	Equal           // the first value in every row
	Rising          // row i has integer i; of Int64 only, to tell the rows' order
	numShapes = Rising
)

func (s Shape) String() string {
	return [...]string{"uniform", "zipf", "heavy", "equal", "rising"}[s]
}

func (s Spec) String() string {
	text := fmt.Sprintf("seed %d, %d row(s)", s.Seed, s.Rows)
	for _, c := range s.Columns {
		text += fmt.Sprintf("; %s %s, %s of %d, %.0f %% missing", c.Name, c.Type, c.Shape, c.Distinct, 100*c.Nulls)
	}
	return text
}

// RandomRows is a number of rows for a test: 0, 1, a few, or up to most.
func RandomRows(rng *rand.Rand, most int) int {
	switch rng.IntN(8) {
	case 0:
		return 0
	case 1:
		return min(1, most)
	case 2:
		return min(2+rng.IntN(4), most)
	}
	return rng.IntN(most + 1)
}

// RandomColumn is a column of one of the types: of any shape but Rising, of few or many values,
// with none, few, many or only missing cells.
func RandomColumn(rng *rand.Rand, name string, types ...arrow.DataType) Column {
	return Column{
		Name:     name,
		Type:     types[rng.IntN(len(types))],
		Shape:    Shape(rng.IntN(int(numShapes))),
		Distinct: []int{1, 2, 3 + rng.IntN(8), 20 + rng.IntN(100)}[rng.IntN(4)],
		Nulls:    []float64{0, 0, 0.05, 0.1, 0.5, 1}[rng.IntN(6)],
		Domain:   rng.Uint64(),
	}
}

// Record makes the whole table in mem; the caller releases it. Under a missing cell lies any value.
func (s Spec) Record(mem memory.Allocator) arrow.Record {
	fields, cols := make([]arrow.Field, len(s.Columns)), make([]arrow.Array, len(s.Columns))
	for i, c := range s.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type, Nullable: true}
		cols[i] = c.cells(mem, rand.New(rand.NewPCG(s.Seed, uint64(i))), s.Rows)
		defer cols[i].Release()
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(s.Rows))
}

// pick gives the number of a cell's value.
func (c Column) pick(rng *rand.Rand) func() int {
	switch c.Shape {
	case Zipf:
		z := rand.NewZipf(rng, 1.2, 1, uint64(c.Distinct-1))
		return func() int { return int(z.Uint64()) }
	case Heavy:
		return func() int { return rng.IntN(2) * rng.IntN(c.Distinct) }
	case Equal:
		return func() int { return 0 }
	}
	return func() int { return rng.IntN(c.Distinct) }
}
