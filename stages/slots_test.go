package stages

import (
	"io/fs"
	"slices"
	"sync"
	"testing"

	"deeprc/collective"
)

func TestViewWorld(t *testing.T) {
	for _, dedicated := range []bool{false, true} {
		var mu sync.Mutex
		var all [][]Slot
		err := collective.RunLocal(3, func(c collective.Comm) error {
			w, err := viewWorld(c, dedicated)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, w.slots)
			if len(w.gpus) != w.slots[c.Rank()].GPUs || len(w.notes) > 0 {
				t.Errorf("rank %d: %+v", c.Rank(), w)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		total, err := hostMemory(environment(""), func(string) ([]byte, error) { return nil, fs.ErrNotExist })
		if err != nil || total < 1<<28 {
			t.Fatal(total, err)
		}
		for _, s := range all {
			if len(s) != 3 || !slices.Equal(s, all[0]) || s[0].Off != dedicated || s[1].Off || s[1].Memory <= 0 || s[1].Memory > total/3 || s[2].Node != 0 {
				t.Errorf("dedicated %v: %+v", dedicated, s)
			}
		}
	}
}
