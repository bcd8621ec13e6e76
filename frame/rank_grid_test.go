package frame

import (
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// TestRankGrid: each rank sends its number to every leader, and these send on what came, with their own number.
func TestRankGrid(t *testing.T) {
	for _, p := range []int{1, 2, 3, 5, gridRanks, gridRanks + 1, 80, 81, 99, 100, 101} {
		err := collective.RunLocal(p, func(c collective.Comm) error {
			m := checked(t)
			table := func(numbers []int64) *Table {
				return newTable(m, []arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}},
					[]arrow.Array{arrayOf(m, arrow.PrimitiveTypes.Int64, numbers, nil)}, len(numbers))
			}
			g, err := newRankGrid(c)
			if err != nil {
				return err
			}
			defer g.close()
			numbers, leader, counts := make([]int64, g.leaders), make([]uint32, g.leaders), make([]int64, g.row.Size())
			for l := range g.leaders {
				numbers[l], leader[l], counts[l] = int64(c.Rank()), uint32(l), 1
			}
			out := table(numbers)
			defer out.Release()
			in, err := g.toLeaders(out, leader, counts)
			if err != nil {
				return err
			}
			defer in.Release()
			leads := c.Rank() < g.leaders
			got, err := in.Int64s("n")
			if err != nil {
				return err
			}
			slices.Sort(got)
			for i, n := range got {
				if n != int64(i) {
					return fmt.Errorf("%d ranks: leader %d has %v", p, c.Rank(), got)
				}
			}
			if want := map[bool]int{true: p}[leads]; len(got) != want {
				return fmt.Errorf("%d ranks, %d leaders: rank %d got rows of %d ranks, want %d", p, g.leaders, c.Rank(), len(got), want)
			}
			var own []int64
			if leads {
				own = []int64{int64(c.Rank()), int64(-c.Rank())}
			}
			mine := table(own)
			defer mine.Release()
			all, err := g.toAll(mine)
			if err != nil {
				return err
			}
			defer all.Release()
			if got, err = all.Int64s("n"); err != nil {
				return err
			}
			for i, n := range got {
				if want := int64(i / 2 * (1 - i%2*2)); n != want {
					return fmt.Errorf("%d ranks: rank %d got %v from the leaders", p, c.Rank(), got)
				}
			}
			if len(got) != 2*g.leaders {
				return fmt.Errorf("%d ranks: rank %d got rows of the leaders: %v, want %d", p, c.Rank(), got, 2*g.leaders)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
