package stages

import (
	"fmt"
	"slices"
	"testing"

	"deeprc/collective"
)

// Every rank gets all parts, of different lengths, in the order of the ranks.
func TestGatherEach(t *testing.T) {
	type part struct {
		Name  string
		Cores []int
	}
	err := collective.RunLocal(3, func(c collective.Comm) error {
		all, err := gatherEach(c, part{fmt.Sprint("rank ", c.Rank()), make([]int, c.Rank())}, "part")
		if err != nil {
			return err
		}
		for r, p := range all {
			if p.Name != fmt.Sprint("rank ", r) || !slices.Equal(p.Cores, make([]int, r)) {
				t.Errorf("on rank %d, of rank %d: %+v", c.Rank(), r, p)
			}
		}
		if len(all) != 3 {
			t.Errorf("%d parts", len(all))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
