package frame

import (
	"fmt"
	"slices"
	"testing"

	"deeprc/collective"
)

// TestFrequent: keys with more than a rank's share of the rows are found on all ranks, however few a rank has of them, and no others.
func TestFrequent(t *testing.T) {
	for _, p := range []int{1, 2, 3, 5, 64, 700} {
		const rows = 300 // on each rank
		err := collective.RunLocal(p, func(c collective.Comm) error {
			h := make([]uint64, rows)
			for i := range h {
				row := uint64(c.Rank()*rows + i)
				switch {
				case row%(2*uint64(p)) == 0: // half a rank's share of all rows and more
					h[i] = 5
				case p > 1 && row%uint64(p) == 1: // a whole one
					h[i] = 1 << 63
				default:
					h[i] = (row + 7) * 0x9e3779b97f4a7c15
				}
			}
			got, err := frequent(c, h, func(int) bool { return true })
			if err != nil {
				return err
			}
			want := []uint64{1 << 63}
			if p == 1 {
				want = nil
			}
			if got = slices.DeleteFunc(got, func(x uint64) bool { return x == 5 }); !slices.Equal(got, want) { // 5 may be
				return fmt.Errorf("%d ranks: rank %d has %v, want %v", p, c.Rank(), got, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
