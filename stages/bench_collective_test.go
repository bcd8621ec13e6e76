package stages

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"deeprc/collective"
)

// benchOn measures on in-process ranks, and takes rank 0's result through JSON, in which nothing of it must be lost.
func benchOn[R any](t *testing.T, ranks int, measure func(c collective.Comm) (*R, error)) (back *R, text []byte) {
	t.Helper()
	var res *R
	err := collective.Run(collective.Options{Ranks: ranks, Comm: "local"}, func(c collective.Comm) error {
		r, err := measure(c)
		if c.Rank() == 0 {
			res = r
		}
		return err
	})
	if err == nil {
		text, err = json.Marshal(res)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, res) {
		t.Fatalf("%v: %+v, want %+v", err, back, res)
	}
	return back, text
}

func TestBenchCollective(t *testing.T) {
	o := CollectiveOptions{Ops: CollectiveOps(), Sizes: []int{4, 8, 4096}, Repeats: 2}
	for _, ranks := range []int{1, 2, 7} { // 7: more than a buffer of 4 bytes can give each
		if ranks > 2 && testing.Short() {
			continue
		}
		back, text := benchOn(t, ranks, func(c collective.Comm) (*CollectiveResult, error) { return BenchCollective(c, o, "v1") })
		if back.Version != "v1" || back.Ranks != ranks || back.Hosts != 1 || back.Library == "" || back.Go == "" || back.Date == "" || back.Cores < 1 {
			t.Errorf("%s", text)
		}
		var names []string
		for _, r := range back.Results {
			names = append(names, fmt.Sprint(r.Name, " ", r.Bytes))
			if len(r.All) != 2 || r.Unit != "us" || r.Iterations < 1 || !(0 < r.Min && r.Min <= r.Median && r.Median <= r.Max) || (r.GBps > 0) != (r.Bytes > 0) {
				t.Errorf("%d ranks: %+v", ranks, r)
			}
		}
		want := "barrier 0,broadcast 4,broadcast 8,broadcast 4096,allreduce 4,allreduce 8,allreduce 4096,alltoall 4,alltoall 8,alltoall 4096,allgather 4,allgather 8,allgather 4096"
		if got := strings.Join(names, ","); got != want {
			t.Errorf("measured %s, want %s", got, want)
		}
		var table bytes.Buffer
		if err := back.Print(&table); err != nil || strings.Count(table.String(), "\n") != 5+len(names) || !strings.Contains(table.String(), "4 KiB") {
			t.Errorf("%v\n%s", err, &table)
		}
	}
}

func TestBenchCollectiveOptions(t *testing.T) {
	for want, o := range map[string]CollectiveOptions{
		`no operation "allreduc"; did you mean "allreduce"?`:       {[]string{"allreduc"}, []int{8}, 1},
		"barrier is named twice":                                   {[]string{"barrier", "barrier"}, []int{8}, 1},
		"0 bytes: want a multiple of 4 (an f32) from 4":            {[]string{"barrier"}, []int{8, 0}, 1},
		"6 bytes: want a multiple of 4":                            {[]string{"barrier"}, []int{6}, 1},
		"2147483648 bytes: want a multiple of 4":                   {[]string{"barrier"}, []int{1 << 31}, 1},
		"8 is named twice":                                         {[]string{"barrier"}, []int{8, 8}, 1},
		"--repeats 0: want 1 to 1000":                              {[]string{"barrier"}, []int{8}, 0},
		"1 --ops and 0 --sizes: want at least one":                 {[]string{"barrier"}, nil, 1},
		"0 --ops and 1 --sizes: want at least one --ops, and 1 to": {nil, []int{8}, 1},
	} {
		err := o.Check()
		var usage ConfigError
		if err == nil || !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}

// A wrong result on one rank is told on all.
func TestBenchCollectiveVerifies(t *testing.T) {
	told := make([]error, 2)
	err := collective.Run(collective.Options{Ranks: 2, Comm: "local"}, func(c collective.Comm) error {
		b := benchCall{c.Barrier, func() {}, func() bool { return c.Rank() == 0 }}
		told[c.Rank()] = b.verify(c, collectiveKey{"broadcast", 8})
		return nil
	})
	for r, e := range told {
		if err != nil || e == nil || !strings.Contains(e.Error(), "broadcast of 8 bytes over in-process ranks gives a wrong result") {
			t.Errorf("rank %d: %v, %v", r, e, err)
		}
	}
}
