package stages

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Every operation has the same result on any number of ranks; what is read from a file is what is made in memory.
func TestFrameOnce(t *testing.T) {
	o := FrameOptions{Rows: 1234, Ranks: 1, Repeats: 1, Ops: FrameOps(), Seed: 7}
	dir := t.TempDir()
	for _, format := range []string{"csv", "parquet"} {
		if _, err := o.data().write(dir, leftSide, format); err != nil {
			t.Fatal(err)
		}
	}
	first := map[string]*FrameRun{}
	for _, ranks := range []int{1, 2, 3} {
		o.Ranks = ranks
		for _, op := range FrameOps() {
			r, err := FrameOnce(o, op, dir, "v1")
			if err != nil {
				t.Fatalf("%s on %d ranks: %v", op, ranks, err)
			}
			if first[op] == nil {
				first[op] = r
			}
			if err := r.sameResult(first[op]); err != nil {
				t.Errorf("%d ranks: %v", ranks, err)
			}
			if r.Engine != "deeprc" || r.Version != "v1" || r.Op != op || r.Threads != ranks || !(r.Seconds > 0) || r.RSSBytes < 1<<20 || r.RusageBytes < 1<<20 ||
				r.MemoryBytes < r.Rows*16 || r.TableBytes < 1234*10 {
				t.Errorf("%+v", r)
			}
		}
	}
	if err := first["csv"].sameResult(first["sort"]); err != nil {
		t.Error(err)
	}
	if s, g := first["sort"], first["groupby"]; g.Rows >= s.Rows || g.Sums[1] != s.Sums[1] {
		t.Errorf("grouped: %+v; sorted: %+v", g, s)
	}
	if n := first["join"].Rows; n < 1234 || n > 1500 { // 1234²/1110 = 1372 pairs are expected
		t.Errorf("the join has %d rows", n)
	}
}

// The workload's cells are in their range and stay what they were, so that old numbers can be compared with.
func TestFrameData(t *testing.T) {
	d := frameData{rows: 1000, seed: 1}
	all := make([]int64, 1000)
	count := map[int64]int{}
	d.cells(leftSide, 0, 0, all)
	if !slices.Equal(all[:4], []int64{563, 652, 702, 236}) {
		t.Errorf("the first keys are %d", all[:4])
	}
	for _, v := range all {
		if count[v]++; v < 0 || v >= 900 {
			t.Fatalf("%d is not in 0 … 900", v)
		}
	}
	if len(count) < 560 || len(count) > 640 { // 900·(1-e^(-10/9)) = 604
		t.Errorf("%d different keys", len(count))
	}
	part := make([]int64, 10)
	d.cells(leftSide, 0, 500, part)
	for i, v := range part {
		if v != all[500+i] {
			t.Errorf("row %d is %d of the part, %d of the whole", 500+i, v, all[500+i])
		}
	}
	path, err := frameData{rows: 3, seed: 1}.write(t.TempDir(), rightSide, "csv")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "k,b\n1,1\n0,0\n0,1\n" {
		t.Errorf("%v\n%s", err, b)
	}
}

func TestFrameSameResult(t *testing.T) {
	a := &FrameRun{Engine: "deeprc", Op: "sort", Rows: 2, Sums: []float64{3, 1e12}}
	if err := a.sameResult(&FrameRun{Engine: "x", Rows: 2, Sums: []float64{3, 1e12 + 1}}); err != nil {
		t.Error(err)
	}
	for _, b := range []FrameRun{{Rows: 3, Sums: a.Sums}, {Rows: 2, Sums: []float64{3}}, {Rows: 2, Sums: []float64{3, 1.001e12}}} {
		b.Engine = "polars"
		if err := a.sameResult(&b); err == nil || !strings.HasPrefix(err.Error(), "bench: sort: deeprc has 2 rows, with columns that sum to [3 1e+12], but polars has ") {
			t.Errorf("%+v: %v", b, err)
		}
	}
}
