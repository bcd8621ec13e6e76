package frame

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"deeprc/collective"
)

func TestOffload(t *testing.T) {
	c := collective.Local(1)[0]
	for _, rows := range []int{0, 1, 3000} {
		m := checked(t)
		rec := someTable(m, rand.New(rand.NewPCG(1, 0)), rows, 5)
		tab := cut(c, m, rec, 3)
		before := m.Used()
		out, err := tab.Offload()
		if err != nil {
			t.Fatal(err)
		}
		if used := m.Used() - before; used != 0 {
			t.Errorf("%d rows take %d bytes of memory", rows, used)
		}
		if a, b := rowsOf(tab.Record()), rowsOf(out.Record()); fmt.Sprint(a) != fmt.Sprint(b) || describe(tab.schema) != describe(out.schema) {
			t.Errorf("%d rows: other cells", rows)
		}
		tab.Release()
		rec.Release()
		left, err := os.ReadDir(m.scratch)
		if err != nil || len(left) > 0 {
			t.Errorf("the scratch folder has %v, %v", left, err)
		}
		out.Release()
	}
	m := checked(t)
	m.scratch += "/gone"
	tab := sampleTable(m)
	defer tab.Release()
	if _, err := tab.Offload(); err == nil || !strings.Contains(err.Error(), "frame: spill: scratch folder "+m.scratch+": no such file or directory") {
		t.Error(err)
	}
}
