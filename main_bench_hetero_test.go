package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// The pipeline as tasks and as jobs has the same results, which the benchmark compares itself, and every time is there.
func TestBenchHetero(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := deeprc(t, dir, "bench", "hetero", "--rows", "2000", "--steps", "20", "--nets", "nlinear,mlp", "--repeats", "2", "--json")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	var r struct {
		Pilot, Batch, Empty trial
		Jobs                []trial
		Saved               float64
		StartUp             float64 `json:"start_up"`
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	if len(r.Jobs) != 4 || r.Jobs[0].Name != "join" || r.Jobs[3].Name != "mlp" || len(r.Pilot.All) != 2 || len(r.Empty.All) != 2 {
		t.Fatal(stdout)
	}
	for i, sum := range r.Batch.All {
		for _, j := range r.Jobs {
			sum -= j.All[i]
		}
		if math.Abs(sum) > 1e-9 {
			t.Errorf("the jobs of repeat %d differ from their sum by %g", i, sum)
		}
	}
	if math.Abs(r.Saved-(1-r.Pilot.Median/r.Batch.Median)) > 1e-9 || math.Abs(r.StartUp-3*r.Empty.Median/r.Batch.Median) > 1e-9 {
		t.Errorf("%s", stdout)
	}
	for _, c := range [][]string{{"--rows", "1"}, {"--ranks", "2", "--launcher", "mpirun -n 2"}, {"--nets", "nhit"}, {"--ranks", "-1"}} {
		if code, _, stderr := deeprc(t, dir, append([]string{"bench", "hetero"}, c...)...); code != exitUsage || !strings.Contains(stderr, c[0]) {
			t.Errorf("%v: exit code %d, %s", c, code, stderr)
		}
	}
}
