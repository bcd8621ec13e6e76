package stages

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"deeprc/collective"
)

func TestBenchPilot(t *testing.T) {
	o := PilotOptions{Tasks: 60, Policy: "backfill", Repeats: 2, CoreTasks: 500, CoreRanks: 100}
	for ranks, chains := range map[int]int{1: 7, 4: 0} {
		o.Chains = chains
		back, text := benchOn(t, ranks, func(c collective.Comm) (*PilotResult, error) { return BenchPilot(c, o, "v1") })
		if back.Version != "v1" || back.Ranks != ranks || !(0 < back.World && back.World < back.First && back.First < 600) {
			t.Errorf("%s", text)
		}
		if want := cmp.Or(chains, ranks); back.Options.Chains != want {
			t.Errorf("%d ranks, --chains %d: %d chains, want %d", ranks, chains, back.Options.Chains, want)
		}
		var names []string
		for _, r := range back.Results {
			names = append(names, r.Name)
			if len(r.All) != 2 || !(0 < r.Min && r.Min <= r.Median && r.Median <= r.Max) {
				t.Errorf("%d ranks: %+v", ranks, r)
			}
		}
		if want := "tasks per second,free to start, median,free to start, 99 %,ready to start, median,ready to start, 99 %,scheduler alone,scheduler alone, heap"; strings.Join(names, ",") != want {
			t.Errorf("measured %v, want %s", names, want)
		}
		var table bytes.Buffer
		if err := back.Print(&table); err != nil || strings.Count(table.String(), "\n") != 7+len(names) {
			t.Errorf("%v\n%s", err, &table)
		}
	}
}

// Two ranks: tasks 0 on rank 0, 1 on both, 2 after 0 on rank 1, 3 after 1 on rank 0; the run began at 100.
func TestPilotRunMeasures(t *testing.T) {
	r := pilotRun{begin: 100}
	r.measure([]int64{110, 130, 0, 145, 0, 125, 150, 0}, 2, 2)
	if want := []time.Duration{10, 20, 25, 15}; !slices.Equal(r.free, want) { // 1: 130 − 110, not − 100; 2: 150 − 125; 3: 145 − 130
		t.Errorf("free to start %v, want %v", r.free, want)
	}
	if want := []time.Duration{10, 30, 40, 15}; !slices.Equal(r.ready, want) {
		t.Errorf("ready to start %v, want %v", r.ready, want)
	}
	if r.first != 110 || r.last != 150 {
		t.Errorf("first %v, last %v", r.first, r.last)
	}
}

func TestBenchPilotRefuses(t *testing.T) {
	good := PilotOptions{Tasks: 1, Policy: "fifo", Repeats: 1, CoreRanks: coreMost}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(o *PilotOptions){
		"--tasks 0":        func(o *PilotOptions) { o.Tasks = 0 },
		"--chains -1":      func(o *PilotOptions) { o.Chains = -1 },
		"--policy \"fif\"": func(o *PilotOptions) { o.Policy = "fif" },
		"--repeats 1001":   func(o *PilotOptions) { o.Repeats = 1001 },
		"--core-tasks -1":  func(o *PilotOptions) { o.CoreTasks = -1 },
		"--core-ranks 63":  func(o *PilotOptions) { o.CoreRanks = coreMost - 1 },
	} {
		o := good
		change(&o)
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}
