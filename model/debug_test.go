package model

import (
	"math"
	"regexp"
	"strings"
	"testing"
)

// A loss that overflows is named, though targets are missing.
func TestDebugOpsSeesLossesBehindMissingTargets(t *testing.T) {
	t.Setenv("DEEPRC_DEBUG", "ops")
	g := &Graph{}
	p, y, w := g.Input(F32, 1, 1, 3), g.Input(F32, 1, 1, 3), g.Input(F32, 1)
	l := Loss{Kind: "mse"}.Of(p, y, w, nil)
	r, err := testCPU(t).Compile(g.Plan(0, l), nil)
	must(t, err)
	nan := float32(math.NaN())
	for x, values := range map[*Tensor][]float32{p: {1, 2, 3}, y: {1, nan, 2}, w: {1}} {
		must(t, r.Write(x, values))
	}
	must(t, r.Run())
	must(t, r.Write(p, []float32{1e30, 2, 3}))
	if err := r.Run(); err == nil || !strings.Contains(err.Error(), "1 of 2 values are NaN or infinite") {
		t.Fatalf("got %v", err)
	}
}

func TestDebugOpsNamesTheFirstOpThatFails(t *testing.T) {
	t.Setenv("DEEPRC_DEBUG", "comm,ops")
	g := &Graph{}
	x := g.Input(F32, 3)
	y := x.Scale(2).Log().Scale(3)
	r, err := testCPU(t).Compile(g.Plan(0, y), nil)
	must(t, err)
	must(t, r.Write(x, []float32{1, float32(math.NaN()), 2})) // missing data
	must(t, r.Run())
	must(t, r.Write(x, []float32{1, -1, 2}))
	err = r.Run()
	if err == nil || !strings.Contains(err.Error(), "step 2 of 3") || !strings.Contains(err.Error(), "1 of 3 values") ||
		!strings.Contains(err.Error(), "[3] min -2 mean 1.33333 max 4 NaN 0") {
		t.Fatalf("got %v", err)
	}
}

// The rungs above the check: a table of times when the device closes, and a line for each op with its values.
func TestDebugOpsTimesAndPrints(t *testing.T) {
	for level, lines := range map[string][]string{
		"ops":       nil,
		"ops=2":     {`op +count +total ms +ms each +share`, `unary +6 +\d+\.\d{3} +\d+\.\d{4} +100\.0%`},
		"x, ops=3 ": {`op 1 of 3: unary → \[3\] min 2 mean 3 max 4 NaN 1, \d+\.\d{3} ms`, `op 2 of 3: unary → .*`, `op 3 of 3: unary → .*`, `op 1 of 3: .*`, `op 2 of 3: .*`, `op 3 of 3: .*`, `op +count.*`, `unary +6 .*`},
	} {
		t.Setenv("DEEPRC_DEBUG", level)
		dev, err := CPU(1)
		must(t, err)
		var out strings.Builder
		dev.(cpu).debug.out = &out
		g := &Graph{}
		x := g.Input(F32, 3)
		r, err := dev.Compile(g.Plan(0, x.Scale(2).Log().Scale(3)), nil)
		must(t, err)
		must(t, r.Write(x, []float32{1, float32(math.NaN()), 2}))
		must(t, r.Run())
		must(t, r.Run())
		must(t, dev.Close())
		got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if lines == nil {
			lines = []string{""}
		}
		for i, line := range lines {
			if i >= len(got) || !regexp.MustCompile("^"+line+"$").MatchString(got[i]) {
				t.Fatalf("%s: line %d of %q, want %s", level, i, got, line)
			}
		}
		if len(got) != len(lines) {
			t.Fatalf("%s: %q: want %d lines", level, got, len(lines))
		}
	}
	t.Setenv("DEEPRC_DEBUG", "ops=4")
	if _, err := CPU(1); err == nil || !strings.Contains(err.Error(), "ops=4: want ops (check each result)") {
		t.Fatalf("got %v", err)
	}
}
