package model

import (
	"math"
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
		!strings.Contains(err.Error(), "[3] min -2 mean 1.33333 max 4") {
		t.Fatalf("got %v", err)
	}
}
